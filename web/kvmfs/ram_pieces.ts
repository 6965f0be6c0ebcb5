// Memory for slots: taken from the VM's heap, and used again when a slot has gone. The heap itself only grows.

import type { Vm } from '../kvm/index.ts';
import { roundUp } from '../kvm/index.ts';

interface Piece {
  readonly offset: number;
  readonly size: number;
}

export class RamPieces {
  readonly #vm: () => Vm;
  #free: Piece[] = [];

  constructor(vm: () => Vm) {
    this.#vm = vm;
  }

  /** Offset of `bytes` zeroed bytes at a page. ENOMEM. */
  take(bytes: number): number {
    const size = roundUp(bytes);
    const at = this.#free.findIndex((piece) => piece.size >= size);
    const piece = this.#free[at];
    if (piece === undefined) return this.#vm().allocate(size);
    const rest = { offset: piece.offset + size, size: piece.size - size };
    this.#free.splice(at, 1, ...(rest.size > 0 ? [rest] : []));
    this.#vm().memory.bytes(piece.offset, size).fill(0);
    return piece.offset;
  }

  /** Gives a piece back that was taken; neighbours are joined. */
  give(offset: number, bytes: number): void {
    const all = [...this.#free, { offset, size: roundUp(bytes) }].sort((a, b) => a.offset - b.offset);
    this.#free = [];
    for (const piece of all) {
      const last = this.#free.at(-1);
      if (last !== undefined && last.offset + last.size === piece.offset)
        this.#free[this.#free.length - 1] = { offset: last.offset, size: last.size + piece.size };
      else this.#free.push(piece);
    }
  }

  clear(): void {
    this.#free = [];
  }
}
