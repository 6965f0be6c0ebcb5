// A random device: the guest names a buffer, rings, and gets an interrupt when the buffer is full of random bytes.
//
// Request, in guest memory at option `request`: u64 address, u32 length (at most RANDOM_MAX), u32 done. The guest writes
// the first two and rings; the module fills the buffer, writes into `done` how many bytes it filled, and interrupts.

import type { Module } from './module.ts';
import { addressOption, bellOption, numberOption } from './options.ts';

/** Bytes of one request: what crypto.getRandomValues gives at once. */
export const RANDOM_MAX = 65536;
const REQUEST_SIZE = 16;
const DONE = 12;

export const random: Module = {
  kind: 'random',
  async run({ guest, options, signal, report }, ready) {
    const { address, pio } = bellOption(options);
    const request = addressOption(options, 'request');
    const interrupt = await guest.irqfd(numberOption(options, 'gsi', 23));
    const map = await guest.vmap(request, REQUEST_SIZE);
    const bell = await guest.ioevent(address, 4, { pio });
    ready();
    let served = 0;
    for (;;) {
      await bell.ready(signal);
      if (bell.read() === undefined) continue;
      await map.sync();
      const view = new DataView(map.bytes.buffer, map.bytes.byteOffset, REQUEST_SIZE);
      const length = Math.min(view.getUint32(8, true), RANDOM_MAX);
      const bytes = crypto.getRandomValues(new Uint8Array(length));
      const left = await guest.copyTo(view.getBigUint64(0, true), bytes);
      await map.store(DONE, length - left);
      await interrupt.raise();
      report({ served: ++served, bytes: length - left });
    }
  },
};
