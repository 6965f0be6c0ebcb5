// The three example modules, in TypeScript and in C, each with the guest that uses it.

import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, test } from 'vitest';
import { buildModules } from '../../../web/modules/c/build.mjs';
import {
  FRAME_HEADER,
  FRAME_NUMBER,
  FRAME_SEQUENCE,
  frameBytes,
  type ModuleRequest,
} from '../../../web/modules/index.ts';
import { handleOf } from '../../../web/xinterface/index.ts';
import { guest, host, run } from './support.ts';

const modules = host();
const wasm = buildModules();
afterAll(() => modules.close());

/** A module as it comes: in TypeScript, or compiled from C with its output buffer under the C modules' name. */
function variant(
  language: string,
  kind: 'framebuffer' | 'random' | 'ring',
  options: Record<string, unknown>,
) {
  if (language === 'TypeScript') return { kind, options } satisfies Partial<ModuleRequest>;
  const module = new WebAssembly.Module(readFileSync((wasm as Record<string, string>)[kind] as string));
  return {
    kind: 'wasm',
    options: { ...options, output: options.frames, module },
  } satisfies Partial<ModuleRequest>;
}

describe.each(wasm ? ['TypeScript', 'C'] : ['TypeScript'])('in %s', (language) => {
  test('the random device fills buffers and interrupts', async () => {
    const vm = guest('random');
    const options = { doorbell: 0x510, pio: true, request: 0x20000, gsi: 5 };
    const { name } = await modules.start({ guest: handleOf(vm), ...variant(language, 'random', options) });
    expect(vm.pins()).toMatchObject([{ name, ioevents: 1, irqfds: 1, vmaps: 1 }]);
    const { status, console } = run(vm);
    expect(status).toBe(0);
    expect(console).toHaveLength(3 * 64);
    // Three times 64 random bytes: fewer than 64 different ones among them is a chance of less than 2 ** -200.
    expect(new Set(console).size).toBeGreaterThan(64);
    expect(vm.pins()[0]).toMatchObject({ copies: 3n, bytes: 192n });
    await modules.stop(name);
    expect(vm.pins()).toEqual([]);
  });

  test('the ring sends each text back in capitals', async () => {
    const vm = guest('ring');
    const options = { doorbell: 0x520, pio: true, ring: 0x20000, count: 4, gsi: 5 };
    const { name } = await modules.start({ guest: handleOf(vm), ...variant(language, 'ring', options) });
    const { status, console } = run(vm);
    expect(status).toBe(0);
    expect(String.fromCharCode(...console)).toBe('ALPHA ..BETA ...GAMMA ..DELTA ..EPSILON\n');
    await modules.stop(name);
    expect(vm.pins()).toEqual([]);
  });

  test('the frame buffer shows what the guest has painted', async () => {
    const vm = guest('framebuffer');
    const frames = new SharedArrayBuffer(frameBytes(64, 48));
    const words = new Int32Array(frames);
    const options = { doorbell: 0xf000_0000, pixels: 0x40000, width: 64, height: 48, frames };
    const { name } = await modules.start({
      guest: handleOf(vm),
      ...variant(language, 'framebuffer', options),
    });
    expect(run(vm).status).toBe(0);
    while (words[FRAME_NUMBER] !== 4 || (words[FRAME_SEQUENCE] as number) % 2 !== 0) {
      Atomics.wait(words, FRAME_SEQUENCE, words[FRAME_SEQUENCE] as number, 10);
    }
    // Pixel n is 0x00RRGG04 with RRGG = n.
    const rgba = new Uint8Array(frames, FRAME_HEADER);
    expect([...words.subarray(2, 4)]).toEqual([64, 48]);
    expect([...rgba.slice(0x123 * 4, 0x124 * 4)]).toEqual([0x01, 0x23, 4, 255]);
    expect([...rgba.slice(-4)]).toEqual([0x0b, 0xff, 4, 255]);
    await modules.stop(name);
    expect(vm.pins()).toEqual([]);
  });
});
