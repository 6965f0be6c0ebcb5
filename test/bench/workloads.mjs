// The bench's guests: Multiboot 1 kernels in NASM source that every machine here loads unchanged. Assembles; runs nothing.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = dirname(fileURLToPath(import.meta.url));
export const ROOT = dirname(dirname(HERE));
/** A guest writes 0 here when it is done. */
export const EXIT_PORT = 0xf4;

/** Turns of each workload's loop: a few seconds on an interpreter. */
export const ROUNDS = {
  count: 250_000_000,
  integer: 60_000_000,
  memory: 60_000_000,
  branchy: 40_000_000,
  x87: 20_000_000,
  sse2: 20_000_000,
  smp: 60_000_000,
};

/** Workloads for one processor, which v86 runs too. */
export const NAMES = Object.keys(ROUNDS).filter((name) => name !== 'smp');

/** Assembles workload `name` with `rounds` turns, and what else it wants defined, into the file `out`. */
export function assembleWorkload(name, rounds, out, defines = {}) {
  const source = join(HERE, 'workloads', `${name}.asm`);
  const command = [join(ROOT, 'build', 'cli', 'main.js'), 'asm', source, '--out', out];
  const all = Object.entries({ ROUNDS: rounds, ...defines }).map(([key, value]) => `${key}=${value}`);
  const done = spawnSync(process.execPath, [...command, '--define', all.join()], { encoding: 'utf8' });
  if (done.status !== 0) throw new Error(`${source} does not assemble: ${done.stderr}`);
  return readFileSync(out);
}
