// `npm run bench`: Vitrine beside v86 on the same bytes in the same run, in turn (A B A B), medians of each.
// Options: --count N (loop count), --rounds N, --only vitrine|v86, --json FILE. It measures; it judges nothing.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { LOOP_INSTRUCTIONS, makeCountingKernel } from './image.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const ROOT = dirname(dirname(HERE));
const EXIT_PORT = 0xf4;
/** A run that takes longer has failed, in seconds. */
const PATIENCE = 300;

const { values: options } = parseArgs({
  options: {
    count: { type: 'string', default: '1000000000' },
    rounds: { type: 'string', default: '3' },
    only: { type: 'string' },
    json: { type: 'string' },
  },
});
const count = Number(options.count);
const rounds = Number(options.rounds);
if (!Number.isInteger(count) || count < 1 || count > 0xffffffff || !Number.isInteger(rounds) || rounds < 1) {
  process.stderr.write('vitrine: --count takes a number from 1 to 4294967295 and --rounds one from 1.\n');
  process.exit(2);
}

const work = mkdtempSync(join(tmpdir(), 'vitrine-bench-'));
process.on('exit', () => rmSync(work, { recursive: true, force: true }));
const image = join(work, 'count.bin');
writeFileSync(image, makeCountingKernel(count, EXIT_PORT));
const stats = join(work, 'stats.json');

/** Each machine: how it is started, the exit status of a good run, and where it says its seconds. */
const MACHINES = {
  vitrine: {
    args: [
      ...[join(ROOT, 'build', 'cli', 'main.js'), 'run', '--kernel', image, '--memory', '32M'],
      ...['--exit-port', `0x${EXIT_PORT.toString(16)}`, '--stats', stats, '--timeout', String(PATIENCE)],
    ],
    status: 1, // the guest writes 0, and isa-debug-exit makes (0 << 1) | 1 of it
    seconds: () => JSON.parse(readFileSync(stats, 'utf8')).seconds,
  },
  v86: {
    args: [join(HERE, 'v86_child.mjs'), image, String(EXIT_PORT)],
    status: 0,
    seconds: (output) => JSON.parse(output).seconds,
  },
};

/** One process: seconds of the guest as the machine tells, seconds of the whole process, CPU seconds of all threads. */
function measure(machine) {
  const usage = join(work, 'usage.json');
  const began = performance.now();
  const done = spawnSync(process.execPath, ['--import', join(HERE, 'usage.mjs'), ...machine.args], {
    encoding: 'utf8',
    env: { ...process.env, VITRINE_USAGE: usage },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: (PATIENCE + 30) * 1000,
  });
  const wall = (performance.now() - began) / 1000;
  if (done.status !== machine.status) {
    process.stderr.write(`vitrine: ${machine.args[0]} ended with status ${done.status}: ${done.stderr}\n`);
    process.exit(1);
  }
  const { user, system } = JSON.parse(readFileSync(usage, 'utf8'));
  return { guest: machine.seconds(done.stdout), wall, cpu: (user + system) / 1e6 };
}

const median = (numbers) => {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

const names = Object.keys(MACHINES).filter((name) => !options.only || options.only === name);
const runs = Object.fromEntries(names.map((name) => [name, []]));
for (let round = 1; round <= rounds; round += 1) {
  for (const name of names) {
    process.stderr.write(`round ${round} of ${rounds}: ${name} ...\n`);
    runs[name].push(measure(MACHINES[name]));
  }
}

const results = names.map((name) => {
  const of = (field) => median(runs[name].map((run) => run[field]));
  const guest = of('guest');
  const speed = (count * LOOP_INSTRUCTIONS) / guest / 1e6;
  return { name, guest, wall: of('wall'), cpu: of('cpu'), speed, runs: runs[name] };
});

const row = (...cells) =>
  `${cells[0].padEnd(10)}${cells
    .slice(1)
    .map((cell) => cell.padStart(14))
    .join('')}\n`;
process.stdout.write(
  `count to ${count}, ${LOOP_INSTRUCTIONS} instructions a step, median of ${rounds}, interpreters\n`,
);
process.stdout.write(row('', 'guest s', 'process s', 'CPU s', 'M instr/s'));
for (const { name, guest, wall, cpu, speed } of results) {
  process.stdout.write(row(name, guest.toFixed(2), wall.toFixed(2), cpu.toFixed(2), speed.toFixed(1)));
}
const [vitrine, v86] = results;
const ratio = v86 ? vitrine.speed / v86.speed : undefined;
if (ratio) process.stdout.write(`vitrine / v86: ${ratio.toFixed(2)}\n`);
if (options.json) {
  const host = { node: process.version, cpu: cpus()[0]?.model, cpus: cpus().length };
  writeFileSync(options.json, `${JSON.stringify({ count, rounds, host, results, ratio }, null, 2)}\n`);
}
