// Descriptor chains: the walk through a driver's descriptors, which may be anything, and a chain's bytes by their offset.
// It knows no rings.
//
// Source: VIRTIO 1.2, 2.7.5 (descriptor table) and 2.7.5.3 (indirect descriptors).

import type { GuestInterface } from '../xinterface/index.ts';
import type { Chain, ChainPart } from './backend.ts';

export const DESCRIPTOR_BYTES = 16;
const NEXT = 1;
const WRITE = 2;
const INDIRECT = 4;
/** Pieces of a chain: more than any driver makes, and a bound for loops. */
const PARTS_MAX = 1024;
const BYTES_MAX = 2 ** 32 - 1;

/** A chain that breaks the rules, in one sentence. */
export class RingError extends Error {
  override readonly name = 'RingError';
}

/** Whose memory a chain lies in, and for how long. */
export interface ChainOwner {
  readonly guest: GuestInterface;
  /** The driver has reset the device: the memory is not the device's any more. */
  readonly isOver: boolean;
}

interface Descriptor {
  readonly address: bigint;
  readonly length: number;
  readonly flags: number;
  readonly next: number;
}

function descriptorAt(table: DataView, index: number): Descriptor {
  const at = index * DESCRIPTOR_BYTES;
  return {
    address: table.getBigUint64(at, true),
    length: table.getUint32(at + 8, true),
    flags: table.getUint16(at + 12, true),
    next: table.getUint16(at + 14, true),
  };
}

/** A chain as it was taken from a ring: its descriptors are not looked at again. */
class TakenChain implements Chain {
  readonly head: number;
  readonly sources: ChainPart[] = [];
  readonly targets: ChainPart[] = [];
  readable = 0;
  writable = 0;
  readonly #owner: ChainOwner;

  constructor(owner: ChainOwner, head: number) {
    this.#owner = owner;
    this.head = head;
  }

  add({ address: gpa, length, flags }: Descriptor): void {
    if (this.sources.length + this.targets.length === PARTS_MAX)
      throw new RingError(`chain ${this.head} has more than ${PARTS_MAX} pieces, or runs in a circle`);
    const isTarget = (flags & WRITE) !== 0;
    if (!isTarget && this.targets.length > 0)
      throw new RingError(`chain ${this.head} has a readable piece behind a writable one`);
    (isTarget ? this.targets : this.sources).push({ gpa, length });
    if (isTarget) this.writable += length;
    else this.readable += length;
    if (this.readable > BYTES_MAX || this.writable > BYTES_MAX)
      throw new RingError(`chain ${this.head} has more than 4 GiB`);
  }

  read(offset: number, into: Uint8Array): Promise<number> {
    const { guest } = this.#owner;
    return copy(this.sources, offset, into, (gpa, bytes) => guest.copyFrom(gpa, bytes));
  }

  write(offset: number, bytes: Uint8Array): Promise<number> {
    const owner = this.#owner;
    return copy(this.targets, offset, bytes, (gpa, piece) =>
      owner.isOver ? piece.length : owner.guest.copyTo(gpa, piece),
    );
  }
}

/** Copies `bytes` piece by piece; `transfer` tells how many of a piece were not copied. */
async function copy(
  parts: readonly ChainPart[],
  offset: number,
  bytes: Uint8Array,
  transfer: (gpa: bigint, bytes: Uint8Array) => number | Promise<number>,
): Promise<number> {
  let skip = offset;
  let done = 0;
  for (const { gpa, length } of parts) {
    if (done === bytes.length) break;
    if (skip >= length) {
      skip -= length;
      continue;
    }
    const piece = bytes.subarray(done, done + Math.min(length - skip, bytes.length - done));
    const answer = transfer(gpa + BigInt(skip), piece);
    const left = typeof answer === 'number' ? answer : await answer;
    done += piece.length - left;
    if (left > 0) break;
    skip = 0;
  }
  return done;
}

/** The table of an indirect descriptor, copied: the driver may write to it meanwhile. */
async function indirectTable(guest: GuestInterface, head: number, descriptor: Descriptor): Promise<DataView> {
  const { address, length } = descriptor;
  if (length === 0 || length % DESCRIPTOR_BYTES !== 0)
    throw new RingError(`the indirect table of chain ${head} has ${length} bytes`);
  const bytes = new Uint8Array(Math.min(length, PARTS_MAX * DESCRIPTOR_BYTES));
  if ((await guest.copyFrom(address, bytes)) > 0)
    throw new RingError(`the indirect table of chain ${head} at 0x${address.toString(16)} is no RAM`);
  return new DataView(bytes.buffer);
}

/** The chain that begins at descriptor `head` of `table`, which has `size` descriptors. RingError. */
export async function takeChain(
  owner: ChainOwner,
  table: DataView,
  size: number,
  head: number,
  allowsIndirect: boolean,
): Promise<Chain> {
  if (head >= size) throw new RingError(`the driver made descriptor ${head} of ${size} available`);
  const chain = new TakenChain(owner, head);
  let descriptors = table;
  let count = size;
  let index = head;
  for (let isIndirect = false; ; ) {
    const descriptor = descriptorAt(descriptors, index);
    if (descriptor.flags & INDIRECT) {
      if (!allowsIndirect || isIndirect || descriptor.flags & NEXT)
        throw new RingError(`chain ${head} has an indirect table where none may be`);
      descriptors = await indirectTable(owner.guest, head, descriptor);
      count = descriptors.byteLength / DESCRIPTOR_BYTES;
      isIndirect = true;
      index = 0;
      continue;
    }
    chain.add(descriptor);
    if ((descriptor.flags & NEXT) === 0) return chain;
    index = descriptor.next;
    if (index >= count) throw new RingError(`chain ${head} goes on at descriptor ${index} of ${count}`);
  }
}
