// A frame buffer: pixels in guest memory become RGBA frames in a buffer that a page can draw. The guest paints, then
// rings the doorbell with the number of the frame.
//
// Pixels: 32 bits each, little-endian 0x00RRGGBB, `width` x `height` of them at option `pixels`, row after row.
// Output (option `frames`): four 32-bit words - sequence (odd while a frame is being written), frame number, width,
// height - and then width * height * 4 bytes of RGBA. Whoever draws waits on the sequence word.

import type { Module } from './module.ts';
import { addressOption, bellOption, bufferOption, numberOption } from './options.ts';

export const FRAME_HEADER = 16;
export const FRAME_SEQUENCE = 0;
export const FRAME_NUMBER = 1;
export const FRAME_WIDTH = 2;
export const FRAME_HEIGHT = 3;
const SIDE_MAX = 4096;

/** Bytes of the output buffer for this picture. */
export function frameBytes(width: number, height: number): number {
  return FRAME_HEADER + width * height * 4;
}

/** Writes pixels of the guest as RGBA, whole and opaque. */
export function convertPixels(pixels: Uint8Array, rgba: Uint8Array): void {
  for (let at = 0; at < pixels.length; at += 4) {
    rgba[at] = pixels[at + 2] as number;
    rgba[at + 1] = pixels[at + 1] as number;
    rgba[at + 2] = pixels[at] as number;
    rgba[at + 3] = 255;
  }
}

export const framebuffer: Module = {
  kind: 'framebuffer',
  async run({ guest, options, signal, report }, ready) {
    const width = numberOption(options, 'width', SIDE_MAX);
    const height = numberOption(options, 'height', SIDE_MAX);
    const pixels = addressOption(options, 'pixels');
    const frames = bufferOption(options, 'frames', frameBytes(width, height));
    const { address, pio } = bellOption(options);
    const words = new Int32Array(frames, 0, FRAME_HEADER / 4);
    const rgba = new Uint8Array(frames, FRAME_HEADER, width * height * 4);
    words.set([width, height], FRAME_WIDTH);
    const map = await guest.vmap(pixels, rgba.length);
    const bell = await guest.ioevent(address, 4, { pio });
    ready();
    for (;;) {
      await bell.ready(signal);
      if (bell.read() === undefined) continue;
      const frame = bell.values().at(-1) ?? 0n;
      await map.sync();
      Atomics.add(words, FRAME_SEQUENCE, 1);
      convertPixels(map.bytes, rgba);
      Atomics.store(words, FRAME_NUMBER, Number(frame & 0x7fff_ffffn));
      Atomics.add(words, FRAME_SEQUENCE, 1);
      Atomics.notify(words, FRAME_SEQUENCE);
      report({ frame });
    }
  },
};
