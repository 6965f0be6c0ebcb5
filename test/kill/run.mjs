// `node test/kill/run.mjs [--kills 200] [--disks 15] [--kernel FILE --initrd FILE]`: disks of a Linux guest whose workers are
// terminated while it writes; status 1 when one of them lost what the guest was told is on disk. Vite's runner reads the
// TypeScript. Without a kernel it takes the guest `cloud` of `npm run guests`.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { runnerImport } from 'vite';
import { writeCpio } from '../../web/cli/guests/cpio.mjs';
import { readGuests, TARGET } from '../../web/cli/guests/store.mjs';

const { values: options } = parseArgs({
  options: {
    kills: { type: 'string', default: '200' },
    disks: { type: 'string', default: '15' },
    kernel: { type: 'string' },
    initrd: { type: 'string' },
    verbose: { type: 'boolean', default: false },
  },
});
const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const cloud = readGuests().find(({ name }) => name === 'cloud');
if (options.kernel === undefined && cloud === undefined) {
  console.error(
    'vitrine: there is no guest "cloud"; run npm run guests first, or give --kernel and --initrd.',
  );
  process.exit(2);
}

const folder = mkdtempSync(join(tmpdir(), 'vitrine-kill-'));
try {
  const writer = join(folder, 'writer');
  execFileSync('gcc', ['-O2', '-Wall', '-Wextra', '-static', '-s', '-o', writer, here('writer.c')]);
  const program = writeCpio([
    { path: 'bin' },
    { path: 'bin/writer', data: readFileSync(writer), mode: 0o755 },
  ]);
  const initrd = readFileSync(options.initrd ?? join(TARGET, cloud.initrd));
  const { killRound } = (await runnerImport(here('round.ts'), { configFile: false, logLevel: 'error' }))
    .module;
  const round = {
    folder,
    kernel: readFileSync(options.kernel ?? join(TARGET, cloud.kernel)),
    // Linux looks for a second archive at a multiple of 4.
    initrd: Buffer.concat([initrd, Buffer.alloc(-initrd.length & 3), program]),
    ...(options.verbose && { onWord: (word) => console.error(word) }),
  };
  let lost = 0;
  for (let left = Number(options.kills); left > 0; ) {
    const disks = Math.min(left, Number(options.disks));
    const result = await killRound({ ...round, disks });
    const killed = result.stoodAfter ?? disks;
    left -= killed;
    lost += result.lost.length;
    if (result.stoodAfter !== undefined) console.log(`the machine stands after ${killed} kills`);
    for (const sentence of result.lost) console.log(sentence);
    console.log(
      `${killed} disks killed, ${result.told.join(' ')} records told, ${result.lost.length} lost; ${left} to go`,
    );
  }
  process.exitCode = lost > 0 ? 1 : 0;
} finally {
  rmSync(folder, { recursive: true });
}
