import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { file, MAIN } from './vitrine.ts';

function sh(args: string[], input = '') {
  const done = spawnSync(process.execPath, [MAIN, 'sh', ...args], {
    input,
    encoding: 'latin1',
    timeout: 30_000,
  });
  return { status: done.status, stdout: done.stdout, stderr: done.stderr };
}

describe('vitrine sh', () => {
  test('runs a script of the host with arguments and hands its status on', () => {
    const script = file('script.sh', 'echo "$1 $#"; cat /host/script.sh | head -c 4; exit 3');
    expect(sh([script, 'a', '-b'])).toEqual({ status: 3, stdout: 'a 2\necho', stderr: '' });
  });

  test('runs a text with -c, and takes the letters of set', () => {
    expect(sh(['-c', 'echo $0 $1', 'name', 'one']).stdout).toBe('name one\n');
    expect(sh(['-ec', 'false; echo no'])).toEqual({ status: 1, stdout: '', stderr: '' });
  });

  test('runs the commands on standard input, which read from it too', () => {
    expect(sh([], 'read x\nhello\necho "<$x>"; cat\nrest\n').stdout).toBe('<hello>\nrest\n');
  });

  test('writes bytes as they are', () => {
    expect(sh(['-c', "printf '\\377\\000'"]).stdout).toBe('\xff\0');
  });

  test('says in one sentence what it cannot open', () => {
    expect(sh(['/nothere'])).toEqual({
      status: 127,
      stdout: '',
      stderr: 'vitrine sh: cannot open /nothere (ENOENT).\n',
    });
  });

  test('serves /vas and /modules: two guests of one memory, held by a module until it is killed', () => {
    const script = `
mkdir /vas/ram /vas/ram/memory/0; echo "gpa=0 size=64K" > /vas/ram/memory/0/ctl
mkdir /kvm/a /kvm/b; echo a > /vas/ram/bind; echo b > /vas/ram/bind; cat /vas/ram/bind
mkdir /kvm/a/irqchip /modules/rng0
echo "kind=random vm=a request=0x3000 doorbell=0x510 pio=1 gsi=5" > /modules/rng0/ctl
cut -d' ' -f1-5 /modules/bound
rmdir /kvm/a || echo kill > /modules/rng0/signal
cat /modules/rng0/state /kvm/a/pins
rmdir /modules/rng0 /kvm/a /kvm/b /vas/ram && echo gone`;
    const { stdout, stderr } = sh(['-c', script]);
    expect(stdout).toBe('a\nb\nrng0 random running vm a\nkilled\ngone\n');
    expect(stderr).toMatch(/EBUSY: the VM is held by module rng0/);
  });

  test('shows folders of the host in /share, for looking only or for writing too', () => {
    const folder = mkdtempSync(join(tmpdir(), 'vitrine-share-'));
    writeFileSync(join(folder, 'given'), 'given\n');
    const script =
      'ls /share; cat /share/in/given; echo out > /share/in/made; cat /share/in/made; rm /share/seen/given';
    const { stdout, stderr } = sh(['--share', `${folder},in`, '--share', `${folder},seen,ro`, '-c', script]);
    expect(stdout).toBe('in\nseen\ngiven\nout\n');
    expect(stderr).toMatch(/EROFS/);
    expect(readFileSync(join(folder, 'made'), 'utf8')).toBe('out\n');
    rmSync(folder, { recursive: true });
    expect(sh(['--share', '/nothere', '-c', 'true']).stderr).toMatch(/ENOENT/);
    expect(sh(['--share', folder, '--share', folder, '-c', 'true']).stderr).toMatch(
      /Two shares have the tag/,
    );
  });

  test('ends when its reader leaves', () => {
    const done = spawnSync('sh', ['-c', `"${process.execPath}" ${MAIN} sh -c yes | head -n 1`], {
      encoding: 'utf8',
      timeout: 30_000,
    });
    expect([done.status, done.stdout]).toEqual([0, 'y\n']);
  });

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('ends a tight loop by %s', async (signal, status) => {
    const child = spawn(process.execPath, [MAIN, 'sh', '-c', 'echo on; while :; do :; done']);
    child.stdout.once('data', () => child.kill(signal));
    expect(await new Promise((resolve) => child.on('exit', resolve))).toBe(status);
  });
});
