// Address spaces: guest memory as a thing of its own, which modules bind to. The slots of a VM are one; a Vas exists
// without a VM, and VMs and modules bind to it at the same time. A window onto another machine is remote_window.ts.

import { PAGE_SIZE, VM_GENERATION } from '../../assembly/abi/map.ts';
import {
  hostWritten,
  KVM_MEM_LOG_DIRTY_PAGES,
  KVM_MEM_READONLY,
  type Kvm,
  KvmError,
  livingVms,
  type MachineMemory,
  type PinInfo,
  type PinOwner,
  pins,
  type Slot,
  setUserMemoryRegion,
  slot as slotOf,
  type Vm,
} from '../kvm/index.ts';
import type { GuestInterface, Maybe } from './guest_interface.ts';
import { bind, type GuestHandle, handleOf } from './handle.ts';
import { isVas, shareVas, vasOf, vmsOf } from './vas_words.ts';

/** A range of guest-physical addresses with memory behind it. */
export interface Region {
  readonly id: number;
  readonly gpa: bigint;
  /** Bytes. */
  readonly size: number;
  /** KVM_MEM_READONLY and, of a VM's slots, KVM_MEM_LOG_DIRTY_PAGES. */
  readonly flags: number;
}

/** Guest memory that can be bound to: the one thing that slots, a Vas and another machine's window have in common. */
export interface AddressSpace {
  /** What there is, by id. */
  regions(): Maybe<Region[]>;
  /** An interface for `owner` on this thread. */
  bind(owner: PinOwner): Maybe<GuestInterface>;
}

/** The slots of a VM as an address space. */
export function slotsOf(vm: Vm): AddressSpace {
  return {
    regions: () => vm.slots().map(({ id, gpa, size, flags }) => ({ id, gpa, size, flags })),
    bind: (owner) => bind(handleOf(vm), owner),
  };
}

/** What `Vas.set` takes. */
export interface RegionRequest {
  readonly id: number;
  readonly gpa: bigint | number;
  /** Bytes, a multiple of 4096; 0 removes the region. */
  readonly size: number;
  /** KVM_MEM_READONLY or 0: logging is each VM's own affair. */
  readonly flags?: number;
}

/** How a Vas is made. */
export interface VasOptions {
  /** Bytes that its memory and that of all VMs bound to it may come to. */
  readonly memoryLimit?: number;
}

/**
 * An address space without a VM (Avi Kivity's virt_address_space): a memory with a slot table. VMs that are bound live in
 * this memory and have its regions as slots of the same ids, so they share RAM; a change of a region reaches all of them.
 */
export class Vas implements AddressSpace {
  readonly name: string;
  readonly #kvm: Kvm;
  /** A place for a VM that never gets a vCPU: its slot table and its pins are the address space's. */
  readonly #place: Vm;

  private constructor(kvm: Kvm, name: string, place: Vm) {
    this.#kvm = kvm;
    this.name = name;
    this.#place = place;
  }

  /** An empty address space. ENOMEM when the host refuses the memory. */
  static create(kvm: Kvm, name: string, options: VasOptions = {}): Vas {
    const place = kvm.createVm({ maxVcpus: 1, ...options });
    shareVas(place.memory, place.memory.base);
    return new Vas(kvm, name, place);
  }

  /** The right to bind to it; travels by postMessage. */
  get handle(): GuestHandle {
    return handleOf(this.#place);
  }

  /** The memory in which its VMs live. */
  get memory(): MachineMemory {
    return this.#place.memory;
  }

  /** Who holds it, bound VMs not counted. */
  pins(): PinInfo[] {
    return pins(this.memory);
  }

  /** The region with this id as a slot, whose memory the host may use in place: call `written` after stores. */
  slot(id: number): Slot | undefined {
    return this.#place.slot(id);
  }

  /** Marks the dirty log of each bound VM, and code that is now stale, after stores of the host. */
  written(gpa: bigint, length: number): void {
    for (const vm of this.vms()) hostWritten(vm, gpa, length);
  }

  /** Whether this VM shares the regions now. */
  isBound(vm: Vm): boolean {
    const { memory } = vm;
    return memory.wasm === this.memory.wasm && !isVas(memory) && vasOf(memory) === this.memory.base;
  }

  /** The VMs that are bound. */
  vms(): MachineMemory[] {
    return vmsOf(this.memory);
  }

  regions(): Region[] {
    return this.#place.slots().map(({ id, gpa, size, flags }) => ({ id, gpa, size, flags }));
  }

  bind(owner: PinOwner): GuestInterface {
    return bind(this.handle, owner);
  }

  /**
   * Makes, moves or removes (size 0) a region here and in every bound VM. New regions get zeroed memory. The errors of
   * KVM_SET_USER_MEMORY_REGION; EINVAL for other flags, EEXIST when a bound VM has something there: then nothing changes.
   */
  set(request: RegionRequest): void {
    const { id, gpa, size, flags = 0 } = request;
    if (flags & ~KVM_MEM_READONLY) {
      throw new KvmError('EINVAL', 'a region of an address space is KVM_MEM_READONLY (2) or 0; VMs log.');
    }
    if (!(Number.isSafeInteger(size) && size >= 0 && size % PAGE_SIZE === 0)) {
      throw new KvmError('EINVAL', `a region of ${size} bytes is no whole number of 4096-byte pages.`);
    }
    const old = this.#place.slot(id);
    if (old && size > 0 && (old.size !== size || old.flags !== flags)) {
      throw new KvmError('EINVAL', `region ${id} keeps its size and flags; remove it and make it anew.`);
    }
    const hva = old?.hva ?? (size > 0 ? this.#place.allocate(size) : 0);
    const region = { slot: id, flags, guest_phys_addr: gpa, memory_size: size, userspace_addr: hva };
    // Modules first see the old region go, then VMs change, then modules see the new one: their marks always find it.
    const gone = old !== undefined && (size === 0 || old.gpa !== BigInt(gpa));
    if (gone) setUserMemoryRegion(this.memory, { ...region, memory_size: 0 });
    const done: MachineMemory[] = [];
    try {
      for (const vm of this.vms()) {
        setRegion(vm, region);
        done.push(vm);
      }
      if (size > 0) setUserMemoryRegion(this.memory, region);
      else if (!gone) setUserMemoryRegion(this.memory, region);
    } catch (error) {
      const before = old && {
        slot: id,
        flags: old.flags,
        guest_phys_addr: old.gpa,
        memory_size: old.size,
        userspace_addr: old.hva,
      };
      for (const vm of done) setRegion(vm, before ?? { ...region, memory_size: 0 });
      if (gone && before) setUserMemoryRegion(this.memory, before);
      throw error;
    }
  }

  /** KVM_CREATE_VM in this address space: a VM with its regions. */
  createVm(maxVcpus = 1): Vm {
    const vm = this.#kvm.createVm({ maxVcpus, memory: this.memory.wasm });
    this.bindVm(vm);
    return vm;
  }

  /**
   * Gives the regions to a VM of this memory. EXDEV for one with a memory of its own, EBUSY when it shares an address
   * space already, EEXIST when its slots are in the way: then it has none of the regions.
   */
  bindVm(vm: Vm): void {
    const { memory } = vm;
    if (memory.wasm !== this.memory.wasm && memory.wasm.buffer !== this.memory.wasm.buffer) {
      throw new KvmError('EXDEV', `the VM lies in another memory; make it with createVm of ${this.name}.`);
    }
    if (vasOf(memory) !== undefined)
      throw new KvmError('EBUSY', 'this VM shares an address space already; unbind it first.');
    const taken = this.regions().find(({ id }) => vm.slot(id) !== undefined);
    if (taken) throw new KvmError('EEXIST', `the VM has a slot ${taken.id} of its own; delete it first.`);
    const given: number[] = [];
    try {
      for (const { id, gpa, size, flags, hva } of this.#place.slots()) {
        vm.setUserMemoryRegion({
          slot: id,
          flags,
          guest_phys_addr: gpa,
          memory_size: size,
          userspace_addr: hva,
        });
        given.push(id);
      }
    } catch (error) {
      for (const slot of given) vm.setUserMemoryRegion({ slot, memory_size: 0 });
      throw error;
    }
    shareVas(memory, this.memory.base);
    this.#changed();
  }

  /** Takes the regions from a VM. ENOENT when it is not bound here. */
  unbindVm(vm: Vm): void {
    if (vasOf(vm.memory) !== this.memory.base || isVas(vm.memory))
      throw new KvmError('ENOENT', `this VM is not bound to ${this.name}.`);
    shareVas(vm.memory, undefined);
    this.#changed();
    for (const { id } of this.regions())
      if (vm.slot(id)) vm.setUserMemoryRegion({ slot: id, memory_size: 0 });
  }

  /** Modules look up anew which VMs there are. */
  #changed(): void {
    this.memory.add(this.memory.vm + VM_GENERATION, 1);
  }

  /** Ends it and gives its memory back. EBUSY while VMs live in that memory, bound or not, or modules hold it. */
  destroy(): void {
    const count = livingVms(this.memory.wasm).length - 1;
    if (count > 0) {
      throw new KvmError('EBUSY', `${count} VMs live in the memory of ${this.name}; destroy them first.`);
    }
    this.#place.destroy();
  }
}

/** A region as a slot of a bound VM, which keeps its own choice of logging. */
function setRegion(vm: MachineMemory, region: Parameters<typeof setUserMemoryRegion>[1]): void {
  const old = slotOf(vm, region.slot ?? 0);
  if (old === undefined && region.memory_size === 0) return;
  const log = (old?.flags ?? 0) & KVM_MEM_LOG_DIRTY_PAGES;
  setUserMemoryRegion(vm, { ...region, flags: (region.flags ?? 0) | (region.memory_size === 0 ? 0 : log) });
}

/** The address spaces of one owner by name: `/vas`. */
export class VasRegistry {
  readonly #kvm: Kvm;
  readonly #spaces = new Map<string, Vas>();

  constructor(kvm: Kvm) {
    this.#kvm = kvm;
  }

  /** Makes one. EEXIST when the name is taken. */
  create(name: string, options: VasOptions = {}): Vas {
    if (this.#spaces.has(name)) throw new KvmError('EEXIST', `there is an address space ${name} already.`);
    const vas = Vas.create(this.#kvm, name, options);
    this.#spaces.set(name, vas);
    return vas;
  }

  get(name: string): Vas | undefined {
    return this.#spaces.get(name);
  }

  /** All, in the order in which they were made. */
  list(): Vas[] {
    return [...this.#spaces.values()];
  }

  /** Ends one. ENOENT; EBUSY while it is held. */
  remove(name: string): void {
    const vas = this.#spaces.get(name);
    if (vas === undefined) throw new KvmError('ENOENT', `there is no address space ${name}.`);
    vas.destroy();
    this.#spaces.delete(name);
  }
}
