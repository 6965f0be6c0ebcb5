// The VM page: laying an empty machine into a memory, recognising one, and its heap and its clock. It knows no slots.

import {
  ENGINE_DETERMINISTIC,
  IOAPIC_PAGE,
  MAX_VCPUS,
  VCPU_BASE,
  VCPU_PAGE,
  VCPU_STRIDE,
  VM_ENGINE,
  VM_HEAP_LOCK,
  VM_HEAP_TOP,
  VM_LAYOUT_VERSION,
  VM_MAGIC,
  VM_MAGIC_VALUE,
  VM_MAX_VCPUS,
  VM_PAGE,
  VM_SEED,
  VM_TIME_ORIGIN,
  VM_TIME_STOPPED,
  VM_TSC_KHZ,
  VM_VCPUS,
  VM_VERSION,
  VM_VIRTUAL_NS,
  WASM_PAGE,
} from '../../assembly/abi/map.ts';
import { V_BUDGET, V_ICOUNT_END } from '../../assembly/abi/vcpu_page.ts';
import { KvmError } from './abi/index.ts';
import { MachineMemory, roundUp } from './memory.ts';

/** Frequency of the guest's time-stamp counter in kHz: 1 GHz, so that a tick is a nanosecond. */
export const TSC_KHZ = 1_000_000n;

/** Milliseconds since the Unix epoch with all the digits the host gives; the same clock in every thread. */
export function hostMilliseconds(): number {
  return performance.timeOrigin + performance.now();
}

/** The machine's time in ns since it was made: virtual in the deterministic engine, from the host's clock otherwise. */
export function machineNanoseconds(memory: MachineMemory): bigint {
  if (memory.u32(VM_PAGE + VM_ENGINE) === ENGINE_DETERMINISTIC) return memory.u64(VM_PAGE + VM_VIRTUAL_NS);
  const view = memory.view();
  const now = view.getFloat64(VM_PAGE + VM_TIME_STOPPED, true) || hostMilliseconds();
  return BigInt(Math.max(0, Math.round((now - view.getFloat64(VM_PAGE + VM_TIME_ORIGIN, true)) * 1e6)));
}

/** Machine time stands still from now on, while the vCPUs stand too. Nothing happens where it stands already. */
export function stopTime(memory: MachineMemory): void {
  const view = memory.view();
  if (view.getFloat64(VM_PAGE + VM_TIME_STOPPED, true) !== 0) return;
  view.setFloat64(VM_PAGE + VM_TIME_STOPPED, hostMilliseconds(), true);
}

/** Machine time goes on where it stood; the time between does not count. */
export function startTime(memory: MachineMemory): void {
  const view = memory.view();
  const stopped = view.getFloat64(VM_PAGE + VM_TIME_STOPPED, true);
  if (stopped === 0) return;
  const origin = view.getFloat64(VM_PAGE + VM_TIME_ORIGIN, true);
  view.setFloat64(VM_PAGE + VM_TIME_ORIGIN, origin + (hostMilliseconds() - stopped), true);
  view.setFloat64(VM_PAGE + VM_TIME_STOPPED, 0, true);
}

/** Bytes of a machine with `vcpus` vCPU areas and nothing on its heap. */
export function emptySize(vcpus: number): number {
  return VCPU_BASE + vcpus * VCPU_STRIDE;
}

/** Lays an empty machine for up to `vcpus` vCPUs into a fresh memory of at most `limit` bytes. */
export function layMachine(vcpus: number, limit: number): MachineMemory {
  if (!(Number.isInteger(vcpus) && vcpus >= 1 && vcpus <= MAX_VCPUS)) {
    throw new KvmError('EINVAL', `a VM has 1 to ${MAX_VCPUS} vCPUs; ${vcpus} were asked for.`);
  }
  const memory = MachineMemory.create(emptySize(vcpus), limit);
  memory.setU32(VM_PAGE + VM_VERSION, VM_LAYOUT_VERSION);
  memory.setU32(VM_PAGE + VM_MAX_VCPUS, vcpus);
  memory.setU32(VM_PAGE + VM_HEAP_TOP, emptySize(vcpus));
  memory.setU64(VM_PAGE + VM_TSC_KHZ, TSC_KHZ);
  memory.setU64(VM_PAGE + VM_SEED, crypto.getRandomValues(new BigUint64Array(1))[0] as bigint);
  memory.view().setFloat64(VM_PAGE + VM_TIME_ORIGIN, hostMilliseconds(), true);
  // Last, so that whoever sees the magic sees the rest.
  memory.store(VM_PAGE + VM_MAGIC, VM_MAGIC_VALUE);
  return memory;
}

/** The machine that lies in `wasm` already. EINVAL when none does, or one of another layout. */
export function findMachine(wasm: WebAssembly.Memory): MachineMemory {
  const memory = new MachineMemory(wasm);
  if (memory.size <= IOAPIC_PAGE || memory.load(VM_PAGE + VM_MAGIC) !== VM_MAGIC_VALUE) {
    throw new KvmError('EINVAL', 'this memory holds no VM; give the memory of one made by createVm.');
  }
  const version = memory.u32(VM_PAGE + VM_VERSION);
  if (version !== VM_LAYOUT_VERSION) {
    throw new KvmError(
      'EINVAL',
      `this VM has memory layout ${version} and this program reads ${VM_LAYOUT_VERSION}; use the version that made it.`,
    );
  }
  return memory;
}

/** Takes `bytes` zeroed bytes from the heap at a multiple of `align`; returns their offset. ENOMEM when there is no room. */
export function heapAllocate(memory: MachineMemory, bytes: number, align: number = WASM_PAGE): number {
  return memory.locked(VM_PAGE + VM_HEAP_LOCK, () => {
    const offset = roundUp(memory.u32(VM_PAGE + VM_HEAP_TOP), align);
    memory.growTo(offset + bytes);
    memory.setU32(VM_PAGE + VM_HEAP_TOP, offset + bytes);
    return offset;
  });
}

/** Offset of a vCPU's area. */
export function vcpuArea(id: number): number {
  return VCPU_BASE + id * VCPU_STRIDE;
}

/** Offset of a vCPU's page of live state. */
export function vcpuPage(id: number): number {
  return vcpuArea(id) + VCPU_PAGE;
}

/** Ids of the vCPUs that exist, in order. */
export function vcpuIds(memory: MachineMemory): number[] {
  const made = memory.load(VM_PAGE + VM_VCPUS);
  return Array.from({ length: MAX_VCPUS }, (_, id) => id).filter((id) => (made >>> id) & 1);
}

/** Instructions that the vCPU with this page has retired. */
export function retired(memory: MachineMemory, page: number): bigint {
  return memory.u64(page + V_ICOUNT_END) - BigInt(memory.u32(page + V_BUDGET) | 0);
}
