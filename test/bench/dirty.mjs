// What dirty logging costs a store: the same store loop over 16 MiB with and without KVM_MEM_LOG_DIRTY_PAGES, in turn.
// Options: --passes N (over the 16 MiB), --rounds N, --jit N (as vitrine run). It measures; it judges nothing.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { assembleKernel, EXIT_PORT, ROOT } from './workloads.mjs';

const { values } = parseArgs({
  options: {
    passes: { type: 'string', default: '100' },
    rounds: { type: 'string', default: '5' },
    jit: { type: 'string', default: '2000' },
  },
});
const work = mkdtempSync(join(tmpdir(), 'vitrine-dirty-'));
process.on('exit', () => rmSync(work, { recursive: true, force: true }));
const image = join(work, 'store.bin');
const stats = join(work, 'stats.json');
assembleKernel('store', Number(values.passes), image);

/** Instructions a second of one run. */
function measure(log) {
  const args = [
    'run',
    '--kernel',
    image,
    '--memory',
    '32M',
    '--jit',
    values.jit,
    '--exit-port',
    String(EXIT_PORT),
    '--stats',
    stats,
  ];
  const done = spawnSync(
    process.execPath,
    [join(ROOT, 'build', 'cli', 'main.js'), ...args, ...(log ? ['--log-dirty', 'yes'] : [])],
    {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  if (done.status !== 1) throw new Error(`the guest ended with status ${done.status}: ${done.stderr}`);
  const { instructions, seconds } = JSON.parse(readFileSync(stats, 'utf8'));
  return instructions / seconds / 1e6;
}

const median = (numbers) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1];
const off = [];
const on = [];
for (let round = 0; round < Number(values.rounds); round++) {
  off.push(measure(false));
  on.push(measure(true));
}
const rate = (pick) => `${pick(off).toFixed(1)} and ${pick(on).toFixed(1)} M instr/s`;
const cost = (pick) => `${((pick(off) / pick(on) - 1) * 100).toFixed(1)} %`;
// The loop lives on memory bandwidth, which neighbours of a shared host take in turns: the fastest runs feel them least.
const fastest = (numbers) => Math.max(...numbers);
process.stdout.write(
  `stores without and with the log, median   ${rate(median)}: the log costs ${cost(median)}\n`,
);
process.stdout.write(
  `stores without and with the log, fastest  ${rate(fastest)}: the log costs ${cost(fastest)}\n`,
);
