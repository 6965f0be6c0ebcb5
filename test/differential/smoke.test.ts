// A few random cases in each mode on Vitrine and on QEMU, where QEMU and nasm are installed.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const main = fileURLToPath(new URL('main.mjs', import.meta.url));
const hasBoth = ['qemu-system-x86_64', 'nasm'].every(
  (program) => spawnSync(program, ['--version']).status === 0,
);

test.skipIf(!hasBoth).each(['32', '64'])('random system code in mode %s ends as on QEMU', (mode) => {
  const done = spawnSync(process.execPath, [main, '--mode', mode, '--seed', '100', '--cases', '60'], {
    encoding: 'utf8',
  });
  expect(done.stdout).toBe('60 cases, 0 differences\n');
});
