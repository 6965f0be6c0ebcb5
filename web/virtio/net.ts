// A network card: frames from the driver go to a link, frames from the link into the driver's buffers. It knows no
// network. One pair of queues; no segmentation offload.
//
// Source: VIRTIO 1.2, 5.1.

import { completeChecksum, hasGoodChecksum, type Link, MAX_FRAME } from '../net/index.ts';
import { type Backend, type Chain, DEVICE_TYPE, type Device, type Queue } from './backend.ts';
import { answerControl, ControlState, CTRL_MAC_ADDR, CTRL_RX } from './net/control.ts';

const RECEIVE = 0;
const TRANSMIT = 1;
const CONTROL = 2;
const QUEUE_SIZES = [256, 256, 64];

/** VIRTIO_NET_F_*: 5.1.3. */
export const NET_F = {
  CSUM: 1n << 0n,
  GUEST_CSUM: 1n << 1n,
  MTU: 1n << 3n,
  MAC: 1n << 5n,
  MRG_RXBUF: 1n << 15n,
  STATUS: 1n << 16n,
  CTRL_VQ: 1n << 17n,
  CTRL_RX,
  CTRL_MAC_ADDR,
} as const;

/** Bytes of struct virtio_net_hdr of a modern device, its flags, and where its fields lie. */
const HEADER = 12;
const NEEDS_CSUM = 1;
const DATA_VALID = 2;
const HEADER_FIELDS = { start: 6, offset: 8, buffers: 10 } as const;
const LINK_UP = 1;
/** Frames that wait for the driver's buffers; more are dropped, as a card with a full ring does. */
const WAITING_MAX = 512;
/** Frames of the driver that are taken before anything else is looked at. */
const BURST = 128;
const REPORT_MS = 1000;

/** What a card is plugged into. */
export interface NetOptions {
  readonly link: Link;
  /** Its Ethernet address, a number below 2^48. */
  readonly mac: number;
  /** Largest payload that the network carries; not told when left out. */
  readonly mtu?: number | undefined;
  /** Frames that the network answers by itself are answered before the guest goes on: for the deterministic engine. */
  readonly isInOrder?: boolean;
  /** Called when the card is not used any more. */
  readonly close?: () => void;
}

/** What a card says of itself. */
export interface NetReport {
  received: number;
  sent: number;
  /** Frames from the link that found no room, or no buffer that is large enough. */
  dropped: number;
  /** Frames of the driver that were none. */
  refused: number;
}

/** The device. */
export function net(options: NetOptions): Backend {
  return new NetBackend(options);
}

class NetBackend implements Backend {
  readonly type = DEVICE_TYPE.net;
  readonly features: bigint;
  readonly queues = QUEUE_SIZES;
  readonly #options: NetOptions;
  readonly #unlisten: () => void;
  readonly #counts: NetReport = { received: 0, sent: 0, dropped: 0, refused: 0 };
  #waiting: Uint8Array[] = [];
  /** Buffers that were taken for a frame for which they were too few. */
  #kept: Chain[] = [];
  #reported = 0;
  #device: Device | undefined;
  #control: ControlState | undefined;

  constructor(options: NetOptions) {
    this.#options = options;
    this.features = Object.entries(NET_F).reduce(
      (all, [name, bit]) => (name === 'MTU' && options.mtu === undefined ? all : all | bit),
      0n,
    );
    this.#unlisten = options.link.onFrame((frame) => this.#arrive(frame));
  }

  config(): Uint8Array {
    const bytes = new Uint8Array(HEADER);
    const view = new DataView(bytes.buffer);
    const mac = this.#control?.mac ?? this.#options.mac;
    view.setUint16(0, Math.floor(mac / 2 ** 32));
    view.setUint32(2, mac % 2 ** 32);
    view.setUint16(6, LINK_UP, true);
    view.setUint16(8, 1, true);
    view.setUint16(10, this.#options.mtu ?? 0, true);
    return bytes;
  }

  start(device: Device): void {
    this.#device = device;
    this.#control = new ControlState(device, this.#options.mac);
  }

  async notify(index: number): Promise<void> {
    const queue = this.#device?.queues[index];
    if (queue === undefined) return;
    if (index === RECEIVE) await this.#fill(queue);
    else if (index === TRANSMIT) await this.#drain(queue);
    else if (index === CONTROL) await this.#command(queue);
    await queue.interrupt();
    this.#report();
  }

  stop(): void {
    this.#device = undefined;
    this.#waiting = [];
    this.#kept = [];
  }

  close(): void {
    this.#unlisten();
    this.#options.close?.();
  }

  /** A frame from the link, at any time: it waits for the device's turn. */
  #arrive(frame: Uint8Array): void {
    if (this.#device === undefined || !this.#control?.wants(frame)) return;
    if (this.#waiting.length >= WAITING_MAX) {
      this.#counts.dropped += 1;
      return;
    }
    this.#waiting.push(frame);
    if (this.#waiting.length === 1) this.#device.wake(RECEIVE);
  }

  async #fill(queue: Queue): Promise<void> {
    const device = this.#device as Device;
    let frame = this.#waiting[0];
    while (frame) {
      const isTaken = await this.#deliver(device, queue, frame);
      if (!isTaken) break;
      this.#waiting.shift();
      this.#counts.received += 1;
      frame = this.#waiting[0];
    }
  }

  /** Tells what was moved, now and then. */
  #report(): void {
    const now = performance.now();
    if (now - this.#reported < REPORT_MS) return;
    this.#reported = now;
    this.#device?.report({ ...this.#counts });
  }

  /** Writes a frame into one buffer, or into several where the driver can merge them; false when there are too few. */
  async #deliver(device: Device, queue: Queue, frame: Uint8Array): Promise<boolean> {
    const mayMerge = (device.features & NET_F.MRG_RXBUF) !== 0n;
    const bytes = new Uint8Array(HEADER + frame.length);
    bytes.set(frame, HEADER);
    if (device.features & NET_F.GUEST_CSUM && hasGoodChecksum(frame)) bytes[0] = DATA_VALID;
    const chains = this.#kept;
    let room = chains.reduce((sum, chain) => sum + chain.writable, 0);
    while (room < bytes.length && (mayMerge || chains.length === 0)) {
      const chain = await queue.pop();
      if (!chain) return false;
      chains.push(chain);
      room += chain.writable;
    }
    if (room < bytes.length) {
      this.#counts.dropped += 1;
      return true;
    }
    this.#kept = [];
    new DataView(bytes.buffer).setUint16(HEADER_FIELDS.buffers, chains.length, true);
    let done = 0;
    for (const chain of chains) {
      const part = bytes.subarray(done, done + chain.writable);
      await queue.push(chain, await chain.write(0, part));
      done += part.length;
    }
    return true;
  }

  async #drain(queue: Queue): Promise<void> {
    const frames: Uint8Array[] = [];
    let chain = await queue.pop();
    while (chain) {
      const frame = await this.#read(chain);
      if (frame) frames.push(frame);
      else this.#counts.refused += 1;
      await queue.push(chain, 0);
      if (frames.length >= BURST) {
        this.#device?.wake(TRANSMIT);
        break;
      }
      chain = await queue.pop();
    }
    // Together, so that a link to another thread makes one message of them.
    const { link, isInOrder } = this.#options;
    for (const frame of frames) link.send(frame);
    this.#counts.sent += frames.length;
    if (isInOrder && frames.length > 0) await link.settle?.();
  }

  async #read(chain: Chain): Promise<Uint8Array | undefined> {
    const length = chain.readable - HEADER;
    if (length <= 0 || length > MAX_FRAME) return undefined;
    const bytes = new Uint8Array(HEADER + length);
    if ((await chain.read(0, bytes)) < bytes.length) return undefined;
    const frame = bytes.subarray(HEADER);
    if (!((bytes[0] ?? 0) & NEEDS_CSUM)) return frame;
    const view = new DataView(bytes.buffer);
    const start = view.getUint16(HEADER_FIELDS.start, true);
    return completeChecksum(frame, start, view.getUint16(HEADER_FIELDS.offset, true)) ? frame : undefined;
  }

  async #command(queue: Queue): Promise<void> {
    const device = this.#device as Device;
    let chain = await queue.pop();
    while (chain) {
      const mac = this.#control?.mac;
      await answerControl(queue, chain, this.#control as ControlState);
      if (this.#control?.mac !== mac) await device.setConfig(this.config());
      chain = await queue.pop();
    }
  }
}
