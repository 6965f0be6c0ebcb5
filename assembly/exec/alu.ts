// The eight ALU operations, INC, DEC and NEG on operands of any width; flags stay lazy. Inlined into the dispatcher.
import {
  LF_ADC,
  LF_ADD,
  LF_DEC,
  LF_INC,
  LF_LOGIC,
  LF_SBB,
  LF_SUB,
  V_LF_A,
  V_LF_B,
  V_LF_CF,
  V_LF_KIND,
  V_LF_RES,
} from '../abi/vcpu_page';
import { get_cf } from '../cpu/flags';

/** Writes a register operand: 32 bits clear the upper half. */
export function put<T>(address: u32, value: T): void {
  if (sizeof<T>() == 4) store<u64>(address, value as u32 as u64);
  else store<T>(address, value);
}

/** T is the signed type of the operand size; `d` and `s` are addresses of destination and source. */
export class Alu {
  @inline
  static note(v: u32, kind: u32, a: i64, b: i64, res: i64): void {
    store<u32>(v + V_LF_KIND, kind);
    store<i64>(v + V_LF_A, a);
    store<i64>(v + V_LF_B, b);
    store<i64>(v + V_LF_RES, res);
  }

  @inline
  static logic(v: u32, res: i64): void {
    store<u32>(v + V_LF_KIND, LF_LOGIC);
    store<i64>(v + V_LF_RES, res);
  }

  @inline
  static add<T>(v: u32, d: u32, s: u32): T {
    const a = load<T>(d) as i64;
    const b = load<T>(s) as i64;
    const res = (a + b) as T;
    Alu.note(v, LF_ADD, a, b, res as i64);
    return res;
  }

  @inline
  static sub<T>(v: u32, d: u32, s: u32): T {
    const a = load<T>(d) as i64;
    const b = load<T>(s) as i64;
    const res = (a - b) as T;
    Alu.note(v, LF_SUB, a, b, res as i64);
    return res;
  }

  @inline
  static adc<T>(v: u32, d: u32, s: u32): T {
    const a = load<T>(d) as i64;
    const b = load<T>(s) as i64;
    const carry = get_cf(v);
    const res = (a + b + (carry as i64)) as T;
    Alu.note(v, carry ? LF_ADC : LF_ADD, a, b, res as i64);
    return res;
  }

  @inline
  static sbb<T>(v: u32, d: u32, s: u32): T {
    const a = load<T>(d) as i64;
    const b = load<T>(s) as i64;
    const borrow = get_cf(v);
    const res = (a - b - (borrow as i64)) as T;
    Alu.note(v, borrow ? LF_SBB : LF_SUB, a, b, res as i64);
    return res;
  }

  @inline
  static and<T>(v: u32, d: u32, s: u32): T {
    const res = ((load<T>(d) as i64) & (load<T>(s) as i64)) as T;
    Alu.logic(v, res as i64);
    return res;
  }

  @inline
  static or<T>(v: u32, d: u32, s: u32): T {
    const res = ((load<T>(d) as i64) | (load<T>(s) as i64)) as T;
    Alu.logic(v, res as i64);
    return res;
  }

  @inline
  static xor<T>(v: u32, d: u32, s: u32): T {
    const res = ((load<T>(d) as i64) ^ (load<T>(s) as i64)) as T;
    Alu.logic(v, res as i64);
    return res;
  }

  @inline
  static inc<T>(v: u32, d: u32): T {
    const kind = load<u32>(v + V_LF_KIND);
    if (kind != LF_INC && kind != LF_DEC) store<u32>(v + V_LF_CF, get_cf(v));
    const a = load<T>(d) as i64;
    const res = (a + 1) as T;
    Alu.note(v, LF_INC, a, 1, res as i64);
    return res;
  }

  @inline
  static dec<T>(v: u32, d: u32): T {
    const kind = load<u32>(v + V_LF_KIND);
    if (kind != LF_INC && kind != LF_DEC) store<u32>(v + V_LF_CF, get_cf(v));
    const a = load<T>(d) as i64;
    const res = (a - 1) as T;
    Alu.note(v, LF_DEC, a, 1, res as i64);
    return res;
  }

  @inline
  static neg<T>(v: u32, d: u32): T {
    const a = load<T>(d) as i64;
    const res = (0 - a) as T;
    Alu.note(v, LF_SUB, 0, a, res as i64);
    return res;
  }
}
