// String instructions with REP. Registers are written after every element or run of elements, so a fault or a request in
// the middle leaves a state from which the instruction simply starts again.
import {
  FLOW_EXIT,
  FLOW_EXIT_RESTART,
  FLOW_FAULT,
  FLOW_NEXT,
  FLOW_RESTART,
  FLOW_STOP,
  R_FLAGS,
  R_SEG,
  RF_ASIZE_SHIFT,
  RF_REP,
  RF_REPNE,
} from '../abi/insn';
import { KVM_EXIT_IO_IN, KVM_EXIT_IO_OUT } from '../abi/kvm_run';
import { TLB_READ, TLB_WRITE } from '../abi/map';
import { OP_CMPS, OP_INS, OP_LODS, OP_MOVS, OP_OUTS, OP_SCAS, OP_STOS } from '../abi/ops';
import {
  ES,
  LEAVE_COMMIT,
  LF_SUB,
  MODE_64,
  MODE_FLAT,
  MODE_SIZE,
  PENDING_DONE,
  PENDING_NONE,
  PENDING_PIO_IN,
  V_GPR,
  V_LEAVE,
  V_MODE,
  V_PENDING,
  V_REQUESTS,
  V_RFLAGS,
  V_SCRATCH,
} from '../abi/vcpu_page';
import { FLAG_DF, FLAG_TF, RAX, RCX, RDI, RDX, RSI } from '../abi/x86';
import { exit_io, pio_page } from '../cpu/exits';
import { get_zf, lazy } from '../cpu/flags';
import {
  finish_store,
  read_signed,
  read_sized,
  size_of,
  write_memory,
  write_register,
} from '../cpu/operands';
import { commit, translate } from '../memory/access';
import { mmio_queued } from '../memory/mmio';
import { linear } from '../memory/segments';
import { faulted } from '../state/fault';
import { core_in, core_out, io_allowed, is_core_port, note_port_access } from './io';

/** A register as wide as the address size. */
function address_register(v: u32, n: u32, asize: u32): u64 {
  return read_sized(v + V_GPR + n * 8, asize);
}

function set_address_register(v: u32, n: u32, asize: u32, value: u64): void {
  write_register(v + V_GPR + n * 8, asize, value);
}

/** Address of `bytes` bytes at offset `offset` of segment `n`, 0 with a fault raised. */
function operand(v: u32, n: u32, offset: u64, bytes: u32, tag: u32): u32 {
  const la = linear(v, n, offset, bytes, tag == TLB_WRITE);
  if (faulted(v)) return 0;
  return translate(v, la, tag, bytes - 1, n, false);
}

/** Whole elements from `offset` to the end of its page, going up. */
function room(offset: u64, base_offset: u64, size: u32): u64 {
  return (0x1000 - ((offset + base_offset) & 0xfff)) >> size;
}

/** Segment bases are 0 and nothing wraps: runs of elements may be taken at once. */
function is_plain(v: u32, n: u32): bool {
  const mode = load<u32>(v + V_MODE);
  if ((mode & MODE_SIZE) == MODE_64) return n < 4;
  return (mode & MODE_FLAT) != 0 && n != 1 && n < 4;
}

/** A run of MOVS or STOS inside one page each; elements done, 0 = take the single way. */
function run_of(v: u32, op: u32, size: u32, asize: u32, n_seg: u32, count: u64): u64 {
  if (load<u32>(v + V_RFLAGS) & FLAG_DF || asize == 1 || !is_plain(v, op == OP_MOVS ? n_seg : ES)) return 0;
  const di = address_register(v, RDI, asize);
  let n = room(di, 0, size);
  if (n > count) n = count;
  const si = address_register(v, RSI, asize);
  if (op == OP_MOVS) {
    const m = room(si, 0, size);
    if (n > m) n = m;
  }
  if (n < 2) return 0;
  const bytes = (n << size) as u32;
  const to = operand(v, ES, di, bytes, TLB_WRITE);
  if (to == 0) return 0;
  if (to == v + V_SCRATCH || load<u32>(v + V_LEAVE) & LEAVE_COMMIT) {
    store<u32>(v + V_LEAVE, load<u32>(v + V_LEAVE) & ~LEAVE_COMMIT);
    return 0;
  }
  if (op == OP_MOVS) {
    const from = operand(v, n_seg, si, bytes, TLB_READ);
    if (from == 0 || from == v + V_SCRATCH) return 0;
    if (to > from && to < from + bytes) {
      // The source is overwritten as the copy goes on: element by element.
      for (let i: u32 = 0; i < bytes; i += 1 << size) write_memory(to + i, size, read_sized(from + i, size));
    } else {
      memory.copy(to, from, bytes);
    }
    set_address_register(v, RSI, asize, si + bytes);
  } else {
    const value = load<u64>(v + V_GPR + RAX * 8);
    if (size == 0 || value == 0) memory.fill(to, value as u8, bytes);
    else for (let i: u32 = 0; i < bytes; i += 1 << size) write_memory(to + i, size, value);
  }
  set_address_register(v, RDI, asize, di + bytes);
  return n;
}

/** One element; returns FLOW_NEXT, FLOW_FAULT, or an exit of INS and OUTS. */
function element(v: u32, r: u32, op: u32, size: u32, asize: u32): u32 {
  const bytes: u32 = 1 << size;
  const step: u64 = load<u32>(v + V_RFLAGS) & FLAG_DF ? 0 - (bytes as u64) : bytes;
  const si = address_register(v, RSI, asize);
  const di = address_register(v, RDI, asize);
  const n_seg: u32 = load<u8>(r + R_SEG);
  const al = v + V_GPR + RAX * 8;
  const shift: i64 = 64 - (8 << size);
  switch (op - OP_MOVS) {
    case OP_MOVS - OP_MOVS: {
      const from = operand(v, n_seg, si, bytes, TLB_READ);
      if (from == 0) return FLOW_FAULT;
      const value = read_sized(from, size);
      const to = operand(v, ES, di, bytes, TLB_WRITE);
      if (to == 0) return FLOW_FAULT;
      write_memory(to, size, value);
      if (load<u32>(v + V_LEAVE) & LEAVE_COMMIT) commit(v);
      set_address_register(v, RSI, asize, si + step);
      set_address_register(v, RDI, asize, di + step);
      return FLOW_NEXT;
    }
    case OP_CMPS - OP_MOVS: {
      const from = operand(v, n_seg, si, bytes, TLB_READ);
      if (from == 0) return FLOW_FAULT;
      const a = read_signed(from, size);
      const to = operand(v, ES, di, bytes, TLB_READ);
      if (to == 0) return FLOW_FAULT;
      const b = read_signed(to, size);
      lazy(v, LF_SUB, a, b, ((a - b) << shift) >> shift);
      set_address_register(v, RSI, asize, si + step);
      set_address_register(v, RDI, asize, di + step);
      return FLOW_NEXT;
    }
    case OP_STOS - OP_MOVS: {
      const to = operand(v, ES, di, bytes, TLB_WRITE);
      if (to == 0) return FLOW_FAULT;
      write_memory(to, size, load<u64>(al));
      if (load<u32>(v + V_LEAVE) & LEAVE_COMMIT) commit(v);
      set_address_register(v, RDI, asize, di + step);
      return FLOW_NEXT;
    }
    case OP_LODS - OP_MOVS: {
      const from = operand(v, n_seg, si, bytes, TLB_READ);
      if (from == 0) return FLOW_FAULT;
      write_register(al, size, read_sized(from, size));
      set_address_register(v, RSI, asize, si + step);
      return FLOW_NEXT;
    }
    case OP_SCAS - OP_MOVS: {
      const to = operand(v, ES, di, bytes, TLB_READ);
      if (to == 0) return FLOW_FAULT;
      const a = read_signed(al, size);
      const b = read_signed(to, size);
      lazy(v, LF_SUB, a, b, ((a - b) << shift) >> shift);
      set_address_register(v, RDI, asize, di + step);
      return FLOW_NEXT;
    }
    case OP_INS - OP_MOVS: {
      const port: u32 = load<u16>(v + V_GPR + RDX * 8);
      if (!io_allowed(v, port, bytes)) return FLOW_FAULT;
      // The destination must be open before the port is read: reading is not undone.
      const to = operand(v, ES, di, bytes, TLB_WRITE);
      if (to == 0) return FLOW_FAULT;
      let value: u64;
      if (is_core_port(port)) {
        value = core_in(port, bytes);
      } else if (load<u32>(v + V_PENDING) != PENDING_PIO_IN) {
        store<u32>(v + V_LEAVE, load<u32>(v + V_LEAVE) & ~LEAVE_COMMIT);
        exit_io(v, KVM_EXIT_IO_IN, bytes, port, 1);
        store<u64>(pio_page(v), 0);
        store<u32>(v + V_PENDING, PENDING_PIO_IN);
        return FLOW_EXIT_RESTART;
      } else {
        store<u32>(v + V_PENDING, PENDING_NONE);
        value = read_sized(pio_page(v), size);
      }
      write_memory(to, size, value);
      if (load<u32>(v + V_LEAVE) & LEAVE_COMMIT) commit(v);
      note_port_access(v, port, bytes);
      set_address_register(v, RDI, asize, di + step);
      return FLOW_NEXT;
    }
    default: {
      const port: u32 = load<u16>(v + V_GPR + RDX * 8);
      if (!io_allowed(v, port, bytes)) return FLOW_FAULT;
      const from = operand(v, n_seg, si, bytes, TLB_READ);
      if (from == 0) return FLOW_FAULT;
      const value = read_sized(from, size);
      note_port_access(v, port, bytes);
      set_address_register(v, RSI, asize, si + step);
      if (is_core_port(port)) {
        core_out(port, bytes, value as u32);
        return FLOW_NEXT;
      }
      write_memory(pio_page(v), size, value);
      exit_io(v, KVM_EXIT_IO_OUT, bytes, port, 1);
      store<u32>(v + V_PENDING, PENDING_DONE);
      return FLOW_EXIT;
    }
  }
}

export function exec_string(v: u32, r: u32, op: u32, _rm: u32): u32 {
  const flags = load<u16>(r + R_FLAGS) as u32;
  const size = size_of(r);
  const asize = (flags >> RF_ASIZE_SHIFT) & 3;
  if ((flags & (RF_REP | RF_REPNE)) == 0) return element(v, r, op, size, asize);
  let count = address_register(v, RCX, asize);
  const compares = op == OP_CMPS || op == OP_SCAS;
  while (count) {
    let done: u64 = 0;
    if ((op == OP_MOVS || op == OP_STOS) && (load<u32>(v + V_RFLAGS) & FLAG_TF) == 0) {
      done = run_of(v, op, size, asize, load<u8>(r + R_SEG), count);
      if (faulted(v)) return FLOW_FAULT;
    }
    let flow: u32 = FLOW_NEXT;
    if (done == 0) {
      flow = element(v, r, op, size, asize);
      if (flow == FLOW_FAULT || flow == FLOW_EXIT_RESTART) return flow;
      done = 1;
    }
    count -= done;
    set_address_register(v, RCX, asize, count);
    if (flow == FLOW_EXIT) return count ? FLOW_EXIT_RESTART : FLOW_EXIT;
    if (compares && (get_zf(v) != 0) != ((flags & RF_REP) != 0)) return FLOW_NEXT;
    if (
      count &&
      (load<u32>(v + V_REQUESTS) | load<u32>(v + V_LEAVE) ||
        load<u32>(v + V_RFLAGS) & FLAG_TF ||
        mmio_queued(v))
    )
      return FLOW_RESTART;
  }
  return FLOW_NEXT;
}
