// Atomic read-modify-writes: LOCK, XCHG with memory, XADD, CMPXCHG and its wide forms. An aligned operand is one Wasm atomic;
// one that crosses pages or is misaligned runs with the other vCPUs stopped (split lock).
import { STAT_BUS_LOCKS, V_BUS_LOCK, VM_BUS_LOCK_EXITS } from '../abi/calls';
import { AM_NONE, FLOW_NEXT, FLOW_RESTART, R_AM, R_FLAGS, R_IMM, R_REG, RF_LOCK } from '../abi/insn';
import {
  ALU_ADC,
  ALU_ADD,
  ALU_AND,
  ALU_OR,
  ALU_SBB,
  ALU_SUB,
  ALU_XOR,
  OP_CMPXCHG,
  OP_CMPXCHG8B,
  OP_LOCK_ALU,
  OP_LOCK_BT,
  OP_LOCK_DEC,
  OP_LOCK_INC,
  OP_LOCK_NEG,
  OP_LOCK_NOT,
  OP_XADD,
  OP_XCHG_M,
} from '../abi/ops';
import {
  LEAVE_BUS_LOCK,
  LF_ADC,
  LF_ADD,
  LF_DEC,
  LF_INC,
  LF_SBB,
  LF_SUB,
  V_COMMIT_GPA1,
  V_COMMIT_HVA1,
  V_COMMIT_HVA2,
  V_COMMIT_LEN1,
  V_COMMIT_LEN2,
  V_GPR,
  V_LEAVE,
  V_LF_CF,
  V_SCRATCH,
} from '../abi/vcpu_page';
import { FLAG_ZF, GP, RAX, RBX, RCX, RDX } from '../abi/x86';
import { arith_flags, get_cf, lazy, lazy_logic, set_arith, set_carry } from '../cpu/flags';
import { finish_store, read_sized, size_of, write_memory, write_register } from '../cpu/operands';
import { exclusive_begin, exclusive_end } from '../memory/requests';
import { raise_code } from '../state/fault';
import { count, vm_setting } from '../state/settings';

/** The operand is aligned guest memory: one atomic does. */
export function is_whole(v: u32, p: u32, bytes: u32): bool {
  return (p & (bytes - 1)) == 0 && p != v + V_SCRATCH;
}

/** Bytes of a cache line: a lock across two of them holds the bus (SDM vol. 3, 9.1.2.3). */
const LINE: u32 = 64;

/** Counts a bus lock, and ends the block for KVM_EXIT_X86_BUS_LOCK if user space wants to know. */
function note_bus_lock(v: u32): void {
  count(v, STAT_BUS_LOCKS);
  if (vm_setting(VM_BUS_LOCK_EXITS) == 0) return;
  store<u32>(v + V_BUS_LOCK, 1);
  store<u32>(v + V_LEAVE, load<u32>(v + V_LEAVE) | LEAVE_BUS_LOCK);
}

/**
 * Stops the other vCPUs for an operand that no single atomic reaches; false = the instruction starts again. Ends with
 * `exclusive_end`.
 */
export function split_begin(v: u32, p: u32, bytes: u32): bool {
  if (!exclusive_begin(v)) return false;
  if (p == v + V_SCRATCH || (p & (LINE - 1)) + bytes > LINE) note_bus_lock(v);
  if (p == v + V_SCRATCH) {
    // Until now others could change what the scratch buffer was filled from.
    const first = load<u32>(v + V_COMMIT_LEN1);
    const hva1 = load<u32>(v + V_COMMIT_HVA1);
    if (hva1) memory.copy(p, hva1, first);
    const rest = load<u32>(v + V_COMMIT_LEN2);
    const hva2 = load<u32>(v + V_COMMIT_HVA2);
    if (rest && hva2) memory.copy(p + first, hva2, rest);
  }
  return true;
}

function compare_exchange(p: u32, size: u32, expected: u64, value: u64): u64 {
  if (size == 2) return atomic.cmpxchg<u32>(p, expected as u32, value as u32);
  if (size == 3) return atomic.cmpxchg<u64>(p, expected, value);
  if (size == 1) return atomic.cmpxchg<u16>(p, expected as u16, value as u16);
  return atomic.cmpxchg<u8>(p, expected as u8, value as u8);
}

function exchange(p: u32, size: u32, value: u64): u64 {
  if (size == 2) return atomic.xchg<u32>(p, value as u32);
  if (size == 3) return atomic.xchg<u64>(p, value);
  if (size == 1) return atomic.xchg<u16>(p, value as u16);
  return atomic.xchg<u8>(p, value as u8);
}

function extend(value: u64, size: u32): i64 {
  const shift: i64 = 64 - (8 << size);
  return ((value as i64) << shift) >> shift;
}

/** New value of a read-modify-write; `operation` is ALU_* or one of the numbers below. */
const INC: u32 = 8;
const DEC: u32 = 9;
const NOT: u32 = 10;
const NEG: u32 = 11;
const BTS: u32 = 12;
const BTR: u32 = 13;
const BTC: u32 = 14;

function computed(operation: u32, a: u64, b: u64, carry: u64): u64 {
  switch (operation) {
    case ALU_ADD:
      return a + b;
    case ALU_OR:
      return a | b;
    case ALU_ADC:
      return a + b + carry;
    case ALU_SBB:
      return a - b - carry;
    case ALU_AND:
      return a & b;
    case ALU_SUB:
      return a - b;
    case ALU_XOR:
      return a ^ b;
    case INC:
      return a + 1;
    case DEC:
      return a - 1;
    case NOT:
      return ~a;
    case NEG:
      return 0 - a;
    case BTS:
      return a | b;
    case BTR:
      return a & ~b;
    case BTC:
      return a ^ b;
    default:
      return a;
  }
}

/** Performs the read-modify-write and leaves the flags of the operation. */
function modify(v: u32, r: u32, p: u32, operation: u32, b: u64): u32 {
  const size = size_of(r);
  const carry = get_cf(v) as u64;
  let old: u64;
  let flow: u32;
  if (is_whole(v, p, 1 << size)) {
    old = read_sized(p, size);
    for (;;) {
      const seen = compare_exchange(p, size, old, computed(operation, old, b, carry));
      if (seen == old) break;
      old = seen;
    }
    flow = finish_store(v);
  } else {
    if (!split_begin(v, p, 1 << size)) return FLOW_RESTART;
    old = read_sized(p, size);
    write_memory(p, size, computed(operation, old, b, carry));
    flow = finish_store(v);
    exclusive_end(v);
  }
  const a = extend(old, size);
  const s = extend(b, size);
  const res = extend(computed(operation, old, b, carry), size);
  switch (operation) {
    case ALU_ADD:
      lazy(v, LF_ADD, a, s, res);
      break;
    case ALU_ADC:
      lazy(v, carry ? LF_ADC : LF_ADD, a, s, res);
      break;
    case ALU_SUB:
      lazy(v, LF_SUB, a, s, res);
      break;
    case ALU_SBB:
      lazy(v, carry ? LF_SBB : LF_SUB, a, s, res);
      break;
    case ALU_OR:
    case ALU_AND:
    case ALU_XOR:
      lazy_logic(v, res);
      break;
    case INC:
    case DEC:
      store<u32>(v + V_LF_CF, carry as u32);
      lazy(v, operation == INC ? LF_INC : LF_DEC, a, 1, res);
      break;
    case NOT:
      break;
    case NEG:
      lazy(v, LF_SUB, 0, a, res);
      break;
    default:
      set_carry(v, (old & b) != 0 ? 1 : 0);
      break;
  }
  return flow;
}

function exchange_memory(v: u32, r: u32, p: u32): u32 {
  const size = size_of(r);
  const register = load<u32>(r + R_REG);
  const value = read_sized(register, size);
  let old: u64;
  let flow: u32;
  if (is_whole(v, p, 1 << size)) {
    old = exchange(p, size, value);
    flow = finish_store(v);
  } else {
    if (!split_begin(v, p, 1 << size)) return FLOW_RESTART;
    old = read_sized(p, size);
    write_memory(p, size, value);
    flow = finish_store(v);
    exclusive_end(v);
  }
  write_register(register, size, old);
  return flow;
}

function exchange_add(v: u32, r: u32, p: u32): u32 {
  const size = size_of(r);
  const register = load<u32>(r + R_REG);
  const b = read_sized(register, size);
  if (load<u8>(r + R_AM) == AM_NONE) {
    const old = read_sized(p, size);
    write_register(register, size, old);
    write_register(p, size, old + b);
    lazy(v, LF_ADD, extend(old, size), extend(b, size), extend(old + b, size));
    return FLOW_NEXT;
  }
  let old: u64;
  let flow: u32;
  if (is_whole(v, p, 1 << size)) {
    old = read_sized(p, size);
    for (;;) {
      const seen = compare_exchange(p, size, old, old + b);
      if (seen == old) break;
      old = seen;
    }
    flow = finish_store(v);
  } else {
    const locked = (load<u16>(r + R_FLAGS) & RF_LOCK) != 0;
    if (locked && !split_begin(v, p, 1 << size)) return FLOW_RESTART;
    old = read_sized(p, size);
    write_memory(p, size, old + b);
    flow = finish_store(v);
    if (locked) exclusive_end(v);
  }
  write_register(register, size, old);
  lazy(v, LF_ADD, extend(old, size), extend(b, size), extend(old + b, size));
  return flow;
}

function compare_and_exchange(v: u32, r: u32, p: u32): u32 {
  const size = size_of(r);
  const value = read_sized(load<u32>(r + R_REG), size);
  const expected = read_sized(v + V_GPR + RAX * 8, size);
  const in_register = load<u8>(r + R_AM) == AM_NONE;
  let old: u64;
  let flow: u32 = FLOW_NEXT;
  if (in_register) {
    old = read_sized(p, size);
    if (old == expected) write_register(p, size, value);
  } else if (is_whole(v, p, 1 << size)) {
    old = compare_exchange(p, size, expected, value);
    flow = finish_store(v);
  } else {
    const locked = (load<u16>(r + R_FLAGS) & RF_LOCK) != 0;
    if (locked && !split_begin(v, p, 1 << size)) return FLOW_RESTART;
    old = read_sized(p, size);
    // The destination is written in both cases.
    write_memory(p, size, old == expected ? value : old);
    flow = finish_store(v);
    if (locked) exclusive_end(v);
  }
  if (old != expected) write_register(v + V_GPR + RAX * 8, size, old);
  lazy(v, LF_SUB, extend(expected, size), extend(old, size), extend(expected - old, size));
  return flow;
}

function set_zero(v: u32, equal: bool): void {
  set_arith(v, (arith_flags(v) & ~FLAG_ZF) | (equal ? FLAG_ZF : 0));
}

function compare_and_exchange_8(v: u32, p: u32, r: u32): u32 {
  const expected = (load<u32>(v + V_GPR + RAX * 8) as u64) | ((load<u32>(v + V_GPR + RDX * 8) as u64) << 32);
  const value = (load<u32>(v + V_GPR + RBX * 8) as u64) | ((load<u32>(v + V_GPR + RCX * 8) as u64) << 32);
  let old: u64;
  let flow: u32;
  if (is_whole(v, p, 8)) {
    old = atomic.cmpxchg<u64>(p, expected, value);
    flow = finish_store(v);
  } else {
    const locked = (load<u16>(r + R_FLAGS) & RF_LOCK) != 0;
    if (locked && !split_begin(v, p, 8)) return FLOW_RESTART;
    old = load<u64>(p);
    store<u64>(p, old == expected ? value : old);
    flow = finish_store(v);
    if (locked) exclusive_end(v);
  }
  if (old != expected) {
    store<u64>(v + V_GPR + RAX * 8, old & 0xffffffff);
    store<u64>(v + V_GPR + RDX * 8, old >> 32);
  }
  set_zero(v, old == expected);
  return flow;
}

/** The operand of CMPXCHG16B lies on a multiple of 16; in the scratch buffer only MMIO does. */
function is_aligned_16(v: u32, p: u32): bool {
  if (p != v + V_SCRATCH) return (p & 15) == 0;
  return load<u32>(v + V_COMMIT_LEN2) == 0 && (load<u64>(v + V_COMMIT_GPA1) & 15) == 0;
}

/** Wasm has no atomic of 16 bytes: with LOCK the other vCPUs stop; without, the instruction is atomic to its own vCPU. */
function compare_and_exchange_16(v: u32, p: u32, r: u32): u32 {
  if (!is_aligned_16(v, p)) return raise_code(v, GP, 0);
  const locked = (load<u16>(r + R_FLAGS) & RF_LOCK) != 0;
  if (locked && !split_begin(v, p, 16)) return FLOW_RESTART;
  const low = load<u64>(p);
  const high = load<u64>(p + 8);
  const equal = low == load<u64>(v + V_GPR + RAX * 8) && high == load<u64>(v + V_GPR + RDX * 8);
  if (equal) {
    store<u64>(p, load<u64>(v + V_GPR + RBX * 8));
    store<u64>(p + 8, load<u64>(v + V_GPR + RCX * 8));
  }
  const flow = finish_store(v);
  if (locked) exclusive_end(v);
  if (!equal) {
    store<u64>(v + V_GPR + RAX * 8, low);
    store<u64>(v + V_GPR + RDX * 8, high);
  }
  set_zero(v, equal);
  return flow;
}

export function exec_locked(v: u32, r: u32, op: u32, rm: u32): u32 {
  if (op < OP_LOCK_INC)
    return modify(v, r, rm, op - OP_LOCK_ALU, read_sized(load<u32>(r + R_REG), size_of(r)));
  switch (op - OP_LOCK_INC) {
    case OP_LOCK_INC - OP_LOCK_INC:
      return modify(v, r, rm, INC, 1);
    case OP_LOCK_DEC - OP_LOCK_INC:
      return modify(v, r, rm, DEC, 1);
    case OP_LOCK_NOT - OP_LOCK_INC:
      return modify(v, r, rm, NOT, 0);
    case OP_LOCK_NEG - OP_LOCK_INC:
      return modify(v, r, rm, NEG, 0);
    case OP_LOCK_BT - OP_LOCK_INC:
    case OP_LOCK_BT - OP_LOCK_INC + 1:
    case OP_LOCK_BT - OP_LOCK_INC + 2:
      return modify(
        v,
        r,
        rm,
        BTS + op - OP_LOCK_BT,
        (1 as u64) << (load<u64>(r + R_IMM) & ((8 << size_of(r)) - 1)),
      );
    case OP_XCHG_M - OP_LOCK_INC:
      return exchange_memory(v, r, rm);
    case OP_XADD - OP_LOCK_INC:
      return exchange_add(v, r, rm);
    case OP_CMPXCHG - OP_LOCK_INC:
      return compare_and_exchange(v, r, rm);
    case OP_CMPXCHG8B - OP_LOCK_INC:
      return compare_and_exchange_8(v, rm, r);
    default:
      return compare_and_exchange_16(v, rm, r);
  }
}
