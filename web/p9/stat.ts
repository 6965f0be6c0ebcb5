// What is known of a file: attributes, link text, extended attributes, room.

import { O_WRONLY, type Stats } from '../fs/index.ts';
import { isKvmError, KvmError } from '../kvm/abi/errno.ts';
import { isStreamMode, putAttributes } from './attributes.ts';
import { type Context, fullPath, type Handler, parentOf } from './call.ts';
import {
  NAME_MAX,
  SET_GID,
  SET_MODE,
  SET_MTIME,
  SET_MTIME_SET,
  SET_SIZE,
  SET_UID,
  V9FS_MAGIC,
} from './constants.ts';
import { type Fid, NO_XATTRS } from './fids.ts';

const BLOCK_BYTES = 4096;

/** The attributes of a fid: of its open file, which may have no name any more, else of its path. */
function statOf(context: Context, fid: Fid): Promise<Stats> {
  const { opened } = fid;
  if (typeof opened === 'object' && opened.kind === 'file') return opened.file.stat();
  return context.fs.stat(fullPath(context, fid));
}

/** Tgetattr: the basic fields, whatever is asked for. */
export const getattr: Handler = async (context, body, reply) => {
  const fid = context.fids.get(body.u32());
  body.u64();
  putAttributes(reply, await statOf(context, fid));
};

/** Cuts or extends a file. What has no content of its own (a stream) takes no notice of it. */
async function resize(context: Context, fid: Fid, size: number): Promise<void> {
  const { opened } = fid;
  const stats = await statOf(context, fid);
  if (stats.isDirectory) throw new KvmError('EISDIR', `${fid.path} is a directory: it has no size to set`);
  if (isStreamMode(stats.mode)) return;
  if (typeof opened === 'object' && opened.kind === 'file') {
    try {
      await opened.file.truncate(size);
      return;
    } catch (error) {
      // It is open for reading only.
      if (!isKvmError(error, 'EINVAL')) throw error;
    }
  }
  const file = await context.fs.open(fullPath(context, fid), O_WRONLY);
  try {
    await file.truncate(size);
  } finally {
    await file.close();
  }
}

/**
 * Tsetattr: mode, size and time of the last change. An owner other than root is EPERM: there is none. "Now" as a time is
 * what every change brings along, so where nobody counts times it is no error; a given time is.
 */
export const setattr: Handler = async (context, body) => {
  const fid = context.fids.get(body.u32());
  const valid = body.u32();
  const mode = body.u32();
  const uid = body.u32();
  const gid = body.u32();
  const size = body.u64();
  body.u64();
  body.u64();
  const seconds = body.u64();
  const nanoseconds = body.u64();
  const path = fullPath(context, fid);
  if ((valid & SET_UID && uid !== 0) || (valid & SET_GID && gid !== 0)) {
    throw new KvmError('EPERM', `${path} is root's: there is no other owner here`);
  }
  if (valid & SET_MODE) await context.fs.chmod(path, mode & 0o777);
  if (valid & SET_SIZE) {
    if (size > BigInt(Number.MAX_SAFE_INTEGER)) throw new KvmError('EFBIG', `${size} is beyond any file`);
    await resize(context, fid, Number(size));
  }
  if (!(valid & SET_MTIME)) return;
  if (valid & SET_MTIME_SET) {
    const time = Number(BigInt.asIntN(64, seconds)) * 1000 + Number(nanoseconds % 1_000_000_000n) / 1e6;
    await context.fs.utimes(path, time);
    return;
  }
  try {
    await context.fs.utimes(path, Date.now());
  } catch (error) {
    if (!isKvmError(error, 'EPERM') && !isKvmError(error, 'ENOENT')) throw error;
  }
};

/** Treadlink. */
export const readlink: Handler = async (context, body, reply) => {
  const fid = context.fids.get(body.u32());
  reply.text(await context.fs.readlink(fullPath(context, fid)));
};

/** Txattrwalk: a list of no attributes, and every single one is ENODATA. */
export const xattrwalk: Handler = async (context, body, reply) => {
  const fid = context.fids.get(body.u32());
  const to = body.u32();
  const name = body.text(NAME_MAX);
  const { path } = fid;
  if (name !== '') throw new KvmError('ENODATA', `${path} has no extended attributes`);
  await context.fids.enter(to, async () => ({ path, opened: NO_XATTRS }));
  reply.u64(0);
};

/** Txattrcreate. */
export const xattrcreate: Handler = async () => {
  throw new KvmError('EOPNOTSUPP', 'extended attributes are not kept here');
};

/** Tstatfs: room as far as it is known; programs take 0 blocks for a file system that does not count, as /proc. */
export const statfs: Handler = async (context, body, reply) => {
  const fid = context.fids.get(body.u32());
  const path = fullPath(context, fid);
  const { isDirectory } = await context.fs.stat(path);
  const { total, free } = await context.fs.room(
    isDirectory ? path : context.root + parentOf(fid.path) || '/',
  );
  const blocks = Math.floor(total / BLOCK_BYTES);
  const left = Math.floor(free / BLOCK_BYTES);
  reply.u32(V9FS_MAGIC).u32(BLOCK_BYTES).u64(blocks).u64(left).u64(left);
  // files, ffree, fsid
  reply.u64(0).u64(0).u64(0).u32(NAME_MAX);
};
