// SYSCALL, SYSRET, SYSENTER, SYSEXIT, as Intel's processors do them: SYSCALL and SYSRET in 64-bit mode only.
import { FLOW_BRANCH, FLOW_ON, R_FLAGS, RF_SIZE } from '../abi/insn';
import { OP_SYSCALL, OP_SYSENTER, OP_SYSRET } from '../abi/ops';
import {
  CS,
  SEG_ATTR,
  SEG_BASE,
  SEG_LIMIT,
  SEG_SELECTOR,
  SS,
  V_CPL,
  V_EFER,
  V_FMASK,
  V_GPR,
  V_LSTAR,
  V_RFLAGS,
  V_RIP,
  V_STAR,
  V_SYSENTER_CS,
  V_SYSENTER_EIP,
  V_SYSENTER_ESP,
} from '../abi/vcpu_page';
import { EFER_SCE, FLAG_IF, FLAG_RF, FLAG_TF, FLAG_VM, GP, RCX, RDX, RSP, UD } from '../abi/x86';
import { get_flags, set_flags_word } from '../cpu/flags';
import { next_rip } from '../cpu/operands';
import { raise, raise_code } from '../state/fault';
import { canonical, cpl, is_64, is_long, is_real_mode, seg } from '../state/vcpu';
import { opens_window } from './control';

/** Flat attributes by what the segment is for; the DPL is or-ed in. */
const CODE_64: u32 = 0xa09b;
const CODE_32: u32 = 0xc09b;
const DATA: u32 = 0xc093;
const R11: u32 = 11;
/** What SYSRET takes from R11. */
const SYSRET_FLAGS: u32 = 0x3c7fd7;

function set_flat(v: u32, n: u32, selector: u32, attr: u32, level: u32): void {
  const s = seg(v, n);
  store<u64>(s + SEG_BASE, 0);
  store<u32>(s + SEG_LIMIT, 0xffffffff);
  store<u32>(s + SEG_ATTR, attr | (level << 5));
  store<u32>(s + SEG_SELECTOR, selector);
}

function enter(v: u32, cs: u32, ss: u32, code: u32, level: u32): void {
  set_flat(v, CS, cs, code, level);
  set_flat(v, SS, ss, DATA, level);
  store<u32>(v + V_CPL, level);
}

function syscall(v: u32, r: u32): u32 {
  if ((load<u32>(v + V_EFER) & EFER_SCE) == 0 || !is_64(v)) return raise(v, UD);
  const flags = get_flags(v);
  store<u64>(v + V_GPR + RCX * 8, next_rip(v, r));
  store<u64>(v + V_GPR + R11 * 8, (flags & ~FLAG_RF) as u64);
  const selector = load<u16>(v + V_STAR + 4) & 0xfffc;
  enter(v, selector, selector + 8, CODE_64, 0);
  store<u64>(v + V_RIP, load<u64>(v + V_LSTAR));
  set_flags_word(v, flags & ~(load<u32>(v + V_FMASK) | FLAG_RF));
  return FLOW_ON;
}

function sysret(v: u32, r: u32): u32 {
  if ((load<u32>(v + V_EFER) & EFER_SCE) == 0 || !is_64(v)) return raise(v, UD);
  if (cpl(v) != 0) return raise_code(v, GP, 0);
  const wide = (load<u16>(r + R_FLAGS) & RF_SIZE) == 3;
  const rip = load<u64>(v + V_GPR + RCX * 8);
  if (wide && !canonical(rip)) return raise_code(v, GP, 0);
  const selector = load<u16>(v + V_STAR + 6);
  enter(v, (selector + (wide ? 16 : 0)) | 3, (selector + 8) | 3, wide ? CODE_64 : CODE_32, 3);
  store<u64>(v + V_RIP, wide ? rip : rip & 0xffffffff);
  const flags = load<u32>(v + V_GPR + R11 * 8) & SYSRET_FLAGS;
  const opens = (flags & ~load<u32>(v + V_RFLAGS) & FLAG_IF) != 0;
  set_flags_word(v, flags);
  return flags & FLAG_TF || (opens && opens_window(v)) ? FLOW_BRANCH : FLOW_ON;
}

function sysenter(v: u32): u32 {
  const selector = load<u16>(v + V_SYSENTER_CS) & 0xfffc;
  if (is_real_mode(v) || selector == 0) return raise_code(v, GP, 0);
  const long = is_long(v);
  const mask: u64 = long ? u64.MAX_VALUE : 0xffffffff;
  enter(v, selector, selector + 8, long ? CODE_64 : CODE_32, 0);
  store<u64>(v + V_GPR + RSP * 8, load<u64>(v + V_SYSENTER_ESP) & mask);
  store<u64>(v + V_RIP, load<u64>(v + V_SYSENTER_EIP) & mask);
  set_flags_word(v, get_flags(v) & ~(FLAG_VM | FLAG_IF | FLAG_RF));
  return FLOW_BRANCH;
}

function sysexit(v: u32, r: u32): u32 {
  const selector = load<u16>(v + V_SYSENTER_CS) & 0xfffc;
  if (is_real_mode(v) || cpl(v) != 0 || selector == 0) return raise_code(v, GP, 0);
  const wide = (load<u16>(r + R_FLAGS) & RF_SIZE) == 3;
  const rip = load<u64>(v + V_GPR + RDX * 8);
  const rsp = load<u64>(v + V_GPR + RCX * 8);
  if (wide && (!canonical(rip) || !canonical(rsp))) return raise_code(v, GP, 0);
  const mask: u64 = wide ? u64.MAX_VALUE : 0xffffffff;
  const code = selector + (wide ? 32 : 16);
  enter(v, code | 3, (code + 8) | 3, wide ? CODE_64 : CODE_32, 3);
  store<u64>(v + V_GPR + RSP * 8, rsp & mask);
  store<u64>(v + V_RIP, rip & mask);
  set_flags_word(v, get_flags(v) & ~FLAG_RF);
  return FLOW_BRANCH;
}

/** Executes one of the four. */
export function exec_syscall(v: u32, r: u32, op: u32): u32 {
  if (op == OP_SYSCALL) return syscall(v, r);
  if (op == OP_SYSRET) return sysret(v, r);
  return op == OP_SYSENTER ? sysenter(v) : sysexit(v, r);
}
