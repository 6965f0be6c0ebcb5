// KVM_SET_SIGNAL_MASK. There are no signals here but the kick, which stands for the one that a VMM sends to a vCPU's
// thread, SIGUSR1 by default. As in KVM_RUN, a blocked one waits; it interrupts as soon as a mask lets it through.

import { V_SIGNAL_MASK, V_SIGNAL_MASKED, V_SIGNALS } from '../../assembly/abi/calls.ts';
import { REQ_EXIT } from '../../assembly/abi/vcpu_page.ts';
import { KvmError } from './abi/index.ts';
import type { MachineMemory } from './memory.ts';
import { request } from './requests.ts';
import { vcpuPage } from './vm_page.ts';

/** The signal that a kick stands for unless its sender names another. */
export const SIGUSR1 = 10;
/** SIGKILL and SIGSTOP: no mask holds them. */
const UNBLOCKABLE = (1n << 8n) | (1n << 18n);

function halves(value: bigint): readonly [number, number] {
  return [Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n))];
}

function blocked(memory: MachineMemory, v: number, signal: number): boolean {
  if (memory.load(v + V_SIGNAL_MASKED) === 0) return false;
  return ((memory.u64(v + V_SIGNAL_MASK) >> BigInt(signal - 1)) & 1n) !== 0n;
}

/** Lets signals that wait through the mask that holds now. */
function deliver(memory: MachineMemory, id: number): void {
  const v = vcpuPage(memory, id);
  const mask = memory.load(v + V_SIGNAL_MASKED) ? memory.u64(v + V_SIGNAL_MASK) : 0n;
  const words = halves(~mask).map((open, n) => {
    const at = v + V_SIGNALS + n * 4;
    const waiting = memory.load(at) & open;
    memory.and(at, ~open);
    return waiting;
  });
  if (words.some((waiting) => waiting !== 0)) request(memory, id, REQ_EXIT);
}

/** Sends a signal to a vCPU: KVM_RUN returns EINTR, now or when it is called next, unless the mask blocks it. EINVAL. */
export function sendSignal(memory: MachineMemory, id: number, signal: number): void {
  if (!(Number.isInteger(signal) && signal >= 1 && signal <= 64)) {
    throw new KvmError('EINVAL', `${signal} is no signal; they are 1 to 64.`);
  }
  const v = vcpuPage(memory, id);
  if (!blocked(memory, v, signal)) {
    request(memory, id, REQ_EXIT);
    return;
  }
  memory.or(v + V_SIGNALS + (signal > 32 ? 4 : 0), 1 << ((signal - 1) & 31));
  // The mask may have changed between the look and the mark.
  deliver(memory, id);
}

/** The mask that KVM_SET_SIGNAL_MASK has set, bit n - 1 for signal n; undefined where there is none. */
export function signalMask(memory: MachineMemory, id: number): bigint | undefined {
  const v = vcpuPage(memory, id);
  return memory.load(v + V_SIGNAL_MASKED) === 0 ? undefined : memory.u64(v + V_SIGNAL_MASK);
}

/**
 * KVM_SET_SIGNAL_MASK: signals that KVM_RUN holds back, bit n - 1 for signal n; undefined takes the mask away, and then
 * none is held. EINVAL for a mask that is not 8 bytes.
 */
export function setSignalMask(memory: MachineMemory, id: number, mask: Uint8Array | undefined): void {
  const v = vcpuPage(memory, id);
  if (mask && mask.length !== 8) {
    throw new KvmError('EINVAL', `a signal mask has 8 bytes on x86-64; ${mask.length} were given.`);
  }
  if (mask) {
    const bits = new DataView(mask.buffer, mask.byteOffset, 8).getBigUint64(0, true);
    memory.setU64(v + V_SIGNAL_MASK, bits & ~UNBLOCKABLE);
  }
  memory.store(v + V_SIGNAL_MASKED, mask ? 1 : 0);
  deliver(memory, id);
}
