// Compiled regions: what lies in a vCPU's VCPU_JIT. Constants only.

// What a compiled function returns: FLOW_* in bits 0 to 2. With EXIT_TOLD the rest says where the run goes on, and which
// instructions are not counted yet; without it RIP and budget are in order already.
export const EXIT_TOLD: u32 = 8;
/** Instructions that have retired and that the budget still has: seven bits. */
export const EXIT_RETIRED_SHIFT: u32 = 4;
/** Signed: bytes from the region's entry to where the run goes on. */
export const EXIT_DELTA_SHIFT: u32 = 11;

/** The control-flow graph of the region that is being compiled. */
export const JIT_NODES: u32 = 0x0000;
/** Blocks of one region at most. */
export const NODES_MAX: u32 = 64;
export const NODE_SIZE: u32 = 128;
export const NODE_BLOCK: u32 = 0; // u32 the decoded block
export const NODE_DELTA: u32 = 4; // i32 its RIP minus that of the region's entry
export const NODE_ORDER: u32 = 8; // u32 place in reverse postorder; NONE = not reached
export const NODE_DOMINATOR: u32 = 12; // u32 node, of the entry: itself
export const NODE_FORWARD: u32 = 16; // u32 edges into it from nodes before it in that order
export const NODE_IS_HEADER: u32 = 20; // u32 edges into it come from nodes that it dominates
export const NODE_EDGES: u32 = 24; // u32 number of edges
/** u32 each: the node that an edge goes to. */
export const NODE_EDGE: u32 = 28;
export const EDGES_MAX: u32 = 19;
/** u32: the node that its function begins with: 0, or where a call of the region goes to. */
export const NODE_FUNCTION: u32 = 104;
/** u32: 1 once it is known where it leads to. */
export const NODE_IS_CONNECTED: u32 = 108;
/** u32: x87_state.ts's guess of what the code of the node finds, 0 = none yet. */
export const NODE_X87: u32 = 124;
export const NONE: u32 = 0xffffffff;
/** Nodes in reverse postorder, u32 each. */
export const JIT_ORDER: u32 = 0x2000;
/** What encloses the place where code is emitted, outermost first: u32 node | LABEL_LOOP, or LABEL_OTHER. */
export const JIT_LABELS: u32 = 0x2400;
export const LABELS_MAX: u32 = 256;
/** Where calls of the region return to: i32 bytes behind the entry, u32 the NODE_FUNCTION that is called. */
export const JIT_RETURNS: u32 = 0x2880;
export const RETURNS_MAX: u32 = 16;
/** The pages of the region, the entry's first: i32 bytes from that one to it, u32 its hva, u64 lines that the region is made of. */
export const JIT_PAGES: u32 = 0x2900;
export const PAGES_MAX: u32 = 6;
export const PAGE_DELTA: u32 = 0;
export const PAGE_HVA: u32 = 4;
export const PAGE_LINES: u32 = 8;
export const PAGE_SIZE: u32 = 16;
/** How the region uses its vector registers: 16 times four u8. */
export const JIT_VECTORS: u32 = 0x2840;
/** What compiled code tells of an access, beside numbers: misaligned is #GP(0); the old bytes are not wanted. */
export const INFO_ALIGNED: u32 = 0x100000;
export const INFO_WHOLE: u32 = 0x200000;
export const INFO_DELTA_SHIFT: u32 = 22;
/** In L_OVER: a comparison has set all flags; CF and ZF are at their places. */
export const COMPARED: u32 = 0x100;
/** For compiled_carry: what is changed is CF and OF, or ZF. */
export const CHANGES_OVERFLOW: u32 = 4;
export const CHANGES_ZERO: u32 = 8;
/**
 * Which bytes of the module in hand are whose: u32 bytes behind its start, bytes of the instruction << PLACE_LENGTH_SHIFT and
 * PLACE_* << PLACE_SHIFT; i32 bytes of it behind the entry; and from PLACE_CODE on the instruction itself.
 */
export const JIT_PLACES: u32 = 0x38000;
export const PLACES_MAX: u32 = 640;
export const PLACE_SIZE: u32 = 24;
export const PLACE_LENGTH_SHIFT: u32 = 24;
export const PLACE_SHIFT: u32 = 28;
export const PLACE_CODE: u32 = 8;
/** The instruction there. */
export const PLACE_INSTRUCTION: u32 = 0;
/** Registers, flags and budget are taken from the vCPU page. */
export const PLACE_ENTRY: u32 = 1;
/** A loop whose head is there: requests and the budget are looked at. */
export const PLACE_LOOP: u32 = 2;
/** What all ways out of the region share. */
export const PLACE_EXIT: u32 = 3;
/** Emitted bytes. */
export const JIT_CODE: u32 = 0x4000;
export const JIT_CODE_END: u32 = 0x36000;
/** Branch hints of the function in hand, up to JIT_PLACES. */
export const JIT_HINTS: u32 = 0x36000;
/** What the tiers have done, u64 each, since the vCPU was made or restored: instructions in regions, entries from the run loop. */
export const JIT_COMPILED: u32 = 0x3c000;
export const JIT_ENTERED: u32 = 0x3c008;
/** Regions made and their bytes; entries of regions that could not be made. */
export const JIT_MADE: u32 = 0x3c010;
export const JIT_MADE_BYTES: u32 = 0x3c018;
export const JIT_REFUSED: u32 = 0x3c020;
/** Regions dropped, by DROPPED_*. */
export const JIT_DROPPED: u32 = 0x3c028;
/** Why a region was dropped. Its code, or other code of its page, was written. */
export const DROPPED_WRITTEN: u32 = 0;
/** All were: too many pages had changed at once, or another thread has taken the vCPU. */
export const DROPPED_QUEUE: u32 = 1;
export const DROPPED_THREAD: u32 = 2;
/** Somebody has asked for it. */
export const DROPPED_ASKED: u32 = 3;
/** It was the least used when there was no room for another. */
export const DROPPED_UNUSED: u32 = 4;
export const DROPPED_REASONS: u32 = 5;
/** EVENT_MADE in place of a DROPPED_* where a region was made. */
export const EVENT_MADE: u32 = 255;
/** u32: bytes that texts have taken so far, modulo 2^32; the last JIT_TEXTS_SIZE of them are there. */
export const JIT_TEXTS_TOP: u32 = 0x3c060;
/** u32: events so far; the last EVENTS_MAX of them are in the ring. */
export const JIT_EVENT_COUNT: u32 = 0x3c064;
/** u32: the page of the region with this number shall be forgotten before the vCPU runs again; 0 = none. */
export const JIT_FORGET: u32 = 0x3c068;
export const JIT_EVENTS: u32 = 0x3c080;
export const EVENTS_MAX: u32 = 256;
export const EVENT_SIZE: u32 = 32;
export const EVENT_RIP: u32 = 0; // u64
export const EVENT_WHAT: u32 = 8; // u32 EVENT_MADE or DROPPED_*
export const EVENT_REGION: u32 = 12; // u32 number
export const EVENT_EXECUTED: u32 = 16; // u64 instructions executed in it
export const EVENT_AT: u32 = 24; // u64 instructions that the vCPU had retired
/** A text: u32 bytes of the module, u32 number of places, the places, the module; never round the end of the ring. */
export const JIT_TEXTS_SIZE: u32 = 0x40000;
export const TEXT_HEADER: u32 = 8;
/** The regions, REGION_SIZE bytes each: one line of the host's cache. Number 0 is none. */
export const JIT_TABLE: u32 = 0x40000;
export const REGIONS_MAX: u32 = 2048;
export const REGION_SIZE: u32 = 64;
export const REGION_HVA: u32 = 0; // u32 hva of its first byte, NONE = gone
export const REGION_MODE: u32 = 4;
export const REGION_SLOT: u32 = 8; // u32 its function's place in the table
/** u32: where the records that it keeps lie, 0 = nowhere. */
export const REGION_RECORDS: u32 = 12;
/** u64: instructions that were executed in it. */
export const REGION_EXECUTED: u32 = 16;
/** u64: RIP of its entry when it was made. */
export const REGION_RIP: u32 = 24;
export const REGION_PARTS: u32 = 32; // u16 its first part
export const REGION_EPOCH: u32 = 40; // u32 V_BLOCK_EPOCH when it was made
/** u32: JIT_TEXTS_TOP when its text was written; u32 bytes of its module. */
export const REGION_TEXT: u32 = 44;
export const REGION_BYTES: u32 = 48;
/** u32: REGION_EXECUTED when it was last looked at for one that goes, its lower half. */
export const REGION_SEEN: u32 = 52;
export const REGION_COUNT: u32 = 56; // u16 instructions that a way through it has at most
export const REGION_NEXT: u32 = 58; // u16 the next free number; 0 = last
/** u16: number of the region that came behind it the last time; it may be gone, or another one by now. */
export const REGION_AFTER: u32 = 60;
/** u8: blocks that it was made of. */
export const REGION_BLOCKS: u32 = 62;
/** u8: pages that they lie in. */
export const REGION_PAGES: u32 = 63;
/** Numbers of regions by hva and mode: u16 each, 0 = none. */
export const JIT_HASH: u32 = 0x68000;
export const JIT_HASH_ENTRIES: u32 = 4096;
/** Chains of the parts that lie in a page, by its number: u16 each, 0 = empty. */
export const JIT_CHAINS: u32 = 0x6a000;
export const JIT_CHAINS_ENTRIES: u32 = 1024;
/** The parts of regions: what one is made of in one page. Number 0 is none. */
export const JIT_PARTS: u32 = 0x70000;
export const PARTS_MAX: u32 = 4096;
export const PART_SIZE: u32 = 24;
export const PART_PAGE: u32 = 0; // u32 hva of the page
export const PART_REGION: u32 = 4; // u16 number of its region
export const PART_NEXT: u32 = 6; // u16 next part of the same chain, or the next free one; 0 = last
export const PART_MORE: u32 = 8; // u16 next part of the same region; 0 = last
export const PART_LINES: u32 = 16; // u64 lines of the page
/** Copies of records for the interpreter, up to JIT_END: a piece for each region that keeps some. */
export const JIT_RECORDS: u32 = 0x88000;
export const PIECE_NUMBER: u32 = 0; // u32 of its region
export const PIECE_BYTES: u32 = 4; // u32, these words among them
export const PIECE_RECORDS: u32 = 8;
/** A kept record: behind it for light calls, i32 its block's bytes behind the entry and u32 instructions of the block before it. */
export const KEPT_DELTA: u32 = 32;
export const KEPT_BEFORE: u32 = 36;
export const KEPT_SIZE: u32 = 40;
export const JIT_END: u32 = 0x100000;

/** Entries of JIT_CHOICES, by hva and mode of the first block. */
export const CHOICES: u32 = 2048;
export const CHOICE_HVA: u32 = 0; // u32 0 = empty
export const CHOICE_MODE: u32 = 4; // u32
export const CHOICE_SUM: u32 = 8; // u32 of the first block's code
export const CHOICE_COUNT: u32 = 12; // u32 blocks
export const CHOICE_DELTAS: u32 = 16; // i32 each: bytes behind the first one, NODES_MAX
export const CHOICE_SIZE: u32 = 272;
