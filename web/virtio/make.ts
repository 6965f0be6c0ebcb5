// From a request to a back end: the one table of the kinds of devices. It starts nothing.

import { diskOf } from '../disk/index.ts';
import { openDisk } from '../disk/open_here.ts';
import { type Backend, DEVICE_TYPE } from './backend.ts';
import { blk } from './blk.ts';
import type { DeviceKind, DeviceRequest } from './request.ts';
import { hostEntropy, rng, seededEntropy } from './rng.ts';

type Maker<K extends DeviceKind> = {
  /** DEVICE_TYPE. */
  readonly type: number;
  make(request: Extract<DeviceRequest, { kind: K }>, isInOrder: boolean): Backend | Promise<Backend>;
};

const MAKERS: { readonly [K in DeviceKind]: Maker<K> } = {
  blk: {
    type: DEVICE_TYPE.blk,
    make: async ({ serial, queues, ...words }, isInOrder) =>
      blk(await openDisk(diskOf(words)), {
        isInOrder,
        ...(serial !== undefined && { serial }),
        ...(queues !== undefined && { queues }),
      }),
  },
  rng: {
    type: DEVICE_TYPE.rng,
    make: ({ seed }) => rng(seed === undefined ? hostEntropy : seededEntropy(BigInt(seed))),
  },
};

/** All kinds there are. */
export const DEVICE_KINDS = Object.keys(MAKERS) as readonly DeviceKind[];

/** The device type of a request: what a transport tells before there is a back end. */
export function deviceType({ kind }: DeviceRequest): number {
  return MAKERS[kind].type;
}

/**
 * The back end that was asked for. Rejects with a sentence when what it needs is not there. `isInOrder`: it finishes what it
 * takes before the guest goes on, whatever it waits for (the deterministic engine).
 */
export async function makeBackend(request: DeviceRequest, isInOrder = false): Promise<Backend> {
  const { make } = MAKERS[request.kind] as Maker<DeviceKind>;
  return make(request as never, isInOrder);
}
