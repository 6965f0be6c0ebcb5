// One session: a machine starts once, runs a list of workloads, and is read at the guest's lines. Knows how the guests'
// lines look (guest/main.c, workloads/frame.asm), and neither machines nor rounds.
import { BOOT } from './suites.mjs';

/** What the guests' init says before the shell. */
const READY = /^Ready: /;
const MARKER = /@bench (start|end|result|fail|done) ?(.*)$/;
/** A machine that says nothing for so long has failed, in seconds. */
const PATIENCE = 900;
/** The guest program sleeps so long after its markers: no part of a workload's time, in seconds. */
const QUIET = 0.05;

/**
 * Runs `command` by `watch` (process.mjs, browser.mjs) for the workloads `names`; a name of the guest's lines stands for itself, `bare` for the only one. Gives
 * `{ samples, results, memory, error }`: by workload, user and system CPU and wall seconds, and the result of a turn with
 * the number of turns that gave another; bytes at the peak; and a sentence when the session ended too early.
 */
export async function measureSession(watch, command, names, isBare) {
  const samples = {};
  const results = {};
  let memory = 0;
  let begun;
  const since = (now, then, quiet) => ({
    user: now.user - then.user,
    system: now.system - then.system,
    wall: now.wall - then.wall - quiet,
  });
  const nameOf = (text) => (isBare ? names[0] : text);
  const onLine = (line, now) => {
    memory = Math.max(memory, now.memory);
    if (READY.test(line)) {
      if (names.includes(BOOT)) samples[BOOT] = since(now, { user: 0, system: 0, wall: 0 }, 0);
      // Nothing is to be run after it.
      return names.every((name) => name === BOOT);
    }
    const [, kind, text] = MARKER.exec(line) ?? [];
    if (kind === 'start') begun = now;
    if (kind === 'end') samples[nameOf(text)] = since(now, begun, isBare ? 0 : QUIET);
    if (kind === 'result') {
      const [name, result, wrong] = text.split(' ');
      results[nameOf(name)] = { result: Number(result), wrong: Number(wrong) };
    }
    if (kind === 'fail') throw new Error(`the guest says: ${text}`);
    return kind === 'done';
  };
  let error;
  await watch(command, PATIENCE, onLine).catch((reason) => {
    error = reason.message;
  });
  const missing = names.filter((name) => samples[name] === undefined);
  if (error === undefined && missing.length > 0) error = `nothing was heard of ${missing.join(', ')}`;
  return { samples, results, memory, ...(error === undefined ? {} : { error }) };
}
