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
export const EDGES_MAX: u32 = 20;
/** u32: x87_state.ts's guess of what the code of the node finds, 0 = none yet. */
export const NODE_X87: u32 = 124;
export const NONE: u32 = 0xffffffff;
/** Nodes in reverse postorder, u32 each. */
export const JIT_ORDER: u32 = 0x2000;
/** What encloses the place where code is emitted, outermost first: u32 node | LABEL_LOOP, or LABEL_OTHER. */
export const JIT_LABELS: u32 = 0x2400;
export const LABELS_MAX: u32 = 256;
/** Where calls of the region return to: i32 bytes behind the entry. */
export const JIT_RETURNS: u32 = 0x2800;
export const RETURNS_MAX: u32 = 8;
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
/** Emitted bytes. */
export const JIT_CODE: u32 = 0x4000;
export const JIT_CODE_END: u32 = 0x3c000;
/** The regions, REGION_SIZE bytes each; number 0 is none. */
export const JIT_TABLE: u32 = 0x40000;
export const REGIONS_MAX: u32 = 2048;
export const REGION_SIZE: u32 = 32;
export const REGION_HVA: u32 = 0; // u32 hva of its first byte, NONE = gone
export const REGION_MODE: u32 = 4;
export const REGION_SLOT: u32 = 8; // u32 its function's place in the table
export const REGION_COUNT: u32 = 12; // u32 instructions that a way through it has at most
export const REGION_LINES: u32 = 16; // u64 lines of its page that its code was made of
export const REGION_EPOCH: u32 = 24; // u32 V_BLOCK_EPOCH when it was made
export const REGION_NEXT: u32 = 28; // u16 next region of the same chain, 0 = last
/** Numbers of regions by hva and mode: u16 each, 0 = none. */
export const JIT_HASH: u32 = 0x50000;
export const JIT_HASH_ENTRIES: u32 = 4096;
/** Chains of the regions of a page, by its number: u16 each, 0 = empty. */
export const JIT_CHAINS: u32 = 0x54000;
export const JIT_CHAINS_ENTRIES: u32 = 1024;
/** Copies of records for the interpreter, up to the end of the vCPU's area. */
export const JIT_RECORDS: u32 = 0x60000;
/** A record for a light call: behind it, i32 its block's bytes behind the entry and u32 instructions of the block before it. */
export const LIGHT_DELTA: u32 = 32;
export const LIGHT_BEFORE: u32 = 36;
export const LIGHT_SIZE: u32 = 40;
export const JIT_END: u32 = 0x100000;
