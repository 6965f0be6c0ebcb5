// Writing a Wasm module into memory: numbers, sections and the opcodes that emitted code is made of. It knows no x86.

let at: u32 = 0;
let end: u32 = 0;
let overflow: bool = false;

/** From here on bytes go to `from`, and no further than `limit`. */
export function begin(from: u32, limit: u32): void {
  at = from;
  end = limit;
  overflow = false;
}

/** Where the next byte goes. */
export function here(): u32 {
  return at;
}

/** Bytes did not fit and were dropped. */
export function overflowed(): bool {
  return overflow;
}

export function byte(value: u32): void {
  if (at < end) store<u8>(at++, value as u8);
  else overflow = true;
}

/** Unsigned LEB128. */
export function uleb(value: u32): void {
  while (value >= 0x80) {
    byte((value & 0x7f) | 0x80);
    value >>= 7;
  }
  byte(value);
}

/** Signed LEB128. */
export function sleb(value: i64): void {
  let more = true;
  while (more) {
    const low = (value & 0x7f) as u32;
    value >>= 7;
    more = !((value == 0 && (low & 0x40) == 0) || (value == -1 && (low & 0x40) != 0));
    byte(more ? low | 0x80 : low);
  }
}

/** A size of always five bytes, to be filled in with `patch`. */
export function size_field(): u32 {
  const place = at;
  for (let i = 0; i < 5; i++) byte(0);
  return place;
}

/** Fills the bytes between the size field and here in. */
export function patch(place: u32): void {
  patch_with(place, at - place - 5);
}

/** Fills a number in. */
export function patch_with(place: u32, value: u32): void {
  if (overflow) return;
  for (let i: u32 = 0; i < 5; i++) {
    store<u8>(place + i, ((value & 0x7f) | (i < 4 ? 0x80 : 0)) as u8);
    value >>= 7;
  }
}

/** Where writing goes on behind what a gap was opened before. */
let behind: u32 = 0;

/** Moves what was written from `from` on by `bytes`, and what is written next goes there; false when it does not fit. */
export function open_gap(from: u32, bytes: u32): bool {
  if (at + bytes > end) overflow = true;
  if (overflow) return false;
  behind = at + bytes;
  memory.copy(from + bytes, from, at - from);
  at = from;
  return true;
}

/** The gap is full: what is written next goes behind what was moved. */
export function close_gap(): void {
  at = behind;
}

export const I32: u32 = 0x7f;
export const I64: u32 = 0x7e;
export const EMPTY: u32 = 0x40;

export const BLOCK: u32 = 0x02;
export const LOOP: u32 = 0x03;
export const IF: u32 = 0x04;
export const ELSE: u32 = 0x05;
export const END: u32 = 0x0b;
export const BR: u32 = 0x0c;
export const BR_IF: u32 = 0x0d;
export const RETURN: u32 = 0x0f;
export const CALL: u32 = 0x10;
export const DROP: u32 = 0x1a;
export const SELECT: u32 = 0x1b;
export const LOCAL_GET: u32 = 0x20;
export const LOCAL_SET: u32 = 0x21;
export const LOCAL_TEE: u32 = 0x22;
export const I32_LOAD: u32 = 0x28;
export const I64_LOAD: u32 = 0x29;
export const I32_LOAD8_S: u32 = 0x2c;
export const I32_LOAD8_U: u32 = 0x2d;
export const I32_LOAD16_S: u32 = 0x2e;
export const I32_LOAD16_U: u32 = 0x2f;
export const I32_STORE: u32 = 0x36;
export const I64_STORE: u32 = 0x37;
export const I32_STORE8: u32 = 0x3a;
export const I32_STORE16: u32 = 0x3b;
export const I32_CONST: u32 = 0x41;
export const I64_CONST: u32 = 0x42;
export const I32_EQZ: u32 = 0x45;
export const I32_EQ: u32 = 0x46;
export const I32_NE: u32 = 0x47;
export const I32_LT_S: u32 = 0x48;
export const I32_LT_U: u32 = 0x49;
export const I32_GT_U: u32 = 0x4b;
export const I64_EQZ: u32 = 0x50;
export const I64_EQ: u32 = 0x51;
export const I64_NE: u32 = 0x52;
export const I64_LT_S: u32 = 0x53;
export const I64_LT_U: u32 = 0x54;
export const I64_GT_S: u32 = 0x55;
export const I64_GT_U: u32 = 0x56;
export const I64_LE_S: u32 = 0x57;
export const I64_LE_U: u32 = 0x58;
export const I64_GE_S: u32 = 0x59;
export const I64_GE_U: u32 = 0x5a;
export const I32_ADD: u32 = 0x6a;
export const I32_SUB: u32 = 0x6b;
export const I32_MUL: u32 = 0x6c;
export const I32_AND: u32 = 0x71;
export const I32_OR: u32 = 0x72;
export const I32_XOR: u32 = 0x73;
export const I32_SHL: u32 = 0x74;
export const I32_SHR_S: u32 = 0x75;
export const I32_SHR_U: u32 = 0x76;
export const I32_ROTL: u32 = 0x77;
export const I32_ROTR: u32 = 0x78;
export const I32_CLZ: u32 = 0x67;
export const I32_CTZ: u32 = 0x68;
export const I32_POPCNT: u32 = 0x69;
export const I64_CLZ: u32 = 0x79;
export const I64_CTZ: u32 = 0x7a;
export const I64_POPCNT: u32 = 0x7b;
export const I64_ADD: u32 = 0x7c;
export const I64_SUB: u32 = 0x7d;
export const I64_MUL: u32 = 0x7e;
export const I64_DIV_S: u32 = 0x7f;
export const I64_DIV_U: u32 = 0x80;
export const I64_AND: u32 = 0x83;
export const I64_OR: u32 = 0x84;
export const I64_XOR: u32 = 0x85;
export const I64_SHL: u32 = 0x86;
export const I64_SHR_S: u32 = 0x87;
export const I64_SHR_U: u32 = 0x88;
export const I64_ROTL: u32 = 0x89;
export const I64_ROTR: u32 = 0x8a;
export const I32_WRAP: u32 = 0xa7;
export const I64_EXTEND_S: u32 = 0xac;
export const I64_EXTEND_U: u32 = 0xad;
export const I32_EXTEND8: u32 = 0xc0;
export const I32_EXTEND16: u32 = 0xc1;
export const I64_EXTEND8: u32 = 0xc2;
export const I64_EXTEND16: u32 = 0xc3;
export const I64_EXTEND32: u32 = 0xc4;

/** An opcode with one immediate (a local, a depth, a function). */
export function op1(opcode: u32, immediate: u32): void {
  byte(opcode);
  uleb(immediate);
}

/**
 * Calls an imported function, all of whose arguments but the last are on the stack. That is a vector that nobody reads: V8 compiles a way
 * to JavaScript for each signature that a module imports, half a millisecond of them for a region, but not for those that
 * JavaScript could not call.
 */
export function call_core(f: u32): void {
  i32_const(0);
  byte(0xfd);
  byte(0x11);
  op1(CALL, f);
}

export function i32_const(value: i32): void {
  byte(I32_CONST);
  sleb(value as i64);
}

export function i64_const(value: i64): void {
  byte(I64_CONST);
  sleb(value);
}

/** A load or store at a constant offset; alignment is only a hint, and guests align as they like. */
export function memory_op(opcode: u32, offset: u32): void {
  byte(opcode);
  byte(0);
  uleb(offset);
}

/** A name of one or more characters, given as bytes: at most eight, the first in the low byte. */
export function name(characters: u64, length: u32): void {
  uleb(length);
  for (let i: u32 = 0; i < length; i++) {
    byte((characters & 0xff) as u32);
    characters >>= 8;
  }
}
