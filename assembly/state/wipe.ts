// Zeroing memory that a VM has left, without touching pages that nobody has used: the host gives those no room.
import { PAGE_SIZE } from '../abi/map';

/** True when a byte of the page at `at` is not 0. */
function is_used(at: u32): bool {
  const end = at + PAGE_SIZE;
  let any: u64 = 0;
  for (let p = at; p < end; p += 64) {
    any |= load<u64>(p) | load<u64>(p, 8) | load<u64>(p, 16) | load<u64>(p, 24);
    any |= load<u64>(p, 32) | load<u64>(p, 40) | load<u64>(p, 48) | load<u64>(p, 56);
    if (any != 0) return true;
  }
  return false;
}

/** Zeroes the whole pages from `from` to `to` that are in use. The caller sees to it that both lie in the memory. */
export function wipe(from: u32, to: u32): void {
  for (let at = from; at < to; at += PAGE_SIZE) {
    if (is_used(at)) memory.fill(at, 0, PAGE_SIZE);
  }
}
