// What a machine's devices are asked to be: plain data that travels by postMessage and in files. Nothing is made of it here.

/** A source of entropy. */
export interface RngRequest {
  readonly kind: 'rng';
  /** Its bytes follow from this; the host's randomness when left out. */
  readonly seed?: number;
}

/** A disk. */
export interface BlkRequest {
  readonly kind: 'blk';
  /** Which one, by the name that the session gives it. */
  readonly disk: string;
  /** What the guest reads as its serial number, at most 20 bytes. */
  readonly serial?: string;
  /** Request queues, 1 when left out, at most 16. */
  readonly queues?: number;
}

/** A share of files. */
export interface P9Request {
  readonly kind: '9p';
  /** The name by which the guest mounts it. */
  readonly tag: string;
  /** The directory of the session's tree that the guest sees: `/share/NAME` for a folder, `/kvm` for the machines. */
  readonly path: string;
}

/** A network card. */
export interface NetRequest {
  readonly kind: 'net';
  /** The network that it is plugged into, by the name that the session gives it. */
  readonly network: string;
  /** `52:54:00:12:34:56`; the session gives it one when left out. */
  readonly mac?: string;
  /** Largest payload in bytes that the guest is told of; 1500 when left out, and never more. */
  readonly mtu?: number;
}

/** A console, hvc0, whose terminal lies in the machine's memory. A machine has one at most. */
export interface ConsoleRequest {
  readonly kind: 'console';
}

/** A balloon. A machine has one at most. */
export interface BalloonRequest {
  readonly kind: 'balloon';
  /** Bytes that the guest is asked to give back, from the start on; none when left out. */
  readonly target?: number;
}

/** A device of a machine. */
export type DeviceRequest =
  | BalloonRequest
  | ConsoleRequest
  | BlkRequest
  | NetRequest
  | P9Request
  | RngRequest;
export type DeviceKind = DeviceRequest['kind'];

/** How a machine's virtio devices are reached. */
export type TransportName = 'pci' | 'mmio';

/** Most virtio devices of a machine. */
export const DEVICES_MOST = 15;
