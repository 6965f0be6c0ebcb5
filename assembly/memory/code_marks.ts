// Which bytes of guest memory some vCPU has decoded: a mark for each page, and in it one for each line of 64 bytes. A page
// with decoded code has no plain write entry in any TLB, so that every store to it comes past here.
//
// Order matters, for decoder and writer may be different vCPUs. The decoder marks its lines, then looks whether the page is
// written too (PAGE_MIXED), waits for the other vCPUs if so, and decodes again. The writer notes PAGE_MIXED, then looks at the
// lines. So one of them sees the other; what a processor guarantees less of (cross-modifying code needs serialisation,
// SDM vol. 3, 9.1.3) needs no more.
import { B_BYTES, B_CHAIN, B_COUNT, B_HVA, BLOCK_HEADER } from '../abi/insn';
import {
  JIT_CHAINS,
  JIT_CHAINS_ENTRIES,
  JIT_PARTS,
  JIT_TABLE,
  PART_LINES,
  PART_NEXT,
  PART_PAGE,
  PART_REGION,
  PART_SIZE,
  REGION_EPOCH,
  REGION_SIZE,
} from '../abi/jit';
import {
  BLOCK_CHAINS,
  CODE_LINE_SHIFT,
  CODE_LINES,
  CODE_QUEUE_GIVEN_UP,
  CODE_QUEUE_PLACES,
  CODE_QUEUE_ROUND,
  PAGE_FLAGS,
  PAGE_HOLDS_CODE,
  PAGE_MIXED,
  PAGE_SHIFT,
  PAGE_WATCHED,
  VCPU_BLOCK_CHAINS,
  VCPU_CODE_QUEUE,
  VCPU_JIT,
  VCPU_PAGE,
  VCPU_SCRATCH_BLOCK,
} from '../abi/map';
import {
  CLEAN_ENTRIES,
  REQ_CODE,
  V_BLOCK_EPOCH,
  V_CLEAN,
  V_CODE_HEAD,
  V_CODE_LOST,
  V_CODE_TAIL,
  V_REQUESTS,
  V_SCRATCH_BYTES,
  V_SCRATCH_HVA,
} from '../abi/vcpu_page';
import { first_vcpu, is_alone, next_vcpu } from '../state/vcpu';
import { is_read_in_place } from './changing_code';

/** Looks at a place that was taken until it is given up, some ms: who has taken it may have died with its thread. */
const PLACE_LOOKS: u32 = 100000;
/** No page begins there. */
export const NO_PAGE: u32 = 0xffffffff;

function flags_at(hva: u32): u32 {
  return PAGE_FLAGS + (hva >> PAGE_SHIFT);
}

function lines_at(hva: u32): u32 {
  return CODE_LINES + (hva >> PAGE_SHIFT) * 8;
}

/** The lines of `bytes` bytes at `hva`, all in one page, as bits. */
export function lines_of(hva: u32, bytes: u32): u64 {
  const first = (hva & 0xfff) >> CODE_LINE_SHIFT;
  const last = ((hva & 0xfff) + bytes - 1) >> CODE_LINE_SHIFT;
  return (u64.MAX_VALUE >> ((63 - (last - first)) as u64)) << (first as u64);
}

export function page_flags(hva: u32): u32 {
  return atomic.load<u8>(flags_at(hva));
}

/** Every store to the page comes past here already: no vCPU has a plain write entry of it. */
export function is_watched(hva: u32): bool {
  return (page_flags(hva) & (PAGE_HOLDS_CODE | PAGE_WATCHED)) == (PAGE_HOLDS_CODE | PAGE_WATCHED);
}

/** Marks that a page holds decoded code. The caller drops the plain write entries of all vCPUs, then calls mark_watched. */
export function mark_code(hva: u32): void {
  atomic.or<u8>(flags_at(hva), PAGE_HOLDS_CODE as u8);
}

/** The plain write entries are gone. Code that was written over meanwhile has taken the mark away: then it starts anew. */
export function mark_watched(hva: u32): void {
  const flags = page_flags(hva);
  if (flags & PAGE_HOLDS_CODE) atomic.cmpxchg<u8>(flags_at(hva), flags as u8, (flags | PAGE_WATCHED) as u8);
}

/** Marks the lines of decoded bytes. */
export function mark_lines(hva: u32, bytes: u32): void {
  const lines = lines_of(hva, bytes);
  if ((atomic.load<u64>(lines_at(hva)) & lines) != lines) atomic.or<u64>(lines_at(hva), lines);
}

/** Another vCPU may have written to the page while its bytes were read. */
export function may_race(v: u32, hva: u32): bool {
  return (page_flags(hva) & PAGE_MIXED) != 0 && !is_alone(v);
}

/** Head of the chain of the blocks of a page. */
export function chain_head(v: u32, hva: u32): u32 {
  return v - VCPU_PAGE + VCPU_BLOCK_CHAINS + ((hva >> PAGE_SHIFT) & (BLOCK_CHAINS - 1)) * 4;
}

function overlap(a: u32, a_bytes: u32, b: u32, b_bytes: u32): bool {
  return b_bytes != 0 && a < b + b_bytes && b < a + a_bytes;
}

/** These bytes are of an immediate that block `b` reads where it lies. */
function reads_in_place(b: u32, hva: u32, bytes: u32): bool {
  return is_read_in_place(b + BLOCK_HEADER, load<u32>(b + B_COUNT), hva, bytes);
}

/** A block of this vCPU was decoded from one of these bytes, and has it no longer when it is changed. */
function in_own_block(v: u32, hva: u32, bytes: u32): bool {
  const scratch = v - VCPU_PAGE + VCPU_SCRATCH_BLOCK;
  if (
    overlap(hva, bytes, load<u32>(v + V_SCRATCH_HVA), load<u32>(v + V_SCRATCH_BYTES)) &&
    !reads_in_place(scratch, hva, bytes)
  )
    return true;
  let b = load<u32>(chain_head(v, hva));
  while (b != 0) {
    if (overlap(hva, bytes, load<u32>(b + B_HVA), load<u32>(b + B_BYTES)) && !reads_in_place(b, hva, bytes))
      return true;
    b = load<u32>(b + B_CHAIN);
  }
  return false;
}

/** Head of the chain of the parts of regions that lie in a page, as u16. */
export function part_chain(v: u32, hva: u32): u32 {
  return v - VCPU_PAGE + VCPU_JIT + JIT_CHAINS + ((hva >> PAGE_SHIFT) & (JIT_CHAINS_ENTRIES - 1)) * 2;
}

/**
 * A compiled region whose blocks have left the decode cache was made of one of these lines. While its blocks are there, they
 * know its bytes.
 */
function in_old_region(v: u32, hva: u32, bytes: u32): bool {
  const lines = lines_of(hva, bytes);
  const epoch = load<u32>(v + V_BLOCK_EPOCH);
  const area = v - VCPU_PAGE + VCPU_JIT;
  let number: u32 = load<u16>(part_chain(v, hva));
  while (number != 0) {
    const part = area + JIT_PARTS + number * PART_SIZE;
    if (load<u32>(part + PART_PAGE) == (hva & ~0xfff) && load<u64>(part + PART_LINES) & lines) {
      const region = area + JIT_TABLE + load<u16>(part + PART_REGION) * REGION_SIZE;
      if (load<u32>(region + REGION_EPOCH) != epoch) return true;
    }
    number = load<u16>(part + PART_NEXT);
  }
  return false;
}

/** Bytes from `hva` on, to the end of its page at most, of which nobody has decoded any. */
export function bytes_without_code(hva: u32): u32 {
  const lines = atomic.load<u64>(lines_at(hva)) >> (((hva & 0xfff) >> CODE_LINE_SHIFT) as u64);
  if (lines & 1) return 0;
  const left: u32 = 0x1000 - (hva & 0xfff);
  const clean: u32 = ((ctz<u64>(lines) as u32) << CODE_LINE_SHIFT) - (hva & ((1 << CODE_LINE_SHIFT) - 1));
  return lines == 0 || clean > left ? left : clean;
}

function clean_entry(v: u32, hva: u32): u32 {
  return v + V_CLEAN + ((hva >> 2) & (CLEAN_ENTRIES - 1)) * 8;
}

/** The only vCPU has a block or a region that was made of one of these bytes, or of the lines of a region about them. */
function has_code(v: u32, hva: u32, bytes: u32): bool {
  return in_own_block(v, hva, bytes) || in_old_region(v, hva, bytes);
}

/** The page at `hva` holds no decoded code. */
function forget_page(hva: u32): void {
  atomic.and<u8>(flags_at(hva), ~((PAGE_HOLDS_CODE | PAGE_WATCHED) as u8));
  atomic.store<u64>(lines_at(hva), 0);
}

/**
 * A store of `bytes` bytes at `hva`, in a page that holds code, changes decoded bytes. Where it turns out that nobody has any code
 * of the page any more, which comes of an emptied decode cache, the page is as any other from now on.
 */
export function hits_code(v: u32, hva: u32, bytes: u32): bool {
  const key = (hva as u64) | ((bytes as u64) << 32);
  const entry = clean_entry(v, hva);
  if (load<u64>(entry) == key && is_alone(v)) return false;
  if ((atomic.load<u64>(lines_at(hva)) & lines_of(hva, bytes)) == 0) return false;
  if (!is_alone(v) || has_code(v, hva, bytes)) return true;
  if (has_code(v, hva & ~0xfff, 0x1000)) store<u64>(entry, key);
  else forget_page(hva);
  return false;
}

/** Code was decoded: what was found to be no code may be code. */
export function forget_clean_stores(v: u32): void {
  memory.fill(v + V_CLEAN, 0, CLEAN_ENTRIES * 8);
}

/** From now on the page has stores beside its code: whoever decodes in it must expect them. */
export function mark_mixed(hva: u32): void {
  if ((page_flags(hva) & PAGE_MIXED) == 0) atomic.or<u8>(flags_at(hva), PAGE_MIXED as u8);
}

/** The place of the code queue that is the `n`th to be taken. */
function place_at(v: u32, n: u32): u32 {
  return v - VCPU_PAGE + VCPU_CODE_QUEUE + (n & (CODE_QUEUE_PLACES - 1)) * 4;
}

/** What is above the page in the `n`th place. */
function round_of(n: u32): u32 {
  return (n / CODE_QUEUE_PLACES) << CODE_QUEUE_ROUND;
}

/**
 * Puts the page of `hva` into the vCPU's code queue. A place is taken first and filled then, and only one that the reader has
 * passed can be taken; without one, or when the reader has given it up meanwhile, the vCPU is told to drop everything.
 */
function queue_page(v: u32, hva: u32): void {
  let tail = atomic.load<u32>(v + V_CODE_TAIL);
  while (tail - atomic.load<u32>(v + V_CODE_HEAD) < CODE_QUEUE_PLACES) {
    const seen = atomic.cmpxchg<u32>(v + V_CODE_TAIL, tail, tail + 1);
    if (seen == tail) {
      const round = round_of(tail);
      const before = atomic.xchg<u32>(place_at(v, tail), round | ((hva >> PAGE_SHIFT) + 1));
      if (before == (round | CODE_QUEUE_GIVEN_UP)) atomic.store<u32>(v + V_CODE_LOST, 1);
      return;
    }
    tail = seen;
  }
  atomic.store<u32>(v + V_CODE_LOST, 1);
}

/** The next page of the vCPU's own code queue as its hva, which leaves the queue; NO_PAGE when there is none. */
export function next_changed_page(v: u32): u32 {
  const head = atomic.load<u32>(v + V_CODE_HEAD);
  if (head == atomic.load<u32>(v + V_CODE_TAIL)) return NO_PAGE;
  const place = place_at(v, head);
  const round = round_of(head);
  // Who has taken the place is about to fill it. What comes later than PLACE_LOOKS is of a round that is over.
  for (let looks = PLACE_LOOKS; looks != 0; looks--) {
    const page = atomic.xchg<u32>(place, 0);
    if (page == 0 || page == (round | CODE_QUEUE_GIVEN_UP) || (page & ~CODE_QUEUE_GIVEN_UP) != round)
      continue;
    atomic.store<u32>(v + V_CODE_HEAD, head + 1);
    return ((page & CODE_QUEUE_GIVEN_UP) - 1) << PAGE_SHIFT;
  }
  atomic.store<u32>(place, round | CODE_QUEUE_GIVEN_UP);
  atomic.store<u32>(v + V_CODE_LOST, 1);
  atomic.store<u32>(v + V_CODE_HEAD, head + 1);
  return next_changed_page(v);
}

/** Some page was not put into the queue since this was asked last. */
export function has_lost_pages(v: u32): bool {
  return atomic.load<u32>(v + V_CODE_LOST) != 0 && atomic.xchg<u32>(v + V_CODE_LOST, 0) != 0;
}

/**
 * Decoded bytes of a page are written: clears its marks and asks every vCPU of the memory to drop its blocks of it. The marks
 * go first: what is marked after a vCPU has dropped its blocks must stay.
 */
export function code_written(hva: u32): void {
  forget_page(hva);
  for (let v = first_vcpu(); v != 0; v = next_vcpu(v)) {
    queue_page(v, hva);
    atomic.or<u32>(v + V_REQUESTS, REQ_CODE);
  }
}
