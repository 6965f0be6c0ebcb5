// The bench itself: its options, its figures, its guest program's results, and a tiny run from end to end.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { drawPicture } from './picture.mjs';
import { compileProgram, nativeResult } from './program.mjs';
import { markdownOf, meansOf, speedupsOf, summarize, tableOf } from './report.mjs';

const MAIN = fileURLToPath(new URL('./main.mjs', import.meta.url));
const work = mkdtempSync(join(tmpdir(), 'vitrine-bench-test-'));
const bench = (...args: string[]) => spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8' });
const sample = (user: number) => ({ user, system: 0, wall: user });

test('options that cannot be are refused with a sentence that tells what there is', () => {
  const refusals = [
    ['--only', 'nothing'],
    ['--machines', 'bochs'],
    ['--rounds', '0'],
    ['--scale', 'much'],
    ['--speed', '2'],
  ].map((args) => bench(...args));
  expect(refusals.map(({ status }) => status)).toEqual([2, 2, 2, 2, 2]);
  expect(refusals[0]?.stderr).toMatch(/no workload "nothing"; there are count, .*sha256sum/);
});

test('a ratio is the median of the peer over the median of ours, and means are geometric', () => {
  const samples = { vitrine: [1, 9, 2].map(sample), v86: [4, 4, 5].map(sample), qemu: [] };
  const row = summarize({ suite: 'bare', name: 'a', turns: 1, samples });
  expect(row).toMatchObject({ name: 'bare/a', seconds: { vitrine: 2, v86: 4 }, ratios: { v86: 2 } });
  const faster = { ...row, name: 'linux32/b', ratios: { v86: 32 } };
  expect(meansOf([row, faster])).toEqual({ bare: { v86: 2 }, linux32: { v86: 32 }, all: { v86: 8 } });
});

test.each([
  [
    { interpreter: 8, 'vitrine-50': 2, v86: 4 },
    { interpreter: 4, v86: 2 },
  ],
  [{ interpreter: 8, v86: 4 }, { v86: 0.5 }],
])(
  'without the threshold of --jit, ours is the first other one, and at last the interpreter: %j',
  (seconds, ratios) => {
    const samples = Object.fromEntries(Object.entries(seconds).map(([name, each]) => [name, [sample(each)]]));
    expect(summarize({ suite: 'bare', name: 'a', turns: 1, samples }).ratios).toEqual(ratios);
  },
);

test('two processors are worth the wall time of one process over that of two', () => {
  const row = (name: string, wall: number) => ({ name, wall: { vitrine: wall } });
  const rows = [row('linux64x2/sieve-1', 4), row('linux64x2/sieve-2', 2), row('linux64/sieve-2', 4)];
  expect(speedupsOf(rows)).toEqual({ linux64x2: { sieve: { vitrine: 2 } } });
});

test('tables have a column for each machine and each peer, and a dash for what was not measured', () => {
  const row = summarize({ suite: 'bare', name: 'a', turns: 1, samples: { vitrine: [sample(2)], qemu: [] } });
  const table = tableOf(['vitrine', 'qemu']);
  const lines = [table.head('user'), table.row(row), table.means(meansOf([row]))].map((line) =>
    line.trimEnd(),
  );
  expect(lines[0]).toMatch(/^user CPU seconds +vitrine +qemu +\/ qemu$/);
  expect(lines[1]).toMatch(/^bare\/a +2\.00 +- +-$/);
  expect(markdownOf([row], ['vitrine', 'qemu'])).toContain('| bare/a               |       2.00 |       - |');
});

test('the picture has a bar for each ratio, to the left of 1 where the peer is faster', () => {
  const picture = drawPicture([
    { name: 'bare/a', ratios: { v86: 4, qemu: 0.5 } },
    { name: 'bare/b', ratios: {} },
  ]);
  expect(picture.match(/<rect x="(\d+\.\d)" y="\d+" width="(\d+\.\d)"/g)).toHaveLength(2);
  expect(picture).not.toContain('bare/b');
});

const canCompile = existsSync('/usr/bin/gcc') && process.arch === 'x64';

/** Bytes as guest/bench.h makes them. */
function randomBytes(seed: number, count: number): Uint8Array {
  let state = seed;
  return Uint8Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 24;
  });
}

test.skipIf(!canCompile)("the guest program's sums are those of other programs, in 32 and 64 bits", () => {
  const hash = createHash('sha256')
    .update(randomBytes(1, 2 ** 18))
    .digest();
  for (const bits of [32, 64]) {
    const program = compileProgram(bits, work);
    // 148,933 primes lie below two million.
    expect(nativeResult(program, 'sieve'), `${bits} bits`).toBe(148933);
    expect(nativeResult(program, 'sha256'), `${bits} bits`).toBe(hash.readUInt32BE(0));
  }
});

test('a tiny run tells seconds, ratios and memory of both tiers, and their results agree', {
  timeout: 120_000,
}, () => {
  const json = join(work, 'tiny.json');
  const options = ['--suite', 'bare', '--only', 'integer', '--machines', 'vitrine,interpreter'];
  const done = bench(...options, '--rounds', '1', '--scale', '0.1', '--slow', '1', '--json', json);
  expect(done.stderr.split('\n').filter((line) => line.startsWith('vitrine:'))).toEqual([]);
  expect(done.status).toBe(0);
  expect(done.stdout).toMatch(/^bare\/integer +\d+\.\d\d +\d+\.\d\d/m);
  const written = JSON.parse(readFileSync(json, 'utf8'));
  expect(written.errors).toEqual([]);
  expect(written.workloads).toMatchObject([
    {
      name: 'bare/integer',
      turns: 8,
      seconds: { vitrine: expect.any(Number), interpreter: expect.any(Number) },
    },
  ]);
  expect(written.memory.bare.vitrine).toBeGreaterThan(2 ** 25);
});
