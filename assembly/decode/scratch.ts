// The scratch block: for an instruction that crosses a page, and for a block that a budget cuts short; decoded each time.
import { B_HEAT, B_HVA, BLOCK_HEADER, BLOCK_MAX, R_LEN, RECORD_SIZE } from '../abi/insn';
import { VCPU_PAGE, VCPU_SCRATCH_BLOCK } from '../abi/map';
import { V_SCRATCH_BYTES, V_SCRATCH_HVA } from '../abi/vcpu_page';
import { decode_pass, decode_run, end_of, finish_block, watch_page } from './code_run';
import { decode_crossing, take_crossing } from './crossing';

/** Decodes up to `limit` instructions into the scratch block; the first may cross a page. */
export function decode_scratch(v: u32, hva: u32, la: u64, mode: u32, limit: u32, rip: u64): u32 {
  const b = v - VCPU_PAGE + VCPU_SCRATCH_BLOCK;
  const wanted = limit < BLOCK_MAX ? limit : BLOCK_MAX;
  // A single instruction is executed at once: nobody can write it in between.
  if (wanted > 1) watch_page(v, hva);
  let count = wanted > 1 ? decode_run(v, hva, mode, rip, b, wanted) : decode_pass(v, hva, mode, rip, b, 1);
  const first = b + BLOCK_HEADER;
  if (count == 0) {
    if (!decode_crossing(v, hva, la, mode, rip, first)) return 0;
    count = 1;
  }
  finish_scratch(v, b, hva, mode, count);
  return b;
}

function finish_scratch(v: u32, b: u32, hva: u32, mode: u32, count: u32): void {
  const first = b + BLOCK_HEADER;
  const r = first + count * RECORD_SIZE;
  const bytes = count == 1 ? (load<u8>(first + R_LEN) as u32) : end_of(r - RECORD_SIZE);
  finish_block(v, b, r, hva, mode, count, bytes);
  // Links are for blocks that stay, and so are regions.
  store<i32>(b + B_HEAT, i32.MIN_VALUE);
  store<u32>(b + B_HVA, u32.MAX_VALUE);
  store<u32>(v + V_SCRATCH_HVA, hva);
  store<u32>(v + V_SCRATCH_BYTES, count > 1 ? bytes : 0);
}

/** The instruction at `hva`, which crosses the page, as it was kept (take_crossing); 0 when it was not. */
export function scratch_crossing(v: u32, hva: u32, la: u64, mode: u32): u32 {
  const b = v - VCPU_PAGE + VCPU_SCRATCH_BLOCK;
  if (!take_crossing(v, hva, la, mode, b + BLOCK_HEADER)) return 0;
  finish_scratch(v, b, hva, mode, 1);
  return b;
}
