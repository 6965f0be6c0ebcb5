// Mapped guest memory of a VM in this process: vmaps and scatter lists over its slots. It copies nothing.

import { PAGE_SIZE } from '../../assembly/abi/map.ts';
import { KvmError, type MachineMemory, type Place, type Slot } from '../kvm/index.ts';
import type { GuestScatter, SyncGuestMap } from './guest_interface.ts';

/** What a mapping needs of the interface that made it. */
export interface MapOwner {
  readonly memory: MachineMemory;
  /** Runs `body` while no slot goes away. ENODEV when the interface was released. */
  inside<T>(body: () => T): T;
  /** Where `gpa` lies; only inside. */
  find(gpa: bigint): Place | undefined;
  /** Marks `length` bytes from `offset` on in a slot as written; only inside. */
  mark(slot: Slot, offset: number, length: number): void;
  /** Every slot; only inside. */
  slots(): Slot[];
  /** Forgets attachment `index`. */
  detach(index: number): void;
}

/** Marks stores to memory at `hva` wherever the guest sees it now: at `gpa`, or where its slot was moved to. */
function markWritten(owner: MapOwner, gpa: bigint, hva: number, length: number): void {
  owner.inside(() => {
    const found = owner.find(gpa);
    if (found && found.slot.hva + found.offset === hva && length <= found.left) {
      owner.mark(found.slot, found.offset, length);
      return;
    }
    for (const slot of owner.slots()) {
      const from = Math.max(hva, slot.hva);
      const to = Math.min(hva + length, slot.hva + slot.size);
      if (from < to) owner.mark(slot, from - slot.hva, to - from);
    }
  });
}

function released(): KvmError {
  return new KvmError('EINVAL', 'this mapping was released; map the memory again.');
}

/** A vmap: bytes inside one slot. The memory under it never goes away, as pinned pages do not; its slot may. */
export class SlotMap implements SyncGuestMap {
  readonly gpa: bigint;
  readonly length: number;
  readonly bytes: Uint8Array;
  readonly #owner: MapOwner;
  readonly #hva: number;
  readonly #attachment: number;
  #held = true;

  constructor(owner: MapOwner, gpa: bigint, length: number, hva: number, attachment: number) {
    this.#owner = owner;
    this.gpa = gpa;
    this.length = length;
    this.#hva = hva;
    this.#attachment = attachment;
    this.bytes = owner.memory.bytes(hva, length);
  }

  get stale(): boolean {
    return this.#owner.inside(() => {
      const found = this.#owner.find(this.gpa);
      return found === undefined || found.slot.hva + found.offset !== this.#hva || found.left < this.length;
    });
  }

  /** Nothing to do: the bytes are the guest's memory. */
  sync(): void {}

  /** EINVAL when the range lies outside, or the mapping was released. */
  written(offset = 0, length = this.length - offset): void {
    if (!this.#held) throw released();
    if (!(offset >= 0 && length >= 0 && offset + length <= this.length)) {
      throw new KvmError(
        'EINVAL',
        `${length} bytes at ${offset} lie outside this mapping of ${this.length} bytes.`,
      );
    }
    markWritten(this.#owner, this.gpa + BigInt(offset), this.#hva + offset, length);
  }

  #word(offset: number): number {
    if (!this.#held) throw released();
    const at = this.#hva + offset;
    if (!(offset >= 0 && offset + 4 <= this.length && at % 4 === 0)) {
      throw new KvmError('EINVAL', `there is no aligned 32-bit word at ${offset} of this mapping.`);
    }
    return at;
  }

  load(offset: number): number {
    return this.#owner.memory.load(this.#word(offset));
  }

  store(offset: number, value: number): void {
    this.#owner.memory.store(this.#word(offset), value);
    this.written(offset, 4);
  }

  release(): void {
    if (!this.#held) return;
    this.#held = false;
    this.#owner.detach(this.#attachment);
  }
}

/** Where one piece of a scatter list lies. */
export interface ScatterPart {
  readonly gpa: bigint;
  readonly hva: number;
  readonly length: number;
}

/** A scatter list: pieces of pages. */
export class SlotScatter implements GuestScatter {
  readonly parts: readonly Uint8Array[];
  readonly length: number;
  readonly #owner: MapOwner;
  readonly #places: readonly ScatterPart[];
  readonly #attachment: number;
  #held = true;

  constructor(owner: MapOwner, places: readonly ScatterPart[], attachment: number) {
    this.#owner = owner;
    this.#places = places;
    this.#attachment = attachment;
    this.parts = places.map(({ hva, length }) => owner.memory.bytes(hva, length));
    this.length = places.reduce((sum, { length }) => sum + length, 0);
  }

  /** Nothing to do: the parts are the guest's memory. */
  sync(): void {}

  /** EINVAL when it was released. */
  written(): void {
    if (!this.#held) throw released();
    for (const { gpa, hva, length } of this.#places) markWritten(this.#owner, gpa, hva, length);
  }

  release(): void {
    if (!this.#held) return;
    this.#held = false;
    this.#owner.detach(this.#attachment);
  }
}

/** EINVAL unless `length` bytes at `gpa` stay in one page. */
export function checkOnePage(gpa: bigint, length: number): void {
  const page = BigInt(PAGE_SIZE);
  if (length > 0 && gpa / page === (gpa + BigInt(length) - 1n) / page) return;
  throw new KvmError(
    'EINVAL',
    `a scatter entry of ${length} bytes at 0x${gpa.toString(16)} must lie in one page; part it.`,
  );
}
