// What leaving the guest costs, beside an empty call from Wasm to JavaScript and an empty Atomics.wait/notify round trip
// between two workers, all in one process and in turn. Options: --rounds N, --batch N (exits timed together), --json FILE,
// --only NAME,NAME. It measures; it judges nothing.
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { MessageChannel, Worker } from 'node:worker_threads';
import { build } from 'vite';

const HERE = dirname(fileURLToPath(import.meta.url));
const ROOT = join(HERE, '..', '..');

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '20' },
    batch: { type: 'string', default: '1000' },
    batches: { type: 'string', default: '100' },
    trips: { type: 'string', default: '500' },
    only: { type: 'string' },
    json: { type: 'string' },
    execArgv: { type: 'string', default: '' },
  },
});
const counts = Object.fromEntries(
  ['rounds', 'batch', 'batches', 'trips'].map((name) => [name, Number(options[name])]),
);

const work = join(ROOT, 'build', 'bench');
await build({
  configFile: false,
  logLevel: 'warn',
  root: ROOT,
  build: {
    ssr: join(HERE, 'exits_worker.mjs'),
    outDir: work,
    target: 'node20',
    minify: false,
    rolldownOptions: { output: { entryFileNames: 'worker.mjs' } },
  },
  ssr: { noExternal: true, external: ['iced-x86'] },
});

const core = new WebAssembly.Module(readFileSync(join(ROOT, 'build', 'core.wasm')));
const words = new Int32Array(new SharedArrayBuffer(64));
const { port1, port2 } = new MessageChannel();
const start = (message, transfer = [], execArgv = []) => {
  const worker = new Worker(join(work, 'worker.mjs'), { execArgv });
  worker.postMessage(message, transfer);
  return worker;
};
const workers = [start({ role: 'echo', words }), start({ role: 'vcpu', port: port2 }, [port2])];
const measuring = start(
  { role: 'measure', core, words, vcpuPort: port1, ...counts, only: options.only?.split(',') },
  [port1],
  options.execArgv ? options.execArgv.split(',') : [],
);
const samples = await new Promise((resolve, reject) => {
  measuring.once('message', resolve);
  for (const worker of [...workers, measuring]) worker.once('error', reject);
});

/** What each is compared with. */
const BESIDE = {
  exit: 'emptyCall',
  exitWithoutIrqchip: 'emptyCall',
  doorbell: 'emptyCall',
  mmioDoorbell: 'emptyCall',
  loop: 'emptyCall',
  kvmRun: 'emptyCall',
  wake: 'roundTrip',
};
const at = (sorted, part) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
const results = Object.fromEntries(
  Object.entries(samples).map(([name, taken]) => {
    const sorted = taken.sort((a, b) => a - b);
    return [name, { median: at(sorted, 0.5), p99: at(sorted, 0.99), samples: sorted.length }];
  }),
);
process.stdout.write(`${''.padEnd(20)}${'median ns'.padStart(12)}${'p99 ns'.padStart(12)}   ratio\n`);
for (const [name, result] of Object.entries(results)) {
  const beside = results[BESIDE[name]];
  if (beside) result.ratio = result.median / beside.median;
  const ratio = beside ? `${result.ratio.toFixed(2)} x ${BESIDE[name]}` : '';
  const [median, p99] = [result.median, result.p99].map((ns) => ns.toFixed(1).padStart(12));
  process.stdout.write(`${name.padEnd(20)}${median}${p99}   ${ratio}\n`);
}
if (options.json) {
  const host = { node: process.version, cpu: cpus()[0]?.model, cpus: cpus().length };
  writeFileSync(options.json, `${JSON.stringify({ ...counts, host, results }, null, 2)}\n`);
}
for (const worker of [...workers, measuring]) void worker.terminate();
