// A terminal in shared memory: what a guest has printed, what was typed, and the size of its screen. It knows no device, and
// nobody who draws it.
//
//   0x0000 CHANGES u32  counts what was typed and resizes (futex word)   0x0004 SIZE u32  columns | rows << 16
//   0x1000 ring of what the guest has printed   0x4000 ring of what was typed

import { Ring } from '../devices/index.ts';

/** Bytes of a terminal in memory. */
export const TERMINAL_BYTES = 0x7000;
const CHANGES = 0;
const SIZE = 1;
const OUTPUT = 0x1000;
const INPUT = 0x4000;
const RING_BYTES = 0x2000;
/** A change is looked for at least this often, in ms. */
const PATIENCE_MS = 1000;
/** Where there is no Atomics.waitAsync, it is looked for this often, in ms. */
const POLL_MS = 8;

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

export class Terminal {
  /** What the guest has printed. */
  readonly output: Ring;
  /** What was typed; it is written by `type`. */
  readonly input: Ring;
  readonly #words: Int32Array;

  private constructor(buffer: ArrayBufferLike, offset: number) {
    this.#words = new Int32Array(buffer, offset, 2);
    this.output = Ring.at(buffer, offset + OUTPUT);
    this.input = Ring.at(buffer, offset + INPUT);
  }

  /** Lays one of 80 columns and 25 rows. */
  static create(buffer: ArrayBufferLike, offset: number): Terminal {
    Ring.create(buffer, offset + OUTPUT, RING_BYTES);
    Ring.create(buffer, offset + INPUT, RING_BYTES);
    const terminal = new Terminal(buffer, offset);
    terminal.resize({ columns: 80, rows: 25 });
    return terminal;
  }

  /** The one that lies there. RangeError when none does. */
  static at(buffer: ArrayBufferLike, offset: number): Terminal {
    return new Terminal(buffer, offset);
  }

  get size(): TerminalSize {
    const size = Atomics.load(this.#words, SIZE);
    return { columns: size & 0xffff, rows: size >>> 16 };
  }

  resize({ columns, rows }: TerminalSize): void {
    Atomics.store(this.#words, SIZE, (columns & 0xffff) | (rows << 16));
    this.#change();
  }

  /** Types as many of `bytes` as there is room for; how many that were. */
  type(bytes: Uint8Array): number {
    const taken = this.input.offer(bytes);
    if (taken > 0) this.#change();
    return taken;
  }

  #change(): void {
    Atomics.add(this.#words, CHANGES, 1);
    Atomics.notify(this.#words, CHANGES);
  }

  /** Counts changes, for `changed`. */
  get changes(): number {
    return Atomics.load(this.#words, CHANGES);
  }

  /** Resolves when there was a change since `seen`, or after a second. */
  async changed(seen: number): Promise<void> {
    if (Atomics.waitAsync === undefined) {
      await new Promise<void>((resolve) => setTimeout(resolve, POLL_MS));
      return;
    }
    await Atomics.waitAsync(this.#words, CHANGES, seen, PATIENCE_MS).value;
  }
}
