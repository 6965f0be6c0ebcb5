// Blocks: straight runs of decoded instructions, found by their place in memory and the mode they were decoded for.
// An instruction that crosses a page, and every block cut short by a budget, is decoded into the scratch block each time.
import {
  B_BYTES,
  B_CHAIN,
  B_COUNT,
  B_HEAT,
  B_HVA,
  B_MODE,
  B_RECORDS,
  B_REGION,
  BLOCK_HEADER,
  BLOCK_MAX,
  BORN,
  BORN_SHIFT,
  HEAT_LIMIT,
  INSN_MAX,
  R_IMM,
  R_LEN,
  R_OFF,
  R_OP,
  R_REG,
  RECORD_SIZE,
} from '../abi/insn';
import { DROPPED_QUEUE, DROPPED_WRITTEN, REGION_AFTER, REGION_COUNT } from '../abi/jit';
import {
  BLOCK_CHAINS,
  BLOCK_HASH_ENTRIES,
  CROSSING_SIZE,
  CROSSINGS,
  PAGE_SHIFT,
  TLB_EXEC_ADDEND,
  TLB_EXEC_ENTRIES,
  TLB_EXEC_ENTRY_SIZE,
  VCPU_BLOCK_CHAINS,
  VCPU_BLOCK_HASH,
  VCPU_BLOCKS,
  VCPU_BLOCKS_END,
  VCPU_CROSSINGS,
  VCPU_PAGE,
  VCPU_SCRATCH_BLOCK,
  VM_HEAT,
  VM_PAGE,
} from '../abi/map';
import { OP_END } from '../abi/ops';
import {
  MODE_64,
  MODE_FLAT,
  MODE_SIZE,
  SEG_BASE,
  SEG_LIMIT,
  V_BLOCK_EPOCH,
  V_BLOCKS_TOP,
  V_BUDGET,
  V_CPL,
  V_FETCH,
  V_ICOUNT_END,
  V_LEAVE,
  V_MODE,
  V_REQUESTS,
  V_RIP,
  V_SCRATCH_BYTES,
  V_SCRATCH_HVA,
  V_STAT_BLOCKS,
  V_TLB_EXEC,
  V_WALK_FLAGS,
  V_WALK_GPA,
} from '../abi/vcpu_page';
import { GP } from '../abi/x86';
import { vm_base } from '../host';
import { changes_often, operand_bytes } from '../memory/changing_code';
import {
  chain_head,
  forget_clean_stores,
  has_lost_pages,
  is_watched,
  mark_code,
  mark_lines,
  mark_watched,
  may_race,
  NO_PAGE,
  next_changed_page,
} from '../memory/code_marks';
import { flush_other_writes } from '../memory/requests';
import { hva_of } from '../memory/slots';
import { exec_entry, fill_exec, flush_tlb_writes } from '../memory/tlb';
import { ACCESS_FETCH, ACCESS_USER, WALK_TLB_SHIFT, walk } from '../memory/walk';
import { emulation_failure } from '../state/exit';
import { raise_code } from '../state/fault';
import { canonical, cs, is_64 } from '../state/vcpu';
import { C_CODE, C_END, C_ENDS, C_IMM, C_MODE, C_PC, C_STATUS, CURSOR_SHORT, cursor } from './cursor';
import { drop_flags } from './dead_flags';
import { decode_insn } from './insn';
import { choose_quick } from './quick';
import { clear_record } from './record';
import { drop_regions, flush_regions, is_region, mixed, region, region_at } from './regions';

const BLOCK_WAYS: u32 = 4;
/** BLOCK_HASH_ENTRIES / BLOCK_WAYS = 1 << BLOCK_SETS_LOG. */
const BLOCK_SETS_LOG: u32 = 12;

/** hva of the code byte at linear address `la`, or 0 with a fault raised. */
export function fetch_hva(v: u32, la: u64): u32 {
  const user: u32 = load<u32>(v + V_CPL) == 3 ? 1 : 0;
  const e = exec_entry(v, la, user);
  if (load<u64>(e) == (la & ~0xfff)) return (la as u32) + load<u32>(e + 8);
  if (is_64(v) && !canonical(la)) {
    raise_code(v, GP, 0);
    return 0;
  }
  if (!walk(v, la, ACCESS_FETCH | (user ? ACCESS_USER : 0))) return 0;
  const hva = hva_of(v, load<u64>(v + V_WALK_GPA));
  if (hva == 0) {
    emulation_failure(v);
    return 0;
  }
  fill_exec(v, la, user, hva, load<u32>(v + V_WALK_FLAGS) >> WALK_TLB_SHIFT);
  return hva;
}

/** The places of a block with this hva and mode: BLOCK_WAYS of them, the one that was taken last in front. */
function hash_set(v: u32, hva: u32, mode: u32): u32 {
  const set = mixed(hva, mode) >> (32 - BLOCK_SETS_LOG);
  return v - VCPU_PAGE + VCPU_BLOCK_HASH + set * (BLOCK_WAYS * 4);
}

/**
 * The block at V_RIP that is decoded already, translated already and may run now: no request, nothing that the last
 * instruction has left to do, budget enough. Else 0, for find_block to do what is missing.
 */
export function next_block(v: u32): u32 {
  const mode = load<u32>(v + V_MODE);
  // Elsewhere RIP is not the linear address, or a limit is to be looked at.
  if ((mode & (MODE_64 | MODE_FLAT)) == 0) return 0;
  const la = load<u64>(v + V_RIP);
  const e = load<u32>(v + V_TLB_EXEC) + (((la >> 12) as u32) & (TLB_EXEC_ENTRIES - 1)) * TLB_EXEC_ENTRY_SIZE;
  if (load<u64>(e) != (la & ~0xfff)) return 0;
  const hva = (la as u32) + load<u32>(e + TLB_EXEC_ADDEND);
  const b = load<u32>(hash_set(v, hva, mode));
  if (b == 0 || load<u32>(b + B_HVA) != hva || load<u32>(b + B_MODE) != mode) return 0;
  if ((load<u32>(v + V_REQUESTS) | load<u32>(v + V_LEAVE)) != 0) return 0;
  return is_ready(v, b) ? b : 0;
}

/** The region at V_RIP whose translation is known and for which the budget reaches, else 0. The region at `from` was left there. */
export function next_region(v: u32, from: u32): u32 {
  const mode = load<u32>(v + V_MODE);
  if ((mode & (MODE_64 | MODE_FLAT)) == 0) return 0;
  const la = load<u64>(v + V_RIP);
  const e = load<u32>(v + V_TLB_EXEC) + (((la >> 12) as u32) & (TLB_EXEC_ENTRIES - 1)) * TLB_EXEC_ENTRY_SIZE;
  if (load<u64>(e) != (la & ~0xfff)) return 0;
  const hva = (la as u32) + load<u32>(e + TLB_EXEC_ADDEND);
  // The hash is large and seldom in the host's cache.
  let found = region(v, load<u16>(from + REGION_AFTER));
  if (!is_region(found, hva, mode)) {
    const number = region_at(v, hva, mode);
    if (number == 0) return 0;
    store<u16>(from + REGION_AFTER, number as u16);
    found = region(v, number);
  }
  return load<i32>(v + V_BUDGET) < (load<u16>(found + REGION_COUNT) as i32) ? 0 : found;
}

/** The budget reaches for block `b`, and the interpreter goes on with it: counts that it does. */
export function is_ready(v: u32, b: u32): bool {
  const heat = load<i32>(b + B_HEAT);
  if (heat >= HEAT_LIMIT || load<i32>(v + V_BUDGET) < load<i32>(b + B_COUNT)) return false;
  store<i32>(b + B_HEAT, heat + 1);
  return true;
}

/** Forgets every block. */
export function flush_blocks(v: u32): void {
  memory.fill(v - VCPU_PAGE + VCPU_BLOCK_HASH, 0, BLOCK_HASH_ENTRIES * 4);
  memory.fill(v - VCPU_PAGE + VCPU_BLOCK_CHAINS, 0, BLOCK_CHAINS * 4);
  memory.fill(v - VCPU_PAGE + VCPU_CROSSINGS, 0, CROSSINGS * CROSSING_SIZE);
  store<u32>(v + V_BLOCKS_TOP, v - VCPU_PAGE + VCPU_BLOCKS);
  store<u32>(v + V_BLOCK_EPOCH, load<u32>(v + V_BLOCK_EPOCH) + 1);
}

/** Kills the blocks and, for the reason DROPPED_*, the regions of the page at `first`, and takes them out of their chains. */
export function drop_page(v: u32, first: u32, reason: u32): void {
  drop_regions(v, first, reason);
  let link = chain_head(v, first);
  let b = load<u32>(link);
  while (b != 0) {
    const next = load<u32>(b + B_CHAIN);
    if (((load<u32>(b + B_HVA) ^ first) & ~0xfff) == 0) {
      store<u32>(b + B_HVA, u32.MAX_VALUE);
      store<u32>(link, next);
    } else {
      link = b + B_CHAIN;
    }
    b = next;
  }
}

/** Drops the blocks and regions of the pages in the code queue, or all of them if that was too short. */
export function drop_changed_blocks(v: u32): void {
  for (let page = next_changed_page(v); page != NO_PAGE; page = next_changed_page(v)) {
    drop_page(v, page, DROPPED_WRITTEN);
  }
  if (has_lost_pages(v)) {
    flush_blocks(v);
    flush_regions(v, DROPPED_QUEUE);
  }
}

function is_at(b: u32, hva: u32, mode: u32): bool {
  return b != 0 && load<u32>(b + B_HVA) == hva && load<u32>(b + B_MODE) == mode;
}

/** The decoded block at `hva`, 0 if there is none; nothing moves. */
export function decoded_block(v: u32, hva: u32, mode: u32): u32 {
  const at = hash_set(v, hva, mode);
  for (let way: u32 = 0; way < BLOCK_WAYS; way++) {
    const b = load<u32>(at + way * 4);
    if (is_at(b, hva, mode)) return b;
  }
  return 0;
}

/** Puts block `b` in front of the set at `at`; those before place `way` move back by one. */
function put_first(at: u32, way: u32, b: u32): void {
  for (let n = way; n > 0; n--) store<u32>(at + n * 4, load<u32>(at + n * 4 - 4));
  store<u32>(at, b);
}

/**
 * The decoded block of the set at `at`, 0 if it is not there. With a single place two blocks of a loop that fall on it would decode
 * each other away at every turn.
 */
function take_block(at: u32, hva: u32, mode: u32): u32 {
  for (let way: u32 = 0; way < BLOCK_WAYS; way++) {
    const b = load<u32>(at + way * 4);
    if (!is_at(b, hva, mode)) continue;
    if (way != 0) put_first(at, way, b);
    return b;
  }
  return 0;
}

/** The block at V_RIP of at most `limit` instructions, or 0 with a fault raised. `scratch` keeps it out of the cache. */
export function find_block(v: u32, limit: u32): u32 {
  const mode = load<u32>(v + V_MODE);
  const rip = load<u64>(v + V_RIP);
  let la = rip;
  if ((mode & MODE_SIZE) != MODE_64) {
    const code = cs(v);
    la = (rip + load<u64>(code + SEG_BASE)) & 0xffffffff;
    if (rip > (load<u32>(code + SEG_LIMIT) as u64)) {
      raise_code(v, GP, 0);
      return 0;
    }
  }
  const hva = fetch_hva(v, la);
  if (hva == 0) return 0;
  if (limit == 0) {
    const at = hash_set(v, hva, mode);
    const b = take_block(at, hva, mode);
    if (b) {
      if (
        (mode & MODE_SIZE) == MODE_64 ||
        mode & MODE_FLAT ||
        rip + load<u32>(b + B_BYTES) - 1 <= (load<u32>(cs(v) + SEG_LIMIT) as u64)
      )
        return b;
    } else {
      const crossing = take_crossing(v, hva, la, mode);
      return crossing ? crossing : decode_block(v, hva, la, mode, rip, at);
    }
  }
  return decode_scratch(v, hva, la, mode, limit ? limit : 1, rip);
}

/** Bytes of code that may be read from `hva` on: to the end of the page, and to the code limit. */
function readable(v: u32, hva: u32, mode: u32, rip: u64): u32 {
  let n: u32 = 0x1000 - (hva & 0xfff);
  if ((mode & MODE_SIZE) != MODE_64) {
    const left = (load<u32>(cs(v) + SEG_LIMIT) as u64) - rip + 1;
    if (left < (n as u64)) n = left as u32;
  }
  return n;
}

function start_cursor(v: u32, at: u32, bytes: u32, mode: u32): u32 {
  const c = cursor(v);
  store<u32>(c + C_PC, at);
  store<u32>(c + C_END, at + bytes);
  store<u32>(c + C_MODE, mode);
  store<u32>(c + C_CODE, mode & MODE_SIZE);
  return c;
}

function finish(v: u32, b: u32, r: u32, hva: u32, mode: u32, count: u32, bytes: u32): void {
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

/** From here on stores to the page take the slow path, on every vCPU, before its bytes are read. */
function watch_page(v: u32, hva: u32): void {
  while (!is_watched(hva)) {
    mark_code(hva);
    flush_tlb_writes(v);
    flush_other_writes(v);
    mark_watched(hva);
  }
}

/** What B_REGION says of a block that is counted from now on. */
export function born(v: u32): u32 {
  const retired = load<u64>(v + V_ICOUNT_END) - (load<i32>(v + V_BUDGET) as i64 as u64);
  return ((retired >> BORN_SHIFT) as u32) | BORN;
}

/** The heat that a new block begins with: as far below the limit as VM_HEAT says, or so far that it is never reached. */
export function first_heat(): i32 {
  const entries = load<i32>(vm_base + VM_PAGE + VM_HEAT);
  return entries ? HEAT_LIMIT - (entries - 1) : i32.MIN_VALUE;
}

/** There may be no room for one more block. */
function is_full(v: u32): bool {
  const most = BLOCK_HEADER + (BLOCK_MAX + 1) * RECORD_SIZE;
  return load<u32>(v + V_BLOCKS_TOP) + most > v - VCPU_PAGE + VCPU_BLOCKS_END;
}

/**
 * The block at `hva`, `delta` bytes behind V_RIP and in the same page: decoded now if it was not. 0 where that would take room
 * from others, or where no whole instruction is.
 */
export function block_beside(v: u32, hva: u32, mode: u32, delta: i32): u32 {
  const at = hash_set(v, hva, mode);
  let rip = load<u64>(v + V_RIP) + (delta as i64 as u64);
  if ((mode & MODE_SIZE) != MODE_64) rip &= 0xffffffff;
  const b = take_block(at, hva, mode);
  return b != 0 || is_full(v) ? b : decode_cached(v, hva, mode, rip, at);
}

/** Decodes a block into the cache; when even its first instruction leaves the page or the limit, into the scratch block. */
function decode_block(v: u32, hva: u32, la: u64, mode: u32, rip: u64, at: u32): u32 {
  if (is_full(v)) flush_blocks(v);
  const b = decode_cached(v, hva, mode, rip, at);
  return b ? b : decode_scratch(v, hva, la, mode, 1, rip);
}

/** Decodes a block into the cache, which has room; 0 when even its first instruction leaves the page or the limit. */
function decode_cached(v: u32, hva: u32, mode: u32, rip: u64, at: u32): u32 {
  watch_page(v, hva);
  const b = load<u32>(v + V_BLOCKS_TOP);
  const count = decode_run(v, hva, mode, rip, b, BLOCK_MAX);
  if (count == 0) return 0;
  const r = b + BLOCK_HEADER + count * RECORD_SIZE;
  finish(v, b, r, hva, mode, count, end_of(r - RECORD_SIZE));
  store<u32>(v + V_BLOCKS_TOP, r + RECORD_SIZE);
  put_first(at, BLOCK_WAYS - 1, b);
  const head = chain_head(v, hva);
  store<u32>(b + B_CHAIN, load<u32>(head));
  store<u32>(head, b);
  const number = region_at(v, hva, mode);
  store<u32>(b + B_REGION, number ? number : born(v));
  store<i32>(b + B_HEAT, number ? HEAT_LIMIT : first_heat());
  return b;
}

/** Bytes from the start of the block to the end of record `r`. */
function end_of(r: u32): u32 {
  return (load<u16>(r + R_OFF) as u32) + (load<u8>(r + R_LEN) as u32);
}

/**
 * Decodes up to `limit` whole instructions from `hva` on behind the header of `b`, and marks their lines. Their number.
 * Where another vCPU may have written meanwhile the bytes are decoded again, until all of them were marked before.
 */
function decode_run(v: u32, hva: u32, mode: u32, rip: u64, b: u32, limit: u32): u32 {
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
function decode_pass(v: u32, hva: u32, mode: u32, rip: u64, b: u32, limit: u32): u32 {
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

/** Decodes up to `limit` instructions into the scratch block; the first may cross a page. */
function decode_scratch(v: u32, hva: u32, la: u64, mode: u32, limit: u32, rip: u64): u32 {
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
  finish(v, b, r, hva, mode, count, bytes);
  // Links are for blocks that stay, and so are regions.
  store<i32>(b + B_HEAT, i32.MIN_VALUE);
  store<u32>(b + B_HVA, u32.MAX_VALUE);
  store<u32>(v + V_SCRATCH_HVA, hva);
  store<u32>(v + V_SCRATCH_BYTES, count > 1 ? bytes : 0);
}

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
 * Puts the instruction at `hva`, which crosses the page, into the scratch block as it was decoded the last time, when its bytes
 * are still the same: 0 otherwise. Kernels have them on hot ways, and to decode one takes longer than a hundred others.
 */
function take_crossing(v: u32, hva: u32, la: u64, mode: u32): u32 {
  const kept = crossing_at(v, hva);
  if (load<u32>(kept) != hva || load<u32>(kept + 4) != mode) return 0;
  // Where a limit is to be looked at it is decoded anew.
  if ((mode & (MODE_64 | MODE_FLAT)) == 0) return 0;
  const next = (la & ~0xfff) + 0x1000;
  if (mode & MODE_FLAT && next >> 32) return 0;
  const e = exec_entry(v, next, load<u32>(v + V_CPL) == 3 ? 1 : 0);
  if (load<u64>(e) != next) return 0;
  if (!is_same_code(kept, hva, (next as u32) + load<u32>(e + TLB_EXEC_ADDEND))) return 0;
  const b = v - VCPU_PAGE + VCPU_SCRATCH_BLOCK;
  memory.copy(b + BLOCK_HEADER, kept + 32, RECORD_SIZE);
  finish_scratch(v, b, hva, mode, 1);
  return b;
}

/** One instruction whose bytes lie in two pages, or that is too long or beyond the limit; false with a fault raised. */
function decode_crossing(v: u32, hva: u32, la: u64, mode: u32, rip: u64, r: u32): bool {
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
