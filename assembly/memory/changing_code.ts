// Which bytes of code the only vCPU has stored to again and again, and which immediates are read where they lie for that: then
// such a store changes no decoded code. It decides nothing about pages (code_marks.ts).
import { R_OP, R_REG, RECORD_SIZE } from '../abi/insn';
import { OP_ALU_END, OP_MOV_LOAD, OP_TEST } from '../abi/ops';
import { CHANGES, CHANGES_BYTES_SHIFT, V_CHANGES } from '../abi/vcpu_page';
import { is_alone } from '../state/vcpu';

/** So many stores to decoded bytes until they count as changing: each has cost a decode of their page. */
const OFTEN: u32 = 4;
const COUNT_MASK: u32 = (1 << CHANGES_BYTES_SHIFT) - 1;

function entry_of(v: u32, hva: u32): u32 {
  return v + V_CHANGES + ((hva ^ (hva >> 6)) & (CHANGES - 1)) * 8;
}

/** Notes a store of `bytes` bytes at `hva` that has changed decoded bytes: not where others could have decoded them too. */
export function note_change(v: u32, hva: u32, bytes: u32): void {
  if (!is_alone(v)) return;
  const entry = entry_of(v, hva);
  const noted = load<u32>(entry + 4);
  const is_same = load<u32>(entry) == hva && noted >> CHANGES_BYTES_SHIFT == bytes;
  const count = is_same ? noted & COUNT_MASK : 0;
  store<u32>(entry, hva);
  store<u32>(entry + 4, (bytes << CHANGES_BYTES_SHIFT) | (count < OFTEN ? count + 1 : count));
}

/** Stores that begin at `hva` and are of at most `bytes` bytes have changed decoded bytes often. */
export function changes_often(v: u32, hva: u32, bytes: u32): bool {
  const entry = entry_of(v, hva);
  const noted = load<u32>(entry + 4);
  // The counts are those of before, when a second vCPU has come: then each store to decoded bytes drops them, read in place or not.
  return load<u32>(entry) == hva && (noted & COUNT_MASK) == OFTEN && noted >> CHANGES_BYTES_SHIFT <= bytes;
}

/**
 * Bytes of the operand that the record `r` has at R_REG, be it an immediate or not: 0 where no immediate may be read where it lies,
 * for its handlers, or what the JIT emits, would look for it elsewhere.
 */
export function operand_bytes(r: u32): u32 {
  const op: u32 = load<u16>(r + R_OP);
  if (op < OP_ALU_END) return 1 << ((op >> 1) & 3);
  return op >= OP_TEST && op < OP_MOV_LOAD ? 1 << (op & 3) : 0;
}

/** Some record from `r` on, of `count`, reads its immediate where it lies, and all of these bytes are of that. */
export function is_read_in_place(r: u32, count: u32, hva: u32, bytes: u32): bool {
  const end = r + count * RECORD_SIZE;
  for (; r < end; r += RECORD_SIZE) {
    const distance = hva - load<u32>(r + R_REG);
    if (distance < 8 && distance + bytes <= operand_bytes(r)) return true;
  }
  return false;
}
