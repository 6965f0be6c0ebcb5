// A guest with a folder of the host and with /kvm itself over 9p: files are the same on both sides, and a shell in one
// machine runs another.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const MAIN = 'build/cli/main.js';
const MANIFEST = '.guests/manifest.json';

interface Fetched {
  readonly name: string;
  readonly lacks?: readonly string[];
}
const { guests }: { guests: Fetched[] } = existsSync(MANIFEST)
  ? JSON.parse(readFileSync(MANIFEST, 'utf8'))
  : { guests: [] };
/** A guest whose kernel has 9p. */
const guest = ['cloud', '686'].find((name) =>
  guests.some((one) => one.name === name && one.lacks?.includes('9p') === false),
);

/** mov al, 42; out 0x10, al; hlt: what the guest has the other machine run. */
const PROGRAM = String.raw`\260\052\346\020\364`;
const SCRIPT = `
dd if=/dev/urandom of=/mnt/made bs=64k count=16 2>/dev/null
sha256sum /mnt/made | cut -c 1-64
cat /mnt/given
mkdir /k && mount -t 9p -o trans=virtio,version=9p2000.L,cache=none kvm /k
mkdir /k/vm1 /k/vm1/memory/0 && cd /k/vm1
echo "gpa=0 size=1M" > memory/0/ctl
printf '${PROGRAM}' > /k/vm1/memory/0/mem
mkdir cpu/0
for value in rip cs.base cs; do echo 0 > cpu/0/reg/$value; done
echo 0 > cpu/0/paused; cat cpu/0/event
echo 0 > cpu/0/paused; cat cpu/0/event; cat cpu/0/reg/rax
echo 7 > cpu/0/paused
cd /; rmdir /k/vm1; ls /k
`;

test.skipIf(guest === undefined)(
  'a guest writes a file that the host reads, and runs another machine, over 9p',
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'vitrine-share-'));
    writeFileSync(join(folder, 'given'), 'from the host\n');
    writeFileSync(join(folder, 'script'), SCRIPT);
    const mount = 'mount -t 9p -o trans=virtio,version=9p2000.L,cache=none,msize=131072 share /mnt';
    const options = ['--guest', guest as string, '--cpus', '1', '--timeout', '280'];
    const shares = ['--share', `${folder},share`, '--export', '/kvm'];
    const append = ['--append', `quiet run="mkdir -p /mnt; ${mount}; sh /mnt/script; poweroff"`];
    const done = spawnSync(process.execPath, [MAIN, 'run', ...options, ...shares, ...append], {
      encoding: 'latin1',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const made = createHash('sha256')
      .update(readFileSync(join(folder, 'made')))
      .digest('hex');
    rmSync(folder, { recursive: true });
    const lines = done.stdout.replaceAll('\r', '').split('\n');
    const said = lines.slice(lines.indexOf(made));
    expect(said.slice(0, 7)).toEqual([
      made,
      'from the host',
      'io out port=0x10 size=1 count=1 data=2a',
      'hlt',
      '0x2a',
      expect.stringMatching(/write error: Invalid argument/),
      expect.stringMatching(/vm0$/),
    ]);
    expect(done.status).toBe(0);
  },
  300_000,
);

test.skipIf(guest !== undefined)(
  'no guest with 9p is here: run "npm run guests -- --build-linux" on Debian first',
  (context) => context.skip(),
);
