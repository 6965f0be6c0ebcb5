// `npm run bench`: Vitrine beside v86 on the same bytes in the same run, in turn (A B A B), medians of each.
// Options: --only NAME,NAME (workloads), --rounds N, --scale X (of the loops' turns), --json FILE. It measures; it judges nothing.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { assembleWorkload, EXIT_PORT, NAMES, ROOT, ROUNDS } from './workloads.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
/** A run that takes longer has failed, in seconds. */
const PATIENCE = 300;

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', default: NAMES.join() },
    rounds: { type: 'string', default: '3' },
    scale: { type: 'string', default: '1' },
    json: { type: 'string' },
  },
});
const names = options.only.split(',');
const rounds = Number(options.rounds);
const scale = Number(options.scale);
const unknown = names.find((name) => !NAMES.includes(name));
if (unknown !== undefined) {
  process.stderr.write(`vitrine: there is no workload "${unknown}"; there are ${NAMES.join(', ')}.\n`);
  process.exit(2);
}
if (!Number.isInteger(rounds) || rounds < 1 || !(scale > 0)) {
  process.stderr.write('vitrine: --rounds takes a whole number from 1, --scale a number above 0.\n');
  process.exit(2);
}

const work = mkdtempSync(join(tmpdir(), 'vitrine-bench-'));
process.on('exit', () => rmSync(work, { recursive: true, force: true }));
const image = join(work, 'guest.bin');
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

/** One workload on every machine, in turn. */
function runWorkload(name) {
  assembleWorkload(name, Math.round(ROUNDS[name] * scale), image);
  const runs = { vitrine: [], v86: [] };
  let instructions = 0;
  for (let round = 1; round <= rounds; round += 1) {
    for (const machine of Object.keys(MACHINES)) {
      process.stderr.write(`${name}, round ${round} of ${rounds}: ${machine} ...\n`);
      runs[machine].push(measure(MACHINES[machine]));
      if (machine === 'vitrine') instructions = JSON.parse(readFileSync(stats, 'utf8')).instructions;
    }
  }
  const seconds = Object.fromEntries(
    Object.entries(runs).map(([machine, each]) => [machine, median(each.map(({ guest }) => guest))]),
  );
  return { name, instructions, seconds, ratios: { v86: seconds.v86 / seconds.vitrine }, runs };
}

const row = (...cells) =>
  `${cells[0].padEnd(10)}${cells
    .slice(1)
    .map((cell) => cell.padStart(14))
    .join('')}\n`;
const workloads = [];
process.stdout.write(`interpreters, median of ${rounds}; a ratio above 1 means that Vitrine is faster\n`);
process.stdout.write(row('', 'vitrine s', 'v86 s', 'M instr/s', 'ratio'));
for (const name of names) {
  const result = runWorkload(name);
  workloads.push(result);
  const { instructions, seconds, ratios } = result;
  const speed = instructions / seconds.vitrine / 1e6;
  process.stdout.write(
    row(name, seconds.vitrine.toFixed(2), seconds.v86.toFixed(2), speed.toFixed(1), ratios.v86.toFixed(2)),
  );
}
const mean = Math.exp(
  workloads.reduce((sum, { ratios }) => sum + Math.log(ratios.v86), 0) / workloads.length,
);
process.stdout.write(`geometric mean of the ratios: ${mean.toFixed(2)}\n`);
if (options.json) {
  const host = { node: process.version, cpu: cpus()[0]?.model, cpus: cpus().length };
  writeFileSync(options.json, `${JSON.stringify({ rounds, scale, host, workloads, mean }, null, 2)}\n`);
}
