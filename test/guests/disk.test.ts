// A disk with ext4: Debian's kernel writes it through virtio, and the host's own tools find it clean and its files whole.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';

const FETCHED = '.guests/cloud.vmlinuz';
const has = (program: string) => spawnSync(program, ['-V']).error === undefined;
const canRun = existsSync(FETCHED) && ['mke2fs', 'e2fsck', 'debugfs'].every(has);
const PATIENCE_MS = 300_000;

const folder = mkdtempSync(join(tmpdir(), 'vitrine-ext4-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Runs `commands` in the guest, with `disk`; what it said. */
function boot(disk: string, commands: readonly string[]): Promise<{ status: number | null; output: string }> {
  const append = `run="${[...commands, 'poweroff'].join('; ')}"`;
  const args = ['run', '--guest', 'cloud', '--disk', disk, '--append', append, '--timeout', '280'];
  const child = spawn(process.execPath, ['build/cli/main.js', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (bytes) => {
    output += bytes.toString('latin1');
  });
  return new Promise((resolve) => child.on('close', (status) => resolve({ status, output })));
}

test.skipIf(!canRun)(
  'what a guest writes to ext4 is whole after a remount, and on the host',
  async () => {
    const image = join(folder, 'ext4.img');
    writeFileSync(image, '');
    truncateSync(image, 64 << 20);
    spawnSync('mke2fs', ['-q', '-t', 'ext4', image]);
    const { status, output } = await boot(image, [
      'mkdir /d',
      'mount -t ext4 /dev/vda /d',
      'dd if=/dev/urandom of=/d/file bs=64k count=100',
      'cp -r /bin /d/bin',
      'sync',
      'umount /d',
      'mount -t ext4 /dev/vda /d',
      'sha256sum /d/file',
      'umount /d',
    ]);
    expect(status).toBe(0);
    const [, sum] = /([0-9a-f]{64}) {2}\/d\/file/.exec(output) ?? [];
    expect(sum).toBeDefined();
    expect(spawnSync('e2fsck', ['-f', '-n', image]).status).toBe(0);
    const file = join(folder, 'file');
    spawnSync('debugfs', ['-R', `dump /file ${file}`, image]);
    expect(createHash('sha256').update(readFileSync(file)).digest('hex')).toBe(sum);
  },
  PATIENCE_MS,
);

test.skipIf(canRun)('no disk was written: run "npm run guests" on Debian with e2fsprogs first', (context) =>
  context.skip(),
);
