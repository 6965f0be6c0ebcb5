// The host bridge at 00:00.0: who it says it is. It has no registers of its own; the README says why it is this one.

import type { FunctionDescription } from './function.ts';

/** Identity of an Intel 440FX (82441FX), which is what QEMU's `pc` has too. */
export const HOST_BRIDGE: FunctionDescription = {
  kind: 'PCHB',
  name: 'host bridge',
  identity: { vendorId: 0x8086, deviceId: 0x1237, revisionId: 2, classCode: 0x06_0000 },
};
