// A straight run of code bytes becomes records. Which block they are for is the caller's business.
import {
  B_BYTES,
  B_COUNT,
  B_HVA,
  B_MODE,
  B_RECORDS,
  BLOCK_HEADER,
  INSN_MAX,
  R_IMM,
  R_LEN,
  R_OFF,
  R_OP,
  R_REG,
  RECORD_SIZE,
} from '../abi/insn';
import { OP_END } from '../abi/ops';
import { MODE_64, MODE_SIZE, SEG_LIMIT, V_STAT_BLOCKS } from '../abi/vcpu_page';
import { changes_often, operand_bytes } from '../memory/changing_code';
import {
  forget_clean_stores,
  is_watched,
  mark_code,
  mark_lines,
  mark_watched,
  may_race,
} from '../memory/code_marks';
import { flush_other_writes } from '../memory/requests';
import { flush_tlb_writes } from '../memory/tlb';
import { cs } from '../state/vcpu';
import { C_CODE, C_END, C_ENDS, C_IMM, C_MODE, C_PC, C_STATUS, CURSOR_SHORT, cursor } from './cursor';
import { drop_flags } from './dead_flags';
import { decode_insn } from './insn';
import { choose_quick } from './quick';
import { clear_record } from './record';

/** Bytes of code that may be read from `hva` on: to the end of the page, and to the code limit. */
function readable(v: u32, hva: u32, mode: u32, rip: u64): u32 {
  let n: u32 = 0x1000 - (hva & 0xfff);
  if ((mode & MODE_SIZE) != MODE_64) {
    const left = (load<u32>(cs(v) + SEG_LIMIT) as u64) - rip + 1;
    if (left < (n as u64)) n = left as u32;
  }
  return n;
}

/** The cursor of vCPU `v`, set on `bytes` bytes of code at hva `at`. */
export function start_cursor(v: u32, at: u32, bytes: u32, mode: u32): u32 {
  const c = cursor(v);
  store<u32>(c + C_PC, at);
  store<u32>(c + C_END, at + bytes);
  store<u32>(c + C_MODE, mode);
  store<u32>(c + C_CODE, mode & MODE_SIZE);
  return c;
}

/** From here on stores to the page take the slow path, on every vCPU, before its bytes are read. */
export function watch_page(v: u32, hva: u32): void {
  while (!is_watched(hva)) {
    mark_code(hva);
    flush_tlb_writes(v);
    flush_other_writes(v);
    mark_watched(hva);
  }
}

/** Bytes from the start of the block to the end of record `r`. */
export function end_of(r: u32): u32 {
  return (load<u16>(r + R_OFF) as u32) + (load<u8>(r + R_LEN) as u32);
}

/**
 * Decodes up to `limit` whole instructions from `hva` on behind the header of `b`, and marks their lines. Their number.
 * Where another vCPU may have written meanwhile the bytes are decoded again, until all of them were marked before.
 */
export function decode_run(v: u32, hva: u32, mode: u32, rip: u64, b: u32, limit: u32): u32 {
  let marked: u32 = 0;
  let count = decode_pass(v, hva, mode, rip, b, limit);
  let bytes = count ? end_of(b + BLOCK_HEADER + (count - 1) * RECORD_SIZE) : 0;
  while (bytes > marked) {
    mark_lines(hva, bytes);
    forget_clean_stores(v);
    marked = bytes;
    if (may_race(v, hva)) {
      flush_other_writes(v);
      count = decode_pass(v, hva, mode, rip, b, limit);
      bytes = count ? end_of(b + BLOCK_HEADER + (count - 1) * RECORD_SIZE) : 0;
    }
  }
  return count;
}

/**
 * An immediate that the guest changes again and again is read where it lies, behind the cursor, so that its next change decodes nothing.
 * Not one that is sign-extended to its operand.
 */
function read_in_place(c: u32, v: u32, r: u32): void {
  const bytes = load<u32>(c + C_IMM);
  if (load<u32>(r + R_REG) != r + R_IMM || operand_bytes(r) != bytes) return;
  const hva = load<u32>(c + C_PC) - bytes;
  if (changes_often(v, hva, bytes)) store<u32>(r + R_REG, hva);
}

/** One reading of the bytes: the number of whole instructions in the page and below the code limit, at most `limit`. */
export function decode_pass(v: u32, hva: u32, mode: u32, rip: u64, b: u32, limit: u32): u32 {
  const c = start_cursor(v, hva, readable(v, hva, mode, rip), mode);
  const end = load<u32>(c + C_END);
  let r = b + BLOCK_HEADER;
  let count: u32 = 0;
  let going = true;
  while (going && count < limit && load<u32>(c + C_PC) < end) {
    const pc = load<u32>(c + C_PC);
    // No instruction is longer than 15 bytes: what would be is #GP, told by the crossing way.
    store<u32>(c + C_END, end - pc > INSN_MAX ? pc + INSN_MAX : end);
    decode_insn(c, v, r, pc - hva);
    if (load<u32>(c + C_STATUS) == CURSOR_SHORT) {
      going = false;
    } else {
      read_in_place(c, v, r);
      choose_quick(r, hva, mode);
      r += RECORD_SIZE;
      count++;
      going = load<u32>(c + C_ENDS) == 0;
    }
  }
  drop_flags(b + BLOCK_HEADER, count);
  return count;
}

/** Ends block `b` with OP_END at `r`, behind `count` records of `bytes` bytes of code, and fills its header. */
export function finish_block(v: u32, b: u32, r: u32, hva: u32, mode: u32, count: u32, bytes: u32): void {
  clear_record(r);
  store<u16>(r + R_OP, OP_END as u16);
  store<u16>(r + R_OFF, bytes as u16);
  store<u32>(b + B_HVA, hva);
  store<u32>(b + B_MODE, mode);
  store<u32>(b + B_COUNT, count);
  store<u32>(b + B_BYTES, bytes);
  store<u32>(b + B_RECORDS, count + 1);
  store<u64>(v + V_STAT_BLOCKS, load<u64>(v + V_STAT_BLOCKS) + 1);
}
