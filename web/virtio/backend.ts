// What a virtio device is behind its queues: the contract between those who write back ends and what drives them. No
// mechanism: queue.ts, serve.ts and the transports have it.
//
// Source: Virtual I/O Device (VIRTIO) Version 1.2, chapters 2 (facilities) and 5 (device types).

import type { GuestInterface, Maybe } from '../xinterface/index.ts';

/** Device types: VIRTIO 1.2, chapter 5. */
export const DEVICE_TYPE = {
  net: 1,
  blk: 2,
  console: 3,
  rng: 4,
  balloon: 5,
  p9: 9,
} as const;

/** One piece of a chain, as its descriptor has it: guest-physical, and not looked at yet. */
export interface ChainPart {
  readonly gpa: bigint;
  /** Bytes, 0 to 2^32 - 1. */
  readonly length: number;
}

/**
 * A descriptor chain: a buffer that the driver has made available. Its bytes are reached by their offset in the
 * device-readable part or in the device-writable part, whatever pieces they lie in (VIRTIO 2.7.4: no back end may rely
 * on how a driver frames its messages).
 */
export interface Chain {
  /** Index of its first descriptor: which chain it is while it is not pushed. */
  readonly head: number;
  /** Bytes that the driver has written for the device; at most 2^32 - 1. */
  readonly readable: number;
  /** Bytes that the device may write; at most 2^32 - 1. */
  readonly writable: number;
  /** The pieces, for who maps them (`device.guest.vmap`) in place of copying. */
  readonly sources: readonly ChainPart[];
  readonly targets: readonly ChainPart[];
  /**
   * Copies bytes from the device-readable part, from `offset` on, into `into`; returns how many. Fewer than asked for
   * where the chain ends, or where an address is no RAM: the rest of `into` is left alone.
   */
  read(offset: number, into: Uint8Array): Maybe<number>;
  /** Copies `bytes` into the device-writable part, from `offset` on, and marks them dirty; returns how many, as `read` does. */
  write(offset: number, bytes: Uint8Array): Maybe<number>;
}

/** A virtqueue as its back end sees it. Never throws for what a driver did wrong: then the device needs a reset and `pop` gives nothing more. */
export interface Queue {
  /** Its number. */
  readonly index: number;
  /** Descriptors, as the driver has chosen; 0 while the driver has not enabled it: then `pop` gives nothing. */
  readonly size: number;
  /**
   * The next chain, or undefined when there is none: then the driver has been asked to ring for the next one, and
   * `notify` will be called. Chains may be kept and pushed later, in any order.
   */
  pop(): Maybe<Chain | undefined>;
  /** Hands a chain back; `written` is how many bytes of its device-writable part hold something, from its start on. */
  push(chain: Chain, written: number): Maybe<void>;
  /** Interrupts the driver for what was pushed since the last call, if there is something and it wants to know. */
  interrupt(): Maybe<void>;
}

/** What a started back end works on: good until `stop`. */
export interface Device {
  readonly guest: GuestInterface;
  readonly queues: readonly Queue[];
  /** Negotiated feature bits: those offered and taken, VIRTIO_F_VERSION_1 and the rings' own too. */
  readonly features: bigint;
  /** Bytes of the device's page that are the back end's own: they outlive a reset and this thread, and a snapshot has them; zero at power-on. */
  readonly state: Uint8Array;
  /** Changes the configuration space from its start on, counts its generation up and sends a configuration interrupt. */
  setConfig(bytes: Uint8Array): Maybe<void>;
  /** Has `notify(queue)` called soon, after what is being done now: for input from outside. May be called at any time. */
  wake(queue: number): void;
  /** Tells whoever looks at the device what it does (anything that can be posted); at most the last word is kept. */
  report(value: unknown): void;
  /** Sets DEVICE_NEEDS_RESET, tells the driver and reports the sentence: nothing is served until it resets the device. */
  fail(sentence: string): Maybe<void>;
}

/**
 * A virtio device without its transport. Its calls come one after another: none before the last has resolved, so that a
 * back end needs no locks. In the deterministic engine the guest stands until `notify` has resolved, so whatever it
 * took should be done then.
 *
 * What it throws makes the device need a reset (`fail` with the message).
 */
export interface Backend {
  /** DEVICE_TYPE. */
  readonly type: number;
  /**
   * Feature bits of its type (0 to 23, 50 up). VIRTIO_F_VERSION_1, VIRTIO_F_INDIRECT_DESC, VIRTIO_F_EVENT_IDX and what
   * a transport offers are added to it.
   */
  readonly features: bigint;
  /** Most descriptors of each queue: powers of 2 up to 32768; at most QUEUES_MAX queues. */
  readonly queues: readonly number[];
  /** The configuration space as it is now, at most CONFIG_MAX bytes; read when the device is made. */
  config(): Uint8Array;
  /** The driver is ready (DRIVER_OK). `notify` follows for each queue, whether it was rung or not. */
  start(device: Device): Maybe<void>;
  /** The driver has made buffers of this queue available, or `wake` was called: drain it. */
  notify(queue: number): Maybe<void>;
  /** The driver has written to the configuration space; the bytes stand there already. */
  configWritten?(offset: number, bytes: Uint8Array): Maybe<void>;
  /**
   * The driver has reset the device, or it ends. When it resolves, nothing of the guest is touched any more and chains
   * that were not pushed are forgotten. May come without a start; a start may follow.
   */
  stop(): Maybe<void>;
  /** It is never used again: files are closed. After stop. */
  close?(): Maybe<void>;
}

/** Most queues of a device. */
export const QUEUES_MAX = 16;
/** Most bytes of its configuration space. */
export const CONFIG_MAX = 256;
/** Bytes of Device.state. */
export const STATE_BYTES = 512;
