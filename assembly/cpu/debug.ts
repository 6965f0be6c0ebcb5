// Debug registers (SDM vol. 3, chapter 17): DR6 and DR7 rules, breakpoint matches, and who owns them: the guest or the
// debugger of KVM_SET_GUEST_DEBUG. Delivers nothing.
import {
  KVM_GUESTDBG_ENABLE,
  KVM_GUESTDBG_SINGLESTEP,
  KVM_GUESTDBG_USE_HW_BP,
  KVM_GUESTDBG_USE_SW_BP,
} from '../abi/kvm_run';
import { V_DEBUG_CONTROL, V_DEBUG_DR, V_DR } from '../abi/vcpu_page';

/** DR6 bits that are always set on a processor without RTM. */
export const DR6_FIXED: u32 = 0xffff0ff0;
export const DR6_BD: u32 = 0x2000;
export const DR6_BS: u32 = 0x4000;
export const DR6_BT: u32 = 0x8000;
/** DR6 bits that software can change. */
export const DR6_WRITABLE: u32 = 0xe00f;
export const DR7_FIXED: u32 = 0x400;
export const DR7_WRITABLE: u32 = 0xffff23ff;
export const DR7_GD: u32 = 0x2000;

function control(v: u32): u32 {
  const word = load<u32>(v + V_DEBUG_CONTROL);
  return word & KVM_GUESTDBG_ENABLE ? word : 0;
}

/** KVM_GUESTDBG_USE_HW_BP is on: the debugger's registers are in force, not the guest's. */
export function uses_debugger_registers(v: u32): bool {
  return (control(v) & KVM_GUESTDBG_USE_HW_BP) != 0;
}

/** The debugger steps the guest. */
export function debugger_steps(v: u32): bool {
  return (control(v) & KVM_GUESTDBG_SINGLESTEP) != 0;
}

/** #DB leaves for the debugger instead of the guest. */
export function debugger_takes_db(v: u32): bool {
  return (control(v) & (KVM_GUESTDBG_SINGLESTEP | KVM_GUESTDBG_USE_HW_BP)) != 0;
}

/** INT3 leaves for the debugger instead of the guest. */
export function debugger_takes_bp(v: u32): bool {
  return (control(v) & KVM_GUESTDBG_USE_SW_BP) != 0;
}

/** Address of the debug registers in force. */
function debug_registers(v: u32): u32 {
  return v + (uses_debugger_registers(v) ? V_DEBUG_DR : V_DR);
}

/** Some breakpoint is enabled in the DR7 in force, of whatever kind. */
export function has_breakpoints(v: u32): bool {
  return (load<u32>(debug_registers(v) + 7 * 8) & 0xff) != 0;
}

/** DR6 bits B0..B3 of the instruction breakpoints at `la`. */
export function match_instruction(v: u32, la: u64): u32 {
  const dr = debug_registers(v);
  const dr7 = load<u32>(dr + 7 * 8);
  let hits: u32 = 0;
  for (let i: u32 = 0; i < 4; i++) {
    if ((dr7 & (3 << (i * 2))) != 0 && ((dr7 >> (16 + i * 4)) & 3) == 0 && load<u64>(dr + i * 8) == la)
      hits |= 1 << i;
  }
  return hits;
}

/** DR6 bits B0..B3 of the I/O breakpoints (CR4.DE) that a port access touches. Data breakpoints: memory/access.ts. */
export function match_port(v: u32, port: u32, bytes: u32): u32 {
  const dr = debug_registers(v);
  const dr7 = load<u32>(dr + 7 * 8);
  let hits: u32 = 0;
  for (let i: u32 = 0; i < 4; i++) {
    if ((dr7 & (3 << (i * 2))) == 0 || ((dr7 >> (16 + i * 4)) & 3) != 2) continue;
    const length = ((dr7 >> (18 + i * 4)) & 3) + 1;
    const start = load<u32>(dr + i * 8) & ~(length - 1);
    if (port < start + length && start < port + bytes) hits |= 1 << i;
  }
  return hits;
}
