// The VM page: laying an empty machine into a memory, recognising one, and its heap and its clock. It knows no slots.

import { VM_HALT_POLL_NS } from '../../assembly/abi/calls.ts';
import {
  ENGINE_DETERMINISTIC,
  IOAPIC_PAGE,
  MAX_SLOTS,
  MAX_VCPUS,
  PAGE_FLAGS,
  PAGE_SIZE,
  SLOT_BITMAP_HOME,
  SLOT_BITMAP_ROOM,
  SLOT_ENTRY_SIZE,
  SLOT_RAM_HOME,
  SLOT_RAM_ROOM,
  VCPU_BASE,
  VCPU_PAGE,
  VCPU_STRIDE,
  VM_ALIVE,
  VM_ENGINE,
  VM_HEAP_END,
  VM_HEAP_LOCK,
  VM_HEAP_TOP,
  VM_LAYOUT_VERSION,
  VM_LIFE,
  VM_MAGIC,
  VM_MAGIC_VALUE,
  VM_MAX_VCPUS,
  VM_NEXT,
  VM_PAGE,
  VM_PLACES_LOCK,
  VM_SEED,
  VM_SLOT_COUNT,
  VM_SLOTS,
  VM_SMM_SLOT_COUNT,
  VM_SMM_SLOTS,
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

/** What a halted vCPU polls at most until KVM_CAP_HALT_POLL says otherwise: KVM's halt_poll_ns of x86. */
const HALT_POLL_NS = 200_000;

// Looking for the global costs more than the clock, in Node, and guests ask for the time at each context switch.
const clock = performance;
const clockOrigin = clock.timeOrigin;

/** Milliseconds since the Unix epoch with all the digits the host gives; the same clock in every thread. */
export function hostMilliseconds(): number {
  return clockOrigin + clock.now();
}

/** The machine's time in ns since it was made: virtual in the deterministic engine, from the host's clock otherwise. */
export function machineNanoseconds(memory: MachineMemory): bigint {
  if (memory.u32(memory.vm + VM_ENGINE) === ENGINE_DETERMINISTIC)
    return memory.u64(memory.vm + VM_VIRTUAL_NS);
  const view = memory.view();
  const now = view.getFloat64(memory.vm + VM_TIME_STOPPED, true) || hostMilliseconds();
  return BigInt(Math.max(0, Math.round((now - view.getFloat64(memory.vm + VM_TIME_ORIGIN, true)) * 1e6)));
}

/** Machine time stands still from now on, while the vCPUs stand too. Nothing happens where it stands already. */
export function stopTime(memory: MachineMemory): void {
  const view = memory.view();
  if (view.getFloat64(memory.vm + VM_TIME_STOPPED, true) !== 0) return;
  view.setFloat64(memory.vm + VM_TIME_STOPPED, hostMilliseconds(), true);
}

/** Machine time goes on where it stood; the time between does not count. */
export function startTime(memory: MachineMemory): void {
  const view = memory.view();
  const stopped = view.getFloat64(memory.vm + VM_TIME_STOPPED, true);
  if (stopped === 0) return;
  const origin = view.getFloat64(memory.vm + VM_TIME_ORIGIN, true);
  view.setFloat64(memory.vm + VM_TIME_ORIGIN, origin + (hostMilliseconds() - stopped), true);
  view.setFloat64(memory.vm + VM_TIME_STOPPED, 0, true);
}

/** Bytes of a machine with `vcpus` vCPU areas and nothing on its heap. */
export function emptySize(vcpus: number): number {
  return VCPU_BASE + vcpus * VCPU_STRIDE;
}

function checkVcpus(vcpus: number): void {
  if (!(Number.isInteger(vcpus) && vcpus >= 1 && vcpus <= MAX_VCPUS)) {
    throw new KvmError('EINVAL', `a VM has 1 to ${MAX_VCPUS} vCPUs; ${vcpus} were asked for.`);
  }
}

/**
 * A memory without a VM: the address space of a process. Room for a first VM of up to `vcpus` vCPUs is kept at its
 * start; `reserved` bytes from there on (at least that room) belong to somebody else, such as a program's data.
 * EINVAL for an impossible number of vCPUs, ENOMEM when the host refuses.
 */
export function layMemory(vcpus: number, limit: number, reserved = 0): MachineMemory {
  checkVcpus(vcpus);
  const size = roundUp(Math.max(emptySize(vcpus), reserved), WASM_PAGE);
  const memory = MachineMemory.create(size, limit);
  lay(memory, vcpus, size);
  return memory;
}

/** Lays a wiped memory anew, as layMemory does a fresh one. */
export function relayMemory(memory: MachineMemory, vcpus: number): void {
  checkVcpus(vcpus);
  lay(memory, vcpus, emptySize(vcpus));
}

function lay(memory: MachineMemory, vcpus: number, heap: number): void {
  memory.setU32(memory.vm + VM_MAX_VCPUS, vcpus);
  memory.setU32(memory.vm + VM_HEAP_TOP, heap);
  memory.setU32(memory.vm + VM_HEAP_END, memory.size);
  // Last, so that whoever sees the magic sees the rest.
  memory.setU32(memory.vm + VM_VERSION, VM_LAYOUT_VERSION);
  memory.store(memory.vm + VM_MAGIC, VM_MAGIC_VALUE);
}

/** The bases of the places for VMs in this memory, taken or not, the first one first. */
function places(root: MachineMemory): number[] {
  const bases = [0];
  for (let base = root.load(VM_PAGE + VM_NEXT); base !== 0; base = root.load(base + VM_PAGE + VM_NEXT)) {
    bases.push(base);
  }
  return bases;
}

/** The VMs that live in this memory. */
export function livingVms(wasm: WebAssembly.Memory): MachineMemory[] {
  const root = findMachine(wasm);
  return places(root)
    .map((base) => new MachineMemory(wasm, base))
    .filter((memory) => memory.load(memory.vm + VM_ALIVE) !== 0);
}

/** A new place behind the last one of the chain. */
function addPlace(root: MachineMemory, vcpus: number): number {
  const base = heapAllocate(root, emptySize(vcpus));
  root.setU32(base + VM_PAGE + VM_MAX_VCPUS, vcpus);
  root.setU32(base + VM_PAGE + VM_VERSION, VM_LAYOUT_VERSION);
  root.store(base + VM_PAGE + VM_MAGIC, VM_MAGIC_VALUE);
  root.store((places(root).at(-1) as number) + VM_PAGE + VM_NEXT, base);
  return base;
}

/**
 * KVM_CREATE_VM in a memory that layMemory made: an empty VM for up to `vcpus` vCPUs, in a place that an earlier VM has
 * left or in a new one. EINVAL for an impossible number of vCPUs, ENOMEM when there is no room.
 */
export function layMachine(wasm: WebAssembly.Memory, vcpus: number): MachineMemory {
  checkVcpus(vcpus);
  const root = findMachine(wasm);
  return root.locked(VM_PAGE + VM_PLACES_LOCK, () => {
    const free = places(root).find(
      (base) =>
        root.load(base + VM_PAGE + VM_ALIVE) === 0 && root.u32(base + VM_PAGE + VM_MAX_VCPUS) >= vcpus,
    );
    const memory = new MachineMemory(wasm, free ?? addPlace(root, vcpus));
    clearPlace(memory);
    memory.add(memory.vm + VM_LIFE, 1);
    memory.setU64(memory.vm + VM_TSC_KHZ, TSC_KHZ);
    memory.setU32(memory.vm + VM_HALT_POLL_NS, HALT_POLL_NS);
    memory.setU64(memory.vm + VM_SEED, crypto.getRandomValues(new BigUint64Array(1))[0] as bigint);
    memory.view().setFloat64(memory.vm + VM_TIME_ORIGIN, hostMilliseconds(), true);
    memory.store(memory.vm + VM_ALIVE, 1);
    return memory;
  });
}

/** What stays in a VM page when another VM moves in: what the memory is, its chain, its heap, and room for slots. */
const LASTING = [
  VM_MAGIC,
  VM_VERSION,
  VM_MAX_VCPUS,
  VM_NEXT,
  VM_HEAP_TOP,
  VM_HEAP_END,
  VM_HEAP_LOCK,
  VM_PLACES_LOCK,
  VM_LIFE,
  ...[VM_SLOTS, VM_SMM_SLOTS].flatMap((table) =>
    Array.from({ length: MAX_SLOTS }, (_, n) => table + n * SLOT_ENTRY_SIZE).flatMap((entry) => [
      entry + SLOT_BITMAP_HOME,
      entry + SLOT_BITMAP_ROOM,
      entry + SLOT_RAM_HOME,
      entry + SLOT_RAM_ROOM,
    ]),
  ),
];

/** Zeroes what an earlier VM has left in this place: pages, chips, devices, rings. vCPU areas are cleared one by one. */
function clearPlace(memory: MachineMemory): void {
  const kept = LASTING.map((word) => [word, memory.u32(memory.vm + word)] as const);
  const end = memory.base + PAGE_FLAGS;
  const bytes = memory.bytes(memory.vm, end - memory.vm);
  const words = new BigUint64Array(bytes.buffer, bytes.byteOffset, bytes.length / 8);
  // Only pages that were used, so that a fresh memory stays untouched.
  for (let at = 0; at < words.length; at += PAGE_SIZE / 8) {
    const page = words.subarray(at, at + PAGE_SIZE / 8);
    if (page.some((word) => word !== 0n)) page.fill(0n);
  }
  for (const [word, value] of kept) memory.setU32(memory.vm + word, value);
}

/** Ends a VM whose vCPUs all stand: its place is free for another one. Guest RAM belongs to who allocated it. */
export function endMachine(memory: MachineMemory): void {
  memory.store(memory.vm + VM_VCPUS, 0);
  memory.store(memory.vm + VM_SLOT_COUNT, 0);
  memory.store(memory.vm + VM_SMM_SLOT_COUNT, 0);
  memory.store(memory.vm + VM_ALIVE, 0);
}

/** The machine that lies in `wasm` at `base`. EINVAL when none does, or one of another layout. */
export function findMachine(wasm: WebAssembly.Memory, base = 0): MachineMemory {
  const memory = new MachineMemory(wasm, base);
  if (memory.size <= base + IOAPIC_PAGE || memory.load(memory.vm + VM_MAGIC) !== VM_MAGIC_VALUE) {
    throw new KvmError('EINVAL', 'this memory holds no VM; give the memory of one made by createVm.');
  }
  const version = memory.u32(memory.vm + VM_VERSION);
  if (version !== VM_LAYOUT_VERSION) {
    throw new KvmError(
      'EINVAL',
      `this VM has memory layout ${version} and this program reads ${VM_LAYOUT_VERSION}; use the version that made it.`,
    );
  }
  return memory;
}

/**
 * Takes `bytes` zeroed bytes from the memory's heap at a multiple of `align`; returns their offset. The heap is one for
 * all VMs of a memory, and goes on elsewhere when somebody else has grown the memory. ENOMEM when there is no room.
 */
export function heapAllocate(memory: MachineMemory, bytes: number, align: number = WASM_PAGE): number {
  return memory.locked(VM_PAGE + VM_HEAP_LOCK, () => {
    let offset = roundUp(memory.u32(VM_PAGE + VM_HEAP_TOP), align);
    const end = memory.u32(VM_PAGE + VM_HEAP_END);
    if (offset + bytes > end) {
      const contiguous = memory.size === end;
      let start = memory.grow(contiguous ? offset + bytes - end : bytes);
      if (start !== end) {
        // Somebody else has grown the memory, perhaps since the look: the heap goes on behind them.
        if (contiguous) start = memory.grow(bytes);
        offset = start;
      }
      memory.setU32(VM_PAGE + VM_HEAP_END, roundUp(offset + bytes, WASM_PAGE));
    }
    memory.setU32(VM_PAGE + VM_HEAP_TOP, offset + bytes);
    return offset;
  });
}

/** Offset of a vCPU's area. */
export function vcpuArea(memory: MachineMemory, id: number): number {
  return memory.base + VCPU_BASE + id * VCPU_STRIDE;
}

/** Offset of a vCPU's page of live state. */
export function vcpuPage(memory: MachineMemory, id: number): number {
  return vcpuArea(memory, id) + VCPU_PAGE;
}

/** Ids of the vCPUs that exist, in order. */
export function vcpuIds(memory: MachineMemory): number[] {
  const made = memory.load(memory.vm + VM_VCPUS);
  return Array.from({ length: MAX_VCPUS }, (_, id) => id).filter((id) => (made >>> id) & 1);
}

/** Instructions that the vCPU with this page has retired. */
export function retired(memory: MachineMemory, page: number): bigint {
  return memory.u64(page + V_ICOUNT_END) - BigInt(memory.u32(page + V_BUDGET) | 0);
}

/** A frequency for KVM_SET_TSC_KHZ; 0 means the host's, which is TSC_KHZ. EINVAL for what is no 32-bit number. */
export function tscKhz(khz: number): bigint {
  if (!(Number.isInteger(khz) && khz >= 0 && khz <= 0xffff_ffff)) {
    throw new KvmError('EINVAL', `${khz} kHz is no frequency; give a whole number of 32 bits.`);
  }
  return khz === 0 ? TSC_KHZ : BigInt(khz);
}

/** Frequency of the VM's time-stamp counter in kHz. */
export function vmTscKhz(memory: MachineMemory): number {
  return Number(memory.u64(memory.vm + VM_TSC_KHZ));
}
