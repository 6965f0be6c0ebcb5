// Other processes of the same user: all switches whose networks have the same name meet on a UNIX socket. Whoever comes
// first serves it and passes frames on; when it leaves, another one takes its place. Frames only, no addresses.
import { linkSync, lstatSync, mkdirSync, rmSync, statSync, unlinkSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KvmError } from '../../kvm/abi/errno.ts';
import {
  FrameBatch,
  type FrameListener,
  FrameListeners,
  FrameStream,
  hostClock,
  packFrames,
  type Uplink,
} from '../../net/index.ts';
import { systemError } from './sockets.ts';

/** Bytes that may wait for a process that falls behind; more are dropped. */
const LIMIT = 1 << 20;
/** An empty frame. */
const GREETING = packFrames([new Uint8Array(0)]);
/** How long a new server waits for another one that came at the same moment, in ms. */
const SETTLE = 30;

/** The folder of this user's sockets. EPERM when it is not his alone. */
function socketFolder(): string {
  const user = process.getuid?.();
  if (user === undefined) throw new KvmError('ENOSYS', 'Networks with a name need UNIX sockets.');
  const folder = join(process.env.XDG_RUNTIME_DIR ?? tmpdir(), `vitrine-net-${user}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const found = lstatSync(folder);
  if (!found.isDirectory() || found.uid !== user || (found.mode & 0o077) !== 0)
    throw new KvmError('EPERM', `${folder} must be a folder that only you can enter: remove it.`);
  return folder;
}

/** The uplink to the other processes that use a name. */
export class ProcessUplink implements Uplink {
  readonly #path: string;
  readonly #listeners = new FrameListeners();
  readonly #batch: FrameBatch;
  /** As server: the other processes. As one of them: the server alone. */
  readonly #peers = new Set<Socket>();
  #server: Server | undefined;
  #inode: number | undefined;
  #isClosed = false;

  private constructor(path: string) {
    this.#path = path;
    this.#batch = new FrameBatch(hostClock.soon, (frames) => this.#spread(frames));
  }

  /** Meets the others. Rejects with EPERM or another KvmError when the socket cannot be had. */
  static async open(name: string): Promise<ProcessUplink> {
    const uplink = new ProcessUplink(join(socketFolder(), name));
    await uplink.#meet();
    return uplink;
  }

  send(frame: Uint8Array): void {
    if (this.#peers.size > 0) this.#batch.add(frame);
  }

  onFrame(listener: FrameListener): () => void {
    return this.#listeners.add(listener);
  }

  close(): void {
    this.#isClosed = true;
    this.#batch.stop();
    if (this.#inode !== undefined && this.#inode === inodeOf(this.#path)) unlinkSync(this.#path);
    this.#server?.close();
    for (const peer of this.#peers) peer.destroy();
  }

  /** Joins the server that there is, or becomes it. */
  async #meet(): Promise<void> {
    for (let attempt = 0; !this.#isClosed; attempt += 1) {
      if ((await this.#join()) || (await this.#serve())) return;
      if (attempt > 20) throw new KvmError('EAGAIN', `${this.#path} is fought over: try again.`);
    }
  }

  #join(): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = connect(this.#path);
      socket.once('error', () => resolve(false));
      socket.once('close', () => resolve(false));
      socket.once('connect', () => this.#take(socket));
      // The greeting: from now on the server passes on whatever is sent.
      socket.once('data', () => {
        // When the server leaves, somebody must take its place.
        socket.once('close', () => {
          if (!this.#isClosed) this.#meet().catch(() => {});
        });
        resolve(true);
      });
    });
  }

  async #serve(): Promise<boolean> {
    const own = `${this.#path}.${process.pid}.${Math.random().toString(36).slice(2)}`;
    const server = createServer((socket) => {
      this.#take(socket);
      socket.write(GREETING);
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error) => reject(systemError(error, `${own} cannot be made`)));
      server.listen(own, resolve);
    });
    const inode = statSync(own).ino;
    try {
      linkSync(own, this.#path);
    } catch {
      // A socket that nobody serves, or somebody was faster: the next round tells.
      await this.#removeDead();
      server.close();
      return false;
    } finally {
      rmSync(own, { force: true });
    }
    await new Promise((resolve) => setTimeout(resolve, SETTLE));
    if (this.#isClosed || inode !== inodeOf(this.#path)) {
      server.close();
      for (const peer of this.#peers) peer.destroy();
      return false;
    }
    this.#server = server;
    this.#inode = inode;
    return true;
  }

  async #removeDead(): Promise<void> {
    const isServed = await new Promise<boolean>((resolve) => {
      const socket = connect(this.#path, () => {
        socket.destroy();
        resolve(true);
      });
      socket.once('error', () => resolve(false));
    });
    if (isServed) return;
    try {
      unlinkSync(this.#path);
    } catch {
      // Somebody else has removed it.
    }
  }

  /** Takes frames from a process, and passes them on to the others if this one serves them. */
  #take(socket: Socket): void {
    const stream = new FrameStream();
    this.#peers.add(socket);
    socket.on('data', (bytes: Buffer) => {
      const frames: Uint8Array[] = [];
      stream.push(bytes, (frame) => {
        if (frame.length > 0) frames.push(frame);
      });
      for (const frame of frames) this.#listeners.emit(frame);
      if (this.#peers.size > 1 && frames.length > 0) this.#spread(packFrames(frames), socket);
    });
    socket.on('error', () => {});
    socket.once('close', () => this.#peers.delete(socket));
  }

  #spread(bytes: Uint8Array, except?: Socket): void {
    for (const peer of this.#peers) if (peer !== except && peer.writableLength < LIMIT) peer.write(bytes);
  }
}

function inodeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.ino;
}
