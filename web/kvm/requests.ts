// Asking running vCPUs for something and waiting until they have done it. It knows no reasons, only request bits.

import { REQ_EVENTS, V_REQUESTS, V_STATE, V_WAKE, VCPU_IN, VCPU_OUT } from '../../assembly/abi/vcpu_page.ts';
import type { MachineMemory } from './memory.ts';
import { vcpuIds, vcpuPage } from './vm_page.ts';

/** How long one look at a vCPU may sleep, in ms: leaving the guest does not wake who waits for an acknowledgement. */
const LOOK_MS = 1;

/** Sets request bits of a vCPU and wakes it should it be halted. */
export function request(memory: MachineMemory, id: number, bits: number): void {
  const v = vcpuPage(memory, id);
  memory.or(v + V_REQUESTS, bits);
  memory.notify(v + V_REQUESTS);
  memory.add(v + V_WAKE, 1);
  memory.notify(v + V_WAKE);
}

/** Tells a vCPU that something about interrupts, INIT, SIPI or timers has changed. */
export function requestEvents(memory: MachineMemory, id: number): void {
  request(memory, id, REQ_EVENTS);
}

/** Waits until a vCPU has cleared `bits` or stands outside the guest: what enters later sees them first. */
function waitForAck(memory: MachineMemory, id: number, bits: number): void {
  const v = vcpuPage(memory, id);
  for (;;) {
    const requests = memory.load(v + V_REQUESTS);
    if ((requests & bits) === 0 || memory.load(v + V_STATE) !== VCPU_IN) return;
    memory.wait(v + V_REQUESTS, requests, LOOK_MS);
  }
}

/** Waits until a vCPU has left the core: one that is parked goes on by itself. */
export function waitUntilOut(memory: MachineMemory, id: number): void {
  const v = vcpuPage(memory, id);
  for (let state = memory.load(v + V_STATE); state !== VCPU_OUT; state = memory.load(v + V_STATE)) {
    memory.wait(v + V_STATE, state, LOOK_MS);
  }
}

/** Sets `bits` for every vCPU, then waits for all of them. All are asked before the first is waited for. */
export function requestAll(memory: MachineMemory, bits: number): void {
  const ids = vcpuIds(memory);
  for (const id of ids) request(memory, id, bits);
  for (const id of ids) waitForAck(memory, id, bits);
}
