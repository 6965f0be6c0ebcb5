// MUL, IMUL, DIV, IDIV and MULX, with 128-bit products and dividends.
import { FLOW_NEXT, R_IMM, R_REG } from '../abi/insn';
import { OP_DIV, OP_IDIV, OP_IMUL, OP_IMUL2, OP_IMUL3, OP_MUL } from '../abi/ops';
import { V_GPR } from '../abi/vcpu_page';
import { DE, FLAG_PF, RAX, RDX } from '../abi/x86';
import { lazy_result, set_arith } from '../cpu/flags';
import { read_reg_signed, read_rm, read_rm_signed, size_of, write_gpr, write_reg } from '../cpu/operands';
import { raise } from '../state/fault';
import { mul_high_unsigned } from '../state/product';

const CF_OF: u32 = 0x801;

/** Upper 64 bits of a signed product. */
export function mul_high_signed(a: i64, b: i64): i64 {
  let high = mul_high_unsigned(a as u64, b as u64) as i64;
  if (a < 0) high -= b;
  if (b < 0) high -= a;
  return high;
}

/** CF and OF say that the product does not fit; SF and PF come from its low part, ZF is 0 on Intel processors. */
export function note_product(v: u32, low: i64, wide: bool): void {
  lazy_result(v, low, wide ? CF_OF : 0);
  if (low == 0) set_arith(v, FLAG_PF | (wide ? CF_OF : 0));
}

function rax(v: u32): u64 {
  return load<u64>(v + V_GPR + RAX * 8);
}

function rdx(v: u32): u64 {
  return load<u64>(v + V_GPR + RDX * 8);
}

function sign(value: u64, size: u32): i64 {
  const shift: i64 = 64 - (8 << size);
  return ((value as i64) << shift) >> shift;
}

/** Result halves into AX, DX:AX, EDX:EAX or RDX:RAX; CF and OF say that the upper half matters. */
function put_product(v: u32, size: u32, low: u64, high: u64, wide: bool): u32 {
  if (size == 0) {
    write_gpr(v, RAX, 1, (low & 0xff) | (high << 8));
  } else {
    write_gpr(v, RAX, size, low);
    write_gpr(v, RDX, size, high);
  }
  note_product(v, sign(low, size), wide);
  return FLOW_NEXT;
}

function multiply(v: u32, r: u32, rm: u32): u32 {
  const size = size_of(r);
  const b = read_rm(v, r, rm);
  if (size == 3) {
    const a = rax(v);
    const high = mul_high_unsigned(a, b);
    return put_product(v, 3, a * b, high, high != 0);
  }
  const bits: u64 = 8 << size;
  const mask = ((1 as u64) << bits) - 1;
  const product = (rax(v) & mask) * b;
  return put_product(v, size, product & mask, product >> bits, product >> bits != 0);
}

function multiply_signed(v: u32, r: u32, rm: u32): u32 {
  const size = size_of(r);
  const b = read_rm_signed(r, rm);
  if (size == 3) {
    const a = rax(v) as i64;
    const high = mul_high_signed(a, b);
    const low = a * b;
    return put_product(v, 3, low as u64, high as u64, high != low >> 63);
  }
  const bits: i64 = 8 << size;
  const product = sign(rax(v), size) * b;
  const mask = ((1 as u64) << (bits as u64)) - 1;
  return put_product(
    v,
    size,
    (product as u64) & mask,
    ((product >> bits) as u64) & mask,
    product != sign(product as u64, size),
  );
}

/** IMUL reg, r/m and IMUL reg, r/m, imm. */
function multiply_into(v: u32, r: u32, rm: u32, b: i64): u32 {
  const size = size_of(r);
  const a = read_rm_signed(r, rm);
  const product = a * b;
  const cut = sign(product as u64, size);
  const wide = size == 3 ? mul_high_signed(a, b) != product >> 63 : cut != product;
  write_reg(r, product as u64);
  note_product(v, cut, wide);
  return FLOW_NEXT;
}

/** Quotient of (high:low) by `d`, high < d, in two digits of 32 bits; the remainder is low - q * d. */
export function divide_128(high: u64, low: u64, d: u64): u64 {
  if (high == 0) return low / d;
  // With the divisor's top bit set, a digit guessed from its upper half is too large by two at most.
  const up = clz(d);
  const divisor = d << up;
  const upper = up ? (high << up) | (low >> (64 - up)) : high;
  const lower = low << up;
  const first = digit(upper, lower >> 32, divisor);
  const rest = ((upper << 32) | (lower >> 32)) - first * divisor;
  return (first << 32) | digit(rest, lower & 0xffffffff, divisor);
}

/** One quotient digit: (rest:next) / divisor, where rest < divisor and `next` has 32 bits. */
function digit(rest: u64, next: u64, divisor: u64): u64 {
  const head = divisor >> 32;
  const tail = divisor & 0xffffffff;
  let q = rest / head;
  let left = rest % head;
  while (q > 0xffffffff || q * tail > ((left << 32) | next)) {
    q--;
    left += head;
    if (left > 0xffffffff) break;
  }
  return q;
}

function divide(v: u32, r: u32, rm: u32): u32 {
  const size = size_of(r);
  const d = read_rm(v, r, rm);
  if (d == 0) return raise(v, DE);
  if (size == 3) {
    const high = rdx(v);
    const low = rax(v);
    if (high >= d) return raise(v, DE);
    const q = divide_128(high, low, d);
    store<u64>(v + V_GPR + RAX * 8, q);
    store<u64>(v + V_GPR + RDX * 8, low - q * d);
    return FLOW_NEXT;
  }
  if (size == 0) {
    const n = rax(v) & 0xffff;
    const q = n / d;
    if (q > 0xff) return raise(v, DE);
    write_gpr(v, RAX, 1, q | ((n % d) << 8));
    return FLOW_NEXT;
  }
  const bits: u64 = 8 << size;
  const mask = ((1 as u64) << bits) - 1;
  const n = ((rdx(v) & mask) << bits) | (rax(v) & mask);
  const q = n / d;
  if (q > mask) return raise(v, DE);
  write_gpr(v, RAX, size, q);
  write_gpr(v, RDX, size, n % d);
  return FLOW_NEXT;
}

function divide_signed(v: u32, r: u32, rm: u32): u32 {
  const size = size_of(r);
  const d = read_rm_signed(r, rm);
  if (d == 0) return raise(v, DE);
  if (size == 3) {
    let high = rdx(v);
    let low = rax(v);
    const negative = (high as i64) < 0;
    if (negative) {
      low = 0 - low;
      high = ~high + (low == 0 ? 1 : 0);
    }
    const magnitude = d < 0 ? 0 - (d as u64) : (d as u64);
    if (high >= magnitude) return raise(v, DE);
    const q = divide_128(high, low, magnitude);
    const rest = low - q * magnitude;
    const minus = negative != d < 0;
    if (q > (i64.MAX_VALUE as u64) + (minus ? 1 : 0)) return raise(v, DE);
    store<u64>(v + V_GPR + RAX * 8, minus ? 0 - q : q);
    store<u64>(v + V_GPR + RDX * 8, negative ? 0 - rest : rest);
    return FLOW_NEXT;
  }
  const bits: u64 = 8 << size;
  const mask = ((1 as u64) << bits) - 1;
  const n: i64 = size == 0 ? sign(rax(v), 1) : sign(((rdx(v) & mask) << bits) | (rax(v) & mask), size + 1);
  if (n == i64.MIN_VALUE && d == -1) return raise(v, DE);
  const q = n / d;
  if (q != sign(q as u64, size)) return raise(v, DE);
  const rest = n % d;
  if (size == 0) {
    write_gpr(v, RAX, 1, ((q as u64) & 0xff) | (((rest as u64) & 0xff) << 8));
  } else {
    write_gpr(v, RAX, size, q as u64);
    write_gpr(v, RDX, size, rest as u64);
  }
  return FLOW_NEXT;
}

/** MULX: unsigned product of RDX and r/m into reg (high) and vvvv (low); no flags. */
function mulx(v: u32, r: u32, rm: u32): u32 {
  const size = size_of(r);
  const b = read_rm(v, r, rm);
  const low_register = load<u32>(r + R_IMM);
  const high_address = load<u32>(r + R_REG);
  if (size == 3) {
    const a = rdx(v);
    const high = mul_high_unsigned(a, b);
    write_gpr(v, low_register, 3, a * b);
    store<u64>(high_address, high);
  } else {
    const product = (rdx(v) & 0xffffffff) * b;
    write_gpr(v, low_register, 2, product);
    store<u64>(high_address, product >> 32);
  }
  return FLOW_NEXT;
}

export function exec_muldiv(v: u32, r: u32, op: u32, rm: u32): u32 {
  switch (op - OP_MUL) {
    case OP_MUL - OP_MUL:
      return multiply(v, r, rm);
    case OP_IMUL - OP_MUL:
      return multiply_signed(v, r, rm);
    case OP_DIV - OP_MUL:
      return divide(v, r, rm);
    case OP_IDIV - OP_MUL:
      return divide_signed(v, r, rm);
    case OP_IMUL2 - OP_MUL:
      return multiply_into(v, r, rm, read_reg_signed(r));
    case OP_IMUL3 - OP_MUL:
      return multiply_into(v, r, rm, load<i64>(r + R_IMM));
    default:
      return mulx(v, r, rm);
  }
}
