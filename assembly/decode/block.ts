// Blocks: straight runs of decoded instructions, found by their place in memory and the mode they were decoded for.
import {
  B_BYTES,
  B_CHAIN,
  B_COUNT,
  B_HEAT,
  B_HVA,
  B_MODE,
  B_REGION,
  BLOCK_HEADER,
  BLOCK_MAX,
  BORN,
  BORN_SHIFT,
  HEAT_LIMIT,
  RECORD_SIZE,
} from '../abi/insn';
import { DROPPED_QUEUE, DROPPED_WRITTEN, REGION_AFTER, REGION_COUNT } from '../abi/jit';
import {
  BLOCK_CHAINS,
  BLOCK_HASH_ENTRIES,
  CROSSING_SIZE,
  CROSSINGS,
  TLB_EXEC_ADDEND,
  TLB_EXEC_ENTRIES,
  TLB_EXEC_ENTRY_SIZE,
  VCPU_BLOCK_CHAINS,
  VCPU_BLOCK_HASH,
  VCPU_BLOCKS,
  VCPU_BLOCKS_END,
  VCPU_CROSSINGS,
  VCPU_PAGE,
  VM_HEAT,
  VM_PAGE,
} from '../abi/map';
import {
  MODE_64,
  MODE_FLAT,
  MODE_SIZE,
  SEG_BASE,
  SEG_LIMIT,
  V_BLOCK_EPOCH,
  V_BLOCKS_TOP,
  V_BUDGET,
  V_ICOUNT_END,
  V_LEAVE,
  V_MODE,
  V_REQUESTS,
  V_RIP,
  V_TLB_EXEC,
} from '../abi/vcpu_page';
import { GP } from '../abi/x86';
import { vm_base } from '../host';
import { chain_head, has_lost_pages, NO_PAGE, next_changed_page } from '../memory/code_marks';
import { raise_code } from '../state/fault';
import { cs } from '../state/vcpu';
import { decode_run, end_of, finish_block, watch_page } from './code_run';
import { fetch_hva } from './fetch';
import { drop_regions, flush_regions, is_region, mixed, region, region_at } from './regions';
import { decode_scratch, scratch_crossing } from './scratch';

const BLOCK_WAYS: u32 = 4;
/** BLOCK_HASH_ENTRIES / BLOCK_WAYS = 1 << BLOCK_SETS_LOG. */
const BLOCK_SETS_LOG: u32 = 12;

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
      const crossing = scratch_crossing(v, hva, la, mode);
      return crossing ? crossing : decode_block(v, hva, la, mode, rip, at);
    }
  }
  return decode_scratch(v, hva, la, mode, limit ? limit : 1, rip);
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
  finish_block(v, b, r, hva, mode, count, end_of(r - RECORD_SIZE));
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
