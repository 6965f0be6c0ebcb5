// An entropy source: fills every buffer that the driver gives. Where its bytes come from it is told.
//
// Source: VIRTIO 1.2, 5.4.

import { type Backend, DEVICE_TYPE, type Device } from './backend.ts';

const QUEUE = 0;
const DESCRIPTORS = 64;
/** Bytes given for one buffer: what crypto.getRandomValues makes at once. A driver asks again for more. */
const MOST = 65536;

/** Where randomness comes from: fills `bytes`, with `state` (8 bytes that last) for who needs a state. */
export type Entropy = (bytes: Uint8Array<ArrayBuffer>, state: DataView) => void;

/** The host's randomness. */
export const hostEntropy: Entropy = (bytes) => {
  crypto.getRandomValues(bytes);
};

/** Bytes that follow from a seed alone (xorshift64*), for machines whose runs are to be alike. */
export function seededEntropy(seed: bigint): Entropy {
  return (bytes, state) => {
    let x = state.getBigUint64(0, true) || BigInt.asUintN(64, seed) || 1n;
    for (let at = 0; at < bytes.length; at += 8) {
      x ^= x >> 12n;
      x ^= BigInt.asUintN(64, x << 25n);
      x ^= x >> 27n;
      let value = BigInt.asUintN(64, x * 0x2545_f491_4f6c_dd1dn);
      for (let n = at; n < Math.min(at + 8, bytes.length); n++) {
        bytes[n] = Number(value & 0xffn);
        value >>= 8n;
      }
    }
    state.setBigUint64(0, x, true);
  };
}

/** The device. */
export function rng(entropy: Entropy = hostEntropy): Backend {
  let device: Device | undefined;
  return {
    type: DEVICE_TYPE.rng,
    features: 0n,
    queues: [DESCRIPTORS],
    config: () => new Uint8Array(0),
    start(started) {
      device = started;
    },
    async notify() {
      const queue = device?.queues[QUEUE];
      if (device === undefined || queue === undefined) return;
      const state = new DataView(device.state.buffer, device.state.byteOffset, 8);
      for (let chain = await queue.pop(); chain !== undefined; chain = await queue.pop()) {
        const bytes = new Uint8Array(Math.min(chain.writable, MOST));
        entropy(bytes, state);
        await queue.push(chain, await chain.write(0, bytes));
      }
      await queue.interrupt();
    },
    stop() {
      device = undefined;
    },
  };
}
