// A virtio driver in TypeScript over the memory of a bare VM: lays rings, makes chains, rings, and reads what came back.
// No guest runs.

import { devicePage } from '../../../web/devices/index.ts';
import type { Vm } from '../../../web/kvm/index.ts';
import {
  type Backend,
  DeviceServer,
  MmioTransport,
  mmioSignals,
  Registers,
} from '../../../web/virtio/index.ts';
import { bound, vmWithRam } from '../xinterface/support.ts';

const RAM = 0x100000;
export const VERSION_1 = 1n << 32n;
export const INDIRECT = 1n << 28n;
export const EVENT_IDX = 1n << 29n;

/** A piece of a chain. */
export interface Piece {
  readonly gpa: number;
  readonly length: number;
  readonly isTarget?: boolean;
}

/** The driver's side of one queue; its rings lie at `base`: descriptors, available, used. */
export class DriverQueue {
  readonly #vm: Vm;
  readonly base: number;
  readonly size: number;
  #free = 0;
  #available = 0;
  #seen = 0;

  constructor(vm: Vm, base: number, size: number) {
    this.#vm = vm;
    this.base = base;
    this.size = size;
  }

  get available(): number {
    return this.base + this.size * 16;
  }

  get used(): number {
    return this.base + 0x4000;
  }

  word(gpa: number, value: number): void {
    this.#vm.write(gpa, new Uint8Array([value, value >>> 8]));
  }

  readWord(gpa: number): number {
    return new DataView(this.#vm.read(gpa, 2).slice().buffer).getUint16(0, true);
  }

  descriptor(at: number, gpa: number | bigint, length: number, flags: number, next = 0): void {
    const bytes = new DataView(new ArrayBuffer(16));
    bytes.setBigUint64(0, BigInt.asUintN(64, BigInt(gpa)), true);
    bytes.setUint32(8, length, true);
    bytes.setUint16(12, flags, true);
    bytes.setUint16(14, next, true);
    this.#vm.write(at, new Uint8Array(bytes.buffer));
  }

  /** As if so many chains had gone through. */
  skipTo(count: number): void {
    this.#available = count;
    this.#seen = count;
    this.word(this.available + 2, count);
    this.word(this.used + 2, count);
  }

  /** Puts descriptor `head` into the available ring. */
  publish(head: number): void {
    this.word(this.available + 4 + (this.#available % this.size) * 2, head);
    this.#available = (this.#available + 1) & 0xffff;
    this.word(this.available + 2, this.#available);
  }

  /** Makes a chain available; its head. */
  add(pieces: readonly Piece[]): number {
    const head = this.#free;
    pieces.forEach(({ gpa, length, isTarget }, n) => {
      const isLast = n === pieces.length - 1;
      const at = this.#free;
      this.#free = (this.#free + 1) % this.size;
      this.descriptor(this.base + at * 16, gpa, length, (isTarget ? 2 : 0) | (isLast ? 0 : 1), this.#free);
    });
    this.publish(head);
    return head;
  }

  /** The same by a table at `table`. */
  addIndirect(table: number, pieces: readonly Piece[]): number {
    pieces.forEach(({ gpa, length, isTarget }, n) => {
      const flags = (isTarget ? 2 : 0) | (n === pieces.length - 1 ? 0 : 1);
      this.descriptor(table + n * 16, gpa, length, flags, n + 1);
    });
    const head = this.#free;
    this.#free = (this.#free + 1) % this.size;
    this.descriptor(this.base + head * 16, table, pieces.length * 16, 4);
    this.publish(head);
    return head;
  }

  /** Wants to be interrupted when used index passes `index`. */
  wantUsed(index: number): void {
    this.word(this.available + 4 + this.size * 2, index);
  }

  /** The available index that the device wants to be rung for. */
  get wantedAvailable(): number {
    return this.readWord(this.used + 4 + this.size * 8);
  }

  /** What has come back since the last look. */
  take(): { head: number; written: number }[] {
    const all = [];
    for (; this.#seen !== this.readWord(this.used + 2); this.#seen = (this.#seen + 1) & 0xffff) {
      const at = this.used + 4 + (this.#seen % this.size) * 8;
      const entry = new DataView(this.#vm.read(at, 8).slice().buffer);
      all.push({ head: entry.getUint32(0, true), written: entry.getUint32(4, true) });
    }
    return all;
  }
}

/** A device over MMIO with its driver, on one thread: `settle` serves what is due. */
export function deviceOf(backend: Backend, vm: Vm = vmWithRam(RAM)) {
  // Behind the device's page a page of room, for what a back end keeps beside it.
  const registers = new Registers(devicePage(new SharedArrayBuffer(0x2000), 0));
  const transport = MmioTransport.create(registers, backend.type);
  const heard = { interrupts: 0, reports: [] as unknown[] };
  const signals = mmioSignals(registers, () => {
    heard.interrupts++;
  });
  const guest = bound(vm);
  const server = new DeviceServer({
    guest,
    backend,
    registers,
    signals,
    report: (value) => heard.reports.push(value),
  });
  const write = (offset: number, value: number) => transport.write(offset, 4, value);
  const read = (offset: number) => transport.read(offset, 4);
  const settle = () => server.attend();

  /** Negotiates and enables every queue with `size` descriptors, queue n at n * 0x8000. */
  const start = async (features = VERSION_1, size = 8): Promise<DriverQueue[]> => {
    for (const status of [0, 1, 3]) write(0x70, status);
    await settle();
    for (const half of [0, 1]) {
      write(0x24, half);
      write(0x20, Number((features >> BigInt(32 * half)) & 0xffff_ffffn));
    }
    write(0x70, 11);
    const queues = backend.queues.map((_, index) => {
      const queue = new DriverQueue(vm, index * 0x8000, size);
      vm.write(queue.base, new Uint8Array(0x8000));
      write(0x30, index);
      write(0x38, size);
      write(0x80, queue.base);
      write(0x90, queue.available);
      write(0xa0, queue.used);
      write(0x44, 1);
      return queue;
    });
    write(0x70, 15);
    await settle();
    return queues;
  };
  const ring = async (queue = 0): Promise<void> => {
    write(0x50, queue);
    await settle();
  };
  return { vm, guest, registers, transport, server, heard, read, write, settle, start, ring };
}
