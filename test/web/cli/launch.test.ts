// The launcher behind the npm scripts: how it answers a wrong command line. Builds are its daily use.
import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';

const launch = (...args: string[]) => {
  const done = spawnSync(process.execPath, ['web/cli/launch.mjs', ...args], { encoding: 'utf8' });
  return { status: done.status, stdout: done.stdout, stderr: done.stderr.trim().split('\n').at(-1) };
};

test('an unknown command names the known ones', () => {
  const { status, stderr } = launch('constructor');
  expect(status).toBe(2);
  expect(stderr).toContain('use one of start, test, check, build');
});

test('an unknown option names the known ones', () => {
  expect(launch('start', '--prot', '80').stderr).toContain('--open, --port, --host');
});

test('a port must be a number', () => {
  expect(launch('start', '--port', 'http')).toMatchObject({ status: 2, stdout: '' });
});
