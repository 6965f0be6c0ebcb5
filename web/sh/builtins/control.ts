// Builtins that steer: break, continue, return, exit, eval, `.`, exec, command, trap and the like.

import { decodeText, fromBytes } from '../bytes.ts';
import { findCommand, runFound } from '../run/command.ts';
import { Exit, LoopJump, Return } from '../run/flow.ts';
import type { Builtin, Interpreter } from '../run/interpreter.ts';
import { signalName, signalNumber } from '../run/process.ts';
import { openPath } from '../run/redirect.ts';
import { ShellError } from '../run/variables.ts';
import { sentenceOf } from '../utilities/call.ts';
import { readOptions } from '../utilities/options.ts';
import { print, quoteForShell } from './print.ts';

/** A count or status that must be a number. */
export function numberOf(text: string): number {
  if (!/^[0-9]+$/.test(text)) throw new ShellError(`Illegal number: ${text}`);
  return Number(text);
}

function jump(isBreak: boolean): Builtin {
  const name = isBreak ? 'break' : 'continue';
  return {
    usage: `${name} [n]`,
    isSpecial: true,
    run({ state }, [, count = '1']) {
      const levels = numberOf(count);
      if (levels === 0) throw new ShellError(`Illegal number: ${count}`);
      if (state.loops > 0) throw new LoopJump(isBreak, Math.min(levels, state.loops));
      return 0;
    },
  };
}

async function evaluate(shell: Interpreter, argv: readonly string[], isTested: boolean): Promise<number> {
  return await shell.runText(argv.slice(1).join(' '), isTested);
}

async function source(shell: Interpreter, [, name]: readonly string[]): Promise<number> {
  if (name === undefined) return 0;
  const { state } = shell;
  let text: string;
  const folders = name.includes('/') ? [''] : [...(state.parameter('PATH') ?? '').split(':'), '.'];
  try {
    text = await readFirst(
      shell,
      folders.map((folder) => (folder === '' ? name : `${folder}/${name}`)),
    );
  } catch (error) {
    throw new ShellError(`cannot open ${decodeText(name)}: ${sentenceOf(error)}`);
  }
  state.calls++;
  try {
    return await shell.runText(text);
  } catch (end) {
    if (end instanceof Return) return end.status;
    throw end;
  } finally {
    state.calls--;
  }
}

/** The text of the first of some files that can be opened. */
async function readFirst(shell: Interpreter, paths: readonly string[]): Promise<string> {
  let fault: unknown;
  for (const path of paths) {
    try {
      const input = await openPath(shell.state, path, 'r');
      let text = '';
      try {
        for (;;) {
          const bytes = await input.read(65536, { signal: shell.process.signal });
          if (bytes.length === 0) return text;
          text += fromBytes(bytes);
        }
      } finally {
        await input.release();
      }
    } catch (error) {
      shell.process.check();
      fault = error;
    }
  }
  throw fault;
}

async function execute(shell: Interpreter, argv: readonly string[]): Promise<number> {
  if (argv.length < 2) return 0;
  const found = await findCommand(shell, argv[1] as string, false);
  // The shell is over: what it would do at its own end is not done.
  if (found.kind !== 'none') shell.state.traps.delete(0);
  const status = await runFound(shell, found, argv.slice(1));
  if (found.kind === 'none' && shell.state.options.has('i')) return status;
  throw new Exit(status);
}

async function describe(shell: Interpreter, name: string, isVerbose: boolean): Promise<string | undefined> {
  const alias = shell.state.aliases.get(name);
  if (alias !== undefined)
    return isVerbose ? `${name} is an alias for ${alias}` : `alias ${name}=${quoteForShell(alias)}`;
  if (/^(if|then|else|elif|fi|do|done|case|esac|while|until|for|in|\{|\}|!)$/.test(name))
    return isVerbose ? `${name} is a shell keyword` : name;
  const found = await findCommand(shell, name);
  switch (found.kind) {
    case 'none':
      return undefined;
    case 'builtin':
      return isVerbose ? `${name} is a ${found.builtin.isSpecial ? 'special ' : ''}shell builtin` : name;
    case 'function':
      return isVerbose ? `${name} is a shell function` : name;
    case 'utility':
      return isVerbose ? `${name} is a utility` : name;
    case 'script':
      return isVerbose ? `${name} is ${found.path}` : found.path;
  }
}

async function command(shell: Interpreter, argv: readonly string[], isTested: boolean): Promise<number> {
  const options = readOptions(argv.slice(1), '+pvV', {}, 2);
  const [name, ...rest] = options.operands;
  if (name === undefined) return 0;
  if (options.has('v') || options.has('V')) return await typeOf(shell, [name], options.has('V'));
  const found = await findCommand(shell, name, false);
  if (found.kind === 'builtin' && found.builtin.isSpecial) {
    // Behind `command` an error of a special builtin ends nothing.
    try {
      return await found.builtin.run(shell, [name, ...rest], isTested);
    } catch (error) {
      if (!(error instanceof ShellError)) throw error;
      await shell.complain(`${name}: ${error.message}`);
      return error.status;
    }
  }
  return await runFound(shell, found, [name, ...rest], isTested);
}

async function typeOf(shell: Interpreter, names: readonly string[], isVerbose: boolean): Promise<number> {
  let status = 0;
  for (const name of names) {
    const text = await describe(shell, name, isVerbose);
    if (text !== undefined) await print(shell, `${text}\n`);
    else {
      status = 127;
      if (isVerbose) await print(shell, `${name}: not found\n`);
    }
  }
  return status;
}

async function trap(shell: Interpreter, argv: readonly string[]): Promise<number> {
  const { state } = shell;
  const args = argv.slice(argv[1] === '--' ? 2 : 1);
  if (args.length === 0) {
    const lines = [...state.traps]
      .sort(([left], [right]) => left - right)
      .map(
        ([signal, action]) =>
          `trap -- ${quoteForShell(action)} ${signal === 0 ? 'EXIT' : signalName(signal)}\n`,
      );
    await print(shell, lines.join(''));
    return 0;
  }
  const first = args[0] as string;
  const resets = args.length === 1 || first === '-' || /^[0-9]+$/.test(first);
  const names = args.length === 1 || (resets && first !== '-') ? args : args.slice(1);
  let status = 0;
  for (const name of names) {
    const signal = name === 'EXIT' ? 0 : signalNumber(name);
    if (signal === undefined) {
      await shell.complain(`trap: ${name}: bad trap`);
      status = 1;
      continue;
    }
    if (resets) state.traps.delete(signal);
    else state.traps.set(signal, first);
    if (signal === 0) continue;
    const { caught, ignored } = shell.process;
    caught.delete(signal);
    ignored.delete(signal);
    if (!resets) (first === '' ? ignored : caught).add(signal);
  }
  return status;
}

export const CONTROL: Record<string, Builtin> = {
  '.': { usage: '. file', isSpecial: true, run: source },
  ':': { usage: ': [argument...]', isSpecial: true, run: () => 0 },
  break: jump(true),
  command: { usage: 'command [-pvV] name [argument...]', run: command },
  continue: jump(false),
  eval: { usage: 'eval [text...]', isSpecial: true, run: evaluate },
  exec: { usage: 'exec [command [argument...]]', isSpecial: true, run: execute },
  exit: {
    usage: 'exit [status]',
    isSpecial: true,
    run({ state }, [, status]) {
      throw new Exit(status === undefined ? (state.trapStatus ?? state.status) : numberOf(status) & 0xff);
    },
  },
  return: {
    usage: 'return [status]',
    isSpecial: true,
    run({ state }, [, status]) {
      throw new Return(status === undefined ? state.status : numberOf(status) & 0xff);
    },
  },
  trap: { usage: 'trap [action|- signal...]', isSpecial: true, run: trap },
  type: { usage: 'type name...', run: (shell, argv) => typeOf(shell, argv.slice(1), true) },
};
