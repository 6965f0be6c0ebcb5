// Compiled regions of one instance of the core: modules that the core has written become functions of its table.

import type { MachineMemory } from './memory.ts';

/** What emitted code imports, in the order of F_* (assembly/jit/locals.ts). */
export const IMPORTS = [
  'compiled_read',
  'compiled_write',
  'compiled_modify',
  'compiled_finish',
  'compiled_record',
  'compiled_condition',
  'compiled_carry',
  'compiled_zero_product',
  'compiled_overflow',
  'compiled_push',
  'compiled_call',
  'compiled_light',
  'compiled_float',
  'compiled_compare',
  'compiled_string',
  'compiled_flags',
  'compiled_high',
  'compiled_x87',
  'compiled_x87_settle',
  'compiled_x87_one',
  'compiled_x87_compare',
  'x87_sum',
  'x87_product',
  'x87_quotient',
  'x87_sum64',
  'x87_product64',
  'compiled_opens',
] as const;

export interface RegionHost extends Record<(typeof IMPORTS)[number], () => void> {
  readonly table: WebAssembly.Table;
}

export class Regions {
  /** Why the last module was refused, which an emitter without a fault never sees. */
  static refusal: unknown;
  readonly #memory: MachineMemory;
  readonly #table: WebAssembly.Table;
  readonly #imports: WebAssembly.Imports;
  /** Places of the table that functions of a vCPU have, by its page; and those that nobody has. */
  readonly #taken = new Map<number, Set<number>>();
  readonly #free: number[] = [];

  constructor(memory: MachineMemory, core: RegionHost) {
    this.#memory = memory;
    this.#table = core.table;
    const functions = Object.fromEntries(IMPORTS.map((name, n) => [String(n), core[name]]));
    this.#imports = { e: { m: memory.wasm, ...functions } };
  }

  /**
   * Compiles the module of `bytes` bytes at `at` for the vCPU whose page is at `v`; the place of its function in the table, 0 when
   * the host refuses.
   */
  compile(v: number, at: number, bytes: number): number {
    try {
      // A module is made of memory that nobody else writes.
      const module = new WebAssembly.Module(this.#memory.bytes(at, bytes).slice());
      const { exports } = new WebAssembly.Instance(module, this.#imports);
      const slot = this.#free.pop() ?? this.#table.grow(1);
      this.#table.set(slot, exports[0] as () => number);
      const taken = this.#taken.get(v);
      if (taken) taken.add(slot);
      else this.#taken.set(v, new Set([slot]));
      return slot;
    } catch (error) {
      Regions.refusal = error;
      return 0;
    }
  }

  /** A function of the vCPU is called no more. Nothing else holds its module, so that the engine can free it. */
  release(v: number, slot: number): void {
    if (!this.#taken.get(v)?.delete(slot)) return;
    this.#table.set(slot, null);
    this.#free.push(slot);
  }

  /** The same for all functions of the vCPU: its memory may have forgotten which they are. */
  releaseAll(v: number): void {
    for (const slot of this.#taken.get(v) ?? []) this.release(v, slot);
  }

  /** Functions that are in the table now. */
  get count(): number {
    return [...this.#taken.values()].reduce((sum, { size }) => sum + size, 0);
  }
}
