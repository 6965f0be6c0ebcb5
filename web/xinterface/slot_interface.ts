// A guest of this process as a module sees it: copies and mappings through the slot table, safe against slots that come
// and go on other threads. It makes no pin of its own accord: handle.ts binds.

import { VM_ALIAS_COUNT, VM_GENERATION } from '../../assembly/abi/map.ts';
import {
  type Attachment,
  type Eventfd,
  freePin,
  KVM_MEM_READONLY,
  KvmError,
  type MachineMemory,
  type Pin,
  type Place,
  place,
  type Slot,
  slot as slotOf,
  slotWritten,
  type Vm,
} from '../kvm/index.ts';
import type {
  AttachmentRecord,
  Gpa,
  InterruptOptions,
  IoeventOptions,
  ScatterEntry,
  SyncGuestInterface,
} from './guest_interface.ts';
import { lockTag } from './release.ts';
import {
  assignBell,
  assignInterrupt,
  deassignBell,
  deassignInterrupt,
  SlotDoorbell,
  SlotInterrupt,
} from './slot_events.ts';
import { checkOnePage, type MapOwner, SlotMap, SlotScatter } from './slot_map.ts';
import { isVas, vmsOf } from './vas_words.ts';

/** Bytes copied in one section: a change of slots waits for this much. */
const PIECE = 0x10000;

/** How an eventfd of the guest begins and ends. */
interface EventSteps<T> {
  assign(fd: Eventfd): void;
  deassign(fd: Eventfd): void;
  make(fd: Eventfd, release: () => void): T;
}

/** The interface to a VM, or to an address space without one. Every call answers at once. */
export class SlotInterface implements SyncGuestInterface {
  readonly answersAtOnce = true;
  readonly #vm: Vm;
  readonly #pin: Pin;
  readonly #owner: MapOwner;
  /** Slot of the last look-up, good while the slot table has the generation it was looked up in. */
  #cached: Slot | undefined;
  #generation = -1;
  /** What ends each doorbell and interrupt that was not released yet. */
  readonly #events = new Set<() => void>();
  /** VMs bound to this address space, as they stood in `#generation` of it. */
  #sharers: { generation: number; vms: MachineMemory[] } = { generation: -1, vms: [] };

  /** `pin` is this thread's own. */
  constructor(vm: Vm, pin: Pin) {
    this.#vm = vm;
    this.#pin = pin;
    vm.memory.tag = lockTag(pin.place);
    this.#owner = {
      memory: vm.memory,
      inside: (body) => this.#inside(body),
      find: (gpa) => this.#find(gpa),
      mark: (slot, offset, length) => this.#mark(slot, offset, length),
      slots: () => vm.slots(),
      detach: (index) => pin.detach(index),
    };
  }

  #inside<T>(body: () => T): T {
    this.#pin.enter();
    try {
      return body();
    } finally {
      this.#pin.leave();
    }
  }

  /** Where `gpa` lies. Only inside: it is good until leave. */
  #find(gpa: bigint): Place | undefined {
    const memory = this.#vm.memory;
    const generation = memory.load(memory.vm + VM_GENERATION);
    const cached = this.#cached;
    if (cached && generation === this.#generation && gpa >= cached.gpa && gpa - cached.gpa < cached.size) {
      const offset = Number(gpa - cached.gpa);
      return { slot: cached, offset, left: cached.size - offset };
    }
    const found = place(memory, gpa);
    // What an alias leads to is looked up each time. The generation is from before: a change since makes this old.
    this.#cached = memory.load(memory.vm + VM_ALIAS_COUNT) === 0 ? found?.slot : undefined;
    this.#generation = generation;
    return found;
  }

  /** Marks bytes as written: in the VM's log, or in that of every VM bound to this address space. Only inside. */
  #mark(slot: Slot, offset: number, length: number): void {
    const memory = this.#vm.memory;
    slotWritten(memory, slot, offset, length);
    if (!isVas(memory)) return;
    const generation = memory.load(memory.vm + VM_GENERATION);
    if (this.#sharers.generation !== generation) this.#sharers = { generation, vms: vmsOf(memory) };
    for (const vm of this.#sharers.vms) {
      const same = slotOf(vm, slot.id);
      if (same && same.hva === slot.hva && same.size === slot.size) slotWritten(vm, same, offset, length);
    }
  }

  /** Copies piece by piece; returns what is left at the first address that may not be copied. */
  #copy(gpa: Gpa, bytes: Uint8Array, toGuest: boolean): number {
    const start = BigInt(gpa);
    const memory = this.#vm.memory;
    let done = 0;
    while (done < bytes.length) {
      this.#pin.enter();
      try {
        const found = this.#find(start + BigInt(done));
        if (!found || (toGuest && found.slot.flags & KVM_MEM_READONLY)) break;
        const { slot, offset, left } = found;
        const length = Math.min(bytes.length - done, left, PIECE);
        const guest = memory.bytes(slot.hva + offset, length);
        const piece = bytes.subarray(done, done + length);
        if (toGuest) {
          guest.set(piece);
          this.#mark(slot, offset, length);
        } else {
          piece.set(guest);
        }
        done += length;
      } finally {
        this.#pin.leave();
      }
    }
    this.#pin.copied(done);
    return bytes.length - done;
  }

  copyTo(gpa: Gpa, bytes: Uint8Array): number {
    return this.#copy(gpa, bytes, true);
  }

  copyFrom(gpa: Gpa, bytes: Uint8Array): number {
    return this.#copy(gpa, bytes, false);
  }

  /** Offset in the memory of `length` bytes at `gpa`, which one slot holds. EINVAL. Only inside. */
  #translate(gpa: bigint, length: number): number {
    const found = this.#find(gpa);
    if (!found || !(length > 0 && length <= found.left)) {
      throw new KvmError(
        'EINVAL',
        `${length} bytes at guest-physical 0x${gpa.toString(16)} do not lie in one slot.`,
      );
    }
    return found.slot.hva + found.offset;
  }

  vmap(gpa: Gpa, length: number): SlotMap {
    const address = BigInt(gpa);
    return this.#inside(() => {
      const place = this.#translate(address, length);
      const index = this.#pin.attach('vmap', { address, length, place });
      return new SlotMap(this.#owner, address, length, place, index);
    });
  }

  sgmap(entries: readonly ScatterEntry[]): SlotScatter {
    return this.#inside(() => {
      const places = entries.map((entry) => {
        const gpa = BigInt(entry.gpa);
        checkOnePage(gpa, entry.length);
        return { gpa, length: entry.length, hva: this.#translate(gpa, entry.length) };
      });
      const length = places.reduce((sum, part) => sum + part.length, 0);
      const index = this.#pin.attach('sg', { address: places[0]?.gpa ?? 0n, length });
      return new SlotScatter(this.#owner, places, index);
    });
  }

  ioevent(address: Gpa, length: number, options: IoeventOptions = {}): SlotDoorbell {
    const { pio = false, datamatch } = options;
    const match = datamatch === undefined ? undefined : BigInt(datamatch);
    const where = { address: BigInt(address), length, pio, datamatch: match };
    const vm = this.#vm;
    return this.#event('ioevent', where, {
      assign: (fd) => assignBell(vm, fd, where),
      deassign: (fd) => deassignBell(vm, fd, where),
      make: (fd, release) => new SlotDoorbell(fd, where, release),
    });
  }

  irqfd(gsi: number, { level = false }: InterruptOptions = {}): SlotInterrupt {
    const vm = this.#vm;
    if (!vm.hasIrqchip) throw new KvmError('ENXIO', 'this VM has no interrupt chips; call createIrqchip.');
    const address = BigInt(gsi);
    const ended = level ? this.#endOf(address) : undefined;
    try {
      return this.#event(
        'irqfd',
        { address },
        {
          assign: (fd) => assignInterrupt(vm, fd, gsi, ended?.fd),
          deassign: (fd) => {
            deassignInterrupt(vm, fd, gsi);
            ended?.release();
          },
          make: (fd, release) => new SlotInterrupt(fd, gsi, release, ended?.fd),
        },
      );
    } catch (error) {
      ended?.release();
      throw error;
    }
  }

  /** The eventfd that hears of a level's end, noted as the irqfd's own is: a dead holder's is taken away by the same rule. */
  #endOf(address: bigint): { readonly fd: Eventfd; release(): void } {
    const fd = this.#vm.createEventfd();
    const { at: place, generation } = fd.handle;
    const index = this.#pin.attach('irqfd', { address, place, generation });
    const release = (): void => {
      fd.close();
      this.#pin.detach(index);
    };
    return { fd, release };
  }

  /** An eventfd with what it does; noted first, so that it is released should this thread die in between. */
  #event<T>(kind: 'ioevent' | 'irqfd', details: Partial<Attachment>, steps: EventSteps<T>): T {
    if (isVas(this.#vm.memory)) {
      throw new KvmError('ENXIO', 'an address space without a VM has no buses or interrupts; bind to a VM.');
    }
    const fd = this.#vm.createEventfd({ values: kind === 'ioevent' });
    const { at: place, generation } = fd.handle;
    let index = -1;
    try {
      index = this.#pin.attach(kind, { ...details, place, generation });
      steps.assign(fd);
    } catch (error) {
      if (index >= 0) this.#pin.detach(index);
      fd.close();
      throw error;
    }
    const release = (): void => {
      if (!this.#events.delete(release)) return;
      steps.deassign(fd);
      fd.close();
      this.#pin.detach(index);
    };
    this.#events.add(release);
    return steps.make(fd, release);
  }

  save(): AttachmentRecord[] {
    return this.#pin.attachments.map(({ kind, address, length, pio, datamatch }) => ({
      kind,
      address,
      length,
      pio,
      datamatch,
    }));
  }

  get(): void {
    this.#pin.get();
  }

  put(): void {
    if (!this.#pin.put()) return;
    for (const release of this.#events) release();
    freePin(this.#vm.memory, this.#pin.place);
  }
}
