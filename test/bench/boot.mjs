// How long fetched Linux guests take from the start of the process to their shell, here, in v86 and under QEMU's TCG, on one
// processor each and in turn. Options: --guests NAME,NAME (of the manifest), --machines NAME,NAME, --rounds N, --json FILE.
// Needs Linux, `npm run guests`, and for the others Debian's seabios and qemu-system-x86. It measures; it judges nothing.
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { readGuests, TARGET } from '../../web/cli/guests/store.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const MAIN = join(HERE, '..', '..', 'build', 'cli', 'main.js');
/** What init writes before it starts the shell. */
const READY = /^Ready: /m;
/** A boot that takes longer has failed, in seconds. */
const PATIENCE = 3600;
/** v86 puts the initial RAM disk at 64 MiB, so a guest has more than that. */
const LEAST_MEMORY = 2 ** 27;
/** Ticks of the clock that /proc/PID/stat counts in, a second. */
const TICKS = 100;

const known = readGuests().filter(({ name }) => name !== 'memtest');
const { values: options } = parseArgs({
  options: {
    guests: { type: 'string', default: known.map(({ name }) => name).join() },
    machines: { type: 'string', default: 'vitrine,v86,v86-jit,qemu' },
    rounds: { type: 'string', default: '3' },
    json: { type: 'string' },
  },
});

const v86 = (mode) => ({
  long: false,
  command: ({ kernel, initrd, memory, append }) => [
    process.execPath,
    [join(HERE, 'v86_boot.mjs'), kernel, initrd, String(memory), append, ...mode],
  ],
});

const vitrine = (jit) => ({
  long: true,
  command: ({ kernel, initrd, memory, append }) => [
    process.execPath,
    [
      ...[MAIN, 'run', '--kernel', kernel, '--initrd', initrd, '--append', append],
      ...['--memory', String(memory), '--jit', jit],
    ],
  ],
});

/** Each machine: how it is started for a guest, and whether it runs 64-bit kernels. */
const MACHINES = {
  vitrine: vitrine('off'),
  v86: v86([]),
  'v86-jit': v86(['jit']),
  qemu: {
    long: true,
    command: ({ kernel, initrd, memory, append }) => [
      'qemu-system-x86_64',
      [
        ...['-accel', 'tcg', '-smp', '1', '-m', String(memory / 2 ** 20), '-nic', 'none', '-nographic'],
        ...['-no-reboot', '-kernel', kernel, '-initrd', initrd, '-append', append],
      ],
    ],
  },
};

/** `jit-N` is Vitrine whose JIT compiles after N entries. */
const machine = (name) => MACHINES[name] ?? vitrine(name.replace('jit-', ''));

/** True for a kernel of 64 bits: xloadflags of the boot protocol, XLF_KERNEL_64. */
const isLong = (kernel) => (readFileSync(kernel).readUInt16LE(0x236) & 1) !== 0;

/** CPU seconds of a process so far, all its threads: those of the program, and those of the kernel for it. */
function cpuSeconds(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').pop().split(' ');
  return { user: Number(fields[11]) / TICKS, system: Number(fields[12]) / TICKS };
}

/** One boot: seconds to the ready line, and CPU seconds by then. */
function boot([program, args]) {
  const began = performance.now();
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  return new Promise((resolve, reject) => {
    let output = '';
    let measured;
    const watch = setTimeout(() => child.kill('SIGKILL'), PATIENCE * 1000);
    child.stdout.on('data', (bytes) => {
      output += bytes.toString('latin1');
      if (measured || !READY.test(output)) return;
      measured = { wall: (performance.now() - began) / 1000, ...cpuSeconds(child.pid) };
      child.kill('SIGKILL');
    });
    child.stderr.on('data', (bytes) => {
      output += bytes.toString('latin1');
    });
    child.on('error', reject);
    child.on('close', (status) => {
      clearTimeout(watch);
      if (measured) resolve(measured);
      else reject(new Error(`${program} ended with ${status} before the shell: ${output.slice(-500)}`));
    });
  });
}

const median = (numbers) => {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

/** One guest on every machine that runs it, in turn. */
async function runGuest(row) {
  const guest = {
    ...row,
    kernel: join(TARGET, row.kernel),
    initrd: join(TARGET, row.initrd),
    memory: Math.max(row.memory, LEAST_MEMORY),
  };
  const names = options.machines.split(',').filter((name) => machine(name).long || !isLong(guest.kernel));
  const runs = Object.fromEntries(names.map((name) => [name, []]));
  for (let round = 1; round <= Number(options.rounds); round += 1) {
    for (const name of names) {
      process.stderr.write(`${guest.name}, round ${round} of ${options.rounds}: ${name} ...\n`);
      runs[name].push(await boot(machine(name).command(guest)));
    }
  }
  const of = (name, what) => median(runs[name].map((run) => run[what]));
  const medians = Object.fromEntries(
    names.map((name) => [
      name,
      { wall: of(name, 'wall'), user: of(name, 'user'), system: of(name, 'system') },
    ]),
  );
  return { name: guest.name, medians, runs };
}

const row = (...cells) =>
  `${cells[0].padEnd(10)}${cells[1].padEnd(10)}${cells
    .slice(2)
    .map((cell) => cell.padStart(10))
    .join('')}\n`;

const guests = [];
process.stdout.write(
  `from the start to the shell, seconds, medians of ${options.rounds}; ratio = user CPU of Vitrine to theirs\n`,
);
process.stdout.write(row('guest', 'machine', 'wall', 'user', 'system', 'ratio'));
for (const name of options.guests.split(',')) {
  const found = known.find((one) => one.name === name);
  if (found === undefined) {
    process.stderr.write(
      `vitrine: there is no guest "${name}"; run "npm run guests", there are ${known.map((one) => one.name).join(', ')}.\n`,
    );
    process.exit(2);
  }
  const result = await runGuest(found);
  guests.push(result);
  for (const [machine, { wall, user, system }] of Object.entries(result.medians)) {
    const ours = result.medians.vitrine?.user;
    const cells = [wall, user, system, ...(ours === undefined ? [] : [ours / user])].map((value) =>
      value.toFixed(2),
    );
    process.stdout.write(row(name, machine, ...cells));
  }
}
if (options.json) {
  const host = { node: process.version, cpu: cpus()[0]?.model, cpus: cpus().length };
  writeFileSync(
    options.json,
    `${JSON.stringify({ rounds: Number(options.rounds), host, guests }, null, 2)}\n`,
  );
}
