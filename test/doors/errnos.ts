// Which errno each call may give: those of KVM's documentation and source (Documentation/virt/kvm/api.rst). A call that
// is not listed is never refused; ENOENT is what a vCPU that does not exist is for every call on one.

import type { Call } from './calls.ts';

export const ERRNOS: { readonly [name in Call['name']]?: readonly string[] } = {
  createVcpu: ['EINVAL', 'EEXIST'],
  setMemory: ['EINVAL', 'EEXIST', 'EFAULT'],
  getDirtyLog: ['EINVAL', 'ENOENT', 'ENXIO'],
  clearDirtyLog: ['EINVAL', 'ENOENT', 'ENXIO', 'EFAULT'],
  enableCap: ['EINVAL', 'EEXIST', 'E2BIG'],
  createIrqchip: ['EEXIST', 'EINVAL'],
  createPit: ['EEXIST', 'ENOENT'],
  createPit2: ['EEXIST', 'ENOENT', 'EINVAL'],
  irqLine: ['ENXIO'],
  signalMsi: ['EINVAL', 'EPERM', 'ENXIO'],
  getIrqchip: ['ENXIO', 'EINVAL'],
  setBootCpuId: ['EBUSY'],
  ioeventfd: ['EINVAL', 'EEXIST', 'ENOENT', 'ENOSPC', 'EBADF'],
  irqfd: ['EINVAL', 'EBUSY', 'EBADF', 'ENFILE'],
  signalEventfd: ['EAGAIN'],
  readEventfd: ['EAGAIN'],
  coalesce: ['EINVAL', 'ENXIO', 'ENOSPC'],
  setGsiRouting: ['EINVAL'],
  setAlias: ['EINVAL'],
  setTscKhz: ['EINVAL'],
  setNrMmuPages: ['EINVAL'],
  setTssAddr: ['EINVAL'],
  createDevice: ['ENODEV'],
  resetDirtyRings: ['EINVAL'],
  setIdentityMapAddr: ['EINVAL'],
  reinjectControl: ['ENXIO'],
  getLapic: ['EINVAL'],
  getCpuid: ['E2BIG'],
  nmi: ['EINVAL'],
  runHlt: ['EINTR', 'EAGAIN', 'EINVAL'],
  runOut: ['EINTR', 'EAGAIN', 'EINVAL'],
  runInterrupted: ['EINTR'],
  setRegs: ['EINVAL'],
  setSregs: ['EINVAL'],
  setSregs2: ['EINVAL'],
  setFpu: ['EINVAL'],
  setXsave: ['EINVAL'],
  setDebugregs: ['EINVAL'],
  setMpState: ['EINVAL'],
  setXcr0: ['EINVAL'],
  setEvents: ['EINVAL'],
  setupMce: ['EINVAL'],
  setMce: ['EINVAL'],
  setVcpuTscKhz: ['EINVAL', 'EIO'],
  interrupt: ['EINVAL', 'EEXIST', 'ENXIO'],
  setGuestDebug: ['EINVAL', 'EBUSY'],
};

/** Whether `answer`, when it is an errno, is one that KVM gives for this call. */
export function isKvmAnswer(call: Call, answer: string): boolean {
  if (!/^E[A-Z0-9]{2,}$/.test(answer)) return true;
  return (call.on === 'vcpu' && answer === 'ENOENT') || (ERRNOS[call.name]?.includes(answer) ?? false);
}
