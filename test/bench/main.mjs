// `npm run bench`: Vitrine with its JIT and without, beside v86 and QEMU's TCG, on the same guests in the same run, in turn
// (A B A B); user CPU seconds, medians of the rounds. It measures, and checks results; it judges no speed. Needs Linux,
// Debian's gcc, seabios and qemu-system-x86, and `npm run guests`. Options: options.mjs.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TARGET } from '../../web/cli/guests/store.mjs';
import { machinesFor } from './machines.mjs';
import { measureSession } from './measure.mjs';
import { readOptions } from './options.mjs';
import { drawPicture } from './picture.mjs';
import { watchProcess } from './process.mjs';
import { jsonOf, markdownOf, meansOf, speedupsOf, summarize, tableOf } from './report.mjs';
import { prepareSessions } from './sessions.mjs';

const options = readOptions(process.argv.slice(2));
const work = mkdtempSync(join(tmpdir(), 'vitrine-bench-'));
process.on('exit', () => rmSync(work, { recursive: true, force: true }));
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130));

const all = machinesFor(options);
const chosen = options.machines.filter((name) => all[name] !== undefined);
// Only --browser loads what it needs.
const browser = options.browser
  ? await (await import('./browser.mjs')).openBrowserBench({ guests: TARGET, work })
  : { watch: watchProcess, close: async () => {} };
let sessions;
try {
  sessions = prepareSessions(options, work);
} catch (error) {
  // What is missing on this host: a guest, a compiler.
  process.stderr.write(`vitrine: ${error.message}\n`);
  process.exit(2);
}
const errors = [];
const note = (sentence) => {
  errors.push(sentence);
  process.stderr.write(`vitrine: ${sentence}\n`);
};

/** Results of a session that are not what the host's own processor gives for the same program. */
function judge({ suite, expected }, machine, results) {
  for (const [name, { result, wrong }] of Object.entries(results)) {
    // The first machine speaks where the host cannot run the program.
    expected[name] ??= result;
    if (result !== expected[name] || wrong > 0)
      note(`${suite}/${name} on ${machine}: ${result} instead of ${expected[name]}, ${wrong} turns differ.`);
  }
}

/** All rounds of one session on every machine that can run it, in turn; its rows. */
async function measure(session) {
  const able = options.machines.filter(
    (name) => all[name].long || (session.bits === 32 && session.cpus === 1),
  );
  const samples = Object.fromEntries(
    session.workloads.map(({ name }) => [name, Object.fromEntries(able.map((machine) => [machine, []]))]),
  );
  const memory = {};
  for (let round = 1; round <= options.rounds; round += 1) {
    for (const machine of able) {
      process.stderr.write(`${session.title}, round ${round} of ${options.rounds}: ${machine} ...\n`);
      const share = all[machine].isSlow ? options.slow : 1;
      const { guest, turns } = session.guestFor(share);
      const names = session.workloads.map(({ name }) => name);
      const measured = await measureSession(
        browser.watch,
        all[machine].command(guest),
        names,
        session.kind === 'bare',
      );
      if (measured.error !== undefined) note(`${session.title} on ${machine}: ${measured.error}`);
      judge(session, machine, measured.results);
      memory[machine] = Math.max(memory[machine] ?? 0, measured.memory);
      for (const { name, turns: full } of session.workloads) {
        const sample = measured.samples[name];
        if (sample === undefined) continue;
        const times = full / turns[name];
        samples[name][machine].push({
          user: sample.user * times,
          system: sample.system * times,
          wall: sample.wall * times,
        });
      }
    }
  }
  const rows = session.workloads.map(({ name, turns }) =>
    summarize({ suite: session.suite, name, turns, samples: samples[name] }, options.by),
  );
  return { rows, memory };
}

const table = tableOf(chosen);
const rows = [];
const memory = {};
process.stdout.write(
  `medians of ${options.rounds}; a ratio above 1 means that Vitrine is faster\n${table.head(options.by)}`,
);
for (const session of sessions) {
  const done = await measure(session);
  for (const row of done.rows) process.stdout.write(table.row(row));
  rows.push(...done.rows);
  memory[session.suite] ??= {};
  const most = memory[session.suite];
  for (const [machine, bytes] of Object.entries(done.memory))
    most[machine] = Math.max(most[machine] ?? 0, bytes);
}
await browser.close();
process.stdout.write(table.means(meansOf(rows)));
process.stdout.write(table.speedups(speedupsOf(rows)));
process.stdout.write(table.memory(memory));
if (options.json)
  writeFileSync(options.json, `${JSON.stringify(jsonOf({ options, rows, memory, errors }), null, 2)}\n`);
if (options.markdown) writeFileSync(options.markdown, markdownOf(rows, chosen));
if (options.picture) writeFileSync(options.picture, drawPicture(rows));
if (errors.length > 0) {
  process.stderr.write(`vitrine: ${errors.length} errors; the first: ${errors[0]}\n`);
  process.exitCode = 1;
}
