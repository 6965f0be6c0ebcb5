// x87 stores to memory: FST, FSTP, FIST, FISTP, FISTTP, FBSTP. An unmasked exception other than inexactness leaves memory and
// the stack as they were (SDM vol. 1, 8.5).

import { CLASS_SNAN, CLASS_UNSUPPORTED, F_A, F_ROUNDED_UP } from '../abi/float';
import {
  FE_INEXACT,
  FE_INVALID,
  FE_OVERFLOW,
  FE_UNDERFLOW,
  FSW_C1,
  ROUND_ZERO,
  ST_EXPONENT,
  V_FCW,
  V_FLOAT_FLAGS,
  V_FLOAT_RESULT,
  V_FSW,
  V_X87_WORD,
  X87_FAILED,
} from '../abi/fpu';
import { FLOW_NEXT, FLOW_STOP } from '../abi/insn';
import {
  OP_FIST_16,
  OP_FIST_32,
  OP_FISTP_16,
  OP_FISTP_32,
  OP_FISTP_64,
  OP_FISTTP_16,
  OP_FISTTP_32,
  OP_FISTTP_64,
  OP_FST_M32,
  OP_FST_M64,
  OP_FSTP_M32,
  OP_FSTP_M64,
  OP_FSTP_M80,
} from '../abi/ops_x87';
import { LEAVE_COMMIT, V_LEAVE } from '../abi/vcpu_page';
import { write_memory } from '../cpu/operands';
import { class_of, set_default_nan } from '../float/number';
import { pack32, pack64 } from '../float/pack';
import { round32, round64, rounds_up } from '../float/round';
import { unpack80 } from '../float/unpack';
import { prepare, rounding } from './x87_operands';
import {
  BIAS,
  clear_c1,
  EXPONENT,
  INDEFINITE_EXPONENT,
  INDEFINITE_SIGNIFICAND,
  INTEGER_BIT,
  is_empty,
  note_inexact,
  pop,
  put,
  SIGN,
  signal,
  st,
  stack_underflow,
} from './x87_stack';

/** The instruction stores nothing after all: what the scratch buffer holds must not be committed. */
function store_nothing(v: u32): u32 {
  const leave = load<u32>(v + V_LEAVE) & ~LEAVE_COMMIT;
  store<u32>(v + V_LEAVE, leave);
  return leave ? FLOW_STOP : FLOW_NEXT;
}

/** The dispatcher commits what has been stored. */
function stored(v: u32, pops: bool): u32 {
  if (pops) pop(v);
  return FLOW_NEXT;
}

/** Inlined with constants: a decorator needs a class. */
export class ShortStore {
  /** FST and FSTP m32 and m64 of numbers that stay normal; `drop` bits go. False: the long way is needed. */
  @inline
  static normal(v: u32, rm: u32, a: u32, drop: u64, single: bool): bool {
    const sig = load<u64>(a);
    const se: u32 = load<u16>(a + ST_EXPONENT);
    const bias: i32 = single ? 127 : 1023;
    const exponent = ((se & EXPONENT) as i32) - BIAS + bias;
    // Rounding up may add 1 to the exponent.
    if (exponent < 1 || exponent >= bias * 2 || (sig & INTEGER_BIT) == 0) return false;
    const tail = sig << (64 - drop);
    let kept = sig >> drop;
    if (tail) {
      const up = rounds_up(rounding(v), se & SIGN, tail, kept);
      kept += up as u64;
      note_inexact(v, up);
    } else {
      clear_c1(v);
    }
    // The integer bit adds 1 to the exponent field, as a carry out of the fraction does.
    if (single) store<u32>(rm, ((se & SIGN) << 16) | ((((exponent - 1) as u32) << 23) + (kept as u32)));
    else store<u64>(rm, (((se & SIGN) as u64) << 48) | ((((exponent - 1) as u64) << 52) + kept));
    return true;
  }
}

function fst_m32(v: u32, rm: u32, pops: bool): u32 {
  if (!is_empty(v, 0) && ShortStore.normal(v, rm, st(v, 0), 40, true)) return stored(v, pops);
  return fst_real(v, rm, true, pops);
}

function fst_m64(v: u32, rm: u32, pops: bool): u32 {
  if (!is_empty(v, 0) && ShortStore.normal(v, rm, st(v, 0), 11, false)) return stored(v, pops);
  return fst_real(v, rm, false, pops);
}

/**
 * The bits of a number as a single or a double, the long way. With an unmasked exception V_X87_WORD is X87_FAILED, and
 * what is to be noted has been noted.
 */
export function narrow(v: u32, sig: u64, se: u32, single: bool): u64 {
  store<u32>(v + V_X87_WORD, 0);
  prepare(v, 64);
  const n = v + F_A;
  unpack80(n, sig, se);
  const kind = class_of(n);
  if (kind == CLASS_UNSUPPORTED) set_default_nan(n);
  if (kind >= CLASS_SNAN && signal(v, FE_INVALID)) return fail(v);
  if (single) round32(v, n);
  else round64(v, n);
  const flags = load<u32>(v + V_FLOAT_FLAGS);
  const stopping = flags & ~load<u32>(v + V_FCW) & (FE_OVERFLOW | FE_UNDERFLOW);
  signal(v, stopping ? flags & ~FE_INEXACT : flags);
  if (stopping) return fail(v);
  if (load<u32>(v + F_ROUNDED_UP)) store<u32>(v + V_FSW, load<u32>(v + V_FSW) | FSW_C1);
  return single ? (pack32(n) as u64) : pack64(n);
}

function fail(v: u32): u64 {
  store<u32>(v + V_X87_WORD, X87_FAILED);
  return 0;
}

/** The long way. */
function fst_real(v: u32, rm: u32, single: bool, pops: bool): u32 {
  if (is_empty(v, 0)) {
    if (!stack_underflow(v)) return store_nothing(v);
    if (single) store<u32>(rm, 0xffc00000);
    else store<u64>(rm, 0xfff8000000000000);
    return stored(v, pops);
  }
  const a = st(v, 0);
  const bits = narrow(v, load<u64>(a), load<u16>(a + ST_EXPONENT), single);
  if (load<u32>(v + V_X87_WORD) == X87_FAILED) return store_nothing(v);
  if (single) store<u32>(rm, bits as u32);
  else store<u64>(rm, bits);
  return stored(v, pops);
}

function fstp_m80(v: u32, rm: u32): u32 {
  if (is_empty(v, 0)) {
    if (!stack_underflow(v)) return store_nothing(v);
    put(rm, INDEFINITE_SIGNIFICAND, INDEFINITE_EXPONENT);
    return stored(v, true);
  }
  clear_c1(v);
  const a = st(v, 0);
  put(rm, load<u64>(a), load<u16>(a + ST_EXPONENT));
  return stored(v, true);
}

// What `integer_of` finds.
const NOT_STORED: u32 = 0;
const FITS: u32 = 1;
const INDEFINITE: u32 = 2;

/**
 * ST(0) rounded to an integer that is at most `most`, or at least -`least`: at V_FLOAT_RESULT. PE and C1 are noted; what
 * does not fit is invalid.
 */
function integer_of(v: u32, mode: u32, most: u64, least: u64): u32 {
  if (is_empty(v, 0)) return stack_underflow(v) ? INDEFINITE : NOT_STORED;
  const a = st(v, 0);
  return whole_of(v, load<u64>(a), load<u16>(a + ST_EXPONENT), mode, most, least);
}

function whole_of(v: u32, sig: u64, se: u32, mode: u32, most: u64, least: u64): u32 {
  const negative = (se & SIGN) != 0;
  const fraction_bits = BIAS + 63 - ((se & EXPONENT) as i32);
  let whole: u64 = 0;
  let tail: u64 = 0;
  if (fraction_bits <= 0) {
    whole = sig;
  } else if (fraction_bits < 64) {
    whole = sig >> fraction_bits;
    tail = sig << (64 - fraction_bits);
  } else {
    tail = fraction_bits == 64 ? sig : ((sig != 0) as u64);
  }
  const up = tail != 0 && rounds_up(mode, negative as u32, tail, whole);
  whole += up as u64;
  const supported = (sig & INTEGER_BIT) != 0 || (se & EXPONENT) == 0;
  clear_c1(v);
  if (!supported || fraction_bits < 0 || whole > (negative ? least : most)) {
    return signal(v, FE_INVALID) ? NOT_STORED : INDEFINITE;
  }
  if (tail) note_inexact(v, up);
  store<u64>(v + V_FLOAT_RESULT, negative ? 0 - whole : whole);
  return FITS;
}

/** A number as an integer of 2^size bytes, which is the indefinite one when it does not fit. Exceptions must be masked. */
export function to_whole(v: u32, sig: u64, se: u32, size: u32, mode: u32): u64 {
  const limit: u64 = (1 as u64) << ((8 << size) - 1);
  const found = whole_of(v, sig, se, mode, limit - 1, limit);
  return found == FITS ? load<u64>(v + V_FLOAT_RESULT) : limit;
}

/** FIST, FISTP and FISTTP of 2^size bytes. */
function fist(v: u32, rm: u32, size: u32, pops: bool, mode: u32): u32 {
  const limit: u64 = (1 as u64) << ((8 << size) - 1);
  const found = integer_of(v, mode, limit - 1, limit);
  if (found == NOT_STORED) return store_nothing(v);
  write_memory(rm, size, found == INDEFINITE ? limit : load<u64>(v + V_FLOAT_RESULT));
  return stored(v, pops);
}

const BCD_MOST: u64 = 999999999999999999;

function fbstp(v: u32, rm: u32): u32 {
  const found = integer_of(v, rounding(v), BCD_MOST, BCD_MOST);
  if (found == NOT_STORED) return store_nothing(v);
  if (found == INDEFINITE) {
    put(rm, INDEFINITE_SIGNIFICAND, INDEFINITE_EXPONENT);
    return stored(v, true);
  }
  const value = load<i64>(v + V_FLOAT_RESULT);
  let rest = (value < 0 ? 0 - value : value) as u64;
  for (let n: u32 = 0; n < 9; n++) {
    const pair = (rest % 100) as u32;
    rest /= 100;
    store<u8>(rm + n, (((pair / 10) << 4) | (pair % 10)) as u8);
  }
  // A zero keeps its sign.
  store<u8>(rm + 9, (load<u8>(st(v, 0) + ST_EXPONENT + 1) & 0x80) as u8);
  return stored(v, true);
}

/** Inlined into the family's switch: a decorator needs a class. */
export class Store {
  /** Executes OP_FST_M32 .. OP_FBSTP. */
  @inline
  static execute(v: u32, op: u32, rm: u32): u32 {
    switch (op) {
      case OP_FST_M32:
        return fst_m32(v, rm, false);
      case OP_FST_M64:
        return fst_m64(v, rm, false);
      case OP_FSTP_M32:
        return fst_m32(v, rm, true);
      case OP_FSTP_M64:
        return fst_m64(v, rm, true);
      case OP_FSTP_M80:
        return fstp_m80(v, rm);
      case OP_FIST_16:
        return fist(v, rm, 1, false, rounding(v));
      case OP_FIST_32:
        return fist(v, rm, 2, false, rounding(v));
      case OP_FISTP_16:
        return fist(v, rm, 1, true, rounding(v));
      case OP_FISTP_32:
        return fist(v, rm, 2, true, rounding(v));
      case OP_FISTP_64:
        return fist(v, rm, 3, true, rounding(v));
      case OP_FISTTP_16:
        return fist(v, rm, 1, true, ROUND_ZERO);
      case OP_FISTTP_32:
        return fist(v, rm, 2, true, ROUND_ZERO);
      case OP_FISTTP_64:
        return fist(v, rm, 3, true, ROUND_ZERO);
      default:
        return fbstp(v, rm);
    }
  }
}
