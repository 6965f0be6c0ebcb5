// What a module holds of a guest behind a window: shadows of mapped memory and doorbells that ring by messages.

import { KvmError } from '../../kvm/abi/errno.ts';
import type { Doorbell, GuestMap, GuestScatter } from '../guest_interface.ts';
import type { Caller } from './messages.ts';

/** Values that a bell keeps for its reader. */
const VALUES_MAX = 30;

function checkRange(length: number, offset: number, count: number): void {
  if (offset >= 0 && count >= 0 && offset + count <= length) return;
  throw new KvmError('EINVAL', `${count} bytes at ${offset} lie outside this mapping of ${length} bytes.`);
}

/** A shadow of mapped memory. */
export class RemoteMap implements GuestMap {
  readonly gpa: bigint;
  readonly bytes: Uint8Array;
  readonly #call: Caller;
  readonly #id: number;
  readonly #view: DataView;
  #stale = false;

  constructor(call: Caller, id: number, gpa: bigint, bytes: Uint8Array) {
    this.#call = call;
    this.#id = id;
    this.gpa = gpa;
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  get length(): number {
    return this.bytes.length;
  }

  /** As the last `sync` or `written` has found it. */
  get stale(): boolean {
    return this.#stale;
  }

  async sync(offset = 0, length = this.length - offset): Promise<void> {
    checkRange(this.length, offset, length);
    const { bytes, stale } = await this.#call('mapRead', { id: this.#id, offset, length });
    this.bytes.set(bytes, offset);
    this.#stale = stale;
  }

  async written(offset = 0, length = this.length - offset): Promise<void> {
    checkRange(this.length, offset, length);
    const bytes = this.bytes.slice(offset, offset + length);
    this.#stale = await this.#call('mapWrite', { id: this.#id, offset, bytes });
  }

  #checkWord(offset: number): void {
    if ((this.gpa + BigInt(offset)) % 4n === 0n && offset >= 0 && offset + 4 <= this.length) return;
    throw new KvmError('EINVAL', `there is no aligned 32-bit word at ${offset} of this mapping.`);
  }

  /** The word as the last `sync` has found it. */
  load(offset: number): number {
    this.#checkWord(offset);
    return this.#view.getUint32(offset, true);
  }

  async store(offset: number, value: number): Promise<void> {
    this.#checkWord(offset);
    this.#view.setInt32(offset, value | 0, true);
    await this.written(offset, 4);
  }

  async release(): Promise<void> {
    await this.#call('release', { id: this.#id });
  }
}

/** Shadows of the pieces of a scatter list. */
export class RemoteScatter implements GuestScatter {
  readonly parts: readonly Uint8Array[];
  readonly length: number;
  readonly #call: Caller;
  readonly #id: number;

  constructor(call: Caller, id: number, parts: readonly Uint8Array[]) {
    this.#call = call;
    this.#id = id;
    this.parts = parts;
    this.length = parts.reduce((sum, part) => sum + part.length, 0);
  }

  async sync(): Promise<void> {
    const parts = await this.#call('sgRead', { id: this.#id });
    this.parts.forEach((part, n) => {
      part.set(parts[n] as Uint8Array);
    });
  }

  async written(): Promise<void> {
    await this.#call('sgWrite', { id: this.#id, parts: this.parts });
  }

  async release(): Promise<void> {
    await this.#call('release', { id: this.#id });
  }
}

/** A bell that is rung by messages: nobody can sleep on it. */
export class RemoteDoorbell implements Doorbell {
  readonly address: bigint;
  readonly length: number;
  readonly pio: boolean;
  readonly #release: () => Promise<void>;
  #rings = 0n;
  #values: bigint[] = [];
  #ended = false;
  readonly #listeners = new Set<() => void>();

  constructor(address: bigint, length: number, pio: boolean, release: () => Promise<void>) {
    this.address = address;
    this.length = length;
    this.pio = pio;
    this.#release = release;
  }

  /** It was rung so often, with these values. */
  rung(rings: bigint, values: readonly bigint[]): void {
    this.#rings += rings;
    this.#values = [...this.#values, ...values].slice(-VALUES_MAX);
    this.#wake();
  }

  /** The channel is closed: who waits is told ENODEV. */
  end(): void {
    this.#ended = true;
    this.#wake();
  }

  #wake(): void {
    for (const listener of this.#listeners) listener();
  }

  read(): bigint | undefined {
    const rings = this.#rings;
    this.#rings = 0n;
    return rings === 0n ? undefined : rings;
  }

  values(): bigint[] {
    return this.#values.splice(0);
  }

  async ready(signal?: AbortSignal): Promise<void> {
    while (this.#rings === 0n) {
      if (this.#ended) throw new KvmError('ENODEV', 'the window of this doorbell is closed.');
      if (signal?.aborted) throw new KvmError('EINTR', 'the wait for a doorbell was given up.');
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          signal?.removeEventListener('abort', wake);
          this.#listeners.delete(wake);
          resolve();
        };
        this.#listeners.add(wake);
        signal?.addEventListener('abort', wake);
      });
    }
  }

  async release(): Promise<void> {
    this.end();
    await this.#release();
  }
}
