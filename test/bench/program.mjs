// The guest program of the Linux suites: compiles guest/*.c with Debian's gcc into one static program of 32 or 64 bits, and
// lays it into a copy of a guest's initial RAM disk with the list of what it shall run. Runs nothing.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeCpio } from '../../web/cli/guests/cpio.mjs';

const SOURCES = join(dirname(fileURLToPath(import.meta.url)), 'guest');

const WIDTH = { 32: ['-m32', '-march=i686', '-msse2'], 64: ['-m64'] };
/** No library, no start files, no code of the compiler's own behind our backs. */
const FLAGS = [
  ...[
    '-std=gnu11',
    '-O2',
    '-Wall',
    '-Wextra',
    '-Werror',
    '-ffreestanding',
    '-nostdlib',
    '-static',
    '-no-pie',
  ],
  ...['-fno-pic', '-fno-stack-protector', '-fno-asynchronous-unwind-tables', '-fcf-protection=none'],
  ...['-fno-tree-loop-distribute-patterns', '-Wl,--build-id=none', '-s'],
];
/** Each object file: its source and the options of its own. */
const PARTS = {
  start: ['start.c', '-mgeneral-regs-only'],
  main: ['main.c', '-mgeneral-regs-only'],
  integers: ['integers.c', '-mgeneral-regs-only'],
  memory: ['memory.c', '-mgeneral-regs-only'],
  kernel: ['kernel.c', '-mgeneral-regs-only'],
  x87: ['floats.c', '-DUNIT=x87', '-DX87', '-mfpmath=387', '-fno-tree-vectorize'],
  sse2: ['floats.c', '-DUNIT=sse2', '-mfpmath=sse'],
};

function compile(args) {
  const done = spawnSync('gcc', args, { cwd: SOURCES, encoding: 'utf8' });
  if (done.error) throw new Error(`gcc does not start (${done.error.code}): install Debian's package "gcc".`);
  if (done.status !== 0) throw new Error(`the guest program does not compile: ${done.stderr}`);
}

/** Compiles the program for `bits` in the folder `work`; its path. */
export function compileProgram(bits, work) {
  const folder = join(work, `program${bits}`);
  mkdirSync(folder, { recursive: true });
  const objects = Object.entries(PARTS).map(([name, [source, ...own]]) => {
    const object = join(folder, `${name}.o`);
    compile([...WIDTH[bits], ...FLAGS, ...own, '-c', source, '-o', object]);
    return object;
  });
  const program = join(folder, 'bench');
  compile([...WIDTH[bits], ...FLAGS, ...objects, '-o', program]);
  return program;
}

const SETTLE_SECONDS = 3;

/** What init's `run=` shall run: each workload in a process of its own, then the last line. */
export const RUN = 'sh /bench/run';

/**
 * The initial RAM disk `initrd` and behind it an archive of ours, which Linux unpacks over it: the program, and the
 * script that runs `turns` (`[{ name, turns }]`) once, or for ever.
 */
export function withProgram(initrd, program, turns, isEndless = false) {
  const list = turns.map(({ name, turns: count }) => `/bench/bench ${name} ${count}`);
  const script = [
    // What the boot has left to an engine's compilers is no part of the first workload.
    `sleep ${SETTLE_SECONDS}`,
    ...(isEndless ? ['while true; do', ...list, 'done'] : [...list, '/bench/bench done']),
  ];
  const ours = writeCpio([
    { path: 'bench' },
    { path: 'bench/bench', data: readFileSync(program), mode: 0o755 },
    { path: 'bench/run', data: Buffer.from(`${script.join('\n')}\n`) },
  ]);
  const first = readFileSync(initrd);
  // Between two archives zeros are skipped up to a multiple of four.
  return Buffer.concat([first, Buffer.alloc((4 - (first.length % 4)) % 4), ours]);
}

/** The result of one turn on the host's own processor: what every machine must give. Undefined where it cannot run. */
export function nativeResult(program, name) {
  const done = spawnSync(program, [name, '1'], { encoding: 'latin1' });
  const found = /@bench result \S+ (\d+) 0/.exec(done.stdout ?? '');
  return found ? Number(found[1]) : undefined;
}
