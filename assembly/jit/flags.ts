// Lazy flags in emitted code: what an instruction leaves in the locals, and conditions made of it. What kind of flags there
// are is known while code is emitted, from the last instruction that set them to the end of its way.

import {
  LF_ADC,
  LF_ADD,
  LF_DEC,
  LF_EXPLICIT,
  LF_INC,
  LF_LOGIC,
  LF_PARTIAL,
  LF_SBB,
  LF_SUB,
  V_RFLAGS,
} from '../abi/vcpu_page';
import { close, get, is_wide, open, set, spill_flags } from './frame';
import {
  F_CONDITION,
  F_ZERO_PRODUCT,
  L_A,
  L_B,
  L_CARRY,
  L_CF,
  L_KIND,
  L_LEFT,
  L_OVER,
  L_RES,
  L_RIGHT,
  L_V,
} from './locals';
import {
  byte,
  call_core,
  EMPTY,
  I32_AND,
  I32_EQ,
  I32_EQZ,
  I32_LOAD,
  I32_MUL,
  I32_NE,
  I32_OR,
  I64_EQZ,
  I64_EXTEND_S,
  I64_GE_S,
  I64_GT_S,
  I64_GT_U,
  I64_LE_S,
  I64_LE_U,
  I64_LT_S,
  I64_LT_U,
  IF,
  i32_const,
  i64_const,
  memory_op,
  SELECT,
} from './wasm';
import { F64_EQ, F64_GE, F64_GT, F64_LT, F64_NE } from './wasm_simd';

/** Nothing is known of the kind. */
const KIND_UNKNOWN: u32 = 0xff;
/** COMISS and its kin: numbers in L_LEFT and L_RIGHT, or a NaN in L_LEFT; also in L_OVER, or LF_EXPLICIT. */
const KIND_COMPARISON: u32 = 0xfe;
/** PTEST: CF and ZF are in L_OVER. */
const KIND_BITS: u32 = 0xfd;
/** The same, for assume_flags. */
export const FLAGS_UNKNOWN: u32 = 0x1ff;

/** For assume_flags: L_A and L_B, or L_CF, are 0. */
const CLEAR_OPERANDS: u32 = 0x400;
const CLEAR_CARRY: u32 = 0x800;

let known: u32 = 0xff;
/** Which of these is so. */
let clear: u32 = 0;
/** A rotation may have replaced CF. */
let rotated: bool = true;

/** What is known, for assume_flags. */
export function known_flags(): u32 {
  return known | (rotated ? 0x100 : 0) | clear;
}

/** The place that follows is reached with flags of this kind. */
export function assume_flags(flags: u32): void {
  known = flags & 0xff;
  rotated = (flags & 0x100) != 0;
  clear = flags & (CLEAR_OPERANDS | CLEAR_CARRY);
}

/** What is known where two ways meet: what `before` says of one (0: there was none), and what is known here of the other. */
export function merged_flags(before: u32): u32 {
  const here = known_flags() | 0x200;
  if (before == 0) return here;
  const kind = (before & 0xff) == known ? known : KIND_UNKNOWN;
  return kind | ((before | here) & 0x300) | (before & clear);
}

function forget_rotation(): void {
  if (!rotated) return;
  i32_const(0);
  set(L_OVER);
  rotated = false;
}

function zero(): void {
  if (is_wide()) i64_const(0);
  else i32_const(0);
}

/** Locals that flags are not made of become 0: what they had need not be kept for the ways out. */
function clear_unused(uses_operands: bool, uses_carry: bool): void {
  if (uses_operands) clear &= ~CLEAR_OPERANDS;
  else if ((clear & CLEAR_OPERANDS) == 0) {
    zero();
    set(L_A);
    zero();
    set(L_B);
    clear |= CLEAR_OPERANDS;
  }
  if (uses_carry) clear &= ~CLEAR_CARRY;
  else if ((clear & CLEAR_CARRY) == 0) {
    i32_const(0);
    set(L_CF);
    clear |= CLEAR_CARRY;
  }
}

/** Flags of a kind that is known are in the locals L_A, L_B and L_RES (and L_CF). */
export function note_kind(kind: u32): void {
  clear_unused(kind >= LF_ADD, kind == LF_PARTIAL || kind == LF_INC || kind == LF_DEC);
  if (known != kind) {
    i32_const(kind as i32);
    set(L_KIND);
    known = kind;
  }
  forget_rotation();
}

/** The value on the stack, of 2^size bytes, becomes one of L_A, L_B and L_RES. */
export function set_flag(local: u32, size: u32): void {
  if (size < 3 && is_wide()) byte(I64_EXTEND_S);
  set(local);
}

/** A floating-point comparison has been made. */
export function note_comparison(): void {
  known = KIND_COMPARISON;
  rotated = true;
}

/** The flags are those that L_OVER has with COMPARED. */
export function note_bits(): void {
  known = KIND_BITS;
  rotated = true;
}

/** ADC and SBB: the kind depends on the carry in the local `carry`. */
export function note_kind_with(carry: u32, with_carry: u32, without: u32): void {
  i32_const(with_carry as i32);
  i32_const(without as i32);
  get(carry);
  byte(SELECT);
  set(L_KIND);
  clear_unused(true, false);
  forget_rotation();
  known = KIND_UNKNOWN;
}

/** The opcode of a comparison of 64 bits, or that of the same of 32 bits, as the code is. */
function compare_op(opcode: u32): void {
  byte(is_wide() ? opcode : opcode - (I64_EQZ - I32_EQZ));
}

function compare(a: u32, opcode: u32, b: u32): void {
  get(a);
  get(b);
  compare_op(opcode);
}

function result_is_zero(): void {
  get(L_RES);
  compare_op(I64_EQZ);
}

function compare_result(opcode: u32): void {
  get(L_RES);
  if (is_wide()) i64_const(0);
  else i32_const(0);
  compare_op(opcode);
}

/** Of the two values on the stack the lower one if the flags are of `kind`, else the upper one. */
function choose_if_kind(kind: u32): void {
  get(L_KIND);
  i32_const(kind as i32);
  byte(I32_EQ);
  byte(SELECT);
}

/** Pushes CF as 0 or 1, of whatever kind, without a call. */
export function push_carry(): void {
  if (known == KIND_BITS) return push_bits(1);
  if (known == KIND_COMPARISON) {
    compare_doubles(F64_GE, L_RIGHT);
    return byte(I32_EQZ);
  }
  if (!rotated) return push_kind_carry();
  get(L_OVER);
  i32_const(1);
  byte(I32_AND);
  push_kind_carry();
  get(L_OVER);
  byte(SELECT);
}

/** The carry of a rotation is in L_CARRY; all other flags stay. */
export function note_rotation(): void {
  get(L_CARRY);
  i32_const(2);
  byte(I32_OR);
  if (rotated) {
    get(L_OVER);
    i32_const(~1);
    byte(I32_AND);
    byte(I32_OR);
  }
  set(L_OVER);
  if (known == KIND_COMPARISON || known == KIND_BITS) known = KIND_UNKNOWN;
  rotated = true;
}

function push_kind_carry(): void {
  switch (known) {
    case LF_SUB:
      return compare(L_A, I64_LT_U, L_B);
    case LF_ADD:
      return compare(L_RES, I64_LT_U, L_A);
    case LF_LOGIC:
      return i32_const(0);
    case LF_PARTIAL:
    case LF_INC:
    case LF_DEC:
      get(L_CF);
      i32_const(1);
      return byte(I32_AND);
    default:
      break;
  }
  // From the last choice to the first: each SELECT takes the lower value if the kind is its own, else what came so far.
  compare(L_A, I64_LT_U, L_B);
  compare(L_RES, I64_LT_U, L_A);
  i32_const(0);
  compare(L_RES, I64_LE_U, L_A);
  compare(L_A, I64_LE_U, L_B);
  get(L_V);
  memory_op(I32_LOAD, V_RFLAGS);
  i32_const(1);
  byte(I32_AND);
  get(L_CF);
  i32_const(1);
  byte(I32_AND);
  choose_if_kind(LF_EXPLICIT);
  choose_if_kind(LF_SBB);
  choose_if_kind(LF_ADC);
  choose_if_kind(LF_LOGIC);
  choose_if_kind(LF_ADD);
  choose_if_kind(LF_SUB);
}

/** The flags are in V_RFLAGS. */
export function note_explicit(): void {
  note_kind(LF_EXPLICIT);
}

/** Pushes a condition on flags in V_RFLAGS; false for those that compare SF with OF. */
function push_explicit(cc: u32): bool {
  // OF, CF, ZF, CF or ZF, SF, PF.
  const pair = cc >> 1;
  if (pair > 5) return false;
  const mask = pair == 0 ? 0x800 : pair == 1 ? 1 : pair == 2 ? 0x40 : pair == 3 ? 0x41 : pair == 4 ? 0x80 : 4;
  get(L_V);
  memory_op(I32_LOAD, V_RFLAGS);
  i32_const(mask);
  byte(I32_AND);
  byte(I32_EQZ);
  if ((cc & 1) == 0) byte(I32_EQZ);
  return true;
}

/** From here on nothing is known of the flags. */
export function forget_flags(): void {
  assume_flags(FLAGS_UNKNOWN);
}

/** A product: its low part is in L_RES, L_CARRY says whether that is not all of it. A low part of 0 leaves ZF clear. */
export function note_product(): void {
  get(L_CARRY);
  i32_const(0x801);
  byte(I32_MUL);
  set(L_CF);
  note_kind(LF_PARTIAL);
  result_is_zero();
  open(IF, EMPTY);
  get(L_V);
  get(L_CF);
  call_core(F_ZERO_PRODUCT);
  i32_const(LF_EXPLICIT as i32);
  set(L_KIND);
  close();
  known = KIND_UNKNOWN;
}

/** Asks the core. */
function call_condition(cc: u32): void {
  spill_flags();
  get(L_V);
  i32_const(cc as i32);
  call_core(F_CONDITION);
}

/** Pushes whether condition `cc` holds behind a subtraction. */
function push_after_sub(cc: u32): bool {
  switch (cc) {
    case 6:
      compare(L_A, I64_LE_U, L_B);
      return true;
    case 7:
      compare(L_A, I64_GT_U, L_B);
      return true;
    default:
      return push_signed(cc);
  }
}

/** Conditions on SF, ZF and OF behind a subtraction or DEC. */
function push_signed(cc: u32): bool {
  switch (cc) {
    case 12:
      compare(L_A, I64_LT_S, L_B);
      return true;
    case 13:
      compare(L_A, I64_GE_S, L_B);
      return true;
    case 14:
      compare(L_A, I64_LE_S, L_B);
      return true;
    case 15:
      compare(L_A, I64_GT_S, L_B);
      return true;
    default:
      return push_of_result(cc);
  }
}

/** Pushes whether one of these bits is in L_OVER. */
function push_bits(mask: i32): void {
  get(L_OVER);
  i32_const(mask);
  byte(I32_AND);
  i32_const(0);
  byte(I32_NE);
}

function compare_doubles(opcode: u32, with_local: u32): void {
  get(L_LEFT);
  get(with_local);
  byte(opcode);
}

/** Of ZF, CF and PF, which alone a comparison may set. */
function push_after_comparison(cc: u32): bool {
  switch (cc) {
    case 4:
    case 5:
      compare_doubles(F64_LT, L_RIGHT);
      compare_doubles(F64_GT, L_RIGHT);
      byte(I32_OR);
      if (cc == 4) byte(I32_EQZ);
      return true;
    case 6:
    case 7:
      compare_doubles(F64_GT, L_RIGHT);
      if (cc == 6) byte(I32_EQZ);
      return true;
    case 10:
      compare_doubles(F64_NE, L_LEFT);
      return true;
    case 11:
      compare_doubles(F64_EQ, L_LEFT);
      return true;
    default:
      return false;
  }
}

/** Behind PTEST. */
function push_after_bits(cc: u32): bool {
  if (cc >> 1 != 2 && cc >> 1 != 3) return false;
  push_bits(cc >> 1 == 2 ? 0x40 : 0x41);
  if (cc & 1) byte(I32_EQZ);
  return true;
}

/** Conditions on ZF or SF alone: of any kind but LF_EXPLICIT. */
function push_of_result(cc: u32): bool {
  switch (cc) {
    case 4:
      result_is_zero();
      return true;
    case 5:
      result_is_zero();
      byte(I32_EQZ);
      return true;
    case 8:
      compare_result(I64_LT_S);
      return true;
    case 9:
      compare_result(I64_GE_S);
      return true;
    default:
      return false;
  }
}

/** CF and OF are 0. */
function push_after_logic(cc: u32): bool {
  switch (cc) {
    case 0:
      i32_const(0);
      return true;
    case 1:
      i32_const(1);
      return true;
    case 6:
      return push_of_result(4);
    case 7:
      return push_of_result(5);
    case 12:
      compare_result(I64_LT_S);
      return true;
    case 13:
      compare_result(I64_GE_S);
      return true;
    case 14:
      compare_result(I64_LE_S);
      return true;
    case 15:
      compare_result(I64_GT_S);
      return true;
    default:
      return push_of_result(cc);
  }
}

/** Pushes whether condition `cc` holds, as 0 or 1. */
export function push_condition(cc: u32): void {
  if (cc >> 1 == 1 && (rotated || known != LF_EXPLICIT)) {
    push_carry();
    if (cc & 1) byte(I32_EQZ);
    return;
  }
  let done = false;
  if (known == KIND_COMPARISON) done = push_after_comparison(cc);
  else if (known == KIND_BITS) done = push_after_bits(cc);
  else if (rotated && cc >> 1 == 3) done = false;
  else if (known == LF_EXPLICIT) done = push_explicit(cc);
  else if (known == LF_SUB) done = push_after_sub(cc);
  else if (known == LF_LOGIC) done = push_after_logic(cc);
  else if (known == LF_DEC) done = push_signed(cc);
  else if (known == LF_ADD || known == LF_ADC || known == LF_SBB || known == LF_INC || known == LF_PARTIAL)
    done = push_of_result(cc);
  if (!done) call_condition(cc);
}

/** INC and DEC keep CF: it goes to where LF_INC and LF_DEC have it. */
export function keep_carry(): void {
  if ((known == LF_INC || known == LF_DEC) && !rotated) return;
  push_carry();
  set(L_CF);
}
