// A function: its configuration space, its BARs and its interrupts, as a view of its page. Where it sits is the bus's business.
//
// Source: PCI Local Bus Specification 3.0, chapter 6.

import { clearPage, kind, locked, type Registers } from '../devices/index.ts';
import {
  BARS,
  barOffset,
  type ConfigLayout,
  layConfigSpace,
  MSIX_BAR_BYTES,
  PCI_COMMAND,
  PCI_COMMAND_INTX_DISABLE,
  PCI_COMMAND_IO,
  PCI_COMMAND_MASTER,
  PCI_COMMAND_MEMORY,
  PCI_STATUS,
  PCI_STATUS_INTERRUPT,
  PciError,
} from './config_space.ts';
import {
  type Bar,
  type BusFunction,
  type Capability,
  CONFIG_BYTES,
  FUNCTION_CONFIG,
  FUNCTION_PIN,
  type FunctionDescription,
  type Message,
  type PlacedRange,
  type Slot,
  type VectorState,
} from './function.ts';
import { Msix } from './msix.ts';

const PORTS_END = 2 ** 16;
/** What a bus can reach; see MmioBus. */
const ADDRESSES_END = 2 ** 52;

/** The window of a capability, and where in configuration space it is. */
interface Window {
  readonly start: number;
  readonly end: number;
  readonly registers: Registers;
}

export class PciFunction implements BusFunction {
  readonly slot: Slot;
  readonly description: FunctionDescription;
  readonly bars: readonly Bar[];
  readonly #layout: ConfigLayout;
  readonly #windows: readonly Window[];
  readonly #msix: Msix | undefined;

  /** PciError when no function can be made of the description. */
  constructor(slot: Slot, description: FunctionDescription) {
    this.slot = slot;
    this.description = description;
    const { bars = [], msix } = description;
    const msixBar: Bar[] = msix
      ? [{ index: msix.bar, kind: 'memory', bytes: MSIX_BAR_BYTES, width: 4, registers: this.#msixRegisters }]
      : [];
    this.bars = [...bars, ...msixBar].sort((a, b) => a.index - b.index);
    this.#layout = layConfigSpace(description, this.bars);
    if (msix) this.#msix = new Msix(slot, msix.vectors, this.#layout.msix, () => this.isBusMaster);
    this.#windows = this.#layout.capabilities.flatMap(({ start, capability: { body, window } }) =>
      window === undefined
        ? []
        : [{ start: start + 2 + window.from, end: start + 2 + body.length, registers: window.registers }],
    );
  }

  /** The registers of MSI-X, which is made after the BARs that hold them. */
  readonly #msixRegisters: Registers = {
    isQuick: true,
    read: (offset, size) => this.#msix?.registers.read(offset, size) ?? 0,
    write: (offset, size, value) => this.#msix?.registers.write(offset, size, value),
  };

  get #command(): number {
    return this.slot.page.view.getUint16(FUNCTION_CONFIG + PCI_COMMAND, true);
  }

  get isBusMaster(): boolean {
    return (this.#command & PCI_COMMAND_MASTER) !== 0;
  }

  get isMsixEnabled(): boolean {
    return this.#msix?.isEnabled ?? false;
  }

  get isPinAsserted(): boolean {
    if ((this.#command & PCI_COMMAND_INTX_DISABLE) !== 0 || this.isMsixEnabled) return false;
    return Atomics.load(this.slot.page.i32, FUNCTION_PIN >> 2) !== 0;
  }

  setPin(level: boolean): void {
    const next = level ? 1 : 0;
    if (Atomics.exchange(this.slot.page.i32, FUNCTION_PIN >> 2, next) !== next) this.#pinChanged();
  }

  raise(vector: number): void {
    this.#msix?.raise(vector);
  }

  message(vector: number): Message | undefined {
    return this.#msix?.message(vector);
  }

  vectors(): VectorState[] {
    return this.#msix?.states() ?? [];
  }

  capabilityOffset(capability: Capability): number {
    const placed = this.#layout.capabilities.find((entry) => entry.capability === capability);
    if (placed === undefined)
      throw new PciError(
        'EINVAL',
        `${this.description.name} has no such capability; give one of its description.`,
      );
    return placed.start;
  }

  ranges(): PlacedRange[] {
    const command = this.#command;
    const ranges: PlacedRange[] = [];
    for (const { index, kind: what, bytes, width, registers } of this.bars) {
      const space = what === 'io' ? 'io' : 'memory';
      if ((command & (space === 'io' ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY)) === 0) continue;
      const start = this.#address(index, what, bytes);
      // Address 0 is what an unplaced BAR has; one that reaches beyond the bus answers nowhere.
      if (start === 0 || start + bytes > (space === 'io' ? PORTS_END : ADDRESSES_END)) continue;
      ranges.push({ kind: space, bar: index, start, length: bytes, ...(width ? { width } : {}), registers });
    }
    return ranges;
  }

  #address(index: number, what: Bar['kind'], bytes: number): number {
    const { view } = this.slot.page;
    const at = FUNCTION_CONFIG + barOffset(index);
    const low = (view.getUint32(at, true) & -bytes) >>> 0;
    return what === 'memory64' ? view.getUint32(at + 4, true) * 2 ** 32 + low : low;
  }

  #windowAt(offset: number): Window | undefined {
    return this.#windows.find(({ start, end }) => offset >= start && offset < end);
  }

  readConfig(offset: number, size: number): number {
    const at = offset & (CONFIG_BYTES - 1) & -size;
    const window = this.#windowAt(at);
    if (window) return window.registers.read(at - window.start, size) >>> 0;
    let value = 0;
    for (let n = size - 1; n >= 0; n--) value = value * 256 + this.#byte(at + n);
    return value;
  }

  #byte(offset: number): number {
    const { i32, u8 } = this.slot.page;
    const stored = u8[FUNCTION_CONFIG + offset] ?? 0;
    // The status bit shows the pin itself, whether or not it may drive the line.
    if (offset !== PCI_STATUS || Atomics.load(i32, FUNCTION_PIN >> 2) === 0) return stored;
    return stored | PCI_STATUS_INTERRUPT;
  }

  writeConfig(offset: number, size: number, value: number): void {
    const at = offset & (CONFIG_BYTES - 1) & -size;
    const window = this.#windowAt(at);
    if (window) {
      window.registers.write(
        at - window.start,
        size,
        size === 4 ? value >>> 0 : value & ((1 << (8 * size)) - 1),
      );
      return;
    }
    const { page } = this.slot;
    const wasEnabled = this.isMsixEnabled;
    const hasChanged = locked(page, () => {
      let changed = 0;
      for (let n = 0; n < size; n++) {
        const mask = this.#layout.writable[at + n] ?? 0;
        const old = page.u8[FUNCTION_CONFIG + at + n] ?? 0;
        const next = (old & ~mask) | ((value >>> (8 * n)) & mask);
        page.u8[FUNCTION_CONFIG + at + n] = next;
        changed |= old ^ next;
      }
      return changed !== 0;
    });
    if (!hasChanged) return;
    const word = at & ~3;
    const isCommand = word === PCI_COMMAND;
    if (isCommand || (word >= barOffset(0) && word < barOffset(BARS))) {
      this.slot.moved();
      this.description.moved?.();
    }
    if (isCommand || (this.#msix !== undefined && word === this.#layout.msix)) {
      this.#pinChanged();
      this.#msix?.controlChanged(wasEnabled);
    }
  }

  /** A function without a pin has no line to look at. */
  #pinChanged(): void {
    if (this.description.hasPin) this.slot.pinChanged();
  }

  reset(): void {
    const { page } = this.slot;
    locked(page, () => {
      clearPage(page, kind(this.description.kind));
      page.u8.set(this.#layout.initial, FUNCTION_CONFIG);
    });
    this.#msix?.reset();
    this.description.reset?.();
    this.slot.moved();
    this.#pinChanged();
    if (this.#msix) this.slot.messagesChanged();
  }
}
