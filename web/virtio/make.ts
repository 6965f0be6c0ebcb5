// From a request to a back end: the one table of the kinds of devices. It starts nothing.

import { type Backend, DEVICE_TYPE } from './backend.ts';
import type { DeviceKind, DeviceRequest } from './request.ts';
import { hostEntropy, rng, seededEntropy } from './rng.ts';

type Maker<K extends DeviceKind> = {
  /** DEVICE_TYPE. */
  readonly type: number;
  make(request: Extract<DeviceRequest, { kind: K }>): Backend | Promise<Backend>;
};

const MAKERS: { readonly [K in DeviceKind]: Maker<K> } = {
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

/** The back end that was asked for. Rejects with a sentence when what it needs is not there. */
export async function makeBackend(request: DeviceRequest): Promise<Backend> {
  return MAKERS[request.kind].make(request);
}
