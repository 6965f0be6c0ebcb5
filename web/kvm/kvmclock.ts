// kvmclock for the host: making the pages of the guests follow what was set from outside, and telling a guest that it stood.
// The core writes the pages, each on the thread of its vCPU.

import { CLOCK_PAGE, PAGE_SIZE } from '../../assembly/abi/map.ts';
import {
  CLOCK_BASE,
  KVM_MSR_ENABLED,
  PV_CLOCK,
  PVCLOCK_SIZE,
  V_KVMCLOCK,
  V_KVMCLOCK_STOPPED,
  V_PV_REQUESTS,
} from '../../assembly/abi/pv.ts';
import { KvmError } from './abi/index.ts';
import { hvaOf } from './guest_memory.ts';
import type { MachineMemory } from './memory.ts';
import { requestEvents } from './requests.ts';
import { machineNanoseconds, vcpuIds, vcpuPage } from './vm_page.ts';

const ENABLED = BigInt(KVM_MSR_ENABLED);

function requestPage(memory: MachineMemory, id: number): void {
  const v = vcpuPage(memory, id);
  if ((memory.u64(v + V_KVMCLOCK) & ENABLED) === 0n) return;
  memory.or(v + V_PV_REQUESTS, PV_CLOCK);
  requestEvents(memory, id);
}

/** The clock, a TSC, a frequency or the number of vCPUs has changed: every vCPU writes its page before its guest goes on. */
export function clockChanged(memory: MachineMemory): void {
  memory.setU64(memory.base + CLOCK_PAGE + CLOCK_BASE, machineNanoseconds(memory));
  for (const id of vcpuIds(memory)) requestPage(memory, id);
}

/** KVM_KVMCLOCK_CTRL: PVCLOCK_GUEST_STOPPED on the next entry. EINVAL when the guest has no clock page in a slot. */
export function kvmclockCtrl(memory: MachineMemory, id: number): void {
  const v = vcpuPage(memory, id);
  const value = memory.u64(v + V_KVMCLOCK);
  const gpa = value & ~ENABLED;
  const inPage = Number(gpa % BigInt(PAGE_SIZE)) + PVCLOCK_SIZE <= PAGE_SIZE;
  if ((value & ENABLED) === 0n || !inPage || hvaOf(memory, gpa, PVCLOCK_SIZE) === undefined) {
    throw new KvmError(
      'EINVAL',
      'the guest has no kvmclock page that could say it stood; it writes MSR_KVM_SYSTEM_TIME first.',
    );
  }
  memory.setU32(v + V_KVMCLOCK_STOPPED, 1);
  requestPage(memory, id);
}
