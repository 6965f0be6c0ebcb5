// The address space of a VMM process: which pointers are good, and mmap's anonymous memory. It knows no fd and no KVM call.

import { PAGE_SIZE, WASM_PAGE } from '../../../assembly/abi/map.ts';
import { KvmError } from '../abi/index.ts';
import { type MachineMemory, roundUp } from '../memory.ts';

interface Range {
  readonly from: number;
  /** The first byte behind it. */
  readonly to: number;
}

const overlaps = (a: Range, b: Range): boolean => a.from < b.to && b.from < a.to;
const holds = (outer: Range, inner: Range): boolean => outer.from <= inner.from && inner.to <= outer.to;
const hex = (value: number): string => `0x${value.toString(16)}`;

/** `ranges` without `cut`, in order of address. */
function without(ranges: readonly Range[], cut: Range): Range[] {
  return ranges.flatMap((range) =>
    overlaps(range, cut)
      ? [
          { from: range.from, to: cut.from },
          { from: cut.to, to: range.to },
        ].filter(({ from, to }) => from < to)
      : [range],
  );
}

/** `ranges` with `added`, neighbours joined, in order of address. */
function joined(ranges: readonly Range[], added: Range): Range[] {
  const sorted = [...ranges, added].sort((a, b) => a.from - b.from);
  const result: Range[] = [];
  for (const range of sorted) {
    const last = result.at(-1);
    if (last && last.to === range.from) result[result.length - 1] = { from: last.from, to: range.to };
    else result.push(range);
  }
  return result;
}

/**
 * One memory as a process sees it. What KVM keeps of its VMs lies in the same memory, and a process may no more point
 * there than into the kernel on Linux: such a pointer is EFAULT, but for the pages that an mmap shows.
 */
export class AddressSpace {
  readonly memory: MachineMemory;
  readonly #take: (bytes: number) => number;
  /** KVM's own ranges, and the parts of them that a mapping shows, each with how many mappings show it. */
  #hidden: Range[] = [];
  #shown: (Range & { readonly count: number })[] = [];
  /** Anonymous mappings, and ranges that an munmap has given back. */
  #mapped: Range[] = [];
  #free: Range[] = [];

  /** `take` gives zeroed bytes that nobody else uses, in whole pages, or throws ENOMEM. */
  constructor(memory: MachineMemory, take: (bytes: number) => number) {
    this.memory = memory;
    this.#take = take;
  }

  /** Makes a range KVM's own. */
  hide(from: number, length: number): void {
    this.#hidden.push({ from, to: from + length });
  }

  /** A range that `hide` had made KVM's own is nobody's again. */
  unhide(from: number): void {
    this.#hidden = this.#hidden.filter((range) => range.from !== from);
  }

  /** Shows part of a hidden range; as often as it is shown it must be concealed. */
  show(from: number, length: number): void {
    const to = from + length;
    const known = this.#shown.find((range) => range.from === from && range.to === to);
    this.#shown = this.#shown.filter((range) => range !== known);
    this.#shown.push({ from, to, count: (known?.count ?? 0) + 1 });
  }

  conceal(from: number, length: number): void {
    this.#shown = this.#shown
      .map((range) =>
        range.from === from && range.to === from + length ? { ...range, count: range.count - 1 } : range,
      )
      .filter(({ count }) => count > 0);
  }

  /** True when a process may point at these bytes. */
  isGood(pointer: number, length: number): boolean {
    const asked = { from: pointer, to: pointer + length };
    if (!(Number.isSafeInteger(pointer) && pointer >= WASM_PAGE)) return false;
    if (asked.to > this.memory.size && asked.to > this.memory.view(asked.to).byteLength) return false;
    if (!this.#hidden.some((range) => overlaps(range, asked))) return true;
    return this.#shown.some((range) => holds(range, asked));
  }

  /** The bytes a pointer points at, shared. EFAULT when the process may not touch all of them. */
  bytes(pointer: number, length: number): Uint8Array {
    if (!this.isGood(pointer, length)) {
      throw new KvmError(
        'EFAULT',
        `${length} bytes at ${hex(pointer)} are not all the process's own; give a pointer from mmap, malloc or a variable.`,
      );
    }
    return this.memory.bytes(pointer, length);
  }

  /** The text at a pointer, up to its 0 byte and at most 4095 bytes. EFAULT. */
  text(pointer: number): string {
    let text = '';
    for (let at = pointer; text.length < PAGE_SIZE - 1; at++) {
      const code = this.bytes(at, 1)[0] as number;
      if (code === 0) break;
      text += String.fromCharCode(code);
    }
    return text;
  }

  /** Zeroed anonymous memory, `length` rounded up to whole pages. ENOMEM. */
  map(length: number): number {
    const bytes = roundUp(length, PAGE_SIZE);
    const fit = this.#free.find((range) => range.to - range.from >= bytes);
    const from = fit ? fit.from : this.#take(bytes);
    const range = { from, to: from + bytes };
    if (fit) {
      this.#free = without(this.#free, range);
      this.memory.bytes(from, bytes).fill(0);
    }
    this.#mapped = joined(this.#mapped, range);
    return from;
  }

  /**
   * Gives anonymous pages back. `isUsed` says of a range whether some slot still lies on it: such pages are given back
   * to nobody, since a guest may still write there.
   */
  unmap(from: number, length: number, isUsed: (from: number, to: number) => boolean): void {
    const cut = { from, to: from + roundUp(length, PAGE_SIZE) };
    for (const range of this.#mapped.filter((mapped) => overlaps(mapped, cut))) {
      const part = { from: Math.max(range.from, cut.from), to: Math.min(range.to, cut.to) };
      if (!isUsed(part.from, part.to)) this.#free = joined(this.#free, part);
    }
    this.#mapped = without(this.#mapped, cut);
  }
}
