// One virtual machine: the ioctls of a VM fd as typed calls over its one memory. A view; whoever holds the memory and
// the core's module has the whole machine (Vm.attach).

import { VM_MAX_VCPU_ID } from '../../assembly/abi/calls.ts';
import { HEAT_LIMIT } from '../../assembly/abi/insn.ts';
import {
  MAX_VCPUS,
  PAGE_SIZE,
  VM_ALIVE,
  VM_BOOT_CPU,
  VM_HEAT,
  VM_JIT_BYTES,
  VM_LIFE,
  VM_MAX_VCPUS,
  VM_TSC_KHZ,
  VM_VCPUS,
} from '../../assembly/abi/map.ts';
import {
  type Input,
  type KvmClockData,
  KvmError,
  type KvmIrqchip,
  type KvmIrqRoutingEntry,
  type KvmMemoryAlias,
  type KvmMemoryRegion,
  type KvmMsi,
  type KvmPitConfig,
  type KvmPitState2,
  type KvmUserspaceMemoryRegion,
} from './abi/index.ts';
import { getMemoryAlias, setMemoryAlias } from './aliases.ts';
import { type CoalescedZone, registerCoalesced, unregisterCoalesced } from './coalesced.ts';
import { type Core, instantiateCore } from './core.ts';
import {
  clearDirtyLog,
  type DirtyPages,
  getDirtyLog,
  getHostDirtyLog,
  hostWritten,
  peekDirtyLog,
} from './dirty_log.ts';
import { resetDirtyRings } from './dirty_ring.ts';
import { endEvents } from './event_tables.ts';
import { Eventfd, type EventfdOptions } from './eventfd.ts';
import { setGsiRouting } from './gsi_routing.ts';
import { copyFromGuest, copyToGuest, hvaOf } from './guest_memory.ts';
import { getNrMmuPages, setIdentityMapAddr, setNrMmuPages, setTssAddr } from './host_mmu.ts';
import { referenceTimeMoved, resetHyperv } from './hyperv.ts';
import type { IdleMemories } from './idle_memories.ts';
import { type Ioeventfd, ioeventfd } from './ioeventfd.ts';
import {
  createIrqchip,
  createPit2,
  getClock,
  getIrqchip,
  getPit2,
  hasIrqchip,
  irqLine,
  reinjectControl,
  setClock,
  setIrqchip,
  setPit2,
  signalMsi,
} from './irqchip.ts';
import { type Irqfd, irqfd } from './irqfd.ts';
import { clockChanged } from './kvmclock.ts';
import type { MachineMemory } from './memory.ts';
import { roundUp } from './memory.ts';
import { type PinInfo, pins, withoutPins } from './pins.ts';
import { type Slot, setMemoryRegion, setUserMemoryRegion, slot, slots } from './slots.ts';
import { Vcpu } from './vcpu.ts';
import { powerUp } from './vcpu_reset.ts';
import { VmCalls } from './vm_calls.ts';
import {
  endMachine,
  findMachine,
  heapAllocate,
  layMachine,
  layMemory,
  startTime,
  stopTime,
  tscKhz,
  vcpuIds,
} from './vm_page.ts';

/** Room of compiled code that a vCPU has when nothing else is said, in bytes. */
const COMPILED_BYTES = 8 * 2 ** 20;

/** What another worker needs to attach to a VM; it travels by postMessage. */
export interface VmHandle {
  readonly memory: WebAssembly.Memory;
  /** Where in the memory the VM lies: 0 for its first one. */
  readonly base: number;
  /** Which of the VMs that have lived there is meant. */
  readonly life: number;
  readonly module: WebAssembly.Module;
}

/** How large a VM may become. */
export interface VmOptions {
  /** vCPU areas to reserve, 1 to 32. */
  readonly maxVcpus?: number;
  /** Bytes that the VM's memory may grow to, guest RAM and all; the host reserves address space for them. */
  readonly memoryLimit?: number;
  /** The memory of a process in which the VM is to lie (layMemory), beside others; its own when left out. */
  readonly memory?: WebAssembly.Memory;
}

const DEFAULT_LIMIT = 2 ** 31;

/** A virtual machine. */
export class Vm extends VmCalls {
  /** The machine: every state of it lies here. */
  readonly memory: MachineMemory;
  /** The core that it was made with. */
  readonly module: WebAssembly.Module;
  #instance: Core | undefined;
  #leave: (() => void) | undefined;
  /** Which of the VMs that have lived at this place it is. */
  readonly #life: number;

  private constructor(memory: MachineMemory, module: WebAssembly.Module) {
    super();
    this.memory = memory;
    this.module = module;
    this.#life = memory.load(memory.vm + VM_LIFE);
  }

  /** KVM_CREATE_VM; use Kvm.createVm. ENOMEM when the host refuses the memory. */
  static create(module: WebAssembly.Module, options: VmOptions = {}, idle?: IdleMemories): Vm {
    const { maxVcpus = 1, memoryLimit = DEFAULT_LIMIT } = options;
    if (options.memory) return new Vm(layMachine(options.memory, maxVcpus), module);
    const own = idle?.take(maxVcpus, memoryLimit) ?? layMemory(maxVcpus, memoryLimit);
    const vm = new Vm(layMachine(own.wasm, maxVcpus), module);
    // Whoever has a memory of its own leaves it to the next VM.
    vm.#leave = () => idle?.give(vm.memory, memoryLimit, vm.core);
    return vm;
  }

  /** The same VM from another worker. EINVAL when the memory holds no VM, ENODEV when the handle's was destroyed. */
  static attach(handle: VmHandle): Vm {
    const vm = new Vm(findMachine(handle.memory, handle.base), handle.module);
    if (vm.#life !== handle.life || !vm.#isAlive) throw gone();
    return vm;
  }

  /** The VM that this object was made for still lives. */
  get #isAlive(): boolean {
    const { memory } = this;
    return memory.load(memory.vm + VM_ALIVE) !== 0 && memory.load(memory.vm + VM_LIFE) === this.#life;
  }

  /**
   * The last close of a VM fd: its vCPUs stand and its place in the memory is free for another VM. EBUSY while a vCPU
   * runs on some thread, and, with their names, while modules or address spaces hold it; ENODEV when it was destroyed
   * before, as of every later call of this object and its vCPUs: the memory may be another VM's by then. Guest RAM
   * belongs to who allocated it.
   */
  destroy(): void {
    if (!this.#isAlive) throw gone();
    const running = this.vcpuIds().find((id) => this.vcpu(id).running);
    if (running !== undefined)
      throw new KvmError('EBUSY', `vCPU ${running} runs; pause it before the VM is destroyed.`);
    withoutPins(this.memory, () => {
      endEvents(this);
      endMachine(this.memory);
    });
    this.#leave?.();
    this.memory.end();
  }

  /** Who holds this VM besides its vCPUs, and what they have attached: modules and address spaces (web/xinterface). */
  pins(): PinInfo[] {
    return pins(this.memory);
  }

  /** What Vm.attach takes; give it to workers with postMessage. */
  get handle(): VmHandle {
    return { memory: this.memory.wasm, base: this.memory.base, life: this.#life, module: this.module };
  }

  /** This thread's instance of the core, made when it is first needed. */
  get core(): Core {
    this.#instance ??= instantiateCore(this.module, this.memory);
    return this.#instance;
  }

  /**
   * Takes zeroed memory for guest RAM, as mmap does for a VMM on Linux: the offset returned is a userspace_addr.
   * `bytes` is rounded up to whole pages. ENOMEM when the VM's limit or the host refuses.
   */
  allocate(bytes: number): number {
    if (!(Number.isSafeInteger(bytes) && bytes > 0)) {
      throw new KvmError('EINVAL', `${bytes} bytes cannot be allocated; give a positive whole number.`);
    }
    return heapAllocate(this.memory, roundUp(bytes, PAGE_SIZE));
  }

  /** KVM_SET_USER_MEMORY_REGION; see setUserMemoryRegion in slots.ts for its rules and errors. */
  setUserMemoryRegion(region: Input<KvmUserspaceMemoryRegion>): void {
    setUserMemoryRegion(this.memory, region);
  }

  /** KVM_SET_MEMORY_REGION: a slot with memory of the VM's own; see setMemoryRegion in slots.ts. */
  setMemoryRegion(region: Input<KvmMemoryRegion>): void {
    setMemoryRegion(this.memory, region);
  }

  /** KVM_SET_MEMORY_ALIAS: makes a range of addresses mean another one. EINVAL; see aliases.ts. */
  setMemoryAlias(alias: Input<KvmMemoryAlias>): void {
    setMemoryAlias(this.memory, alias);
  }

  /** The alias with this number; memory_size 0 when it is not in use. EINVAL. */
  getMemoryAlias(id: number): KvmMemoryAlias {
    return getMemoryAlias(this.memory, id);
  }

  /** The slot with this id, if it exists. */
  slot(id: number): Slot | undefined {
    return slot(this.memory, id);
  }

  /** Every slot of address space 0 or, for what vCPUs in system management mode see, 1; by id. */
  slots(space = 0): Slot[] {
    return slots(this.memory, space);
  }

  /** KVM_GET_DIRTY_LOG: the pages of a slot written since the last call, a bit a page; clears them. EINVAL, ENOENT, ENXIO. */
  getDirtyLog(slotId: number): Uint8Array {
    return getDirtyLog(this.memory, slotId);
  }

  /** KVM_CLEAR_DIRTY_LOG: counts pages as clean again. EINVAL, ENOENT, ENXIO, EFAULT; see dirty_log.ts. */
  clearDirtyLog(pages: DirtyPages): void {
    clearDirtyLog(this.memory, pages);
  }

  /** KVM_RESET_DIRTY_RINGS: how many harvested entries were taken back. EINVAL without rings. */
  resetDirtyRings(): number {
    return resetDirtyRings(this.memory);
  }

  /** With dirty rings: the pages that no vCPU but the host wrote, a bit a page; clears them. EINVAL, ENOENT, ENXIO. */
  getHostDirtyLog(slotId: number): Uint8Array {
    return getHostDirtyLog(this.memory, slotId);
  }

  /** The dirty bitmap as it stands, not cleared. */
  peekDirtyLog(slotId: number): Uint8Array {
    return peekDirtyLog(this.memory, slotId);
  }

  /** Copies `data` to guest-physical `gpa` of address space 0, or of another. EFAULT when not all of it lies in slots. */
  write(gpa: bigint | number, data: Uint8Array, space = 0): void {
    const left = copyToGuest(this.memory, BigInt(gpa), data, space);
    if (left > 0) throw outside(gpa, data.length, left);
  }

  /** A copy of `length` bytes at guest-physical `gpa`. EFAULT when not all of them lie in slots. */
  read(gpa: bigint | number, length: number, space = 0): Uint8Array {
    const data = new Uint8Array(length);
    const left = copyFromGuest(this.memory, BigInt(gpa), data, space);
    if (left > 0) throw outside(gpa, length, left);
    return data;
  }

  /** The memory behind `length` bytes at `gpa`, shared, when one slot holds all of it. Call `written` after stores. */
  guest(gpa: bigint | number, length: number): Uint8Array | undefined {
    const hva = hvaOf(this.memory, BigInt(gpa), length);
    return hva === undefined ? undefined : this.memory.bytes(hva, length);
  }

  /** Marks the dirty log, and code that is now stale, after stores that went past `write`. */
  written(gpa: bigint | number, length: number): void {
    hostWritten(this.memory, BigInt(gpa), length);
  }

  /**
   * Blocks that are decoded from now on are compiled once they have been entered `entries` times within some 8000 instructions for each
   * (0 to 1,000,000; 0 = before they run at all); what takes longer is counted anew; never when left out, which is how a VM begins. What is compiled for a vCPU may have `bytes` bytes together, as
   * they are before the engine makes machine code of them, which takes ten times as much; what was not used for longest goes first.
   * When left out they are what they were, 8 MiB at first. It changes what the guest costs, never what it does. EINVAL for other
   * numbers.
   */
  compileAfter(
    entries?: number,
    bytes: number = this.memory.u32(this.memory.vm + VM_JIT_BYTES) || COMPILED_BYTES,
  ): void {
    if (entries !== undefined && !(Number.isInteger(entries) && entries >= 0 && entries <= HEAT_LIMIT))
      throw new KvmError(
        'EINVAL',
        `blocks cannot be compiled after ${entries} entries: give 0 to ${HEAT_LIMIT}.`,
      );
    if (!(Number.isInteger(bytes) && bytes > 0 && bytes < 2 ** 32))
      throw new KvmError('EINVAL', `${bytes} bytes are no room for compiled code: give 1 to 4294967295.`);
    this.memory.setU32(this.memory.vm + VM_JIT_BYTES, bytes);
    this.memory.setU32(this.memory.vm + VM_HEAT, entries === undefined ? 0 : entries + 1);
  }

  /** What `compileAfter` was told last. */
  get compilesAfter(): number | undefined {
    const heat = this.memory.u32(this.memory.vm + VM_HEAT);
    return heat === 0 ? undefined : heat - 1;
  }

  /** How many vCPUs this VM may have. */
  get maxVcpus(): number {
    return this.memory.u32(this.memory.vm + VM_MAX_VCPUS);
  }

  /** Ids of the vCPUs that exist, in order. */
  vcpuIds(): number[] {
    return vcpuIds(this.memory);
  }

  /** KVM_CREATE_VCPU: the id is its APIC id. EINVAL beyond maxVcpus, EEXIST when it exists. */
  createVcpu(id: number): Vcpu {
    if (!(Number.isInteger(id) && id >= 0 && id < Math.min(this.maxVcpus, MAX_VCPUS))) {
      throw new KvmError(
        'EINVAL',
        `vCPU ${id} is beyond this VM's ${this.maxVcpus}; raise maxVcpus of createVm.`,
      );
    }
    const limit = this.memory.u32(this.memory.vm + VM_MAX_VCPU_ID);
    if (limit !== 0 && id >= limit) {
      throw new KvmError(
        'EINVAL',
        `vCPU ids are below ${limit}, as enableCap MAX_VCPU_ID said; ${id} is not.`,
      );
    }
    if (this.vcpuIds().includes(id))
      throw new KvmError('EEXIST', `vCPU ${id} exists already; use vcpu(${id}).`);
    const boot = this.memory.u32(this.memory.vm + VM_BOOT_CPU) === id;
    powerUp(this.memory, this.core, id, boot, this.hasIrqchip && !boot);
    this.memory.or(this.memory.vm + VM_VCPUS, 1 << id);
    clockChanged(this.memory);
    return this.vcpu(id);
  }

  /** A view of a vCPU that exists. ENOENT when it does not. */
  vcpu(id: number): Vcpu {
    if (!this.vcpuIds().includes(id))
      throw new KvmError('ENOENT', `vCPU ${id} does not exist; call createVcpu first.`);
    return new Vcpu(this.memory, id, () => this.core);
  }

  /** KVM_SET_NR_MMU_PAGES. EINVAL below 64. Kept: this VM has no shadow pages. */
  setNrMmuPages(pages: number): void {
    setNrMmuPages(this.memory, pages);
  }

  /** KVM_GET_NR_MMU_PAGES. */
  getNrMmuPages(): number {
    return getNrMmuPages(this.memory);
  }

  /** KVM_SET_TSS_ADDR. EINVAL when three pages do not fit below 4 GiB. Kept: this VM needs none. */
  setTssAddr(address: number): void {
    setTssAddr(this.memory, address);
  }

  /** KVM_SET_IDENTITY_MAP_ADDR. EINVAL once a vCPU exists. Kept: this VM needs none. */
  setIdentityMapAddr(address: bigint): void {
    setIdentityMapAddr(this.memory, address);
  }

  /** KVM_SET_BOOT_CPU_ID: which vCPU starts running. EBUSY when vCPUs exist already. */
  setBootCpuId(id: number): void {
    if (this.vcpuIds().length > 0) {
      throw new KvmError('EBUSY', 'vCPUs exist already; choose the boot CPU before the first createVcpu.');
    }
    this.memory.setU32(this.memory.vm + VM_BOOT_CPU, id);
  }

  /** True after createIrqchip. */
  get hasIrqchip(): boolean {
    return hasIrqchip(this.memory);
  }

  /** KVM_CREATE_IRQCHIP, before the first vCPU. EEXIST, EINVAL. */
  createIrqchip(): void {
    createIrqchip(this.memory, this.core);
  }

  /**
   * KVM_IRQ_LINE, KVM_IRQ_LINE_STATUS: raises (true) or lowers a GSI; the status is to how many it went, 0 when it was
   * coalesced, -1 when it was masked or leads nowhere. ENXIO without an irqchip.
   */
  irqLine(gsi: number, level: boolean): number {
    return irqLine(this.memory, this.core, gsi, level);
  }

  /** KVM_SIGNAL_MSI: how many local APICs took the message. EINVAL, and EPERM when it names none. */
  signalMsi(msi: Input<KvmMsi>): number {
    return signalMsi(this.memory, this.core, msi);
  }

  /** KVM_SET_GSI_ROUTING: replaces the whole table. EINVAL for its rules, see gsi_routing.ts. */
  setGsiRouting(entries: readonly Input<KvmIrqRoutingEntry>[]): void {
    setGsiRouting(this.memory, this.core, entries);
  }

  /** KVM_GET_IRQCHIP, by KVM_IRQCHIP chip id. */
  getIrqchip(chipId: number): KvmIrqchip {
    return getIrqchip(this.memory, this.core, chipId);
  }

  /** KVM_SET_IRQCHIP. */
  setIrqchip(irqchip: Input<KvmIrqchip>): void {
    setIrqchip(this.memory, this.core, irqchip);
  }

  /** The PICs, the IOAPIC, the lines, the PIT and Hyper-V's partition as after power on: for a machine's reset. */
  resetIrqchip(): void {
    if (this.hasIrqchip) this.core.irqchip_reset();
    resetHyperv(this.memory);
  }

  /** KVM_CREATE_PIT2. ENOENT without an irqchip, EEXIST. */
  createPit2(config: Input<KvmPitConfig> = {}): void {
    createPit2(this.memory, this.core, config);
  }

  /** KVM_GET_PIT2. */
  getPit2(): KvmPitState2 {
    return getPit2(this.memory);
  }

  /** KVM_SET_PIT2; fields not named keep their values. */
  setPit2(state: Input<KvmPitState2>): void {
    setPit2(this.memory, this.core, state);
  }

  /** KVM_REINJECT_CONTROL (ENXIO without a PIT): whether PIT ticks that the guest was too slow for come later (the default) or are lost. */
  reinjectControl(on: boolean): void {
    reinjectControl(this.memory, this.core, on);
  }

  /** KVM_IRQFD: signals of an eventfd are interrupts; see irqfd.ts. EINVAL, EBADF, EBUSY, ENFILE. */
  irqfd(args: Irqfd): void {
    irqfd(this, args);
  }

  /** KVM_IOEVENTFD: guest writes signal an eventfd; see ioeventfd.ts. EINVAL, EBADF, EEXIST, ENOENT, ENOSPC. */
  ioeventfd(args: Ioeventfd): void {
    ioeventfd(this, args);
  }

  /** KVM_REGISTER_COALESCED_MMIO: writes to the zone wait for the next exit, see `takeCoalesced` of a vCPU. EINVAL, ENOSPC. */
  registerCoalescedMmio(zone: CoalescedZone): void {
    registerCoalesced(this.memory, zone);
  }

  /** KVM_UNREGISTER_COALESCED_MMIO. EINVAL. */
  unregisterCoalescedMmio(zone: CoalescedZone): void {
    unregisterCoalesced(this.memory, zone);
  }

  /** An eventfd in this VM's memory, which its irqfds and ioeventfds can use; see eventfd.ts. ENFILE beyond 256. */
  createEventfd(options: EventfdOptions = {}): Eventfd {
    return Eventfd.createIn(this, options);
  }

  /** Machine time stands still (TSC, timers, kvmclock): for a pause of all vCPUs. */
  stopTime(): void {
    stopTime(this.memory);
  }

  /** Machine time goes on where it stood. A new VM's time runs. */
  startTime(): void {
    startTime(this.memory);
  }

  /** KVM_GET_TSC_KHZ. */
  getTscKhz(): number {
    return Number(this.memory.u64(this.memory.vm + VM_TSC_KHZ));
  }

  /** KVM_SET_TSC_KHZ: the frequency of vCPUs made from now on; 0 means 1 GHz. EINVAL for what is no 32-bit number. */
  setTscKhz(khz: number): void {
    this.memory.setU64(this.memory.vm + VM_TSC_KHZ, tscKhz(khz));
  }

  /** KVM_GET_CLOCK: kvmclock in ns. */
  getClock(): KvmClockData {
    return getClock(this.memory);
  }

  /** KVM_SET_CLOCK. */
  setClock(data: Input<KvmClockData>): void {
    setClock(this.memory, data);
    referenceTimeMoved(this.memory, () => this.core);
  }
}

function gone(): KvmError {
  return new KvmError('ENODEV', 'this VM was destroyed already; make another.');
}

function outside(gpa: bigint | number, length: number, left: number): KvmError {
  const from = BigInt(gpa) + BigInt(length - left);
  return new KvmError(
    'EFAULT',
    `guest-physical 0x${from.toString(16)} lies in no slot; ${left} of ${length} bytes are left.`,
  );
}
