// A guest of this process as a module sees it: copies and mappings through the slot table, safe against slots that come
// and go on other threads. It makes no pin of its own accord: handle.ts binds.

import { VM_ALIAS_COUNT, VM_GENERATION } from '../../assembly/abi/map.ts';
import {
  KVM_MEM_READONLY,
  KvmError,
  type Pin,
  type Place,
  place,
  type Slot,
  slotWritten,
  type Vm,
} from '../kvm/index.ts';
import type { AttachmentRecord, Gpa, ScatterEntry, SyncGuestInterface } from './guest_interface.ts';
import { releasePin } from './release.ts';
import { checkOnePage, type MapOwner, SlotMap, SlotScatter } from './slot_map.ts';

/** Bytes copied in one section: a change of slots waits for this much. */
const PIECE = 0x10000;

/** The interface to a VM, or to an address space without one. Every call answers at once. */
export class SlotInterface implements Omit<SyncGuestInterface, 'ioevent' | 'irqfd'> {
  readonly #vm: Vm;
  readonly #pin: Pin;
  readonly #owner: MapOwner;
  /** Slot of the last look-up, good while the slot table has the generation it was looked up in. */
  #cached: Slot | undefined;
  #generation = -1;

  /** `pin` is this thread's own. */
  constructor(vm: Vm, pin: Pin) {
    this.#vm = vm;
    this.#pin = pin;
    this.#owner = {
      memory: vm.memory,
      inside: (body) => this.#inside(body),
      find: (gpa) => this.#find(gpa),
      mark: (slot, offset, length) => slotWritten(vm.memory, slot, offset, length),
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
          slotWritten(memory, slot, offset, length);
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
    if (this.#pin.put()) releasePin(this.#vm, this.#pin.place);
  }
}
