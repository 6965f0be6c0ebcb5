// Machine checks: KVM_X86_SETUP_MCE and KVM_X86_SET_MCE over the banks that the guest reads as MSRs (SDM vol. 3, 16).

import {
  KVM_MAX_MCE_BANKS,
  MCE_BANKS,
  MCG_STATUS,
  V_EXCEPTION,
  V_EXCEPTION_HAS_CODE,
  V_EXCEPTION_HAS_PAYLOAD,
  V_EXCEPTION_PENDING,
  V_MCG_CAP,
  V_MCG_CTL,
  V_TRIPLE_FAULT,
} from '../../assembly/abi/calls.ts';
import { VCPU_MSRS } from '../../assembly/abi/map.ts';
import { V_CR4 } from '../../assembly/abi/vcpu_page.ts';
import { CR4_MCE } from '../../assembly/abi/x86.ts';
import { type Input, KvmError, type KvmX86Mce } from './abi/index.ts';
import type { MachineMemory } from './memory.ts';
import { requestEvents } from './requests.ts';
import { vcpuArea, vcpuPage } from './vm_page.ts';

const MCG_CTL_P = 1n << 8n;
const MCG_SER_P = 1n << 24n;
/** KVM_X86_GET_MCE_CAP_SUPPORTED: IA32_MCG_CTL, and software error recovery. */
export const MCE_CAP_SUPPORTED = MCG_CTL_P | MCG_SER_P;
/** Bits of IA32_MCG_CAP that a VMM chooses freely: the number of banks and of extended registers. */
const MCG_COUNTS = 0xff_00ffn;
const STATUS_VALID = 1n << 63n;
const STATUS_OVERFLOW = 1n << 62n;
const STATUS_UNCORRECTED = 1n << 61n;
/** IA32_MCG_STATUS.MCIP: one is being handled. */
const MCG_IN_PROGRESS = 4n;
const MC_VECTOR = 18;
const ALL = (1n << 64n) - 1n;

const bankOf = (memory: MachineMemory, id: number, bank: number): number =>
  vcpuArea(memory, id) + VCPU_MSRS + MCE_BANKS + bank * 32;

/** KVM_X86_SETUP_MCE: IA32_MCG_CAP. EINVAL for no bank, more than 32, and bits beyond MCE_CAP_SUPPORTED. */
export function setupMce(memory: MachineMemory, id: number, cap: bigint): void {
  const banks = Number(cap & 0xffn);
  if (banks === 0 || banks > KVM_MAX_MCE_BANKS) {
    throw new KvmError('EINVAL', `${banks} banks cannot be; a vCPU has 1 to ${KVM_MAX_MCE_BANKS}.`);
  }
  if (BigInt.asUintN(64, cap) & ~(MCE_CAP_SUPPORTED | MCG_COUNTS)) {
    throw new KvmError(
      'EINVAL',
      `mcg_cap 0x${cap.toString(16)} has bits that getMceCapSupported does not offer.`,
    );
  }
  const v = vcpuPage(memory, id);
  memory.setU64(v + V_MCG_CAP, cap);
  if (cap & MCG_CTL_P) memory.setU64(v + V_MCG_CTL, ALL);
  for (let bank = 0; bank < banks; bank++) memory.setU64(bankOf(memory, id, bank), ALL);
}

/** Writes STATUS, ADDR and MISC of a bank; an error that was not read yet makes it overflow. */
function report(
  memory: MachineMemory,
  at: number,
  mce: Required<Pick<KvmX86Mce, 'status' | 'addr' | 'misc'>>,
): void {
  const lost = memory.u64(at + 8) & STATUS_VALID ? STATUS_OVERFLOW : 0n;
  memory.setU64(at + 16, mce.addr);
  memory.setU64(at + 24, mce.misc);
  memory.setU64(at + 8, mce.status | lost);
}

/**
 * KVM_X86_SET_MCE: an error in a bank. An uncorrected one raises #MC on the next entry, or shuts the vCPU down where it
 * cannot take one; a corrected one is only recorded. EINVAL for a bank that is not there or a status that is not valid.
 */
export function setMce(memory: MachineMemory, id: number, given: Input<KvmX86Mce>): void {
  const wide = (value: bigint | number | undefined): bigint => BigInt.asUintN(64, BigInt(value ?? 0));
  const mce = { status: wide(given.status), addr: wide(given.addr), misc: wide(given.misc) };
  const bank = given.bank ?? 0;
  const v = vcpuPage(memory, id);
  const cap = memory.u64(v + V_MCG_CAP);
  if (bank >= Number(cap & 0xffn) || !(mce.status & STATUS_VALID)) {
    throw new KvmError('EINVAL', `bank ${bank} must exist, and status must have its valid bit (63).`);
  }
  const at = bankOf(memory, id, bank);
  if (!(mce.status & STATUS_UNCORRECTED)) {
    const old = memory.u64(at + 8);
    if (old & STATUS_VALID && old & STATUS_UNCORRECTED) memory.setU64(at + 8, old | STATUS_OVERFLOW);
    else report(memory, at, mce);
    return;
  }
  // The guest has switched reports of such errors off.
  if (cap & MCG_CTL_P && memory.u64(v + V_MCG_CTL) !== ALL) return;
  if (memory.u64(at) !== ALL) return;
  const status = vcpuArea(memory, id) + VCPU_MSRS + MCG_STATUS;
  if (memory.u64(status) & MCG_IN_PROGRESS || (memory.u32(v + V_CR4) & CR4_MCE) === 0) {
    memory.setU32(v + V_TRIPLE_FAULT, 1);
  } else {
    report(memory, at, mce);
    memory.setU64(status, wide(given.mcg_status));
    memory.setU32(v + V_EXCEPTION_HAS_CODE, 0);
    memory.setU32(v + V_EXCEPTION_HAS_PAYLOAD, 0);
    memory.setU32(v + V_EXCEPTION_PENDING, 1);
    memory.setU32(v + V_EXCEPTION, MC_VECTOR + 1);
  }
  requestEvents(memory, id);
}
