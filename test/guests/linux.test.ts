// Debian's own kernel on two vCPUs, to its shell, under stress, to its power-off: the one boot that every run of the
// tests makes. boots.mjs makes many.
import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { bootGuest } from './boot.mjs';

const FETCHED = '.guests/cloud.vmlinuz';
/** Beside the machine's own work the test's machine may have others. */
const PATIENCE_MS = 300_000;

test.skipIf(!existsSync(FETCHED))(
  "Debian's cloud kernel reaches its shell on two vCPUs, stands stress, and powers off",
  async () => {
    const { faults, output } = await bootGuest({ guest: 'cloud', cpus: 2, seconds: 5, patience: 240 });
    expect(faults, output.slice(-4000)).toEqual([]);
  },
  PATIENCE_MS,
);

test.skipIf(existsSync(FETCHED))('Linux was not booted: run "npm run guests" on Debian first', (context) =>
  context.skip(),
);
