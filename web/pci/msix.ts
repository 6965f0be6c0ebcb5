// MSI-X of a function: its table, its masks, what is pending, and the BAR that shows them. It knows no interrupt controller.
//
// Source: PCI Local Bus Specification 3.0, section 6.8. All of it lies in the function's page, and takes no lock: a mask and
// a pending bit are looked at again after each was changed, so that no message is lost between two threads.

import type { Registers } from '../devices/index.ts';
import {
  MSIX_BAR_BYTES,
  MSIX_PBA,
  PCI_MSIX_FLAGS,
  PCI_MSIX_FLAGS_ENABLE,
  PCI_MSIX_FLAGS_MASKALL,
} from './config_space.ts';
import {
  FUNCTION_CONFIG,
  FUNCTION_MSIX,
  FUNCTION_PENDING,
  type Message,
  type Slot,
  type VectorState,
} from './function.ts';

// An entry of the table.
const ENTRY_SIZE = 16;
const ENTRY_ADDRESS = 0;
const ENTRY_UPPER_ADDRESS = 4;
const ENTRY_DATA = 8;
const ENTRY_CONTROL = 12;
const CONTROL_MASKED = 1;

const sameMessage = (a: Message | undefined, b: Message | undefined): boolean =>
  a?.address === b?.address && a?.data === b?.data;

export class Msix {
  readonly #slot: Slot;
  readonly #vectors: number;
  /** Offset of message control in the page. */
  readonly #flags: number;
  readonly #mayWrite: () => boolean;

  /** `capability` is its offset in configuration space; a message leaves while `mayWrite` says so. */
  constructor(slot: Slot, vectors: number, capability: number, mayWrite: () => boolean) {
    this.#slot = slot;
    this.#vectors = vectors;
    this.#flags = FUNCTION_CONFIG + capability + PCI_MSIX_FLAGS;
    this.#mayWrite = mayWrite;
  }

  get #control(): number {
    return this.#slot.page.view.getUint16(this.#flags, true);
  }

  get isEnabled(): boolean {
    return (this.#control & PCI_MSIX_FLAGS_ENABLE) !== 0;
  }

  /** What a vector sends: undefined while it is masked, and for one that does not exist. */
  message(vector: number): Message | undefined {
    if (!(vector >= 0 && vector < this.#vectors) || !this.#mayWrite()) return undefined;
    if ((this.#control & (PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL)) !== PCI_MSIX_FLAGS_ENABLE)
      return undefined;
    return this.#isMasked(vector) ? undefined : this.#entry(vector);
  }

  #isMasked(vector: number): boolean {
    const at = FUNCTION_MSIX + vector * ENTRY_SIZE + ENTRY_CONTROL;
    return (Atomics.load(this.#slot.page.i32, at >> 2) & CONTROL_MASKED) !== 0;
  }

  #entry(vector: number): Message {
    const { view } = this.#slot.page;
    const at = FUNCTION_MSIX + vector * ENTRY_SIZE;
    const upper = view.getUint32(at + ENTRY_UPPER_ADDRESS, true);
    const lower = view.getUint32(at + ENTRY_ADDRESS, true);
    return { address: (BigInt(upper) << 32n) | BigInt(lower), data: view.getUint32(at + ENTRY_DATA, true) };
  }

  /** Every vector as it is. */
  states(): VectorState[] {
    return Array.from({ length: this.#vectors }, (_, vector) => ({
      vector,
      ...this.#entry(vector),
      isMasked: this.#isMasked(vector),
      isPending: this.#isPending(vector),
    }));
  }

  #isPending(vector: number): boolean {
    const bits = Atomics.load(this.#slot.page.i32, (FUNCTION_PENDING >> 2) + (vector >> 5));
    return ((bits >>> (vector & 31)) & 1) !== 0 || this.#slot.isWaiting(vector);
  }

  /** Sends the message of a vector, or notes that it is pending. */
  raise(vector: number): void {
    if (!(vector >= 0 && vector < this.#vectors) || !this.isEnabled) return;
    const message = this.message(vector);
    if (message !== undefined) {
      this.#slot.send(message);
      return;
    }
    Atomics.or(this.#slot.page.i32, (FUNCTION_PENDING >> 2) + (vector >> 5), 1 << (vector & 31));
    this.#sendPending(vector);
  }

  #sendPending(vector: number): void {
    const message = this.message(vector);
    if (message === undefined) return;
    const bit = 1 << (vector & 31);
    const before = Atomics.and(this.#slot.page.i32, (FUNCTION_PENDING >> 2) + (vector >> 5), ~bit);
    if (before & bit) this.#slot.send(message);
  }

  /** Message control, or whether messages may leave, has changed. */
  controlChanged(wasEnabled: boolean): void {
    if (this.isEnabled && !wasEnabled) this.#forget();
    for (let vector = 0; vector < this.#vectors; vector++) this.#sendPending(vector);
    this.#slot.messagesChanged();
  }

  #forget(): void {
    const { i32 } = this.#slot.page;
    for (let word = 0; word < 2; word++) Atomics.store(i32, (FUNCTION_PENDING >> 2) + word, 0);
    this.#slot.forgetWaiting();
  }

  /** The table after power-on, with every vector masked. */
  reset(): void {
    const { i32, u8 } = this.#slot.page;
    u8.fill(0, FUNCTION_MSIX, FUNCTION_MSIX + this.#vectors * ENTRY_SIZE);
    for (let vector = 0; vector < this.#vectors; vector++) {
      Atomics.store(i32, (FUNCTION_MSIX + vector * ENTRY_SIZE + ENTRY_CONTROL) >> 2, CONTROL_MASKED);
    }
    this.#forget();
  }

  /** What the BAR shows. Other offsets than those of the table and of the pending bits read 0. */
  readonly registers: Registers = {
    isQuick: true,
    read: (offset, size) => {
      const word = this.#readWord(offset & (MSIX_BAR_BYTES - 4));
      const value = word >>> (8 * (offset & 3));
      return size === 4 ? value : value & ((1 << (8 * size)) - 1);
    },
    write: (offset, size, value) => {
      const at = offset & (MSIX_BAR_BYTES - 4);
      if (at >= this.#vectors * ENTRY_SIZE) return;
      const shift = 8 * (offset & 3);
      const mask = size === 4 ? -1 : ((1 << (8 * size)) - 1) << shift;
      this.#writeEntry(at, mask, (value << shift) & mask);
    },
  };

  #readWord(offset: number): number {
    const { i32 } = this.#slot.page;
    if (offset < this.#vectors * ENTRY_SIZE) return Atomics.load(i32, (FUNCTION_MSIX + offset) >> 2);
    const first = (offset - MSIX_PBA) * 8;
    let bits = 0;
    for (let n = 0; first >= 0 && first + n < this.#vectors && n < 32; n++) {
      if (this.#isPending(first + n)) bits |= 1 << n;
    }
    return bits;
  }

  #writeEntry(offset: number, mask: number, value: number): void {
    const { i32 } = this.#slot.page;
    const vector = Math.floor(offset / ENTRY_SIZE);
    const before = this.message(vector);
    const at = (FUNCTION_MSIX + offset) >> 2;
    let word = (Atomics.load(i32, at) & ~mask) | value;
    if (offset % ENTRY_SIZE === ENTRY_CONTROL) word &= CONTROL_MASKED;
    if (offset % ENTRY_SIZE === ENTRY_ADDRESS) word &= ~3;
    Atomics.store(i32, at, word);
    this.#sendPending(vector);
    if (!sameMessage(before, this.message(vector))) this.#slot.messagesChanged();
  }
}
