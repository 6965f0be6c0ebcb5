// Runs random system code on Vitrine and on QEMU's TCG and shows where they differ. By hand: see README.md.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { FIELDS32, generate32 } from './cases32.mjs';
import { FIELDS64, generate64 } from './cases64.mjs';
import { Random } from './random.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const ROOT = dirname(dirname(HERE));
const GUESTS = {
  32: { generate: generate32, fields: FIELDS32 },
  64: { generate: generate64, fields: FIELDS64 },
};

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    images: { type: 'string', default: '1' },
    cases: { type: 'string', default: '200' },
    mode: { type: 'string', default: '32' },
    show: { type: 'string', default: '10' },
    keep: { type: 'string' },
  },
});

function build(folder, mode, include) {
  writeFileSync(join(folder, 'cases.inc'), include);
  const image = join(folder, 'guest.bin');
  const done = spawnSync('nasm', [
    '-w-all',
    '-f',
    'bin',
    '-i',
    `${folder}/`,
    '-o',
    image,
    join(HERE, `guest${mode}.asm`),
  ]);
  if (done.status !== 0) throw new Error(done.stderr.toString().slice(0, 2000));
  return image;
}

function lines(program, args) {
  const { stdout } = spawnSync(program, args, {
    maxBuffer: 1 << 28,
    timeout: 30_000,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return stdout
    .toString('latin1')
    .split('\n')
    .filter((line) => /^[0-9a-f]{8,16} /.test(line));
}

const onQemu = (image) =>
  lines('qemu-system-x86_64', [
    ...[
      '-accel',
      'tcg',
      '-cpu',
      'max,vendor=GenuineIntel',
      '-m',
      '16',
      '-nodefaults',
      '-display',
      'none',
      '-serial',
      'stdio',
      '-no-reboot',
    ],
    ...['-device', 'isa-debug-exit,iobase=0xf4,iosize=4', '-kernel', image],
  ]);
const onVitrine = (image) =>
  lines(process.execPath, [
    join(ROOT, 'build/cli/main.js'),
    ...['run', '--memory', '16M', '--exit-port', '0xf4', '--timeout', '25', '--kernel', image],
  ]);

/** The fields in which two lines differ, as text; empty when they agree. */
function difference(fields, ours, theirs) {
  const [a, b] = [ours.trim().split(' '), theirs.trim().split(' ')];
  return fields.flatMap((name, n) => (a[n] === b[n] ? [] : [`${name} ${a[n]} (QEMU ${b[n]})`])).join('  ');
}

const codeOf = (include, n) => {
  const from = include.indexOf(`case_${n}:`);
  const to = include.indexOf(`case_${n + 1}:`, from);
  // The registers that every case sets say nothing.
  return include
    .slice(from, to < 0 ? undefined : to)
    .trim()
    .replace(/mov [er]ax, \S+\nmov [er]cx[\s\S]*?(iret[dq])/, '$1');
};

let shown = 0;
let bad = 0;
let run = 0;
for (let image = 0; image < Number(values.images); image++) {
  const seed = Number(values.seed) + image;
  const { generate, fields } = GUESTS[values.mode];
  const include = generate(new Random(seed), Number(values.cases));
  const folder = values.keep ?? mkdtempSync(join(tmpdir(), 'vitrine-differential-'));
  const file = build(folder, values.mode, include);
  const [ours, theirs] = [onVitrine(file), onQemu(file)];
  if (values.keep === undefined) rmSync(folder, { recursive: true, force: true });
  const count = Math.min(ours.length, theirs.length);
  run += count;
  for (let n = 0; n < count; n++) {
    const what = difference(fields, ours[n], theirs[n]);
    if (what === '') continue;
    bad++;
    if (shown++ < Number(values.show))
      console.log(
        `seed ${seed}, case ${n}, event ${ours[n].split(' ').slice(1, 5).join(' ')}: ${what}\n${codeOf(include, n)}\n`,
      );
  }
  if (ours.length !== theirs.length || count < Number(values.cases)) {
    bad++;
    console.log(`seed ${seed}: ${ours.length} lines here, ${theirs.length} from QEMU`);
    if (shown++ < Number(values.show)) console.log(codeOf(include, count));
  }
}
console.log(`${run} cases, ${bad} differences`);
process.exitCode = bad ? 1 : 0;
