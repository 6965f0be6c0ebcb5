// Entries of directories: make, link, rename, remove.

import { isKvmError, KvmError } from '../kvm/abi/errno.ts';
import { qidOf } from './attributes.ts';
import { type Context, fullPath, type Handler } from './call.ts';
import { AT_REMOVEDIR, LINK_MAX } from './constants.ts';
import type { Fid } from './fids.ts';

/** Tmkdir. */
export const mkdir: Handler = async (context, body, reply) => {
  const fid = context.fids.get(body.u32());
  const path = fullPath(context, fid, body.name());
  const mode = body.u32() & 0o777;
  body.u32();
  await context.fs.mkdir(path, mode);
  reply.qid(qidOf(await context.fs.stat(path)));
};

/** Tsymlink: what it holds is the guest's own business, for nobody follows it here. */
export const symlink: Handler = async (context, body, reply) => {
  const fid = context.fids.get(body.u32());
  const path = fullPath(context, fid, body.name());
  const target = body.text(LINK_MAX);
  body.u32();
  await context.fs.symlink(target, path);
  reply.qid(qidOf(await context.fs.stat(path)));
};

/** Tlink: one more name, in the first fid's directory, of the second fid's file. */
export const link: Handler = async (context, body) => {
  const directory = context.fids.get(body.u32());
  const file = context.fids.get(body.u32());
  const path = fullPath(context, directory, body.name());
  await context.fs.link(fullPath(context, file), path);
};

/** Tmknod: pipes, sockets and devices of a guest have no place in these trees. */
export const mknod: Handler = async () => {
  throw new KvmError('EOPNOTSUPP', 'pipes, sockets and devices cannot be made here');
};

async function move(context: Context, from: string, to: string): Promise<void> {
  await context.fs.rename(context.root + from, context.root + to);
  if (from !== to) context.fids.moved(from, to);
}

/** Trename: moves the file of a fid. */
export const rename: Handler = async (context, body) => {
  const fid = context.fids.get(body.u32());
  const directory = context.fids.get(body.u32());
  const to = `${directory.path}/${body.name()}`;
  if (fid.path === '') throw new KvmError('EBUSY', 'the root cannot be renamed');
  await move(context, fid.path, to);
};

/** Trenameat: the same by directories and names. */
export const renameat: Handler = async (context, body) => {
  const from = `${context.fids.get(body.u32()).path}/${body.name()}`;
  const to = `${context.fids.get(body.u32()).path}/${body.name()}`;
  await move(context, from, to);
};

/** Tunlinkat: a directory with AT_REMOVEDIR, else a file. */
export const unlinkat: Handler = async (context, body) => {
  const fid = context.fids.get(body.u32());
  const path = fullPath(context, fid, body.name());
  const flags = body.u32();
  if (flags & AT_REMOVEDIR) await context.fs.rmdir(path);
  else await context.fs.unlink(path);
};

/** Tremove: what the fid stands for; the fid is free afterwards, even when it could not be removed. */
export const remove: Handler = async (context, body) => {
  const number = body.u32();
  const fid: Fid = context.fids.get(number);
  const path = fullPath(context, fid);
  context.locks.drop(fid);
  await context.fids.clunk(number);
  if (fid.path === '') throw new KvmError('EBUSY', 'the root cannot be removed');
  try {
    await context.fs.unlink(path);
  } catch (error) {
    if (!isKvmError(error, 'EISDIR')) throw error;
    await context.fs.rmdir(path);
  }
};
