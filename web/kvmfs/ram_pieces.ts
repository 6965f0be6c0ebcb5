// Memory for slots: taken from the VM's heap, and used again when a slot has gone. The heap itself only grows.

import type { Vm } from '../kvm/index.ts';
import { roundUp } from '../kvm/index.ts';

interface Piece {
  readonly offset: number;
  readonly size: number;
}

/** Free pieces of one memory, in which several VMs may live. */
export class FreePieces {
  all: readonly Piece[] = [];
}

export class RamPieces {
  readonly #vm: () => Vm;
  readonly #free: FreePieces;

  /** Of the memory in which `vm` lies; `free` is shared by all VMs in it. */
  constructor(vm: () => Vm, free = new FreePieces()) {
    this.#vm = vm;
    this.#free = free;
  }

  /** Offset of `bytes` zeroed bytes at a page. ENOMEM. */
  take(bytes: number): number {
    const size = roundUp(bytes);
    const piece = this.#free.all.find((each) => each.size >= size);
    if (piece === undefined) return this.#vm().allocate(size);
    const rest = { offset: piece.offset + size, size: piece.size - size };
    this.#free.all = this.#free.all.flatMap((each) =>
      each !== piece ? [each] : rest.size > 0 ? [rest] : [],
    );
    this.#vm().memory.bytes(piece.offset, size).fill(0);
    return piece.offset;
  }

  /** Gives a piece back that was taken; neighbours are joined. */
  give(offset: number, bytes: number): void {
    const sorted = [...this.#free.all, { offset, size: roundUp(bytes) }].sort((a, b) => a.offset - b.offset);
    const joined: Piece[] = [];
    for (const piece of sorted) {
      const last = joined.at(-1);
      if (last !== undefined && last.offset + last.size === piece.offset)
        joined[joined.length - 1] = { offset: last.offset, size: last.size + piece.size };
      else joined.push(piece);
    }
    this.#free.all = joined;
  }

  clear(): void {
    this.#free.all = [];
  }
}
