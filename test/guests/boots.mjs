// Boots a fetched guest again and again on 1, 2, 4 and 8 vCPUs, runs its stress program, and writes a table of how it
// went. It takes an hour, so it is no test of `npm test`, which keeps one such boot.
//
//     node test/guests/boots.mjs [--guest cloud] [--cpus 1,2,4,8] [--boots 10] [--seconds 30] [--jit N] [--out FILE]
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { bootGuest } from './boot.mjs';

const { values } = parseArgs({
  options: {
    guest: { type: 'string', default: 'cloud' },
    cpus: { type: 'string', default: '1,2,4,8' },
    boots: { type: 'string', default: '10' },
    seconds: { type: 'string', default: '30' },
    jit: { type: 'string', default: '2000' },
    out: { type: 'string' },
  },
});

/** What a boot that went wrong has said is kept here. */
const LOGS = 'build/boots';

function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

const lines = [
  `| vCPUs | boots | good | start to shell, s (median, worst) | stress of ${values.seconds} s, the last one |`,
  '| --: | --: | --: | --: | --- |',
];
let failed = 0;
mkdirSync(LOGS, { recursive: true });
for (const cpus of values.cpus.split(',').map(Number)) {
  const times = [];
  let good = 0;
  let last = '';
  for (let boot = 1; boot <= Number(values.boots); boot++) {
    const done = await bootGuest({
      guest: values.guest,
      cpus,
      seconds: Number(values.seconds),
      jit: values.jit,
    });
    if (done.readySeconds !== undefined) times.push(done.readySeconds);
    last = done.stress ?? last;
    if (done.faults.length === 0) good += 1;
    else writeFileSync(join(LOGS, `${values.guest}-${cpus}-${boot}.log`), done.output);
    const ready = done.readySeconds?.toFixed(1) ?? '-';
    console.log(`${cpus} vCPUs, boot ${boot}: ready after ${ready} s; ${done.faults.join('; ') || 'good'}`);
  }
  failed += Number(values.boots) - good;
  const counts = last.replace(/^.*CPUs: /, '');
  lines.push(
    `| ${cpus} | ${values.boots} | ${good} | ${median(times).toFixed(1)}, ${Math.max(...times).toFixed(1)} | ${counts} |`,
  );
}
const table = `${lines.join('\n')}\n`;
process.stdout.write(table);
if (values.out !== undefined) writeFileSync(values.out, table);
process.exitCode = failed === 0 ? 0 : 1;
