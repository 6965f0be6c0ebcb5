// Assembles the bench's bare guests: Multiboot 1 kernels in NASM source that every machine here loads unchanged. Runs nothing.
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = dirname(fileURLToPath(import.meta.url));
export const ROOT = dirname(dirname(HERE));
/** The guests of dirty.mjs and smp.mjs write 0 here when they are done. */
export const EXIT_PORT = 0xf4;
/** Turns of the loop of workloads/smp.asm: a few seconds on an interpreter. */
export const SMP_ROUNDS = 60_000_000;

const sourceOf = (name) => join(HERE, 'workloads', `${name}.asm`);

function assemble(source, out, defines) {
  const all = Object.entries(defines).map(([key, value]) => `${key}=${value}`);
  const command = [
    join(ROOT, 'build', 'cli', 'main.js'),
    'asm',
    source,
    '--out',
    out,
    '--define',
    all.join(),
  ];
  const done = spawnSync(process.execPath, command, { encoding: 'utf8' });
  if (done.status !== 0) throw new Error(`${source} does not assemble: ${done.stderr}`);
}

/** Assembles the whole kernel `name` with `rounds` turns, and what else it wants defined, into the file `out`. */
export function assembleKernel(name, rounds, out, defines = {}) {
  assemble(sourceOf(name), out, { ROUNDS: rounds, ...defines });
}

/** Assembles the workload `name` behind the frame that calls it `turns` times, into the file `out`. */
export function assembleWorkload(name, turns, out) {
  const source = `${out}.asm`;
  writeFileSync(source, readFileSync(sourceOf('frame'), 'utf8') + readFileSync(sourceOf(name), 'utf8'));
  assemble(source, out, { TURNS: turns });
}
