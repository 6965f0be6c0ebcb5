// A shared-memory ring with a signal, as vbus has: descriptors in guest memory, a doorbell to this side, an interrupt
// back. This module sends every text back in capitals; a real one would send it to a disk or a network.
//
// Header at option `ring`: u32 count of descriptors (a power of 2), u32 head (the guest's: next to publish), u32 tail
// (the module's: next to serve). From RING_DESCRIPTORS on `count` descriptors of 16 bytes: u64 address, u32 length, u32
// done (bytes served). Head and tail only grow, modulo 2^32. All that goes on lies in guest memory, so a ring moves to
// another machine with it.

import { KvmError } from '../xinterface/index.ts';
import type { Module } from './module.ts';
import { addressOption, bellOption, numberOption } from './options.ts';

export const RING_COUNT = 0;
export const RING_HEAD = 4;
export const RING_TAIL = 8;
export const RING_DESCRIPTORS = 64;
export const DESCRIPTOR_SIZE = 16;
const DONE = 12;
const COUNT_MAX = 256;
/** Bytes of one buffer. */
const TEXT_MAX = 4096;

export const ring: Module = {
  kind: 'ring',
  async run({ guest, options, signal, report }, ready) {
    const at = addressOption(options, 'ring');
    const { address, pio } = bellOption(options);
    const count = numberOption(options, 'count', COUNT_MAX, 16);
    if (count === 0 || (count & (count - 1)) !== 0)
      throw new KvmError('EINVAL', `option count is ${count}; give a power of 2 up to ${COUNT_MAX}.`);
    const interrupt = await guest.irqfd(numberOption(options, 'gsi', 23));
    const map = await guest.vmap(at, RING_DESCRIPTORS + count * DESCRIPTOR_SIZE);
    const bell = await guest.ioevent(address, 4, { pio });
    ready();
    const view = new DataView(map.bytes.buffer, map.bytes.byteOffset, map.length);

    /** Serves one descriptor. */
    const serve = async (descriptor: number): Promise<void> => {
      const gpa = view.getBigUint64(descriptor, true);
      const text = new Uint8Array(Math.min(view.getUint32(descriptor + 8, true), TEXT_MAX));
      const got = text.length - (await guest.copyFrom(gpa, text));
      for (let n = 0; n < got; n++) {
        const letter = text[n] as number;
        if (letter >= 0x61 && letter <= 0x7a) text[n] = letter - 0x20;
      }
      const left = await guest.copyTo(gpa, text.subarray(0, got));
      await map.store(descriptor + DONE, got - left);
      report({ text: new TextDecoder('latin1').decode(text.slice(0, got)) });
    };

    // What was published before this module was there, or while it moved, has nobody to ring for it.
    for (let first = true; ; first = false) {
      if (!first) await bell.ready(signal);
      bell.read();
      await map.sync();
      let tail = map.load(RING_TAIL);
      const head = map.load(RING_HEAD);
      // A head that is more than the ring can hold is the guest's fault; it gets one turn of the ring.
      const some = Math.min((head - tail) >>> 0, count);
      for (let n = 0; n < some; n++) {
        await serve(RING_DESCRIPTORS + (tail & (count - 1)) * DESCRIPTOR_SIZE);
        tail = (tail + 1) >>> 0;
        await map.store(RING_TAIL, tail);
      }
      if (some > 0) await interrupt.raise();
      if (signal.aborted) return undefined;
    }
  },
};
