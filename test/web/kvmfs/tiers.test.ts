// cpu/N/tiers and jit: what a shell sees of the interpreter and of compiled regions.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Fs } from '../../../web/fs/index.ts';
import type { VcpuPool } from '../../../web/vmm/index.ts';
import { guest, kvmFs, read, refuses } from './support.ts';

let fs: Fs;
let pool: VcpuPool;
let vm: string;
const tiers = () => `${vm}/cpu/0/tiers`;

// mov ecx, 100000; loop: add eax, ecx; mov [0x3000], eax; dec ecx; jnz loop; hlt
const CODE = [0xb9, 0xa0, 0x86, 1, 0, 0x01, 0xc8, 0xa3, 0, 0x30, 0, 0, 0x49, 0x75, 0xf6, 0xf4];
const LOOP = 0x1005;

beforeAll(async () => {
  ({ fs, pool } = kvmFs());
  vm = await guest(fs, CODE);
  const reg = (name: string, value: string) => fs.writeFile(`${vm}/cpu/0/reg/${name}`, value);
  await reg('cr0', '0x11');
  for (const [segment, attributes] of Object.entries({
    cs: '0xc09b',
    ds: '0xc093',
    es: '0xc093',
    ss: '0xc093',
  })) {
    await reg(`${segment}.base`, '0');
    await reg(`${segment}.limit`, '0xffffffff');
    await reg(`${segment}.attr`, attributes);
  }
});
afterAll(() => pool.close());

/** Runs the loop from its beginning to its HLT. */
async function run(): Promise<void> {
  await fs.writeFile(`${vm}/cpu/0/reg/rip`, '0x1000');
  await fs.writeFile(`${vm}/cpu/0/paused`, '0');
  expect(await read(fs, `${vm}/cpu/0/event`)).toBe('hlt');
}

async function stats(): Promise<Record<string, number>> {
  const lines = (await read(fs, `${tiers()}/stats`)).split('\n');
  return Object.fromEntries(
    lines.map((line) => line.split('=')).map(([name, value]) => [name, Number(value)]),
  );
}

const regions = async () => (await read(fs, `${tiers()}/regions`)).split('\n').filter((line) => line !== '');

/** The first region whose entry is the loop. */
async function loopRegion(): Promise<string> {
  const line = (await regions()).find((each) => each.includes(`rip=0x${LOOP.toString(16)} `));
  return /^region=(\d+) /.exec(line ?? '')?.[1] ?? 'none';
}

test('without the JIT all instructions are the interpreter’s', async () => {
  expect(await read(fs, `${vm}/jit`)).toBe('off');
  await run();
  const counts = await stats();
  expect(counts).toMatchObject({ compiled: 0, made: 0, regions: 0 });
  expect(counts.interpreted).toBe(counts.instructions);
});

test('switched on in a machine that has run, it compiles what is hot', async () => {
  await fs.writeFile(`${vm}/jit`, '100');
  expect(await read(fs, `${vm}/jit`)).toBe('100');
  await run();
  const counts = await stats();
  expect(counts.made).toBe(1);
  expect(counts.compiled).toBeGreaterThan(390_000);
  expect((counts.compiled ?? 0) + (counts.interpreted ?? 0)).toBe(counts.instructions);
  expect(await regions()).toEqual([
    expect.stringMatching(
      /^region=1 rip=0x1005 code=32 blocks=1 pages=1 instructions=5 bytes=\d+ executed=39\d\d\d\d$/,
    ),
  ]);
  expect(await read(fs, `${tiers()}/events`)).toMatch(/^made at=\d+ region=1 rip=0x1005$/);
});

test('a region shows its code, its module and which bytes of it are whose', async () => {
  const region = `${tiers()}/region/${await loopRegion()}`;
  expect(await read(fs, `${region}/code`)).toBe(
    '0x1005 01c8\n0x1007 a300300000\n0x100c 49\n0x100d 75f6\n0x100f f4',
  );
  const module = await fs.readFile(`${region}/wasm`);
  expect(WebAssembly.validate(module as Uint8Array<ArrayBuffer>)).toBe(true);
  const places = (await read(fs, `${region}/places`))
    .split('\n')
    .map((line) => line.replace(/^offset=\w+ /, ''));
  expect(places).toEqual([
    'entry',
    'loop=0x1005',
    'instruction=0x1005 bytes=2',
    'instruction=0x1007 bytes=5',
    'instruction=0x100c bytes=1',
    'instruction=0x100d bytes=2',
    'instruction=0x100d bytes=2',
    'instruction=0x100f bytes=1',
    'loop=0x1005',
    'exit',
  ]);
});

test('rmdir forgets a region, and it is made anew', async () => {
  const number = await loopRegion();
  await fs.rmdir(`${tiers()}/region/${number}`);
  await run();
  expect(await stats()).toMatchObject({ dropped_asked: 1, made: 2, regions: 1 });
  expect(await refuses('ENOENT', fs.rmdir(`${tiers()}/region/99`))).toContain('region/99');
});

test('a store to its code drops a region, and the events say why', async () => {
  const mem = await fs.open(`${vm}/memory/0/mem`, 'r+');
  await mem.write(Uint8Array.of(0x29), LOOP);
  await mem.close();
  await run();
  expect(await stats()).toMatchObject({ dropped_written: 1, made: 3, regions: 1 });
  expect(await read(fs, `${tiers()}/events`)).toMatch(
    /dropped at=\d+ region=\d+ rip=0x1005 reason=written executed=\d+/,
  );
});

test('switched off, it forgets all regions', async () => {
  await fs.writeFile(`${vm}/jit`, 'off');
  const before = await stats();
  await run();
  const after = await stats();
  expect(after.compiled).toBe(before.compiled);
  expect(after).toMatchObject({ dropped_asked: 2, regions: 0 });
});

test('an unreasonable number is refused in a sentence', async () => {
  expect(await refuses('EINVAL', fs.writeFile(`${vm}/jit`, '1000001'))).toContain('0 to 1000000');
  expect(await refuses('EINVAL', fs.writeFile(`${vm}/jit`, 'on'))).toContain('neither off nor a number');
});
