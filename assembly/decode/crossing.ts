// Instructions that cross a page: decoded from a copy of their bytes, and kept, for kernels have them on hot ways.
import { INSN_MAX, R_LEN, RECORD_SIZE } from '../abi/insn';
import { CROSSING_SIZE, CROSSINGS, PAGE_SHIFT, TLB_EXEC_ADDEND, VCPU_CROSSINGS, VCPU_PAGE } from '../abi/map';
import { MODE_64, MODE_FLAT, MODE_SIZE, SEG_LIMIT, V_CPL, V_FETCH } from '../abi/vcpu_page';
import { GP } from '../abi/x86';
import { exec_entry } from '../memory/tlb';
import { raise_code } from '../state/fault';
import { cs } from '../state/vcpu';
import { start_cursor } from './code_run';
import { C_STATUS, CURSOR_SHORT } from './cursor';
import { fetch_hva } from './fetch';
import { decode_insn } from './insn';

/**
 * Where an instruction that crosses a page is kept: u32 hva, u32 mode, u32 bytes in the first page, u32 unused, 16 bytes of its
 * code, and its record.
 */
function crossing_at(v: u32, hva: u32): u32 {
  return v - VCPU_PAGE + VCPU_CROSSINGS + ((hva >> PAGE_SHIFT) & (CROSSINGS - 1)) * CROSSING_SIZE;
}

function keep_crossing(v: u32, hva: u32, mode: u32, r: u32): void {
  const kept = crossing_at(v, hva);
  store<u32>(kept, hva);
  store<u32>(kept + 4, mode);
  memory.copy(kept + 16, v + V_FETCH, 16);
  memory.copy(kept + 32, r, RECORD_SIZE);
}

/** The bytes at `hva` and at `more` are those of the kept instruction. */
function is_same_code(kept: u32, hva: u32, more: u32): bool {
  const first: u32 = 0x1000 - (hva & 0xfff);
  const bytes: u32 = load<u8>(kept + 32 + R_LEN);
  for (let i: u32 = 0; i < bytes; i++) {
    if (load<u8>(i < first ? hva + i : more + i - first) != load<u8>(kept + 16 + i)) return false;
  }
  return true;
}

/**
 * Puts the instruction at `hva`, which crosses the page, at `r` as it was decoded the last time, when its bytes are
 * still the same: false otherwise. Kernels have them on hot ways, and to decode one takes longer than a hundred others.
 */
export function take_crossing(v: u32, hva: u32, la: u64, mode: u32, r: u32): bool {
  const kept = crossing_at(v, hva);
  if (load<u32>(kept) != hva || load<u32>(kept + 4) != mode) return false;
  // Where a limit is to be looked at it is decoded anew.
  if ((mode & (MODE_64 | MODE_FLAT)) == 0) return false;
  const next = (la & ~0xfff) + 0x1000;
  if (mode & MODE_FLAT && next >> 32) return false;
  const e = exec_entry(v, next, load<u32>(v + V_CPL) == 3 ? 1 : 0);
  if (load<u64>(e) != next) return false;
  if (!is_same_code(kept, hva, (next as u32) + load<u32>(e + TLB_EXEC_ADDEND))) return false;
  memory.copy(r, kept + 32, RECORD_SIZE);
  return true;
}

/** One instruction whose bytes lie in two pages, or that is too long or beyond the limit; false with a fault raised. */
export function decode_crossing(v: u32, hva: u32, la: u64, mode: u32, rip: u64, r: u32): bool {
  const buffer = v + V_FETCH;
  const first: u32 = 0x1000 - (hva & 0xfff);
  let bytes: u32 = first < INSN_MAX ? first : INSN_MAX;
  memory.copy(buffer, hva, bytes);
  let allowed: u32 = INSN_MAX;
  if ((mode & MODE_SIZE) != MODE_64) {
    const left = (load<u32>(cs(v) + SEG_LIMIT) as u64) - rip + 1;
    if (left < (INSN_MAX as u64)) allowed = left as u32;
  }
  if (bytes > allowed) bytes = allowed;
  let c = start_cursor(v, buffer, bytes, mode);
  decode_insn(c, v, r, 0);
  if (load<u32>(c + C_STATUS) != CURSOR_SHORT) return true;
  if (bytes < allowed) {
    let next = (la & ~0xfff) + 0x1000;
    if ((mode & MODE_SIZE) != MODE_64) next &= 0xffffffff;
    const more = fetch_hva(v, next);
    if (more == 0) return false;
    memory.copy(buffer + bytes, more, allowed - bytes);
    c = start_cursor(v, buffer, allowed, mode);
    decode_insn(c, v, r, 0);
    if (load<u32>(c + C_STATUS) != CURSOR_SHORT) {
      keep_crossing(v, hva, mode, r);
      return true;
    }
  }
  // Longer than 15 bytes, or beyond the code limit.
  raise_code(v, GP, 0);
  return false;
}
