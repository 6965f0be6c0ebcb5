// Finding files: attach, walk, clunk.

import { isKvmError, KvmError } from '../kvm/abi/errno.ts';
import { qidOf } from './attributes.ts';
import { type Context, fullPath, type Handler, parentOf } from './call.ts';
import { LINK_MAX, NAME_MAX, NOFID, WALK_MAX } from './constants.ts';
import type { Fid } from './fids.ts';
import type { Qid } from './wire.ts';

/** The names of a path that a client wrote, which must not lead upwards. */
function namesOf(path: string): string[] {
  const names = path.split('/').filter((name) => name !== '' && name !== '.');
  if (names.includes('..')) throw new KvmError('EINVAL', `${path}: name a directory below the export's root`);
  return names;
}

/** Tauth: nobody has to prove who he is; a client takes the error for that. */
export const auth: Handler = async () => {
  throw new KvmError('EOPNOTSUPP', 'nobody has to prove here who he is: attach without afid');
};

/** Tattach: aname picks a directory below the root; the client's users are not looked at. */
export const attach: Handler = async (context, body, reply) => {
  const number = body.u32();
  const afid = body.u32();
  body.text(NAME_MAX);
  const aname = body.text(LINK_MAX);
  body.u32();
  if (afid !== NOFID) throw new KvmError('EINVAL', 'no fid here comes from Tauth: attach without afid');
  const names = namesOf(aname);
  await context.fids.enter(number, async () => {
    const fid: Fid = { path: names.map((name) => `/${name}`).join(''), opened: undefined };
    const stats = await context.fs.stat(fullPath(context, fid));
    if (!stats.isDirectory) throw new KvmError('ENOTDIR', `${aname} is a file: attach to a directory`);
    reply.qid(qidOf(stats));
    return fid;
  });
};

/** Walks from `path` as far as the names lead: a qid for each name that was found. The first one's error is thrown. */
async function follow(context: Context, path: string, names: readonly string[]): Promise<[string, Qid[]]> {
  const qids: Qid[] = [];
  let at = path;
  try {
    for (const name of names) {
      const next: string = name === '..' ? parentOf(at) : `${at}/${name}`;
      // A name after a file is ENOTDIR, for that is what its path is.
      qids.push(qidOf(await context.fs.stat(context.root + next || '/')));
      at = next;
    }
  } catch (error) {
    if (qids.length === 0 || !isKvmError(error)) throw error;
  }
  return [at, qids];
}

/** Twalk: several names at once; newfid is entered only if all were found. It may be the fid itself, if that is not open. */
export const walk: Handler = async (context, body, reply) => {
  const from = body.u32();
  const to = body.u32();
  const count = body.u16();
  if (count > WALK_MAX) throw new KvmError('EINVAL', `${WALK_MAX} names can be walked at once, not ${count}`);
  const names: string[] = [];
  for (let n = 0; n < count; n++) names.push(body.step());
  const { fids } = context;
  const fid = fids.get(from);
  const start = fid.path;
  const put = (qids: readonly Qid[]) => {
    reply.u16(qids.length);
    for (const qid of qids) reply.qid(qid);
  };
  if (from === to) {
    if (fid.opened) throw new KvmError('EBADF', `fid ${from} is open: walk to another one`);
    const [path, qids] = await follow(context, start, names);
    if (qids.length === count) fid.path = path;
    put(qids);
    return;
  }
  await fids.enter(to, async () => {
    const [path, qids] = await follow(context, start, names);
    put(qids);
    return qids.length === count ? { path, opened: undefined } : undefined;
  });
};

/** Tclunk: the fid is free afterwards, whatever happens. */
export const clunk: Handler = async (context, body) => {
  const number = body.u32();
  context.locks.drop(context.fids.get(number));
  await context.fids.clunk(number);
};
