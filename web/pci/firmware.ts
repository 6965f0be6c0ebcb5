// What firmware would do with the bus before a kernel runs: BARs placed, decoding on, interrupt lines noted. It runs in the host.

import {
  barOffset,
  PCI_COMMAND,
  PCI_COMMAND_IO,
  PCI_COMMAND_MEMORY,
  PCI_INTERRUPT_LINE,
} from './config_space.ts';
import type { Bar, BusFunction } from './function.ts';
import { IO_PLACES, MEMORY_WINDOW, MEMORY64_WINDOW, type Window } from './wiring.ts';

/** Hands out a window's addresses from its start, each naturally aligned. */
class Places {
  #next: number;
  readonly #end: number;

  constructor({ start, end }: Window) {
    this.#next = start;
    this.#end = end;
  }

  /** `bytes` (a power of two) of the window; undefined when so many are not left. */
  take(bytes: number): number | undefined {
    const start = Math.ceil(this.#next / bytes) * bytes;
    if (start + bytes > this.#end) return undefined;
    this.#next = start + bytes;
    return start;
  }
}

/**
 * Places the BARs of all functions, the largest first so that nothing is lost to alignment, and lets them answer. A BAR for
 * which there is no room stays at 0, where it answers nowhere, and harms no other.
 */
export function assignResources(functions: readonly BusFunction[]): void {
  const io = new Places(IO_PLACES);
  const memory = new Places(MEMORY_WINDOW);
  const memory64 = new Places(MEMORY64_WINDOW);
  const placeOf = ({ kind, bytes }: Bar): number | undefined => {
    if (kind === 'io') return io.take(bytes);
    return memory.take(bytes) ?? (kind === 'memory64' ? memory64.take(bytes) : undefined);
  };
  const all = functions.flatMap((target) => target.bars.map((bar) => ({ target, bar })));
  for (const { target, bar } of all.sort((a, b) => b.bar.bytes - a.bar.bytes)) {
    const place = placeOf(bar) ?? 0;
    target.writeConfig(barOffset(bar.index), 4, place % 2 ** 32);
    if (bar.kind === 'memory64') target.writeConfig(barOffset(bar.index + 1), 4, Math.floor(place / 2 ** 32));
  }
  for (const target of functions) {
    const { bars, description, slot } = target;
    let command = target.readConfig(PCI_COMMAND, 2);
    if (bars.some(({ kind }) => kind === 'io')) command |= PCI_COMMAND_IO;
    if (bars.some(({ kind }) => kind !== 'io')) command |= PCI_COMMAND_MEMORY;
    target.writeConfig(PCI_COMMAND, 2, command);
    if (description.hasPin) target.writeConfig(PCI_INTERRUPT_LINE, 1, slot.irq);
  }
}
