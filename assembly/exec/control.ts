// System registers and instructions: control and debug registers, descriptor-table registers, LAR and its kin, CLI and STI,
// HLT, SWAPGS, FSGSBASE, XCR0, hypercalls. What a control-register write does is in cpu/control_registers.ts.

import {
  KVM_X86_DISABLE_EXITS_HLT,
  KVM_X86_QUIRK_MWAIT_NEVER_UD_FAULTS,
  STAT_HALTS,
  VM_DISABLED_EXITS,
  VM_DISABLED_QUIRKS,
} from '../abi/calls';
import {
  FLOW_EXIT,
  FLOW_FAULT,
  FLOW_NEXT,
  FLOW_STOP,
  R_FLAGS,
  R_IMM,
  R_OP,
  R_REG,
  R_SEG,
  RECORD_SIZE,
  RF_MEMORY,
} from '../abi/insn';
import { APIC_TASKPRI } from '../abi/irqchip';
import { KVM_MP_STATE_HALTED, RUN_REQUEST_INTERRUPT_WINDOW } from '../abi/kvm_run';
import {
  OP_ARPL,
  OP_CLAC,
  OP_CLFLUSH,
  OP_CLI,
  OP_CLTS,
  OP_END,
  OP_HLT,
  OP_INVD,
  OP_INVLPG,
  OP_INVPCID,
  OP_LAR,
  OP_LGDT,
  OP_LIDT,
  OP_LLDT,
  OP_LMSW,
  OP_LSL,
  OP_LTR,
  OP_MONITOR,
  OP_MOV_FROM_CR,
  OP_MOV_FROM_DR,
  OP_MOV_TO_CR,
  OP_MOV_TO_DR,
  OP_MWAIT,
  OP_PAUSE,
  OP_RDFSBASE,
  OP_RDPKRU,
  OP_SGDT,
  OP_SIDT,
  OP_SLDT,
  OP_SMSW,
  OP_STAC,
  OP_STI,
  OP_STR,
  OP_SWAPGS,
  OP_VERR,
  OP_VERW,
  OP_VMCALL,
  OP_WRPKRU,
  OP_XGETBV,
  OP_XSETBV,
} from '../abi/ops';
import {
  FS,
  GS,
  LDTR,
  SEG_BASE,
  SEG_SELECTOR,
  SHADOW_STI,
  TR,
  V_CR0,
  V_CR2,
  V_CR3,
  V_CR4,
  V_CR8,
  V_DR,
  V_GDT_BASE,
  V_GDT_LIMIT,
  V_GPR,
  V_IDT_BASE,
  V_IDT_LIMIT,
  V_KERNEL_GS_BASE,
  V_MP_STATE,
  V_RFLAGS,
  V_SHADOW,
  V_XCR0,
} from '../abi/vcpu_page';
import {
  CR0_PE,
  CR0_TS,
  CR4_DE,
  CR4_FSGSBASE,
  CR4_OSXSAVE,
  CR4_PVI,
  CR4_UMIP,
  CR4_VME,
  FLAG_AC,
  FLAG_IF,
  FLAG_IOPL,
  FLAG_VIF,
  FLAG_VIP,
  FLAG_ZF,
  GP,
  RAX,
  RCX,
  RDX,
  UD,
} from '../abi/x86';
import { write_cr0, write_cr3, write_cr4 } from '../cpu/control_registers';
import { extended_ebx, features_ecx, supported_xcr0 } from '../cpu/cpuid';
import { DR6_BD, DR6_FIXED, DR6_WRITABLE, DR7_FIXED, DR7_GD, DR7_WRITABLE } from '../cpu/debug';
import { exit_hlt, run_page } from '../cpu/exits';
import { arith_flags, set_arith } from '../cpu/flags';
import { privileged, update_mode, update_tlb_mode } from '../cpu/mode';
import { effective_address, finish_store, size_of, write_reg, write_rm } from '../cpu/operands';
import { desc_limit } from '../cpu/segment';
import { inspect, load_system_segment, verify } from '../cpu/tables';
import { interrupt_waits } from '../irqchip/interrupts';
import { set_tpr } from '../irqchip/lapic';
import { lapic_get } from '../irqchip/lapic_bus';
import { load16, load32, load64, store16, store32, store64 } from '../memory/access';
import { lapic_from_guest } from '../memory/lapic_words';
import { linear } from '../memory/segments';
import { faulted, raise, raise_code, raise_debug } from '../state/fault';
import { count, vm_setting } from '../state/settings';
import { canonical, cpl, has_irqchip, is_64, is_real_mode, is_v86, seg } from '../state/vcpu';
import { hypercall } from './hypercall';
import { pause } from './pause';
import { clflush, invlpg, invpcid, rdpkru, wrpkru } from './translations';

/** What LAR shows of a descriptor's upper half. */
const LAR_MASK: u64 = 0x00f0ff00;
/** CPUID.1:ECX. */
const MONITOR: u32 = 8;

/** CR8: the upper half of the task priority, kept in the LAPIC when it is in the core. */
function read_cr8(v: u32): u64 {
  if (!has_irqchip()) return load<u64>(v + V_CR8);
  lapic_from_guest(v);
  return ((lapic_get(v, APIC_TASKPRI) >> 4) & 15) as u64;
}

function write_cr8(v: u32, value: u64): void {
  store<u64>(v + V_CR8, value);
  if (!has_irqchip()) return;
  lapic_from_guest(v);
  set_tpr(v, (value << 4) as u32);
}

function mov_from_cr(v: u32, r: u32): u32 {
  const n = load<u32>(r + R_IMM);
  if (n > 8 || n == 1 || (n > 4 && n < 8)) return raise(v, UD);
  if (!privileged(v)) return FLOW_FAULT;
  let value: u64;
  if (n == 0) value = load<u64>(v + V_CR0);
  else if (n == 2) value = load<u64>(v + V_CR2);
  else if (n == 3) value = load<u64>(v + V_CR3);
  else if (n == 4) value = load<u64>(v + V_CR4);
  else value = read_cr8(v);
  write_reg(r, value);
  return FLOW_NEXT;
}

function mov_to_cr(v: u32, r: u32): u32 {
  const n = load<u32>(r + R_IMM);
  if (n > 8 || n == 1 || (n > 4 && n < 8)) return raise(v, UD);
  if (!privileged(v)) return FLOW_FAULT;
  let value = load<u64>(load<u32>(r + R_REG));
  if (!is_64(v)) value &= 0xffffffff;
  let ok = true;
  if (n == 0) ok = write_cr0(v, value);
  else if (n == 2) store<u64>(v + V_CR2, value);
  else if (n == 3) ok = write_cr3(v, value);
  else if (n == 4) ok = write_cr4(v, value);
  else if (value > 15) ok = false;
  else write_cr8(v, value);
  if (!ok) return raise_code(v, GP, 0);
  return FLOW_STOP;
}

/** DR4 and DR5 are other names of DR6 and DR7 unless CR4.DE; 8 = #UD. */
function debug_register(v: u32, n: u32): u32 {
  if (n == 4 || n == 5) return load<u32>(v + V_CR4) & CR4_DE ? 8 : n + 2;
  return n;
}

/** Checks that MOV to and from a debug register have in common. */
function debug_access(v: u32, n: u32): bool {
  if (n > 7) {
    raise(v, UD);
    return false;
  }
  if (!privileged(v)) return false;
  if (load<u32>(v + V_DR + 7 * 8) & DR7_GD) {
    raise_debug(v, DR6_BD);
    return false;
  }
  return true;
}

function mov_from_dr(v: u32, r: u32): u32 {
  const n = debug_register(v, load<u32>(r + R_IMM));
  if (!debug_access(v, n)) return FLOW_FAULT;
  let value = load<u64>(v + V_DR + n * 8);
  if (n == 6) value = ((value as u32) & DR6_WRITABLE) | DR6_FIXED;
  else if (n == 7) value = ((value as u32) & DR7_WRITABLE) | DR7_FIXED;
  write_reg(r, value);
  return FLOW_NEXT;
}

function mov_to_dr(v: u32, r: u32): u32 {
  const n = debug_register(v, load<u32>(r + R_IMM));
  if (!debug_access(v, n)) return FLOW_FAULT;
  let value = load<u64>(load<u32>(r + R_REG));
  if (!is_64(v)) value &= 0xffffffff;
  if (n >= 6) {
    if (value >> 32) return raise_code(v, GP, 0);
    value = n == 6 ? (value & DR6_WRITABLE) | DR6_FIXED : (value & DR7_WRITABLE) | DR7_FIXED;
  }
  store<u64>(v + V_DR + n * 8, value);
  update_mode(v);
  return FLOW_STOP;
}

/** SLDT, STR, SMSW, SGDT and SIDT under CR4.UMIP. */
function may_store(v: u32): bool {
  if ((load<u32>(v + V_CR4) & CR4_UMIP) == 0 || cpl(v) == 0) return true;
  raise_code(v, GP, 0);
  return false;
}

function store_table(v: u32, r: u32, base: u32, limit: u32): u32 {
  if (!may_store(v)) return FLOW_FAULT;
  const wide = is_64(v);
  const la = linear(v, load<u8>(r + R_SEG), effective_address(v, r), wide ? 10 : 6, true);
  if (faulted(v)) return FLOW_FAULT;
  store16(v, la, load<u32>(v + limit) as u64);
  if (faulted(v)) return FLOW_FAULT;
  if (wide) store64(v, la + 2, load<u64>(v + base));
  else store32(v, la + 2, load<u64>(v + base));
  return faulted(v) ? FLOW_FAULT : FLOW_STOP;
}

function load_table(v: u32, r: u32, base: u32, limit: u32): u32 {
  if (!privileged(v)) return FLOW_FAULT;
  const wide = is_64(v);
  const la = linear(v, load<u8>(r + R_SEG), effective_address(v, r), wide ? 10 : 6, false);
  if (faulted(v)) return FLOW_FAULT;
  const new_limit = load16(v, la) as u32;
  if (faulted(v)) return FLOW_FAULT;
  let new_base = wide ? load64(v, la + 2) : load32(v, la + 2);
  if (faulted(v)) return FLOW_FAULT;
  if (wide && !canonical(new_base)) return raise_code(v, GP, 0);
  if (!wide && size_of(r) == 1) new_base &= 0xffffff;
  store<u64>(v + base, new_base);
  store<u32>(v + limit, new_limit);
  return FLOW_STOP;
}

/** The 16-bit operand of LMSW, LLDT and LTR; check `faulted`. */
function word_operand(v: u32, r: u32, rm: u32): u32 {
  if ((load<u16>(r + R_FLAGS) & RF_MEMORY) == 0) return load<u16>(rm);
  const la = linear(v, load<u8>(r + R_SEG), effective_address(v, r), 2, false);
  return faulted(v) ? 0 : (load16(v, la) as u32);
}

/** SLDT, STR and SMSW: 16 bits to memory, the operand size to a register. */
function store_word(v: u32, r: u32, rm: u32, value: u64): u32 {
  if (!may_store(v)) return FLOW_FAULT;
  if ((load<u16>(r + R_FLAGS) & RF_MEMORY) == 0) return write_rm(v, r, rm, value);
  const la = linear(v, load<u8>(r + R_SEG), effective_address(v, r), 2, true);
  if (faulted(v)) return FLOW_FAULT;
  store16(v, la, value);
  return faulted(v) ? FLOW_FAULT : finish_store(v);
}

function load_system(v: u32, r: u32, rm: u32, n: u32): u32 {
  if (!privileged(v)) return FLOW_FAULT;
  const selector = word_operand(v, r, rm);
  return !faulted(v) && load_system_segment(v, n, selector) ? FLOW_STOP : FLOW_FAULT;
}

function lmsw(v: u32, r: u32, rm: u32): u32 {
  if (!privileged(v)) return FLOW_FAULT;
  const word = word_operand(v, r, rm);
  if (faulted(v)) return FLOW_FAULT;
  const cr0 = load<u64>(v + V_CR0);
  // PE can be set, not cleared.
  const value = (cr0 & ~0xe) | (word & 0xf) | (cr0 & CR0_PE);
  return write_cr0(v, value) ? FLOW_STOP : FLOW_FAULT;
}

/** Sets ZF alone. */
function set_zf(v: u32, on: bool): void {
  set_arith(v, (arith_flags(v) & ~FLAG_ZF) | (on ? FLAG_ZF : 0));
}

function look_up(v: u32, r: u32, rm: u32, limit: bool): u32 {
  const d = inspect(v, load<u16>(rm), limit);
  if (faulted(v)) return FLOW_FAULT;
  if (d != 0) write_reg(r, limit ? (desc_limit(d) as u64) : (d >> 32) & LAR_MASK);
  set_zf(v, d != 0);
  return FLOW_NEXT;
}

function verify_segment(v: u32, rm: u32, write: bool): u32 {
  const ok = verify(v, load<u16>(rm), write);
  if (faulted(v)) return FLOW_FAULT;
  set_zf(v, ok);
  return FLOW_NEXT;
}

function arpl(v: u32, r: u32, rm: u32): u32 {
  const destination = load<u16>(rm) as u32;
  const rpl = load<u16>(load<u32>(r + R_REG)) & 3;
  const raised = (destination & 3) < rpl;
  const flow = write_rm(v, r, rm, raised ? (destination & ~3) | rpl : destination);
  set_zf(v, raised);
  return flow;
}

/** CLI and STI where IOPL does not allow them: 1 = VIF stands in for IF, 0 = #GP(0). */
function uses_virtual_if(v: u32): bool {
  const cr4 = load<u32>(v + V_CR4);
  return is_v86(v) ? (cr4 & CR4_VME) != 0 : cpl(v) == 3 && (cr4 & CR4_PVI) != 0;
}

function may_change_if(v: u32): bool {
  if (is_real_mode(v)) return true;
  const iopl = (load<u32>(v + V_RFLAGS) & FLAG_IOPL) >> 12;
  return is_v86(v) ? iopl == 3 : cpl(v) <= iopl;
}

/** Changes EFLAGS bits that no lazy flag hides. */
function change_flags(v: u32, clear: u32, set: u32): void {
  store<u32>(v + V_RFLAGS, (load<u32>(v + V_RFLAGS) & ~clear) | set);
}

function cli(v: u32): u32 {
  if (may_change_if(v)) change_flags(v, FLAG_IF, 0);
  else if (uses_virtual_if(v)) change_flags(v, FLAG_VIF, 0);
  else return raise_code(v, GP, 0);
  return FLOW_NEXT;
}

/** What interrupts are opened for is there already: the instruction behind STI must run alone, and then it comes in. */
export function opens_window(v: u32): bool {
  return interrupt_waits(v) || load<u8>(run_page(v) + RUN_REQUEST_INTERRUPT_WINDOW) != 0;
}

/** Where nothing waits and the next instruction is in the same block nothing can come in between, and the block goes on. */
function sti(v: u32, r: u32): u32 {
  const flags = load<u32>(v + V_RFLAGS);
  if (may_change_if(v)) {
    if (flags & FLAG_IF) return FLOW_NEXT;
    change_flags(v, 0, FLAG_IF);
    if (load<u16>(r + RECORD_SIZE + R_OP) != OP_END && !opens_window(v)) return FLOW_NEXT;
    store<u32>(v + V_SHADOW, SHADOW_STI);
  } else if (uses_virtual_if(v) && (flags & FLAG_VIP) == 0) {
    change_flags(v, 0, FLAG_VIF);
  } else {
    return raise_code(v, GP, 0);
  }
  return FLOW_STOP;
}

function hlt(v: u32): u32 {
  if (!privileged(v)) return FLOW_FAULT;
  count(v, STAT_HALTS);
  if (has_irqchip() || vm_setting(VM_DISABLED_EXITS) & KVM_X86_DISABLE_EXITS_HLT) {
    atomic.store<u32>(v + V_MP_STATE, KVM_MP_STATE_HALTED);
    return FLOW_STOP;
  }
  exit_hlt(v);
  return FLOW_EXIT;
}

function swapgs(v: u32): u32 {
  if (!is_64(v)) return raise(v, UD);
  if (!privileged(v)) return FLOW_FAULT;
  const gs = seg(v, GS) + SEG_BASE;
  const base = load<u64>(gs);
  store<u64>(gs, load<u64>(v + V_KERNEL_GS_BASE));
  store<u64>(v + V_KERNEL_GS_BASE, base);
  return FLOW_NEXT;
}

/** RDFSBASE RDGSBASE WRFSBASE WRGSBASE: `which` 0..3. */
function fs_gs_base(v: u32, r: u32, rm: u32, which: u32): u32 {
  if (!is_64(v) || (load<u32>(v + V_CR4) & CR4_FSGSBASE) == 0) return raise(v, UD);
  const base = seg(v, which & 1 ? GS : FS) + SEG_BASE;
  if (which < 2) return write_rm(v, r, rm, load<u64>(base));
  const value = size_of(r) == 3 ? load<u64>(rm) : (load<u32>(rm) as u64);
  if (!canonical(value)) return raise_code(v, GP, 0);
  store<u64>(base, value);
  return FLOW_NEXT;
}

function set_ac(v: u32, on: bool): u32 {
  if (cpl(v) != 0 || (extended_ebx(v) & 0x100000) == 0) return raise(v, UD);
  change_flags(v, on ? 0 : FLAG_AC, on ? FLAG_AC : 0);
  update_tlb_mode(v);
  return FLOW_NEXT;
}

function set_pair(v: u32, value: u64): void {
  store<u64>(v + V_GPR + RAX * 8, value & 0xffffffff);
  store<u64>(v + V_GPR + RDX * 8, value >> 32);
}

function xgetbv(v: u32): u32 {
  if ((load<u32>(v + V_CR4) & CR4_OSXSAVE) == 0) return raise(v, UD);
  if (load<u32>(v + V_GPR + RCX * 8) != 0) return raise_code(v, GP, 0);
  set_pair(v, load<u64>(v + V_XCR0));
  return FLOW_NEXT;
}

function xsetbv(v: u32): u32 {
  if ((load<u32>(v + V_CR4) & CR4_OSXSAVE) == 0) return raise(v, UD);
  if (!privileged(v)) return FLOW_FAULT;
  const value = (load<u32>(v + V_GPR + RAX * 8) as u64) | ((load<u32>(v + V_GPR + RDX * 8) as u64) << 32);
  // x87 is always on; AVX needs SSE.
  const bad = (value & 1) == 0 || (value & 6) == 4 || (value & ~supported_xcr0(v)) != 0;
  if (bad || load<u32>(v + V_GPR + RCX * 8) != 0) return raise_code(v, GP, 0);
  store<u64>(v + V_XCR0, value);
  update_mode(v);
  return FLOW_STOP;
}

/** MONITOR and MWAIT do nothing, as on KVM: MWAIT may return at once. Without that quirk they want their CPUID bit. */
function monitor(v: u32): u32 {
  const quirks = vm_setting(VM_DISABLED_QUIRKS);
  if (quirks & KVM_X86_QUIRK_MWAIT_NEVER_UD_FAULTS && (features_ecx(v) & MONITOR) == 0) return raise(v, UD);
  return cpl(v) == 0 ? FLOW_NEXT : raise(v, UD);
}

/** Executes the family OP_MOV_FROM_CR .. OP_VMCALL. */
export function exec_control(v: u32, r: u32, op: u32, rm: u32): u32 {
  switch (op) {
    case OP_MOV_FROM_CR:
      return mov_from_cr(v, r);
    case OP_MOV_TO_CR:
      return mov_to_cr(v, r);
    case OP_MOV_FROM_DR:
      return mov_from_dr(v, r);
    case OP_MOV_TO_DR:
      return mov_to_dr(v, r);
    case OP_SGDT:
      return store_table(v, r, V_GDT_BASE, V_GDT_LIMIT);
    case OP_SIDT:
      return store_table(v, r, V_IDT_BASE, V_IDT_LIMIT);
    case OP_LGDT:
      return load_table(v, r, V_GDT_BASE, V_GDT_LIMIT);
    case OP_LIDT:
      return load_table(v, r, V_IDT_BASE, V_IDT_LIMIT);
    case OP_SMSW:
      return store_word(v, r, rm, load<u64>(v + V_CR0));
    case OP_LMSW:
      return lmsw(v, r, rm);
    case OP_INVLPG:
      return invlpg(v, r);
    case OP_CLTS:
      if (!privileged(v)) return FLOW_FAULT;
      store<u64>(v + V_CR0, load<u64>(v + V_CR0) & ~(CR0_TS as u64));
      update_mode(v);
      return FLOW_STOP;
    case OP_INVD:
      return privileged(v) ? FLOW_NEXT : FLOW_FAULT;
    case OP_SLDT:
      return store_word(v, r, rm, load<u32>(seg(v, LDTR) + SEG_SELECTOR) as u64);
    case OP_STR:
      return store_word(v, r, rm, load<u32>(seg(v, TR) + SEG_SELECTOR) as u64);
    case OP_LLDT:
      return load_system(v, r, rm, LDTR);
    case OP_LTR:
      return load_system(v, r, rm, TR);
    case OP_VERR:
      return verify_segment(v, rm, false);
    case OP_VERW:
      return verify_segment(v, rm, true);
    case OP_LAR:
      return look_up(v, r, rm, false);
    case OP_LSL:
      return look_up(v, r, rm, true);
    case OP_ARPL:
      return arpl(v, r, rm);
    case OP_CLI:
      return cli(v);
    case OP_STI:
      return sti(v, r);
    case OP_HLT:
      return hlt(v);
    case OP_SWAPGS:
      return swapgs(v);
    case OP_RDFSBASE:
    case OP_RDFSBASE + 1:
    case OP_RDFSBASE + 2:
    case OP_RDFSBASE + 3:
      return fs_gs_base(v, r, rm, op - OP_RDFSBASE);
    case OP_INVPCID:
      return invpcid(v, r);
    case OP_CLAC:
      return set_ac(v, false);
    case OP_STAC:
      return set_ac(v, true);
    case OP_XGETBV:
      return xgetbv(v);
    case OP_XSETBV:
      return xsetbv(v);
    case OP_MONITOR:
    case OP_MWAIT:
      return monitor(v);
    case OP_PAUSE:
      return pause(v);
    case OP_VMCALL:
      return hypercall(v, r);
    case OP_CLFLUSH:
      return clflush(v, r);
    case OP_RDPKRU:
      return rdpkru(v);
    case OP_WRPKRU:
      return wrpkru(v);
    default:
      return raise(v, UD);
  }
}
