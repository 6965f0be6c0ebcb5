// The C VMMs: one source, strict compilers, and the same output on Vitrine as on Linux's KVM where there is one.
// They run as `vitrine vmm FILE.wasm`, from build/cli.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { compileNative, compileWasm, missingPackages, PROGRAMS } from './build.mjs';
import { guestsHeader } from './guests/make.mjs';

const CLI = 'build/cli/main.js';
const canCompile = missingPackages('native').length === 0;
const canCompileWasm = missingPackages('wasm').length === 0;

function isUsable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

const expected = (name: string): string => readFileSync(`test/cvmm/expected/${name}.txt`, 'utf8');

function vitrine(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, 'vmm', ...args], {
    encoding: 'utf8',
    timeout: 50_000,
  });
  return { status, stdout, stderr };
}

test('the array of the guests is what the assembler makes of them', () => {
  expect(readFileSync('test/cvmm/guests/guests.h', 'utf8')).toBe(guestsHeader());
});

describe.skipIf(!canCompileWasm)('compiled by clang to Wasm', () => {
  test.each(PROGRAMS)('%s runs on Vitrine', (name) => {
    expect(vitrine(compileWasm(name))).toEqual({ status: 0, stdout: expected(name), stderr: '' });
  });

  test('a program is given its arguments', () => {
    const { stdout } = vitrine(compileWasm('vmm'), '--skip-paged');
    expect(
      stdout
        .split('\n')
        .filter((line) => / \| \d/.test(line))
        .map((line) => line.split(' ')[0]),
    ).toEqual(['real', 'protected', 'long']);
  });
});

describe.skipIf(!canCompile)('compiled by gcc against the headers of Linux', () => {
  test.each(PROGRAMS)('%s has no warning', (name) => {
    expect(compileNative(name)).toContain(name);
  });
});

describe.skipIf(!canCompile || !isUsable('/dev/kvm'))('on the KVM of this host', () => {
  const run = (name: string, ...args: string[]) =>
    spawnSync(compileNative(name), args, { encoding: 'utf8', timeout: 20_000 }).stdout;
  const isComplete = (): boolean => run('vmm') === expected('vmm');

  test.each(['dirty', 'irq', 'errors'])('%s prints the same', (name) => {
    expect(run(name)).toBe(expected(name));
  });

  test.skipIf(!canCompileWasm)('vmm prints the same through real, protected and long mode', () => {
    expect(run('vmm', '--skip-paged')).toBe(vitrine(compileWasm('vmm'), '--skip-paged').stdout);
  });

  test('vmm and debug print the same, where KVM has 32-bit paging', ({ skip }) => {
    // Some hosts run guests without the processor's own help and lack it, and breakpoints with it.
    if (!isComplete()) skip('this host has no 32-bit paging for guests');
    expect(run('debug')).toBe(expected('debug'));
  });
});

describe('what is no VMM program is refused in one sentence', () => {
  const magic = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
  /** An import section with one memory: "env" "m", shared, from `pages` (below 128) to 127 pages. */
  const importing = (pages: number) => [...magic, 2, 11, 1, 3, 101, 110, 118, 1, 109, 2, 3, pages, 127];
  /** One with memory enough, and a byte of data at `mib` MiB, 1 to 63. */
  const dataAt = (mib: number) => [
    ...[...magic, 2, 18, 1, 3, 101, 110, 118, 6, 109, 101, 109, 111, 114, 121, 2, 3, 0xbc, 5, 0xe8, 7],
    ...[11, 10, 1, 0, 0x41, 0x80, 0x80, 0x80 | ((mib & 1) << 6), mib >> 1, 0x0b, 1, 7],
  ];
  test.each([
    ['a text', [104, 101, 108, 108, 111], 'This is no Wasm file; give one that clang has linked.'],
    ['one with a memory of its own', magic, 'The program brings its own memory;'],
    ['one that lies too low', importing(2), 'link it with --global-base=41943040.'],
    ['one with data where KVM keeps the VM', dataAt(1), 'link it with --global-base=41943040.'],
    ['one with data where KVM keeps a vCPU', dataAt(33), 'link it with --global-base=41943040.'],
    ['one without a main', dataAt(40), 'The program has no _start; link it as a command, with a main.'],
    ['half of one', importing(2).slice(0, 12), 'The Wasm file ends too early; build it anew.'],
  ])('%s', (_, bytes, sentence) => {
    writeFileSync('build/cvmm_refused.wasm', new Uint8Array(bytes));
    const { status, stderr } = vitrine('build/cvmm_refused.wasm');
    expect([status, stderr]).toEqual([2, expect.stringContaining(sentence)]);
  });
});
