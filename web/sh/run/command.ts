// A simple command (POSIX XCU 2.9.1): words, assignments, redirections; then a special builtin, a function, a builtin, a
// utility or a script of the tree, in this order.

import { S_IFDIR, S_IFMT } from '../../fs/node.ts';
import { isKvmError } from '../../kvm/abi/errno.ts';
import { decodeText, fromBytes, toBytes } from '../bytes.ts';
import { expandText, expandWords } from '../expand/expand.ts';
import type { SimpleCommand, Word } from '../syntax/ast.ts';
import { assignmentOf } from '../syntax/parser.ts';
import {
  Call,
  type CallHost,
  type ExecuteChanges,
  sentenceOf,
  type Utility,
  UtilityError,
} from '../utilities/call.ts';
import { Description } from './descriptors.ts';
import { Exit } from './flow.ts';
import type { Builtin, Interpreter } from './interpreter.ts';
import { Killed, type Process } from './process.ts';
import { openPath, RedirectFault, Undo } from './redirect.ts';
import { ShellError } from './variables.ts';

/** What a command's name means. */
export type Found =
  | { kind: 'builtin'; builtin: Builtin }
  | { kind: 'function' }
  | { kind: 'utility'; utility: Utility }
  | { kind: 'script'; path: string }
  | { kind: 'none'; status: number; sentence: string };

/** Where the utilities would be files on another system. */
const PROGRAM_FOLDER = /^(\/usr)?\/s?bin\/([^/]+)$/;

/** Finds a command by its name. `command` leaves functions out. */
export async function findCommand(shell: Interpreter, name: string, withFunctions = true): Promise<Found> {
  const builtin = shell.builtins.get(name);
  if (builtin?.isSpecial) return { kind: 'builtin', builtin };
  if (withFunctions && shell.state.functions.has(name)) return { kind: 'function' };
  if (builtin) return { kind: 'builtin', builtin };
  const utility = shell.kernel.utilities.get(PROGRAM_FOLDER.exec(name)?.[2] ?? name);
  if (utility) return { kind: 'utility', utility };
  return await findScript(shell, name);
}

async function findScript(shell: Interpreter, name: string): Promise<Found> {
  const { state } = shell;
  const folders = name.includes('/') ? [''] : (state.parameter('PATH') ?? '').split(':');
  let refused: Found | undefined;
  for (const folder of folders) {
    const path = state.resolve(name.includes('/') ? name : `${folder || '.'}/${name}`);
    try {
      const { mode } = await state.kernel.fs.stat(decodeText(path));
      const isFolder = (mode & S_IFMT) === S_IFDIR;
      if (!isFolder && (mode & 0o111) !== 0) return { kind: 'script', path };
      if (name.includes('/')) refused = { kind: 'none', status: 126, sentence: 'Permission denied' };
    } catch (error) {
      if (!isKvmError(error)) throw error;
    }
  }
  return refused ?? { kind: 'none', status: 127, sentence: 'not found' };
}

/** The words of a declaring builtin: those that look like assignments are expanded like them. */
async function expandDeclaration(shell: Interpreter, words: readonly Word[]): Promise<string[]> {
  const fields: string[] = [];
  for (const word of words) {
    const assignment = assignmentOf(word);
    if (assignment) fields.push(`${assignment.name}=${await expandText(shell, assignment.value, true)}`);
    else fields.push(...(await expandWords(shell, [word])));
  }
  return fields;
}

/** `set -x`: to the standard error of before the command's redirections. */
async function trace(
  shell: Interpreter,
  errors: Description | undefined,
  texts: readonly string[],
): Promise<void> {
  const prefix = shell.state.parameter('PS4') ?? '+ ';
  await errors?.write(toBytes(`${prefix}${texts.join(' ')}\n`), {}).catch(() => {});
}

export async function runCommand(
  shell: Interpreter,
  node: SimpleCommand,
  isTested: boolean,
): Promise<number> {
  const { state } = shell;
  state.line = node.line;
  shell.substitutionStatus = undefined;
  const first = node.words[0]?.literal;
  const declares = first !== undefined && shell.builtins.get(first)?.declares === true;
  const argv = await (declares ? expandDeclaration : expandWords)(shell, node.words);
  const name = argv[0];
  const found = name === undefined ? undefined : await findCommand(shell, name);
  const isSpecial = found?.kind === 'builtin' && found.builtin.isSpecial === true;
  const errors = state.fds.get(2);
  const undo = new Undo(state);
  const restores: (() => void)[] = [];
  try {
    try {
      await shell.redirectAll(undo, node.redirects);
    } catch (error) {
      if (!(error instanceof RedirectFault)) throw error;
      if (isSpecial) throw new ShellError(error.message);
      await shell.complain(error.message);
      return 2;
    }
    const shown: string[] = [];
    for (const assignment of node.assignments) {
      const value = await expandText(shell, assignment.value, true);
      shown.push(`${assignment.name}=${value}`);
      if (name !== undefined && !isSpecial) restores.push(state.variables.save(assignment.name));
      state.variables.set(assignment.name, value);
      if (name !== undefined && !isSpecial) state.variables.mark(assignment.name, 'isExported');
    }
    if (state.options.has('x')) await trace(shell, errors, [...shown, ...argv]);
    if (found === undefined) return shell.substitutionStatus ?? 0;
    const status = await runFound(shell, found, argv, isTested);
    if (name === 'exec') await undo.keep();
    return status;
  } finally {
    for (const restore of restores.reverse()) restore();
    await undo.restore();
  }
}

/** Runs what `findCommand` has found. */
export async function runFound(
  shell: Interpreter,
  found: Found,
  argv: readonly string[],
  isTested = false,
): Promise<number> {
  switch (found.kind) {
    case 'builtin':
      return await runBuiltin(shell, found.builtin, argv, isTested);
    case 'function': {
      const body = shell.state.functions.get(argv[0] ?? '');
      return body ? await shell.callFunction(body, argv.slice(1), isTested) : 127;
    }
    case 'none':
      await shell.complain(`${decodeText(argv[0] ?? '')}: ${found.sentence}`);
      return found.status;
    default:
      return await runChild(shell, found, argv);
  }
}

async function runBuiltin(
  shell: Interpreter,
  builtin: Builtin,
  argv: readonly string[],
  isTested: boolean,
): Promise<number> {
  try {
    return await builtin.run(shell, argv, isTested);
  } catch (error) {
    const isRefusal = error instanceof ShellError || error instanceof UtilityError;
    if (!isRefusal && !isKvmError(error)) throw error;
    shell.process.check();
    if (isKvmError(error, 'EINTR') && shell.process.pending.length > 0)
      return 128 + (shell.process.pending[0] ?? 0);
    const sentence = `${argv[0]}: ${sentenceOf(error)}`;
    if (builtin.isSpecial && error instanceof ShellError) throw new ShellError(sentence, error.status);
    await shell.complain(sentence);
    return isRefusal ? error.status : 1;
  }
}

/** A utility or a script as a process of its own, in the foreground. */
async function runChild(
  shell: Interpreter,
  found: Found & { kind: 'utility' | 'script' },
  argv: readonly string[],
): Promise<number> {
  if (found.kind === 'script') {
    const child = shell.fork();
    return await shell.waitFor(child, () => runScript(child, found.path, argv));
  }
  const { processes } = shell.kernel;
  const process = processes.spawn(shell.process);
  shell.process.children.add(process);
  try {
    return await runUtility(hostOf(shell, process), found.utility, argv);
  } finally {
    shell.process.children.delete(process);
    processes.end(process);
  }
}

/** Makes a forked shell a new one: it keeps exported variables only. */
export function becomeScript(shell: Interpreter, name: string, args: readonly string[]): void {
  const { state } = shell;
  const environment = state.variables.environment();
  for (const each of state.variables.names()) if (!environment.has(each)) state.variables.forget(each);
  state.functions.clear();
  state.aliases.clear();
  state.options.clear();
  state.name = name;
  state.positional = [...args];
  state.mainPid = state.process.pid;
  state.loops = 0;
  state.calls = 0;
}

/** Runs a file of commands in a forked shell. */
export async function runScript(shell: Interpreter, path: string, argv: readonly string[]): Promise<number> {
  becomeScript(shell, argv[0] ?? path, argv.slice(1));
  const text = fromBytes(await shell.kernel.fs.readFile(decodeText(path), { signal: shell.process.signal }));
  return await shell.runText(text);
}

/** How a utility sees this shell. */
export function hostOf(shell: Interpreter, process: Process): CallHost {
  const { state } = shell;
  return {
    fs: state.kernel.fs,
    cwd: state.cwd,
    umask: state.umask,
    environment: state.variables.environment(),
    fds: state.fds,
    process,
    pace: state.kernel.pace,
    open: (path, flags) => openPath(state, path, flags),
    execute: (argv, changes) => executeFor(shell, process, argv, changes),
  };
}

/** Runs a command for a utility (xargs, env, watch): no functions, a process of its own. */
async function executeFor(
  shell: Interpreter,
  parent: Process,
  argv: readonly string[],
  { environment, stdin, stdout }: ExecuteChanges = {},
): Promise<number> {
  const child = shell.fork();
  const { state } = child;
  if (environment) {
    for (const name of state.variables.names('isExported')) state.variables.forget(name);
    for (const [name, value] of environment) {
      state.variables.set(name, value);
      state.variables.mark(name, 'isExported');
    }
  }
  for (const [fd, stream] of [[0, stdin] as const, [1, stdout] as const]) {
    if (!stream) continue;
    const closing = state.fds.replace(fd, new Description(stream))?.release();
    if (closing) await closing;
  }
  parent.children.add(child.process);
  try {
    return await child.runToEnd(async () => {
      const found = await findCommand(child, argv[0] ?? '', false);
      const status = await runFound(child, found, argv);
      parent.check();
      return status;
    });
  } finally {
    parent.children.delete(child.process);
  }
}

/** Runs a utility and turns whatever it ends with into a status. */
export async function runUtility(host: CallHost, utility: Utility, argv: readonly string[]): Promise<number> {
  const call = new Call(host, argv);
  try {
    const status = await utility.run(call);
    await call.flush();
    return status;
  } catch (error) {
    if (error instanceof Killed) return 128 + error.signal;
    if (error instanceof Exit) return error.status;
    if (host.process.killedBy > 0) return 128 + host.process.killedBy;
    if (!(error instanceof UtilityError) && !isKvmError(error)) throw error;
    try {
      await call.warn(sentenceOf(error));
    } catch (again) {
      if (host.process.killedBy > 0) return 128 + host.process.killedBy;
      if (!(again instanceof UtilityError) && !isKvmError(again)) throw again;
    }
    return error instanceof UtilityError ? error.status : 1;
  }
}

/** Runs a utility as a builtin, in the shell's own process. */
export function asBuiltin(utility: Utility): Builtin {
  return {
    usage: utility.usage,
    async run(shell, argv) {
      const status = await runUtility(hostOf(shell, shell.process), utility, argv);
      shell.process.check();
      return status;
    },
  };
}
