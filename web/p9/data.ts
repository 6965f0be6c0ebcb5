// Open files: open, create, read, write, list, sync, lock.

import { O_ACCMODE, O_APPEND, O_CREAT, O_EXCL, O_NONBLOCK, O_TRUNC, type Stats } from '../fs/index.ts';
import { isKvmError, KvmError } from '../kvm/abi/errno.ts';
import { entryType, isStreamMode, qidOf } from './attributes.ts';
import { type Context, fullPath, type Handler, parentOf } from './call.ts';
import {
  LOCK_BLOCKED,
  LOCK_READ,
  LOCK_SUCCESS,
  LOCK_UNLOCK,
  LOCK_WRITE,
  NAME_MAX,
  READ_OVERHEAD,
} from './constants.ts';
import { type Fid, NO_XATTRS, type Opened, type OpenedFile } from './fids.ts';
import type { LockRequest } from './locks.ts';
import type { Reader } from './wire.ts';

/** Flags of open(2) that mean something here; .L has Linux's numbers. The others (O_DIRECT, O_NOFOLLOW ...) hold anyway. */
const FLAGS = O_ACCMODE | O_EXCL | O_TRUNC | O_APPEND | O_NONBLOCK;

/** Opens a file of the tree with the client's flags. */
async function openFile(
  context: Context,
  path: string,
  flags: number,
  mode?: number,
): Promise<{ opened: OpenedFile; stats: Stats }> {
  const file = await context.fs.open(path, flags, mode);
  try {
    const stats = await file.stat();
    // Who asked for no waiting takes an empty answer for the end.
    const isStream = isStreamMode(stats.mode) && !(flags & O_NONBLOCK);
    return { opened: { kind: 'file', file, isStream }, stats };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** The file that is open under a fid. EBADF. */
function fileOf(fid: Fid): OpenedFile {
  if (typeof fid.opened === 'object' && fid.opened.kind === 'file') return fid.opened;
  throw new KvmError('EBADF', 'no file is open under this fid');
}

/** Tlopen. iounit 0: a read or write may be as long as a message. */
export const lopen: Handler = async (context, body, reply) => {
  const number = body.u32();
  const flags = body.u32() & FLAGS & ~O_EXCL;
  await context.fids.open(number, async (fid): Promise<Opened> => {
    const path = fullPath(context, fid);
    const stats = await context.fs.stat(path);
    reply.qid(qidOf(stats)).u32(0);
    if (!stats.isDirectory) return (await openFile(context, path, flags)).opened;
    if (flags & (O_ACCMODE | O_TRUNC))
      throw new KvmError('EISDIR', `${path} is a directory: it can be listed only`);
    return { kind: 'directory', entries: undefined };
  });
};

/** Tlcreate: makes `name` in the directory and opens it; the fid is the file's from then on. */
export const lcreate: Handler = async (context, body, reply) => {
  const number = body.u32();
  const name = body.name();
  const flags = (body.u32() & FLAGS) | O_CREAT;
  const mode = body.u32() & 0o777;
  body.u32();
  await context.fids.open(number, async (fid) => {
    const { opened, stats } = await openFile(context, fullPath(context, fid, name), flags, mode);
    reply.qid(qidOf(stats)).u32(0);
    fid.path = `${fid.path}/${name}`;
    return opened;
  });
};

/**
 * Tread. A Linux client asks again after an answer that was shorter than wanted, until one is empty, before its program
 * sees a byte. So what follows a short answer of a stream is one empty one; the program then has its bytes, and its next
 * read waits for more.
 */
export const read: Handler = async (context, body, reply, call) => {
  const fid = context.fids.get(body.u32());
  const offset = body.size();
  const count = Math.min(body.u32(), context.msize - READ_OVERHEAD);
  if (fid.opened === NO_XATTRS) {
    reply.u32(0);
    return;
  }
  const opened = fileOf(fid);
  if (opened.isStream && opened.shortAt === offset) {
    opened.shortAt = undefined;
    reply.u32(0);
    return;
  }
  if (opened.isStream) call.mayWait();
  const bytes = await opened.file.read(count, offset, call);
  if (opened.isStream && bytes.length > 0) {
    opened.shortAt = bytes.length < count ? offset + bytes.length : undefined;
  }
  reply.u32(bytes.length).bytes(bytes);
};

/** Twrite: one write of the file, so one value. */
export const write: Handler = async (context, body, reply, call) => {
  const fid = context.fids.get(body.u32());
  const offset = body.size();
  const bytes = body.bytes(body.u32());
  if (fid.opened === NO_XATTRS) {
    throw new KvmError('EBADF', 'extended attributes cannot be set here');
  }
  const opened = fileOf(fid);
  if (opened.isStream) call.mayWait();
  reply.u32(await opened.file.write(bytes, offset, call));
};

/** What is put for an entry that went while it was listed. */
const GONE: Pick<Stats, 'mode' | 'ino' | 'mtime' | 'size'> = { mode: 0, ino: 0n, mtime: 0, size: 0 };

/** Bytes of an entry in Rreaddir besides its name: qid, offset, type, length. */
const ENTRY_BYTES = 13 + 8 + 1 + 2;
const encoder = new TextEncoder();

/**
 * Treaddir: as many entries as fit. The offset is the number of entries before; at 0 the directory is looked at anew,
 * and what follows comes from that look. The first two are '.' and '..'.
 */
export const readdir: Handler = async (context, body, reply) => {
  const fid = context.fids.get(body.u32());
  const offset = body.size();
  const room = Math.min(body.u32(), context.msize - READ_OVERHEAD);
  const { opened } = fid;
  if (typeof opened !== 'object' || opened.kind !== 'directory') {
    throw new KvmError('ENOTDIR', 'no directory is open under this fid');
  }
  if (offset === 0 || !opened.entries) opened.entries = await context.fs.readdir(fullPath(context, fid));
  const names = ['.', '..', ...opened.entries.map(({ name }) => name)];
  const chosen: string[] = [];
  let bytes = 0;
  for (const name of names.slice(offset)) {
    bytes += ENTRY_BYTES + encoder.encode(name).length;
    if (bytes > room) break;
    chosen.push(name);
  }
  if (chosen.length === 0 && offset < names.length) {
    throw new KvmError('EINVAL', `${room} bytes are too few for one entry`);
  }
  const all = await Promise.all(
    chosen.map(async (name) => {
      const path = name === '.' ? fid.path : name === '..' ? parentOf(fid.path) : `${fid.path}/${name}`;
      return context.fs.stat(context.root + path || '/').catch((error) => {
        if (isKvmError(error)) return { ...GONE, isDirectory: false };
        throw error;
      });
    }),
  );
  reply.u32(chosen.reduce((sum, name) => sum + ENTRY_BYTES + encoder.encode(name).length, 0));
  for (const [index, name] of chosen.entries()) {
    const stats = all[index] as Stats;
    reply.qid(qidOf(stats)).u64(offset + index + 1);
    reply.u8(entryType(stats.mode)).text(name);
  }
};

/** Tfsync. */
export const fsync: Handler = async (context, body) => {
  const { opened } = context.fids.get(body.u32());
  if (typeof opened === 'object' && opened.kind === 'file') await opened.file.sync();
};

/** The fields that Tlock and Tgetlock end with. */
function lockRange(body: Reader, file: bigint, isWrite: boolean): LockRequest {
  return {
    file,
    isWrite,
    start: body.u64(),
    length: body.u64(),
    process: body.u32(),
    client: body.text(NAME_MAX),
  };
}

/** Tlock: granted when no other process holds what is in its way, else "blocked": the client asks again later. */
export const lock: Handler = async (context, body, reply) => {
  const fid = context.fids.get(body.u32());
  const type = body.u8();
  body.u32();
  const request = lockRange(body, 0n, type === LOCK_WRITE);
  if (type > LOCK_UNLOCK) throw new KvmError('EINVAL', `there is no lock of type ${type}`);
  const file = (await fileOf(fid).file.stat()).ino;
  const { locks, name } = context;
  if (type === LOCK_UNLOCK) {
    locks.release({ ...request, file }, name);
    reply.u8(LOCK_SUCCESS);
  } else reply.u8(locks.take({ ...request, file }, name, fid) ? LOCK_SUCCESS : LOCK_BLOCKED);
};

/** Tgetlock: the lock that stands in the way of this one, or the same with type "unlock". */
export const getlock: Handler = async (context, body, reply) => {
  const fid = context.fids.get(body.u32());
  const type = body.u8();
  const request = lockRange(body, 0n, type === LOCK_WRITE);
  if (type > LOCK_WRITE) throw new KvmError('EINVAL', `there is no lock of type ${type} to be asked for`);
  const file = (await fileOf(fid).file.stat()).ino;
  const held = context.locks.conflict({ ...request, file }, context.name);
  if (!held) {
    reply.u8(LOCK_UNLOCK).u64(request.start).u64(request.length).u32(request.process).text(request.client);
    return;
  }
  const length = held.end === 1n << 64n ? 0n : held.end - held.start;
  reply
    .u8(held.isWrite ? LOCK_WRITE : LOCK_READ)
    .u64(held.start)
    .u64(length);
  reply.u32(held.process).text(held.client);
};
