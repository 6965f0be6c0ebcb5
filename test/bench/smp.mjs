// How much more N vCPUs do together than one: the same loop on each at once (workloads/smp.asm), in turn with one alone,
// medians. Options: --cpus N,N (2), --rounds N, --scale X, --json FILE. It measures; it judges nothing. Give it a quiet
// machine: with fewer free cores than vCPUs it tells of them.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { assembleWorkload, EXIT_PORT, ROOT, ROUNDS } from './workloads.mjs';

const { values: options } = parseArgs({
  options: {
    cpus: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '5' },
    scale: { type: 'string', default: '1' },
    json: { type: 'string' },
  },
});
const counts = options.cpus.split(',').map(Number);
const work = mkdtempSync(join(tmpdir(), 'vitrine-smp-'));
process.on('exit', () => rmSync(work, { recursive: true, force: true }));
const stats = join(work, 'stats.json');

/** Seconds that `count` vCPUs take for the loop on each of them. */
function measure(count) {
  const image = join(work, `guest${count}.bin`);
  assembleWorkload('smp', Math.round(ROUNDS.smp * Number(options.scale)), image, { CPUS: count });
  const done = spawnSync(
    process.execPath,
    [
      ...[join(ROOT, 'build', 'cli', 'main.js'), 'run', '--kernel', image, '--memory', '32M'],
      ...['--cpus', String(count), '--exit-port', `0x${EXIT_PORT.toString(16)}`],
      ...['--stats', stats, '--timeout', '300', '--no-reboot'],
    ],
    { encoding: 'utf8' },
  );
  if (done.status !== 1) throw new Error(`the guest ended with status ${done.status}: ${done.stderr}`);
  return JSON.parse(readFileSync(stats, 'utf8')).seconds;
}

const median = (numbers) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1];
const seconds = Object.fromEntries([1, ...counts].map((count) => [count, []]));
for (let round = 0; round < Number(options.rounds); round += 1)
  for (const count of [1, ...counts]) seconds[count].push(measure(count));

const alone = median(seconds[1]);
process.stdout.write(`one vCPU: ${alone.toFixed(2)} s (median of ${options.rounds})\n`);
const results = counts.map((count) => {
  const together = median(seconds[count]);
  const times = (count * alone) / together;
  process.stdout.write(`${count} vCPUs: ${together.toFixed(2)} s, together ${times.toFixed(2)} times one\n`);
  return { count, together, times };
});
if (options.json) {
  const host = { node: process.version, cpu: cpus()[0]?.model, cpus: cpus().length };
  writeFileSync(options.json, `${JSON.stringify({ host, alone, results, seconds }, null, 2)}\n`);
}
