// The deterministic engine with a whole Linux: two boots with the same seed leave the same memory, devices and all.
import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { file, run } from '../web/cli/vitrine.ts';

const SECONDS = 250;
const COMMANDS = [
  'tty',
  'cat /proc/interrupts',
  'dd if=/dev/vda of=/dev/null bs=64k count=16',
  'head -c 4096 /dev/hwrng | sha256sum',
  'dd if=/dev/hwrng of=/dev/vda bs=4k count=8',
  'ping -c 2 10.0.2.2',
  'sync',
  'poweroff',
];

/** A boot to power-off, typed at on hvc0: instructions, and the hash of all of its memory. */
function boot(guest: string) {
  const stats = file('stats.json', '');
  const devices = ['--console', 'hvc0', '--disk', 'size=16M', '--rng', '--net', 'user', '--balloon', '8M'];
  const args = ['--guest', guest, '--engine', 'deterministic', ...devices, '--stats', stats];
  const { status, stdout } = run(args, `${COMMANDS.join('\n')}\n`, SECONDS);
  expect([status, stdout]).toEqual([0, expect.stringContaining('/dev/hvc0')]);
  const { instructions, sha256 } = JSON.parse(readFileSync(stats, 'utf8'));
  return { instructions, sha256, stdout };
}

for (const [guest, title, command] of [
  ['small32', 'a small 32-bit Linux', 'npm run guests -- --build-linux'],
  ['cloud', "Debian's kernel on two vCPUs", 'npm run guests'],
] as const) {
  const canRun = existsSync(`.guests/${guest}.vmlinuz`);
  test.skipIf(!canRun)(
    `${title} boots, uses its devices and powers off twice with the same bytes`,
    () => expect(boot(guest)).toEqual(boot(guest)),
    2 * SECONDS * 1000,
  );
  test.skipIf(canRun)(`no two boots of ${guest} were compared: run "${command}" first`, (context) =>
    context.skip(),
  );
}
