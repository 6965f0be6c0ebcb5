// `node test/fuzz/run.mjs --seconds 60 --seed 1 [--mode NAME]`: the fuzzer by hand. `--mode NAME --world SEED` runs one
// world again and looks for the instruction; `--instructions N` ends a world early. `--tiers` compares the interpreter with
// compiled regions, state for state, until `--seconds` or `--millions` of instructions are over. Vite's runner reads the TypeScript.
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { runnerImport } from 'vite';

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: '1' },
    mode: { type: 'string', default: '' },
    world: { type: 'string' },
    instructions: { type: 'string' },
    tiers: { type: 'boolean', default: false },
    millions: { type: 'string' },
  },
});
const load = async (name) => {
  const file = new URL(name, import.meta.url).pathname;
  return (await runnerImport(file, { configFile: false, logLevel: 'silent' })).module;
};
const { compareTiers, Fuzzer, MODES, dump } = await load('index.ts');
const modes = MODES.filter((name) => name.startsWith(options.mode));
if (modes.length === 0) {
  console.error(`vitrine: --mode takes the start of one of: ${MODES.join(', ')}.`);
  process.exit(2);
}

/** Worlds begun, and the mode and seed of the last: what a world that never comes back from the core leaves behind. */
const shared = new Int32Array(new SharedArrayBuffer(12));
const WATCHDOG = `
  const { workerData: [shared, modes, limit] } = require('node:worker_threads');
  let last = -1;
  let since = Date.now();
  setInterval(() => {
    if (shared[0] !== last) [last, since] = [shared[0], Date.now()];
    if (Date.now() - since < limit) return;
    require('node:fs').writeSync(2, \`hangs: --mode '\${modes[shared[2]]}' --world \${shared[1] >>> 0}\\n\`);
    process.kill(process.pid, 'SIGKILL');
  }, 1000);`;
new Worker(WATCHDOG, { eval: true, workerData: [shared, MODES, options.tiers ? 300_000 : 30_000] }).unref();
function onWorld(mode, seed) {
  shared[1] = seed;
  shared[2] = MODES.indexOf(mode);
  shared[0]++;
}

if (options.tiers) {
  const seed = Number(options.world ?? options.seed);
  const count = await compareTiers({ ...options, seed, modes, single: options.world !== undefined, onWorld });
  process.exit(count > 0 ? 1 : 0);
}

const fuzzer = new Fuzzer();
const began = performance.now();
let told = began;

function showRate() {
  const { instructions, worlds } = fuzzer.totals;
  const rate = instructions / ((performance.now() - began) / 1000);
  const [all, each] = [instructions, rate].map((n) => (n / 1e6).toFixed(1));
  console.log(
    `${all} M instructions in ${worlds} worlds, ${each} M a second, ${fuzzer.findings.length} findings`,
  );
}

function showTotals() {
  const { totals } = fuzzer;
  const faults = totals.vectors.reduce((sum, count) => sum + count, 0);
  const vectors = totals.vectors.map((count, vector) => (count ? `${vector}: ${count}` : '')).filter(Boolean);
  console.log(`exceptions by vector: ${vectors.join('  ')}`);
  const each = (totals.instructions / Math.max(1, faults)).toFixed(1);
  console.log(`one in ${each} instructions; slowest entry ${totals.slowest.toFixed(0)} ms`);
  console.log(`exits: ${[...totals.exits].map(([name, count]) => `${name} ${count}`).join('  ')}`);
}

if (options.world) {
  const [mode] = modes;
  const seed = Number(options.world);
  onWorld(mode, seed);
  if (options.instructions) {
    fuzzer.world(mode, seed, Number(options.instructions));
    console.log(dump(fuzzer.machine));
  } else {
    const count = fuzzer.smallest(mode, seed);
    if (count)
      console.log(`${dump(fuzzer.machine)}\nis the state before instruction ${count}, which does it`);
    fuzzer.findings.splice(0, fuzzer.findings.length - 1);
  }
} else {
  fuzzer.run({
    seed: Number(options.seed),
    seconds: Number(options.seconds),
    modes,
    onWorld(mode, seed) {
      onWorld(mode, seed);
      if (performance.now() - told < 10_000) return;
      told = performance.now();
      showRate();
    },
  });
}
showRate();
showTotals();
for (const { mode, seed, done, budget, what } of fuzzer.findings)
  console.log(`--mode '${mode}' --world ${seed}: ${what} (after ${done} instructions, budget ${budget})`);
process.exit(fuzzer.findings.length > 0 ? 1 : 0);
