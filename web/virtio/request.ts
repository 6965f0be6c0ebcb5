// What a machine's devices are asked to be: plain data that travels by postMessage and in files. Nothing is made of it here.

/** A source of entropy. */
export interface RngRequest {
  readonly kind: 'rng';
  /** Its bytes follow from this; the host's randomness when left out. */
  readonly seed?: number;
}

/** A device of a machine. */
export type DeviceRequest = RngRequest;
export type DeviceKind = DeviceRequest['kind'];

/** How a machine's virtio devices are reached. */
export type TransportName = 'pci' | 'mmio';

/** Most virtio devices of a machine. */
export const DEVICES_MOST = 15;
