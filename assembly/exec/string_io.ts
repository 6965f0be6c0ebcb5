// INS and OUTS: one element at a time between a port and memory, with KVM_EXIT_IO for every port that no chip in the
// core answers. The permission check and the chips' ports are in io.ts.
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
import { OP_INS } from '../abi/ops';
import {
  ES,
  LEAVE_COMMIT,
  PENDING_DONE,
  PENDING_NONE,
  PENDING_PIO_IN,
  V_GPR,
  V_LEAVE,
  V_PENDING,
} from '../abi/vcpu_page';
import { RCX, RDI, RDX, RSI } from '../abi/x86';
import { exit_io, pio_page } from '../cpu/exits';
import { read_sized, size_of, write_memory } from '../cpu/operands';
import { port_write } from '../memory/bus';
import {
  address_register,
  element_address,
  is_interrupted,
  put_element,
  set_address_register,
  stride,
} from './element';
import { core_in, core_out, io_allowed, is_core_port, note_port_access } from './io';

/** INS of one element: FLOW_NEXT, FLOW_FAULT, or FLOW_EXIT_RESTART while the port's answer is awaited. */
function input(v: u32, port: u32, size: u32, asize: u32): u32 {
  const bytes: u32 = 1 << size;
  const di = address_register(v, RDI, asize);
  // The destination must be open before the port is read: reading is not undone.
  const to = element_address(v, ES, di, size, TLB_WRITE);
  if (to == 0) return FLOW_FAULT;
  let value: u64;
  if (is_core_port(port)) {
    value = core_in(port, bytes);
  } else if (load<u32>(v + V_PENDING) == PENDING_PIO_IN) {
    store<u32>(v + V_PENDING, PENDING_NONE);
    value = read_sized(pio_page(v), size);
  } else {
    store<u32>(v + V_LEAVE, load<u32>(v + V_LEAVE) & ~LEAVE_COMMIT);
    exit_io(v, KVM_EXIT_IO_IN, bytes, port, 1);
    store<u64>(pio_page(v), 0);
    store<u32>(v + V_PENDING, PENDING_PIO_IN);
    return FLOW_EXIT_RESTART;
  }
  put_element(v, to, size, value);
  note_port_access(v, port, bytes);
  set_address_register(v, RDI, asize, di + (stride(v, size) as i64 as u64));
  return FLOW_NEXT;
}

/** OUTS of one element: FLOW_NEXT, FLOW_FAULT, or FLOW_EXIT with the element on its way. */
function output(v: u32, n_seg: u32, port: u32, size: u32, asize: u32): u32 {
  const bytes: u32 = 1 << size;
  const si = address_register(v, RSI, asize);
  const from = element_address(v, n_seg, si, size, TLB_READ);
  if (from == 0) return FLOW_FAULT;
  const value = read_sized(from, size);
  note_port_access(v, port, bytes);
  set_address_register(v, RSI, asize, si + (stride(v, size) as i64 as u64));
  if (is_core_port(port)) {
    core_out(port, bytes, value as u32);
    return FLOW_NEXT;
  }
  if (port_write(v, port, bytes, value as u32)) return FLOW_NEXT;
  write_memory(pio_page(v), size, value);
  exit_io(v, KVM_EXIT_IO_OUT, bytes, port, 1);
  store<u32>(v + V_PENDING, PENDING_DONE);
  return FLOW_EXIT;
}

/** Executes INS and OUTS. */
export function exec_string_io(v: u32, r: u32, op: u32): u32 {
  const flags = load<u16>(r + R_FLAGS) as u32;
  const size = size_of(r);
  const asize = (flags >> RF_ASIZE_SHIFT) & 3;
  const repeats = (flags & (RF_REP | RF_REPNE)) != 0;
  const n_seg: u32 = load<u8>(r + R_SEG);
  const port: u32 = load<u16>(v + V_GPR + RDX * 8);
  let count: u64 = repeats ? address_register(v, RCX, asize) : 1;
  if (count != 0 && !io_allowed(v, port, 1 << size)) return FLOW_FAULT;
  while (count) {
    const flow = op == OP_INS ? input(v, port, size, asize) : output(v, n_seg, port, size, asize);
    if (flow == FLOW_FAULT || flow == FLOW_EXIT_RESTART) return flow;
    count--;
    if (repeats) set_address_register(v, RCX, asize, count);
    if (flow == FLOW_EXIT) return count ? FLOW_EXIT_RESTART : FLOW_EXIT;
    if (count && is_interrupted(v)) return FLOW_RESTART;
  }
  // What a chip of the core did may let an interrupt in.
  return is_core_port(port) ? FLOW_STOP : FLOW_NEXT;
}
