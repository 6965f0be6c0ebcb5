// A file of the host in Node, by descriptor: positioned reads and writes, fdatasync, and one writer at a time. A page never
// uses it.

import { ERRNO, type ErrnoName, KvmError } from '../kvm/abi/errno.ts';
import { type BlockFile, brokenBy } from './block_file.ts';
import { ioError } from './block_store.ts';

interface Stats {
  readonly dev: number;
  readonly ino: number;
  readonly size: number;
  readonly mtimeMs: number;
  isFile(): boolean;
}

interface NodeFs {
  openSync(path: string, flags: string | number, mode?: number): number;
  fstatSync(fd: number): Stats;
  readSync(fd: number, into: Uint8Array, offset: number, length: number, position: number): number;
  writeSync(fd: number, from: Uint8Array, offset: number, length: number, position: number): number;
  fdatasyncSync(fd: number): void;
  fsyncSync(fd: number): void;
  ftruncateSync(fd: number, length: number): void;
  closeSync(fd: number): void;
  unlinkSync(path: string): void;
  readonly constants: Readonly<Record<'O_RDWR' | 'O_CREAT' | 'O_EXCL', number>>;
}

interface NodeServer {
  listen(path: string, onListening: () => void): void;
  on(event: 'error', listener: (error: { code?: string; message: string }) => void): void;
  unref(): void;
  close(): void;
}

interface NodeSocket {
  on(event: 'connect' | 'error', listener: () => void): void;
  destroy(): void;
}

declare const process: {
  readonly platform: string;
  getBuiltinModule(name: 'node:fs'): NodeFs;
  getBuiltinModule(name: 'node:net'): {
    createServer(onConnection: (socket: NodeSocket) => void): NodeServer;
    connect(path: string): NodeSocket;
  };
  getBuiltinModule(name: 'node:os'): { tmpdir(): string };
  getBuiltinModule(name: 'node:path'): { dirname(path: string): string };
};

const fs = (): NodeFs => process.getBuiltinModule('node:fs');

/** A KvmError with the errno of a failed system call. */
function systemError(doing: string, error: unknown): KvmError {
  const code = (error as { code?: string }).code ?? '';
  if (code in ERRNO) return new KvmError(code as ErrnoName, `${doing} failed: ${(error as Error).message}`);
  return ioError(doing, error);
}

/**
 * Where the lock of a file is. Node has no flock, so it is a listening socket: the system takes it away with the thread,
 * however that ends. Linux has names that are no files, Windows pipes; elsewhere it is a socket in the folder for such.
 */
function lockName({ dev, ino }: Stats): string {
  const name = `vitrine-disk-${dev}-${ino}`;
  if (process.platform === 'linux') return `\0${name}`;
  if (process.platform === 'win32') return `\\\\.\\pipe\\${name}`;
  return `${process.getBuiltinModule('node:os').tmpdir()}/${name}.lock`;
}

const listenAt = (name: string) =>
  new Promise<NodeServer | undefined>((resolve, reject) => {
    const server = process.getBuiltinModule('node:net').createServer((socket) => socket.destroy());
    server.on('error', (error) => (error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error)));
    server.listen(name, () => resolve(server));
    server.unref();
  });

const isAlive = (name: string) =>
  new Promise<boolean>((resolve) => {
    const socket = process.getBuiltinModule('node:net').connect(name);
    const answer = (alive: boolean) => () => {
      socket.destroy();
      resolve(alive);
    };
    socket.on('connect', answer(true));
    socket.on('error', answer(false));
  });

/** Takes the lock, or EBUSY. A socket file without a listener was left by a process that died. */
async function lock(path: string, stats: Stats): Promise<NodeServer> {
  const name = lockName(stats);
  let server = await listenAt(name);
  if (!server && name.startsWith('/') && !(await isAlive(name))) {
    fs().unlinkSync(name);
    server = await listenAt(name);
  }
  if (server) return server;
  throw new KvmError(
    'EBUSY',
    `${path} is written by another machine: end that one, open the image read only, or put an overlay on it`,
  );
}

/** A file that stays open by its descriptor; made by `openNodeFile`. */
class NodeFile implements BlockFile {
  readonly identity: string;
  size: number;
  readonly #path: string;
  readonly #fd: number;
  readonly #lock: NodeServer | undefined;
  #broken: KvmError | undefined;

  constructor(path: string, fd: number, stats: Stats, lock: NodeServer | undefined) {
    this.#path = path;
    this.#fd = fd;
    this.#lock = lock;
    this.size = stats.size;
    this.identity = `file ${stats.size} ${Math.trunc(stats.mtimeMs)}`;
  }

  read(position: number, into: Uint8Array): void {
    let done = 0;
    while (done < into.length) {
      const count = this.#try('reading', () =>
        fs().readSync(this.#fd, into, done, into.length - done, position + done),
      );
      if (count === 0) break;
      done += count;
    }
    into.fill(0, done);
  }

  write(position: number, from: Uint8Array): void {
    let done = 0;
    while (done < from.length) {
      done += this.#try('writing', () =>
        fs().writeSync(this.#fd, from, done, from.length - done, position + done),
      );
    }
    this.size = Math.max(this.size, position + from.length);
  }

  flush(): void {
    if (this.#broken) throw this.#broken;
    try {
      this.#try('flushing', () => fs().fdatasyncSync(this.#fd));
    } catch (error) {
      this.#broken = brokenBy(error as KvmError);
      throw this.#broken;
    }
  }

  close(): void {
    this.#try('closing', () => fs().closeSync(this.#fd));
    this.#lock?.close();
  }

  #try<T>(doing: string, work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw systemError(`${doing} ${this.#path}`, error);
    }
  }
}

/** A new file outlives a crash once its folder was flushed; Windows flushes no folders. */
function flushFolder(path: string): void {
  if (process.platform === 'win32') return;
  const fd = fs().openSync(process.getBuiltinModule('node:path').dirname(path), 'r');
  try {
    fs().fsyncSync(fd);
  } finally {
    fs().closeSync(fd);
  }
}

export interface NodeFileOptions {
  /** Opens it for reading; it may be open elsewhere, for writing too. */
  readonly readonly?: boolean;
  /** Makes the file if there is none. What there is keeps its content. */
  readonly create?: boolean;
}

/**
 * Opens `path`. Nothing is ever cut off. A file that is opened for writing is locked against a second writer, in this
 * process too: EBUSY. Otherwise the errno of open(2), and EINVAL for what is no regular file.
 */
export async function openNodeFile(path: string, options: NodeFileOptions = {}): Promise<BlockFile> {
  const { O_RDWR, O_CREAT } = fs().constants;
  let fd: number;
  try {
    fd = fs().openSync(path, options.readonly ? 'r' : O_RDWR | (options.create ? O_CREAT : 0), 0o666);
  } catch (error) {
    throw systemError(`opening the disk image ${path}`, error);
  }
  try {
    const stats = fs().fstatSync(fd);
    if (!stats.isFile())
      throw new KvmError(
        'EINVAL',
        `${path} is no regular file: a disk image is one, make a copy of the device`,
      );
    const held = options.readonly ? undefined : await lock(path, stats);
    // What another writer did before it let go of the lock is seen now.
    const now = fs().fstatSync(fd);
    if (options.create && now.size === 0) flushFolder(path);
    return new NodeFile(path, fd, now, held);
  } catch (error) {
    fs().closeSync(fd);
    throw error;
  }
}

/** Makes a new image of `bytes` zeroes that take no room yet. EEXIST when there is a file of that name. */
export function createNodeImage(path: string, bytes: number): void {
  const { O_RDWR, O_CREAT, O_EXCL } = fs().constants;
  try {
    const fd = fs().openSync(path, O_RDWR | O_CREAT | O_EXCL, 0o666);
    try {
      fs().ftruncateSync(fd, bytes);
      fs().fsyncSync(fd);
    } finally {
      fs().closeSync(fd);
    }
    flushFolder(path);
  } catch (error) {
    throw systemError(`making the disk image ${path}`, error);
  }
}
