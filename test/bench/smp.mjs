// How much more N vCPUs do together than one: the same loop on each at once (workloads/smp.asm), in turn with one alone,
// medians. Options: --cpus N,N (2), --rounds N, --scale X, --jit N, --json FILE. It measures; it judges nothing. Give it a quiet
// machine: with fewer free cores than vCPUs it tells of them.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { assembleKernel, EXIT_PORT, ROOT, SMP_ROUNDS } from './workloads.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const { values: options } = parseArgs({
  options: {
    cpus: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '5' },
    scale: { type: 'string', default: '1' },
    jit: { type: 'string', default: '2000' },
    json: { type: 'string' },
  },
});
const counts = options.cpus.split(',').map(Number);
const work = mkdtempSync(join(tmpdir(), 'vitrine-smp-'));
process.on('exit', () => rmSync(work, { recursive: true, force: true }));
const stats = join(work, 'stats.json');

/** Seconds that `count` vCPUs take for the loop on each of them, and CPU seconds of all threads. */
function measure(count) {
  const image = join(work, `guest${count}.bin`);
  assembleKernel('smp', Math.round(SMP_ROUNDS * Number(options.scale)), image, { CPUS: count });
  const usage = join(work, 'usage.json');
  const done = spawnSync(
    process.execPath,
    [
      ...['--import', join(HERE, 'usage.mjs')],
      ...[join(ROOT, 'build', 'cli', 'main.js'), 'run', '--kernel', image, '--memory', '32M'],
      ...['--cpus', String(count), '--jit', options.jit, '--exit-port', `0x${EXIT_PORT.toString(16)}`],
      ...['--stats', stats, '--timeout', '300', '--no-reboot'],
    ],
    { encoding: 'utf8', env: { ...process.env, VITRINE_USAGE: usage } },
  );
  if (done.status !== 1) throw new Error(`the guest ended with status ${done.status}: ${done.stderr}`);
  const { user, system } = JSON.parse(readFileSync(usage, 'utf8'));
  return { wall: JSON.parse(readFileSync(stats, 'utf8')).seconds, cpu: (user + system) / 1e6 };
}

const median = (numbers) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1];
const runs = Object.fromEntries([1, ...counts].map((count) => [count, []]));
for (let round = 0; round < Number(options.rounds); round += 1)
  for (const count of [1, ...counts]) runs[count].push(measure(count));

const of = (count) => ({
  wall: median(runs[count].map(({ wall }) => wall)),
  cpu: median(runs[count].map(({ cpu }) => cpu)),
});
const alone = of(1);
process.stdout.write(
  `one vCPU: ${alone.wall.toFixed(2)} s, ${alone.cpu.toFixed(2)} s of CPU (medians of ${options.rounds})\n`,
);
const results = counts.map((count) => {
  const { wall, cpu } = of(count);
  const times = (count * alone.wall) / wall;
  // What is left of it where the cores were not free: how much CPU time a turn of the loop takes more.
  const byCpu = (count * count * alone.cpu) / cpu;
  process.stdout.write(
    `${count} vCPUs: ${wall.toFixed(2)} s, ${cpu.toFixed(2)} s of CPU, together ${times.toFixed(2)} times one` +
      ` (${byCpu.toFixed(2)} by CPU time)\n`,
  );
  return { count, wall, cpu, times, byCpu };
});
if (options.json) {
  const host = { node: process.version, cpu: cpus()[0]?.model, cpus: cpus().length };
  writeFileSync(options.json, `${JSON.stringify({ host, alone, results, runs }, null, 2)}\n`);
}
