// How much memory and CPU time a machine takes over a long time: every workload again and again under one Linux, read once a
// minute. Options: --minutes N (60), --kernel NAME (small), --cpus N (1), --machine NAME (vitrine), --jit N, --json FILE.
// It measures, and checks results against the first ones; it judges no figure.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { machinesFor } from './machines.mjs';
import { watchProcess } from './process.mjs';
import { endlessGuest } from './sessions.mjs';

const { values: options } = parseArgs({
  options: {
    minutes: { type: 'string', default: '60' },
    kernel: { type: 'string', default: 'small' },
    cpus: { type: 'string', default: '1' },
    machine: { type: 'string', default: 'vitrine' },
    jit: { type: 'string', default: '2000' },
    json: { type: 'string' },
  },
});
const work = mkdtempSync(join(tmpdir(), 'vitrine-soak-'));
process.on('exit', () => rmSync(work, { recursive: true, force: true }));
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130));

const machine = machinesFor({ jit: options.jit, machines: [options.machine] })[options.machine];
if (machine === undefined) throw new Error(`there is no machine "${options.machine}".`);
const guest = endlessGuest(options.kernel, Number(options.cpus), work);

const MINUTE = 60;
const RESULT = /@bench result (\S+) (\d+) (\d+)/;
const minutes = [];
const results = {};
const errors = [];
let done = 0;
process.stdout.write('minute   MiB now  MiB peak  user s  workloads done\n');
await watchProcess(machine.command(guest), 15 * MINUTE, (line, { wall, user, memory, pid }) => {
  const [, name, result, wrong] = RESULT.exec(line) ?? [];
  if (name !== undefined) {
    done += 1;
    results[name] ??= result;
    if (result !== results[name] || wrong !== '0')
      errors.push(`${name}: ${result} instead of ${results[name]}`);
  }
  if (wall < (minutes.length + 1) * MINUTE) return false;
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  const resident = Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
  const now = { minute: Math.floor(wall / MINUTE), resident, peak: memory, user, done };
  minutes.push(now);
  const cells = [now.minute, resident / 2 ** 20, memory / 2 ** 20, user, done].map((cell) => cell.toFixed(0));
  process.stdout.write(
    `${cells[0].padStart(6)}${cells[1].padStart(10)}${cells[2].padStart(10)}${cells[3].padStart(8)}${cells[4].padStart(16)}\n`,
  );
  return wall >= Number(options.minutes) * MINUTE;
});
for (const error of errors) process.stderr.write(`vitrine: ${error}\n`);
if (options.json)
  writeFileSync(options.json, `${JSON.stringify({ ...options, minutes, errors }, null, 2)}\n`);
process.exitCode = errors.length > 0 ? 1 : 0;
