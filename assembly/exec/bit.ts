// Bits of general registers: BT and its kin, scans and counts, BSWAP, MOVBE, CRC32, ADCX and ADOX, BMI1 and BMI2.
import {
  FLOW_FAULT,
  FLOW_NEXT,
  FLOW_RESTART,
  R_FLAGS,
  R_IMM,
  R_REG,
  R_SEG,
  R_SPAN,
  RF_LOCK,
  RF_MEMORY,
} from '../abi/insn';
import { TLB_READ, TLB_WRITE } from '../abi/map';
import {
  OP_ADCX,
  OP_ANDN,
  OP_BEXTR,
  OP_BLSI,
  OP_BLSMSK,
  OP_BLSR,
  OP_BSF,
  OP_BSR,
  OP_BSWAP,
  OP_BT_I,
  OP_BT_R,
  OP_BZHI,
  OP_CRC32,
  OP_LZCNT,
  OP_MOVBE_LOAD,
  OP_MOVBE_STORE,
  OP_PDEP,
  OP_PEXT,
  OP_POPCNT,
  OP_RORX,
  OP_SARX,
  OP_SHLX,
  OP_TZCNT,
} from '../abi/ops';
import { V_GPR } from '../abi/vcpu_page';
import { FLAG_CF, FLAG_PF, FLAG_ZF } from '../abi/x86';
import { get_cf, get_of, set_arith, set_carry, set_carry_overflow } from '../cpu/flags';
import {
  effective_address,
  finish_store,
  read_reg,
  read_reg_signed,
  read_rm,
  read_sized,
  size_of,
  write_memory,
  write_reg,
  write_register,
  write_rm,
} from '../cpu/operands';
import { translate } from '../memory/access';
import { exclusive_end } from '../memory/requests';
import { linear } from '../memory/segments';
import { faulted } from '../state/fault';
import { is_whole, split_begin } from './locked';

function changed(value: u64, bit: u64, kind: u32): u64 {
  return kind == 1 ? value | bit : kind == 2 ? value & ~bit : kind == 3 ? value ^ bit : value;
}

/** BT BTS BTR BTC with an immediate: the bit lies in the operand. */
function bit_immediate(v: u32, r: u32, rm: u32, kind: u32): u32 {
  const size = size_of(r);
  const n: u64 = load<u8>(r + R_IMM) & ((8 << size) - 1);
  const value = read_rm(v, r, rm);
  const flow = kind ? write_rm(v, r, rm, changed(value, (1 as u64) << n, kind)) : FLOW_NEXT;
  set_carry(v, ((value >> n) & 1) as u32);
  return flow;
}

/** The same with a register: a memory operand is a string of bits, reached by the signed bit offset. */
function bit_register(v: u32, r: u32, rm: u32, kind: u32): u32 {
  const size = size_of(r);
  const index = read_reg_signed(r);
  const n = (index as u64) & ((8 << size) - 1);
  if ((load<u16>(r + R_FLAGS) & RF_MEMORY) == 0) {
    const value = read_sized(rm, size);
    if (kind) write_register(rm, size, changed(value, (1 as u64) << n, kind));
    set_carry(v, ((value >> n) & 1) as u32);
    return FLOW_NEXT;
  }
  const bytes: u32 = 1 << size;
  let offset = effective_address(v, r) + (((index >> (size + 3)) << size) as u64);
  const asize = ((load<u16>(r + R_FLAGS) as u32) >> 2) & 3;
  if (asize == 2) offset &= 0xffffffff;
  else if (asize == 1) offset &= 0xffff;
  const n_seg = load<u8>(r + R_SEG);
  const la = linear(v, n_seg, offset, bytes, kind != 0);
  if (faulted(v)) return FLOW_FAULT;
  const p = translate(v, la, kind ? TLB_WRITE : TLB_READ, bytes - 1, n_seg, true);
  if (p == 0) return FLOW_FAULT;
  if (kind == 0) {
    set_carry(v, ((read_sized(p, size) >> n) & 1) as u32);
    return FLOW_NEXT;
  }
  const bit = (1 as u64) << n;
  const locks = (load<u16>(r + R_FLAGS) & RF_LOCK) != 0;
  if (locks && is_whole(v, p, bytes)) {
    const old = locked_bit(p + ((n >> 3) as u32), (1 as u32) << ((n as u32) & 7), kind);
    set_carry(v, ((old >> (n & 7)) & 1) as u32);
    return finish_store(v);
  }
  if (locks && !split_begin(v, p, bytes)) return FLOW_RESTART;
  const value = read_sized(p, size);
  write_memory(p, size, changed(value, bit, kind));
  const flow = finish_store(v);
  if (locks) exclusive_end(v);
  set_carry(v, ((value >> n) & 1) as u32);
  return flow;
}

/** The byte that holds the bit, changed atomically; its old value. */
function locked_bit(p: u32, bit: u32, kind: u32): u64 {
  if (kind == 1) return atomic.or<u8>(p, bit as u8);
  if (kind == 2) return atomic.and<u8>(p, ~bit as u8);
  return atomic.xor<u8>(p, bit as u8);
}

function scan(v: u32, r: u32, rm: u32, op: u32): u32 {
  const value = read_rm(v, r, rm);
  // Of a source of 0 nothing comes: the destination stays as it is, whole.
  if (value == 0) {
    set_arith(v, FLAG_ZF | FLAG_PF);
    return FLOW_NEXT;
  }
  const n = op == OP_BSF ? ctz(value) : 63 - clz(value);
  write_reg(r, n);
  set_arith(v, popcnt(n) & 1 ? 0 : FLAG_PF);
  return FLOW_NEXT;
}

function count(v: u32, r: u32, rm: u32, op: u32): u32 {
  const bits: u64 = 8 << size_of(r);
  const value = read_rm(v, r, rm);
  let n: u64;
  if (op == OP_POPCNT) {
    n = popcnt(value);
    write_reg(r, n);
    set_arith(v, value == 0 ? FLAG_ZF : 0);
    return FLOW_NEXT;
  }
  if (op == OP_TZCNT) n = value ? ctz(value) : bits;
  else n = value ? clz(value) - (64 - bits) : bits;
  write_reg(r, n);
  set_arith(v, (value == 0 ? FLAG_CF : 0) | (n == 0 ? FLAG_ZF : 0));
  return FLOW_NEXT;
}

function swapped(value: u64, size: u32): u64 {
  if (size == 3) return bswap(value);
  if (size == 2) return bswap(value as u32);
  return bswap(value as u16);
}

/** CRC-32C of `bytes` bytes, bit-reflected polynomial 0x82f63b78. */
function crc32c(crc: u32, data: u64, bytes: u32): u32 {
  let rest = data;
  for (let i: u32 = 0; i < bytes; i++) {
    crc ^= (rest & 0xff) as u32;
    rest >>= 8;
    for (let k = 0; k < 8; k++) crc = (crc >> 1) ^ (0x82f63b78 & (0 - (crc & 1)));
  }
  return crc;
}

/** ADCX and ADOX: add with CF or OF alone as the carry. */
function add_carry(v: u32, r: u32, rm: u32, with_cf: bool): u32 {
  const size = size_of(r);
  const cf = get_cf(v);
  const overflow = get_of(v);
  const carry = (with_cf ? cf : overflow) as u64;
  const a = read_reg(r);
  const b = read_rm(v, r, rm);
  const sum = a + b + carry;
  const out = (size == 3 ? sum < a || (carry != 0 && sum == a) : sum >> 32 != 0) as u32;
  write_reg(r, sum);
  set_carry_overflow(v, with_cf ? out : cf, with_cf ? overflow : out);
  return FLOW_NEXT;
}

/** CF, ZF and SF of a BMI instruction; the others, PF too, are 0. */
function note_bmi(v: u32, size: u32, res: u64, cf: u32): void {
  const sign = ((res >> (size == 3 ? 63 : 31)) & 1) as u32;
  set_arith(v, cf | (res == 0 ? FLAG_ZF : 0) | (sign << 7));
}

/** BMI1 and BMI2; the VEX.vvvv register number is in R_IMM. */
function bmi(v: u32, r: u32, op: u32, rm: u32): u32 {
  const size = size_of(r);
  const bits: u64 = 8 << size;
  const mask: u64 = size == 3 ? u64.MAX_VALUE : 0xffffffff;
  const source = read_rm(v, r, rm);
  const other_address = v + V_GPR + load<u32>(r + R_IMM) * 8;
  const other = op == OP_RORX ? 0 : read_sized(other_address, size);
  const shift: i64 = 64 - (bits as i64);
  let res: u64 = 0;
  switch (op - OP_ANDN) {
    case OP_ANDN - OP_ANDN:
      res = ~other & source & mask;
      write_reg(r, res);
      note_bmi(v, size, res, 0);
      return FLOW_NEXT;
    case OP_BLSR - OP_ANDN:
    case OP_BLSMSK - OP_ANDN:
    case OP_BLSI - OP_ANDN: {
      let cf: u32 = source == 0 ? 1 : 0;
      if (op == OP_BLSR) res = source & (source - 1);
      else if (op == OP_BLSMSK) res = source ^ (source - 1);
      else {
        res = source & (0 - source);
        cf ^= 1;
      }
      res &= mask;
      write_register(other_address, size, res);
      note_bmi(v, size, res, cf);
      return FLOW_NEXT;
    }
    case OP_BZHI - OP_ANDN: {
      const n = other & 0xff;
      res = n < bits ? source & (((1 as u64) << n) - 1) : source;
      write_reg(r, res);
      note_bmi(v, size, res, n >= bits ? FLAG_CF : 0);
      return FLOW_NEXT;
    }
    case OP_BEXTR - OP_ANDN: {
      const start = other & 0xff;
      const length = (other >> 8) & 0xff;
      res = start < bits ? source >> start : 0;
      if (length < bits) res &= ((1 as u64) << length) - 1;
      write_reg(r, res);
      note_bmi(v, size, res, 0);
      return FLOW_NEXT;
    }
    case OP_PEXT - OP_ANDN: {
      let n: u64 = 0;
      for (let m = source; m; m &= m - 1) res |= ((other >> ctz(m)) & 1) << n++;
      break;
    }
    case OP_PDEP - OP_ANDN: {
      let n: u64 = 0;
      for (let m = source; m; m &= m - 1) res |= ((other >> n++) & 1) << ctz(m);
      break;
    }
    case OP_RORX - OP_ANDN: {
      const n = load<u64>(r + R_IMM) & (bits - 1);
      res = n ? (source >> n) | (source << (bits - n)) : source;
      break;
    }
    case OP_SARX - OP_ANDN:
      res = ((((source as i64) << shift) >> shift) >> (other & (bits - 1))) as u64;
      break;
    case OP_SHLX - OP_ANDN:
      res = source << (other & (bits - 1));
      break;
    default:
      res = source >> (other & (bits - 1));
      break;
  }
  write_reg(r, res & mask);
  return FLOW_NEXT;
}

export function exec_bit(v: u32, r: u32, op: u32, rm: u32): u32 {
  if (op >= OP_ANDN) return bmi(v, r, op, rm);
  switch (op - OP_BT_I) {
    case 0:
    case 1:
    case 2:
    case 3:
      return bit_immediate(v, r, rm, op - OP_BT_I);
    case 4:
    case 5:
    case 6:
    case 7:
      return bit_register(v, r, rm, op - OP_BT_R);
    case OP_BSF - OP_BT_I:
    case OP_BSR - OP_BT_I:
      return scan(v, r, rm, op);
    case OP_TZCNT - OP_BT_I:
    case OP_LZCNT - OP_BT_I:
    case OP_POPCNT - OP_BT_I:
      return count(v, r, rm, op);
    case OP_BSWAP - OP_BT_I: {
      const size = size_of(r);
      // BSWAP of a 16-bit register gives 0 on the processors that are at hand.
      write_reg(r, size == 1 ? 0 : swapped(read_reg(r), size));
      return FLOW_NEXT;
    }
    case OP_MOVBE_LOAD - OP_BT_I:
      write_reg(r, swapped(read_rm(v, r, rm), size_of(r)));
      return FLOW_NEXT;
    case OP_MOVBE_STORE - OP_BT_I:
      return write_rm(v, r, rm, swapped(read_reg(r), size_of(r)));
    case OP_CRC32 - OP_BT_I: {
      const bytes: u32 = (load<u8>(r + R_SPAN) as u32) + 1;
      const data =
        bytes == 8
          ? load<u64>(rm)
          : bytes == 4
            ? (load<u32>(rm) as u64)
            : bytes == 2
              ? (load<u16>(rm) as u64)
              : (load<u8>(rm) as u64);
      store<u64>(load<u32>(r + R_REG), crc32c(load<u32>(load<u32>(r + R_REG)), data, bytes) as u64);
      return FLOW_NEXT;
    }
    case OP_ADCX - OP_BT_I:
      return add_carry(v, r, rm, true);
    default:
      return add_carry(v, r, rm, false);
  }
}
