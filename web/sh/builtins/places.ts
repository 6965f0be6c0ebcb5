// Builtins about where the shell is and what it can do: cd, pwd, help, history, sh.

import { decodeText, encodeText, fromBytes, toBytes } from '../bytes.ts';
import { becomeScript, findCommand, runScript } from '../run/command.ts';
import type { Builtin, Interpreter } from '../run/interpreter.ts';
import { openPath } from '../run/redirect.ts';
import { ShellError } from '../run/variables.ts';
import { Parser } from '../syntax/parser.ts';
import { SyntaxFault } from '../syntax/words.ts';
import { sentenceOf } from '../utilities/call.ts';
import { readOptions } from '../utilities/options.ts';
import { numberOf } from './control.ts';
import { print } from './print.ts';

async function changeDirectory(shell: Interpreter, argv: readonly string[]): Promise<number> {
  const { state } = shell;
  const [given] = argv.slice(1).filter((arg) => arg !== '-L' && arg !== '-P' && arg !== '--');
  const target = given === '-' ? state.parameter('OLDPWD') : (given ?? state.parameter('HOME'));
  if (target === undefined) throw new ShellError(given === '-' ? 'OLDPWD not set' : 'HOME not set');
  if (target === '') return 0;
  const { path, isShown } = await findDirectory(shell, target);
  const before = state.cwd;
  state.cwd = path;
  state.variables.set('OLDPWD', before);
  state.variables.set('PWD', path);
  if (isShown || given === '-') await print(shell, `${path}\n`);
  return 0;
}

/** The directory that `cd` means, by way of CDPATH. */
async function findDirectory(
  shell: Interpreter,
  target: string,
): Promise<{ path: string; isShown: boolean }> {
  const { state } = shell;
  const isPlain = target.startsWith('/') || /^\.\.?(\/|$)/.test(target);
  for (const folder of isPlain ? [] : (state.parameter('CDPATH') ?? '').split(':')) {
    if (folder === '') continue;
    const path = state.resolve(`${folder}/${target}`);
    const found = await shell.kernel.fs.stat(decodeText(path)).catch(() => undefined);
    if (found?.isDirectory) return { path, isShown: true };
  }
  const path = state.resolve(target);
  try {
    const { isDirectory } = await shell.kernel.fs.stat(decodeText(path));
    if (!isDirectory) throw new ShellError(`can't cd to ${decodeText(target)}: ENOTDIR: it is no directory.`);
  } catch (error) {
    if (error instanceof ShellError) throw error;
    throw new ShellError(`can't cd to ${decodeText(target)}: ${sentenceOf(error)}`);
  }
  return { path, isShown: false };
}

async function help(shell: Interpreter, argv: readonly string[]): Promise<number> {
  const usages = new Map<string, string>();
  for (const [name, { usage }] of shell.kernel.utilities) usages.set(name, usage);
  for (const [name, { usage }] of shell.builtins) usages.set(name, usage);
  const names = argv.length > 1 ? argv.slice(1) : [...usages.keys()].sort();
  const lines = names.map((name) => usages.get(name)).filter((usage) => usage !== undefined);
  await print(shell, lines.map((line) => `${encodeText(line)}\n`).join(''));
  return lines.length === names.length ? 0 : 1;
}

async function history(shell: Interpreter, argv: readonly string[]): Promise<number> {
  const { history: all } = shell.kernel;
  if (argv[1] === '-c') {
    all.splice(0);
    return 0;
  }
  const from = argv[1] === undefined ? 0 : Math.max(0, all.length - numberOf(argv[1]));
  const lines = all.slice(from).map((line, index) => `${String(from + index + 1).padStart(5)}  ${line}\n`);
  await print(shell, lines.join(''));
  return 0;
}

/** `sh`: a new shell with the exported variables, for a text, a file or standard input. */
async function runShell(shell: Interpreter, argv: readonly string[]): Promise<number> {
  const args = argv.slice(1);
  const options: string[] = [];
  while (args[0] !== undefined && /^[-+][a-zA-Z]/.test(args[0])) options.push(args.shift() as string);
  if (args[0] === '--') args.shift();
  const child = shell.fork();
  const letters = options.join('').replace(/[-+]/g, '');
  return await shell.waitFor(child, async () => {
    const text = letters.includes('c') ? (args.shift() ?? '') : undefined;
    const file = text === undefined && !letters.includes('s') ? args.shift() : undefined;
    becomeScript(child, (text === undefined ? file : args.shift()) ?? 'sh', args);
    for (const letter of letters) if ('aefnuvxC'.includes(letter)) child.state.options.add(letter);
    if (text !== undefined) return await child.runText(text);
    if (file === undefined) return await runInput(child);
    const found = await findCommand(child, file.includes('/') ? file : `./${file}`, false);
    if (found.kind === 'none' && found.status === 127) {
      await child.complain(`cannot open ${decodeText(file)}: not found`);
      return 127;
    }
    return await runScript(child, child.state.resolve(file), [file, ...args]);
  });
}

/** Runs commands from standard input as their lines come, and leaves the lines behind to the commands themselves. */
export async function runInput(shell: Interpreter): Promise<number> {
  const input = await openPath(shell.state, '/dev/stdin', 'r');
  let waiting = '';
  let status = 0;
  try {
    for (;;) {
      const bytes = await input.read(4096, { signal: shell.process.signal });
      waiting += fromBytes(bytes);
      const isEnd = bytes.length === 0;
      let isGivenBack = false;
      for (;;) {
        const parser = new Parser(waiting, shell.state.aliases);
        const end = waiting.indexOf('\n');
        if (waiting === '' || (end < 0 && !isEnd)) break;
        let node: ReturnType<Parser['nextLine']>;
        try {
          node = parser.nextLine();
        } catch (fault) {
          if (fault instanceof SyntaxFault && fault.unfinished && !isEnd) break;
          throw fault;
        }
        if (parser.isOpenDocument && !isEnd) break;
        const rest = parser.source.slice(parser.position);
        waiting = '';
        if (node === undefined) {
          waiting = rest;
          break;
        }
        isGivenBack = rest !== '';
        if (isGivenBack) input.unread(toBytes(rest));
        status = await shell.execute(node);
        if (isGivenBack) break;
      }
      if (isEnd && !isGivenBack) return status;
    }
  } finally {
    await input.release();
  }
}

async function printDirectory(shell: Interpreter, argv: readonly string[]): Promise<number> {
  readOptions(argv.slice(1), '+LP', {}, 2);
  await print(shell, `${shell.state.cwd}\n`);
  return 0;
}

export const PLACES: Record<string, Builtin> = {
  cd: { usage: 'cd [directory|-]', run: changeDirectory },
  help: { usage: 'help [name...]', run: help },
  history: { usage: 'history [-c] [n]', run: history },
  pwd: { usage: 'pwd', run: printDirectory },
  sh: { usage: 'sh [-aefnuvxC] [-c text | file] [argument...]', run: runShell },
};
