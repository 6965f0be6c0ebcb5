// Which guests are started for the chosen suites: compiles and assembles what they need. Measures nothing.
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readGuests, TARGET } from '../../web/cli/guests/store.mjs';
import { compileProgram, nativeResult, RUN, withProgram } from './program.mjs';
import { BOOT, SUITES, workloadsOf } from './suites.mjs';
import { assembleWorkload } from './workloads.mjs';

/** v86 puts the initial RAM disk at 64 MiB, so a Linux has more than that. */
const MEMORY = { bare: 2 ** 25, linux: 2 ** 28 };
/**
 * Results that the host's own processor is not asked for: of what its kernel does rather than itself, and CRC-32 (by zlib) of
 * the text that comes out of gzip again and of what sha256sum says about it.
 */
const KNOWN_RESULTS = {
  fork: 0,
  exec: 0,
  'mixed-1': 382400215,
  'mixed-2': 382400215,
  gzip: 1216771913,
  sha256sum: 1715887840,
};

/** What an endless guest runs of each workload at a time. */
const ENDLESS_SHARE = 0.1;

/** Turns of each workload for a machine with this share of them. */
const turnsFor = (workloads, share) =>
  Object.fromEntries(
    workloads.map(({ name, turns }) => [name, name === BOOT ? 1 : Math.max(1, Math.round(turns * share))]),
  );

/** A session for each bare workload: each is a kernel of its own. */
function bareSessions(workloads, work) {
  return workloads.map((workload) => ({
    title: `bare/${workload.name}`,
    suite: 'bare',
    kind: 'bare',
    bits: 32,
    cpus: 1,
    workloads: [workload],
    expected: {},
    guestFor(share) {
      const turns = turnsFor([workload], share);
      const multiboot = join(work, `${workload.name}-${turns[workload.name]}.bin`);
      if (!existsSync(multiboot)) assembleWorkload(workload.name, turns[workload.name], multiboot);
      return { turns, guest: { multiboot, memory: MEMORY.bare, cpus: 1, bits: 32 } };
    },
  }));
}

/** One session for all workloads under one Linux. */
function linuxSession({ suite, bits, cpus, workloads, row, program, expected, work }) {
  const first = SUITES[suite].kernels[0];
  const name = `${suite}${cpus > 1 ? `x${cpus}` : ''}${row.name === first ? '' : `-${row.name}`}`;
  return {
    title: name,
    suite: name,
    kind: 'linux',
    bits,
    cpus,
    workloads,
    expected,
    guestFor(share) {
      const turns = turnsFor(workloads, share);
      const list = workloads
        .filter((one) => one.name !== BOOT)
        .map((one) => ({ name: one.name, turns: turns[one.name] }));
      const initrd = join(work, `${name}-${share}.initrd`);
      if (!existsSync(initrd)) writeFileSync(initrd, withProgram(join(TARGET, row.initrd), program, list));
      const append = `${row.append} run="${RUN}"`;
      return {
        turns,
        guest: { kernel: join(TARGET, row.kernel), initrd, append, memory: MEMORY.linux, cpus, bits },
      };
    },
  };
}

/** The fetched guest of this name. Throws when it is not there. */
function guestRow(name) {
  const row = readGuests().find((one) => one.name === name);
  if (row === undefined) throw new Error(`there is no guest "${name}" yet: run "npm run guests".`);
  return row;
}

/** A guest that runs a little of every workload again and again. */
export function endlessGuest(kernel, cpus, work) {
  const [, suite] = Object.entries(SUITES).find(([, { kernels }]) => kernels.includes(kernel)) ?? [];
  if (suite === undefined) throw new Error(`there is no kernel "${kernel}" for the bench.`);
  const row = guestRow(kernel);
  const workloads = workloadsOf(suite, cpus).filter(({ name }) => name !== BOOT);
  const turns = turnsFor(workloads, ENDLESS_SHARE);
  const list = workloads.map(({ name }) => ({ name, turns: turns[name] }));
  const initrd = join(work, 'endless.initrd');
  const program = compileProgram(suite.bits, work);
  writeFileSync(initrd, withProgram(join(TARGET, row.initrd), program, list, true));
  const append = `${row.append} run="${RUN}"`;
  return { kernel: join(TARGET, row.kernel), initrd, append, memory: MEMORY.linux, cpus, bits: suite.bits };
}

/**
 * The sessions of the chosen suites, in order: `{ title, suite, kind, bits, cpus, workloads, expected, guestFor(share) }`.
 * `expected` has results of the host's own processor, where it can run the program; `guestFor` makes the guest that runs
 * that share of the turns.
 */
export function prepareSessions({ suites, only, kernels, scale, cpus: counts }, work) {
  return suites.flatMap((suite) => {
    const { kind, bits, kernels: known, cpus: possible } = SUITES[suite];
    const chosen = (count) =>
      workloadsOf(SUITES[suite], count)
        .filter(({ name }) => only.includes(name))
        .map(({ name, turns }) => ({ name, turns: name === BOOT ? 1 : Math.max(1, turns * scale) }));
    if (chosen(2).length === 0) return [];
    if (kind === 'bare') return bareSessions(chosen(1), work);
    const wanted = known.filter((name) => kernels.includes(name));
    const program = compileProgram(bits, work);
    const names = chosen(2).map(({ name }) => name);
    const expected = Object.fromEntries(
      names
        .filter((name) => name !== BOOT)
        .map((name) => [name, KNOWN_RESULTS[name] ?? nativeResult(program, name)]),
    );
    return (wanted.length > 0 ? wanted : known.slice(0, 1)).flatMap((kernel) =>
      (possible.length > 1 ? counts : possible).map((cpus) =>
        linuxSession({
          suite,
          bits,
          cpus,
          workloads: chosen(cpus),
          row: guestRow(kernel),
          program,
          expected,
          work,
        }),
      ),
    );
  });
}
