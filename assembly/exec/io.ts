// IN and OUT: permission by IOPL and the TSS bitmap, the chips that live in the core, else KVM_EXIT_IO. INS and OUTS are
// in exec/string.ts and use what is exported here.

import { VM_COALESCED_COUNT } from '../abi/bus';
import { FLOW_EXIT, FLOW_EXIT_RESTART, FLOW_FAULT, FLOW_NEXT, FLOW_STOP, R_IMM } from '../abi/insn';
import { KVM_EXIT_IO_IN, KVM_EXIT_IO_OUT, RUN_IMMEDIATE_EXIT } from '../abi/kvm_run';
import { VM_HAS_PIT, VM_PAGE } from '../abi/map';
import { OP_IN_DX, OP_IN_I, OP_OUT_I } from '../abi/ops';
import {
  LEAVE_DEBUG,
  PENDING_DONE,
  PENDING_NONE,
  PENDING_PIO_IN,
  SEG_ATTR,
  SEG_BASE,
  SEG_LIMIT,
  TR,
  V_CR4,
  V_DB_PENDING,
  V_GPR,
  V_LEAVE,
  V_PENDING,
  V_REQUESTS,
  V_RFLAGS,
  V_SERVED,
} from '../abi/vcpu_page';
import { CR4_DE, FLAG_IOPL, FLAG_VM, GP, RAX, RDX } from '../abi/x86';
import { match_port } from '../cpu/debug';
import { count_exit, exit_io, pio_page, run_page } from '../cpu/exits';
import { read_sized, size_of, write_memory, write_register } from '../cpu/operands';
import { ignore_x87_error } from '../cpu/x87_error';
import { host_port_read, host_port_write, vm_base } from '../host';
import { pic_read, pic_write } from '../irqchip/pic';
import { pit_read, pit_write } from '../irqchip/pit';
import { load_system16 } from '../memory/access';
import { port_write } from '../memory/bus';
import { faulted, raise_code } from '../state/fault';
import { cpl, has_pic, seg } from '../state/vcpu';

/** Any write takes FERR#'s interrupt back. */
const X87_ERROR_PORT: u32 = 0xf0;
/** Offset of the I/O map base in a 32- or 64-bit TSS. */
const TSS_IO_BASE: u32 = 0x66;

/** Whether this program may access `bytes` ports from `port` (SDM vol. 1, 19.5.2); else raises #GP(0) or #PF. */
export function io_allowed(v: u32, port: u32, bytes: u32): bool {
  const flags = load<u32>(v + V_RFLAGS);
  // Real mode is at CPL 0.
  if ((flags & FLAG_VM) == 0 && cpl(v) <= (flags & FLAG_IOPL) >> 12) return true;
  const tr = seg(v, TR);
  const base = load<u64>(tr + SEG_BASE);
  const limit = load<u32>(tr + SEG_LIMIT);
  if ((load<u32>(tr + SEG_ATTR) & 0x1f) == 11 && limit >= TSS_IO_BASE + 1) {
    const map = load_system16(v, base + TSS_IO_BASE) as u32;
    if (faulted(v)) return false;
    const at = map + (port >> 3);
    if (at + 1 <= limit) {
      const bits = load_system16(v, base + at) as u32;
      if (faulted(v)) return false;
      if (((bits >> (port & 7)) & ((1 << bytes) - 1)) == 0) return true;
    }
  }
  raise_code(v, GP, 0);
  return false;
}

/** Notes an I/O breakpoint (CR4.DE, DRn of kind 2) that the access hits; the trap follows the instruction. */
export function note_port_access(v: u32, port: u32, bytes: u32): void {
  if ((load<u32>(v + V_CR4) & CR4_DE) == 0) return;
  const hits = match_port(v, port, bytes);
  if (hits == 0) return;
  store<u32>(v + V_DB_PENDING, load<u32>(v + V_DB_PENDING) | hits);
  store<u32>(v + V_LEAVE, load<u32>(v + V_LEAVE) | LEAVE_DEBUG);
}

function is_pic_port(port: u32): bool {
  return (port & ~0x81) == 0x20 || (port & ~1) == 0x4d0;
}

function is_pit_port(port: u32): bool {
  return (port & ~3) == 0x40 || port == 0x61;
}

/** The port belongs to a chip in the core: nobody outside sees the access. */
export function is_core_port(port: u32): bool {
  if (is_pic_port(port)) return has_pic();
  return is_pit_port(port) && load<u32>(vm_base + VM_PAGE + VM_HAS_PIT) != 0;
}

/** Reads `bytes` bytes from a core port; the chips are 8 bits wide, so wider reads take the following ports. */
export function core_in(port: u32, bytes: u32): u32 {
  let value: u32 = 0;
  for (let i: u32 = 0; i < bytes; i++) {
    const at = port + i;
    let byte: u32 = 0xff;
    if (is_core_port(at)) byte = is_pic_port(at) ? pic_read(at) : pit_read(at);
    value |= (byte & 0xff) << (i * 8);
  }
  return value;
}

/** Writes `bytes` bytes to a core port and those behind it. */
export function core_out(port: u32, bytes: u32, value: u32): void {
  for (let i: u32 = 0; i < bytes; i++) {
    const at = port + i;
    if (!is_core_port(at)) continue;
    const byte = (value >> (i * 8)) & 0xff;
    if (is_pic_port(at)) pic_write(at, byte);
    else pit_write(at, byte);
  }
}

/** The exit in the run page may be answered by this thread's devices, without leaving: nobody wants this vCPU out. */
function is_served(v: u32): bool {
  return (
    load<u32>(v + V_SERVED) != 0 &&
    load<u32>(v + V_REQUESTS) == 0 &&
    load<u8>(run_page(v) + RUN_IMMEDIATE_EXIT) == 0 &&
    // Coalesced writes come before the exit, in the ring of this vCPU.
    load<u32>(vm_base + VM_PAGE + VM_COALESCED_COUNT) == 0
  );
}

/** After a device has answered: what it did may let an interrupt in, end the machine or stop this vCPU. */
function after_device(v: u32): u32 {
  count_exit(v);
  return load<u32>(v + V_LEAVE) | load<u32>(v + V_REQUESTS) ? FLOW_STOP : FLOW_NEXT;
}

function port_in(v: u32, size: u32, port: u32): u32 {
  const bytes: u32 = 1 << size;
  if (!io_allowed(v, port, bytes)) return FLOW_FAULT;
  const rax = v + V_GPR + RAX * 8;
  if (is_core_port(port)) {
    write_register(rax, size, core_in(port, bytes) as u64);
    // What the chip does may let an interrupt in.
    note_port_access(v, port, bytes);
    return FLOW_STOP;
  }
  const page = pio_page(v);
  if (load<u32>(v + V_PENDING) != PENDING_PIO_IN) {
    exit_io(v, KVM_EXIT_IO_IN, bytes, port, 1);
    store<u64>(page, 0);
    if (is_served(v)) {
      const answer = host_port_read(port, bytes);
      if (answer >= 0) {
        const value = answer as u32;
        write_memory(page, size, value as u64);
        write_register(rax, size, value as u64);
        note_port_access(v, port, bytes);
        return after_device(v);
      }
    }
    store<u32>(v + V_PENDING, PENDING_PIO_IN);
    return FLOW_EXIT_RESTART;
  }
  store<u32>(v + V_PENDING, PENDING_NONE);
  write_register(rax, size, read_sized(page, size));
  note_port_access(v, port, bytes);
  return load<u32>(v + V_LEAVE) ? FLOW_STOP : FLOW_NEXT;
}

function port_out(v: u32, size: u32, port: u32): u32 {
  const bytes: u32 = 1 << size;
  if (!io_allowed(v, port, bytes)) return FLOW_FAULT;
  note_port_access(v, port, bytes);
  const value = load<u32>(v + V_GPR + RAX * 8);
  if (port == X87_ERROR_PORT && has_pic()) {
    ignore_x87_error(v);
    return FLOW_STOP;
  }
  if (is_core_port(port)) {
    core_out(port, bytes, value);
    return FLOW_STOP;
  }
  if (port_write(v, port, bytes, value)) return load<u32>(v + V_LEAVE) ? FLOW_STOP : FLOW_NEXT;
  write_memory(pio_page(v), size, value as u64);
  exit_io(v, KVM_EXIT_IO_OUT, bytes, port, 1);
  if (is_served(v) && host_port_write(port, bytes, value & (u32.MAX_VALUE >> (32 - bytes * 8))))
    return after_device(v);
  store<u32>(v + V_PENDING, PENDING_DONE);
  return FLOW_EXIT;
}

/** Executes the family OP_IN_I .. OP_OUT_DX. */
export function exec_io(v: u32, r: u32, op: u32, _rm: u32): u32 {
  const size = size_of(r);
  const immediate = op == OP_IN_I || op == OP_OUT_I;
  const port: u32 = immediate ? load<u8>(r + R_IMM) : load<u16>(v + V_GPR + RDX * 8);
  return op == OP_IN_I || op == OP_IN_DX ? port_in(v, size, port) : port_out(v, size, port);
}
