// Loads a flat image: bytes at an address, entered at their first one in the mode asked for. No protocol, no devices.

import {
  ENTRY_TABLES_SIZE,
  type EntryMode,
  type EntryState,
  longEntry,
  protectedEntry,
  realEntry,
} from './entry.ts';
import { type GuestMemory, hex, mustFit } from './guest_memory.ts';
import { LoadError } from './load_error.ts';

/** The end of guest memory that holds GDT and page tables of protected and long mode. */
const TABLES_AREA = 0x1_0000;

/**
 * Copies `image` to `at` and describes the entry there; (R)SP is `at` too and all other registers are 0.
 *
 * real: CS base 0, IP = `at`, which must lie below 64 KiB. protected: flat 4 GiB segments, no paging. long: flat 64-bit
 * code segment, the first 4 GiB mapped to themselves. GDT and page tables lie in the last 64 KiB of guest memory, and
 * the IDT is empty: an exception before the guest loads its own is a triple fault (KVM_EXIT_SHUTDOWN).
 */
export function loadFlat(memory: GuestMemory, image: Uint8Array, at: number, mode: EntryMode): EntryState {
  if (image.length === 0) throw new LoadError('ENOEXEC', 'The flat image is empty; there is nothing to run.');
  if (!Number.isSafeInteger(at) || at < 0) {
    throw new LoadError('EINVAL', `A flat image goes to a whole address from 0 on; ${at} is not one.`);
  }
  if (mode === 'real') {
    if (at > 0xffff) {
      const sentence = `Real mode starts below 64 KiB (CS base 0, IP = address), and ${hex(at)} is above; load it lower.`;
      throw new LoadError('EINVAL', sentence);
    }
    mustFit('The flat image', at, image.length, memory.size);
    memory.write(at, image);
    return realEntry({ rip: at, rsp: at });
  }
  const tables = Math.floor(memory.size / 0x1000) * 0x1000 - TABLES_AREA;
  mustFit('The flat image', at, image.length, Math.max(0, tables));
  mustFit('The table area', tables, ENTRY_TABLES_SIZE, memory.size);
  memory.write(at, image);
  const enter = mode === 'long' ? longEntry : protectedEntry;
  return enter(memory, tables, { rip: at, rsp: at });
}
