// Flags of open: Node's strings as O_* numbers.

import { KvmError } from '../kvm/abi/errno.ts';
import type { OpenFlags } from './fs.ts';
import { O_ACCMODE, O_APPEND, O_CREAT, O_EXCL, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY } from './node.ts';

const FLAGS: Record<Exclude<OpenFlags, number>, number> = {
  r: O_RDONLY,
  'r+': O_RDWR,
  w: O_WRONLY | O_CREAT | O_TRUNC,
  'w+': O_RDWR | O_CREAT | O_TRUNC,
  wx: O_WRONLY | O_CREAT | O_TRUNC | O_EXCL,
  'wx+': O_RDWR | O_CREAT | O_TRUNC | O_EXCL,
  a: O_WRONLY | O_CREAT | O_APPEND,
  'a+': O_RDWR | O_CREAT | O_APPEND,
  ax: O_WRONLY | O_CREAT | O_APPEND | O_EXCL,
};

/** O_* numbers of Node's strings. EINVAL for anything else. */
export function flagBits(flags: OpenFlags): number {
  const bits = typeof flags === 'number' ? flags : FLAGS[flags];
  if (bits === undefined || (bits & O_ACCMODE) === O_ACCMODE) {
    throw new KvmError('EINVAL', `${flags} are no flags of open: use r, r+, w, w+, wx, a, a+ or O_ numbers`);
  }
  return bits;
}
