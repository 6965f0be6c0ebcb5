// Builtins about processes: jobs, fg, bg, wait, kill, times, umask. Nothing can be stopped here, so bg only names a job.

import type { Builtin, Interpreter } from '../run/interpreter.ts';
import { SIGNALS, signalName, signalNumber } from '../run/process.ts';
import type { Job } from '../run/state.ts';
import { ShellError } from '../run/variables.ts';
import { numberOf } from './control.ts';
import { print } from './print.ts';

/** The job that `%1`, `%+`, `%-`, `%text` or `%?text` names. */
function findJob({ state }: Interpreter, text: string): Job | undefined {
  const name = text.slice(1);
  if (name === '' || name === '+' || name === '%') return state.jobs.at(-1);
  if (name === '-') return state.jobs.at(-2) ?? state.jobs.at(-1);
  if (/^[0-9]+$/.test(name)) return state.jobs.find((job) => job.id === Number(name));
  if (name.startsWith('?')) return state.jobs.find((job) => job.text.includes(name.slice(1)));
  return state.jobs.find((job) => job.text.startsWith(name));
}

function needJob(shell: Interpreter, text: string): Job {
  const job = findJob(shell, text.startsWith('%') ? text : `%${text}`);
  if (!job) throw new ShellError(`No such job: ${text}`);
  return job;
}

/** A line of `jobs`. */
export function jobLine(shell: Interpreter, job: Job, withPid = false): string {
  const { jobs } = shell.state;
  const mark = job === jobs.at(-1) ? '+' : job === jobs.at(-2) ? '-' : ' ';
  const { status } = job;
  const state =
    status === undefined
      ? 'Running'
      : status === 0
        ? 'Done'
        : status > 128
          ? signalName(status - 128)
          : `Done(${status})`;
  return `[${job.id}] ${mark} ${withPid ? `${job.process.pid} ` : ''}${state.padEnd(17)} ${job.text}\n`;
}

/** Takes ended jobs off the list. */
export function forgetEnded(shell: Interpreter): void {
  shell.state.jobs = shell.state.jobs.filter((job) => job.status === undefined);
}

async function listJobs(shell: Interpreter, argv: readonly string[]): Promise<number> {
  const names = argv.slice(1).filter((arg) => !arg.startsWith('-'));
  const jobs = names.length > 0 ? names.map((name) => needJob(shell, name)) : shell.state.jobs;
  const isShort = argv.includes('-p');
  await print(
    shell,
    jobs.map((job) => (isShort ? `${job.process.pid}\n` : jobLine(shell, job, argv.includes('-l')))).join(''),
  );
  forgetEnded(shell);
  return 0;
}

/** Waits for a job, or until a signal comes: then undefined. */
async function waitForJob(shell: Interpreter, job: Job): Promise<number | undefined> {
  const { signal } = shell.process;
  return await new Promise((resolve, reject) => {
    const abort = (): void => resolve(undefined);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    job.ended.then((status) => {
      signal.removeEventListener('abort', abort);
      resolve(status);
    }, reject);
  });
}

async function wait(shell: Interpreter, argv: readonly string[]): Promise<number> {
  const { state } = shell;
  const isAll = argv.length === 1;
  const jobs = isAll ? [...state.jobs] : [];
  let status = 0;
  for (const name of argv.slice(1)) {
    const job = name.startsWith('%')
      ? needJob(shell, name)
      : state.jobs.find((each) => each.process.pid === numberOf(name));
    if (job) jobs.push(job);
    else status = 127;
  }
  for (const job of jobs) {
    const ended = await waitForJob(shell, job);
    shell.process.check();
    if (ended === undefined) return 128 + (shell.process.pending[0] ?? 0);
    await shell.tellDeath(job.process);
    if (!isAll) status = ended;
    state.jobs = state.jobs.filter((each) => each !== job);
  }
  return status;
}

async function foreground(shell: Interpreter, [, name = '%+']: readonly string[]): Promise<number> {
  const job = needJob(shell, name);
  const { processes } = shell.kernel;
  await print(shell, `${job.text}\n`);
  const before = processes.foreground;
  processes.foreground = job.process.group;
  try {
    const status = await waitForJob(shell, job);
    shell.process.check();
    return status ?? 128 + (shell.process.pending[0] ?? 0);
  } finally {
    processes.foreground = before;
    forgetEnded(shell);
  }
}

async function listSignals(shell: Interpreter, numbers: readonly string[]): Promise<number> {
  const names =
    numbers.length > 0
      ? numbers.map((text) => signalName(numberOf(text) > 128 ? Number(text) - 128 : Number(text)))
      : Object.keys(SIGNALS);
  await print(shell, names.map((name) => `${name}\n`).join(''));
  return 0;
}

async function kill(shell: Interpreter, argv: readonly string[]): Promise<number> {
  const args = argv.slice(1);
  let name = 'TERM';
  const first = args[0] ?? '';
  if (first === '-l' || first === '-L') return await listSignals(shell, args.slice(1));
  if (first === '-s' || first === '-n') {
    name = args[1] ?? '';
    args.splice(0, 2);
  } else if (first.startsWith('-') && first !== '--' && args.length > 1) {
    name = first.slice(1);
    args.shift();
  }
  if (args[0] === '--') args.shift();
  const signal = signalNumber(name);
  if (signal === undefined) throw new ShellError(`invalid signal number or name: ${name}`);
  if (args.length === 0) throw new ShellError('Usage: kill [-s sigspec | -signum | -sigspec] [pid | job]...');
  let status = 0;
  for (const target of args) {
    if (sendSignal(shell, target, signal)) continue;
    await shell.complain(`kill: ${target}: No such process`);
    status = 1;
  }
  shell.process.check();
  return status;
}

/** Signals a job's group, a process, or with a minus a group; false when there is none. */
function sendSignal(shell: Interpreter, target: string, signal: number): boolean {
  const { processes } = shell.kernel;
  if (target.startsWith('%')) return processes.signalGroup(needJob(shell, target).process.group, signal);
  const pid = Number(target);
  if (!Number.isInteger(pid)) throw new ShellError(`Illegal number: ${target}`);
  if (pid <= 0) return processes.signalGroup(pid === 0 ? shell.process.group : -pid, signal);
  const process = processes.find(pid);
  process?.deliver(signal);
  return process !== undefined;
}

async function umask(shell: Interpreter, argv: readonly string[]): Promise<number> {
  const { state } = shell;
  const text = argv.find((arg, index) => index > 0 && !arg.startsWith('-'));
  if (text === undefined) {
    if (argv.includes('-S')) {
      const letters = (shift: number): string =>
        ['r', 'w', 'x'].filter((_, bit) => ((~state.umask >> shift) & (4 >> bit)) !== 0).join('');
      await print(shell, `u=${letters(6)},g=${letters(3)},o=${letters(0)}\n`);
    } else await print(shell, `${state.umask.toString(8).padStart(4, '0')}\n`);
    return 0;
  }
  if (!/^[0-7]{1,4}$/.test(text)) throw new ShellError(`Illegal mode: ${text}`);
  state.umask = Number.parseInt(text, 8) & 0o777;
  return 0;
}

export const JOBS: Record<string, Builtin> = {
  bg: {
    usage: 'bg [job]',
    async run(shell, [, name = '%+']) {
      const job = needJob(shell, name);
      await print(shell, `[${job.id}] ${job.text}\n`);
      return 0;
    },
  },
  fg: { usage: 'fg [job]', run: foreground },
  jobs: { usage: 'jobs [-lp] [job...]', run: listJobs },
  kill: { usage: 'kill [-s signal] pid|job...; kill -l', run: kill },
  times: {
    usage: 'times',
    async run(shell) {
      const seconds = performance.now() / 1000;
      const text = `${Math.floor(seconds / 60)}m${(seconds % 60).toFixed(6)}s`;
      await print(shell, `${text} 0m0.000000s\n0m0.000000s 0m0.000000s\n`);
      return 0;
    },
  },
  umask: { usage: 'umask [-S] [mode]', run: umask },
  wait: { usage: 'wait [pid|job...]', run: wait },
};
