// Builtins about variables: set, export, readonly, local, unset, shift, read, getopts, alias.

import { fromBytes, toBytes } from '../bytes.ts';
import type { Builtin, Interpreter } from '../run/interpreter.ts';
import { OPTIONS } from '../run/state.ts';
import { isName, ShellError } from '../run/variables.ts';
import { readOptions } from '../utilities/options.ts';
import { numberOf } from './control.ts';
import { print, quoteForShell } from './print.ts';

/** `name` or `name=value`. */
function readAssignment(text: string): { name: string; value: string | undefined } {
  const at = text.indexOf('=');
  const name = at < 0 ? text : text.slice(0, at);
  if (!isName(name)) throw new ShellError(`${name}: bad variable name`);
  return { name, value: at < 0 ? undefined : text.slice(at + 1) };
}

function marker(verb: 'export' | 'readonly', mark: 'isExported' | 'isReadonly'): Builtin {
  return {
    usage: `${verb} [-p] [name[=value]...]`,
    isSpecial: true,
    declares: true,
    async run(shell, argv) {
      const { variables } = shell.state;
      const args = argv.slice(1).filter((arg, index) => index > 0 || (arg !== '-p' && arg !== '--'));
      if (args.length === 0) {
        const lines = variables.names(mark).map((name) => {
          const value = variables.get(name);
          return `${verb} ${name}${value === undefined ? '' : `=${quoteForShell(value)}`}\n`;
        });
        await print(shell, lines.join(''));
      }
      for (const arg of args) {
        const { name, value } = readAssignment(arg);
        if (value !== undefined) variables.set(name, value);
        variables.mark(name, mark);
      }
      return 0;
    },
  };
}

function local({ state }: Interpreter, argv: readonly string[]): number {
  if (!state.variables.isInFunction) throw new ShellError('not in a function');
  for (const arg of argv.slice(1)) {
    const { name, value } = readAssignment(arg);
    state.variables.makeLocal(name);
    if (value !== undefined) state.variables.set(name, value);
  }
  return 0;
}

function unset({ state }: Interpreter, argv: readonly string[]): number {
  const options = readOptions(argv.slice(1), '+fv', {}, 2);
  for (const name of options.operands) {
    if (options.has('f')) state.functions.delete(name);
    else {
      if (!isName(name)) throw new ShellError(`${name}: bad variable name`);
      state.variables.unset(name);
    }
  }
  return 0;
}

function setOption(shell: Interpreter, letter: string, isOn: boolean): void {
  if (!Object.hasOwn(OPTIONS, letter)) throw new ShellError(`Illegal option -${letter}`);
  if (isOn) shell.state.options.add(letter);
  else shell.state.options.delete(letter);
  if (letter === 'a') shell.state.variables.exportsAll = isOn;
}

async function listOptions(shell: Interpreter, isOn: boolean): Promise<void> {
  const rows = Object.entries(OPTIONS)
    .map(([letter, name]): [string, boolean] => [name, shell.state.options.has(letter)])
    .sort(([left], [right]) => (left < right ? -1 : 1));
  const lines = rows.map(([name, has]) =>
    isOn ? `${name.padEnd(16)}${has ? 'on' : 'off'}\n` : `set ${has ? '-' : '+'}o ${name}\n`,
  );
  await print(shell, (isOn ? 'Current option settings\n' : '') + lines.join(''));
}

async function set(shell: Interpreter, argv: readonly string[]): Promise<number> {
  const { state } = shell;
  if (argv.length === 1) {
    const lines = state.variables
      .names()
      .map((name) => `${name}=${quoteForShell(state.variables.get(name) ?? '')}\n`);
    await print(shell, lines.join(''));
    return 0;
  }
  let at = 1;
  for (; at < argv.length; at++) {
    const arg = argv[at] as string;
    if (arg === '--' || arg === '-') break;
    const isOn = arg.startsWith('-');
    if (!/^[-+]./.test(arg)) break;
    for (const letter of arg.slice(1)) {
      if (letter !== 'o') {
        setOption(shell, letter, isOn);
        continue;
      }
      const name = argv[++at];
      if (name === undefined) await listOptions(shell, isOn);
      else {
        const found = Object.entries(OPTIONS).find(([, each]) => each === name);
        if (!found) throw new ShellError(`Illegal option -o ${name}`);
        setOption(shell, found[0], isOn);
      }
    }
  }
  if (argv[at] === '--') state.positional = argv.slice(at + 1);
  else if (argv[at] === '-') {
    state.options.delete('x');
    if (at + 1 < argv.length) state.positional = argv.slice(at + 1);
  } else if (at < argv.length) state.positional = argv.slice(at);
  return 0;
}

function shift({ state }: Interpreter, [, text = '1']: readonly string[]): number {
  const count = numberOf(text);
  if (count > state.positional.length) throw new ShellError("can't shift that many");
  state.positional = state.positional.slice(count);
  return 0;
}

/** One line from standard input: its characters, with those a backslash has quoted marked. Undefined at the end. */
async function readLine(
  shell: Interpreter,
  isRaw: boolean,
): Promise<{ text: string; quoted: Set<number>; isWhole: boolean }> {
  const input = shell.state.fds.get(0);
  let text = '';
  const quoted = new Set<number>();
  let escaped = false;
  for (;;) {
    const bytes = await input?.read(4096, { signal: shell.process.signal });
    if (!input || !bytes || bytes.length === 0) return { text, quoted, isWhole: false };
    const chunk = fromBytes(bytes);
    for (let at = 0; at < chunk.length; at++) {
      const char = chunk[at] as string;
      if (escaped) {
        escaped = false;
        if (char === '\n') continue;
        quoted.add(text.length);
        text += char;
      } else if (char === '\\' && !isRaw) escaped = true;
      else if (char === '\n') {
        input.unread(toBytes(chunk.slice(at + 1)));
        return { text, quoted, isWhole: true };
      } else if (char !== '\0') text += char;
    }
  }
}

/** Splits a line for `count` variables; the last gets the rest. */
export function splitLine(text: string, quoted: ReadonlySet<number>, ifs: string, count: number): string[] {
  const isBlank = (at: number): boolean =>
    ' \t\n'.includes(text[at] ?? 'x') && ifs.includes(text[at] ?? 'x') && !quoted.has(at);
  const isOther = (at: number): boolean =>
    ifs.includes(text[at] as string) && !' \t\n'.includes(text[at] as string) && !quoted.has(at);
  const fields: string[] = [];
  let at = 0;
  while (at < text.length && isBlank(at)) at++;
  while (fields.length < count - 1 && at < text.length) {
    const start = at;
    while (at < text.length && !isBlank(at) && !isOther(at)) at++;
    fields.push(text.slice(start, at));
    while (at < text.length && isBlank(at)) at++;
    if (at < text.length && isOther(at)) {
      at++;
      while (at < text.length && isBlank(at)) at++;
    }
  }
  if (at < text.length) {
    let end = text.length;
    while (end > at && isBlank(end - 1)) end--;
    // One separator at the very end, with nothing else behind, ends the last field and is no part of it.
    let other = at;
    while (other < end && !isBlank(other) && !isOther(other)) other++;
    let next = other;
    while (next < end && isBlank(next)) next++;
    if (next < end && isOther(next) && next === end - 1) end = other;
    fields.push(text.slice(at, end));
  }
  while (fields.length < count) fields.push('');
  return fields;
}

async function read(shell: Interpreter, argv: readonly string[]): Promise<number> {
  const options = readOptions(argv.slice(1), '+rp:', {}, 2);
  const names = options.operands;
  if (names.length === 0) throw new ShellError('arg count');
  const bad = names.find((name) => !isName(name));
  if (bad !== undefined) throw new ShellError(`${bad}: bad variable name`);
  const prompt = options.value('p');
  if (prompt !== undefined && shell.state.fds.get(0)?.stream.isTerminal) await shell.writeError(prompt);
  const { text, quoted, isWhole } = await readLine(shell, options.has('r'));
  const fields = splitLine(text, quoted, shell.parameter('IFS') ?? ' \t\n', names.length);
  for (const [index, name] of names.entries()) shell.setVariable(name, fields[index] ?? '');
  return isWhole ? 0 : 1;
}

/** getopts keeps its place inside a word (`-abc`) between calls; assigning OPTIND starts anew. */
const places = new WeakMap<object, { index: number; offset: number }>();

async function getopts(shell: Interpreter, argv: readonly string[]): Promise<number> {
  const [, letters, name, ...given] = argv;
  if (letters === undefined || name === undefined) throw new ShellError('Usage: getopts optstring var [arg]');
  const args = argv.length > 3 ? given : shell.state.positional;
  const { variables } = shell.state;
  const index = Math.max(1, Number(variables.get('OPTIND') ?? '1') || 1);
  const saved = places.get(variables);
  let offset = saved?.index === index ? saved.offset : 1;
  let at = index;
  const done = (letter: string, value: string | undefined, status = 0): number => {
    variables.set('OPTARG', value ?? '');
    variables.set(name, letter);
    variables.set('OPTIND', String(at));
    places.set(variables, { index: at, offset });
    return status;
  };
  const word = args[at - 1];
  if (offset === 1) {
    if (word === undefined || !word.startsWith('-') || word === '-') return done('?', undefined, 1);
    if (word === '--') {
      at++;
      return done('?', undefined, 1);
    }
  }
  const letter = word?.[offset] ?? '';
  offset++;
  const isQuiet = letters.startsWith(':');
  const place = letters.indexOf(letter, isQuiet ? 1 : 0);
  const next = (): void => {
    at++;
    offset = 1;
  };
  if (place < 0 || letter === ':') {
    if (offset >= (word?.length ?? 0)) next();
    if (isQuiet) return done('?', letter);
    await shell.writeError(`Illegal option -${letter}\n`);
    return done('?', undefined);
  }
  if (letters[place + 1] !== ':') {
    if (offset >= (word?.length ?? 0)) next();
    return done(letter, undefined);
  }
  let value: string | undefined = word?.slice(offset);
  next();
  if (value === '') value = args[at++ - 1];
  if (value !== undefined) return done(letter, value);
  at--;
  if (isQuiet) return done(':', letter);
  await shell.writeError(`No arg for -${letter} option\n`);
  return done('?', undefined);
}

async function alias(shell: Interpreter, argv: readonly string[]): Promise<number> {
  const { aliases } = shell.state;
  let status = 0;
  const names = argv.length > 1 ? argv.slice(1) : [...aliases.keys()].sort();
  for (const arg of names) {
    const at = arg.indexOf('=', 1);
    if (at > 0) aliases.set(arg.slice(0, at), arg.slice(at + 1));
    else if (aliases.has(arg)) await print(shell, `${arg}=${quoteForShell(aliases.get(arg) ?? '')}\n`);
    else {
      await shell.complain(`alias: ${arg} not found`);
      status = 1;
    }
  }
  return status;
}

function unalias({ state }: Interpreter, argv: readonly string[]): number {
  if (argv[1] === '-a') {
    state.aliases.clear();
    return 0;
  }
  const missing = argv.slice(1).filter((name) => !state.aliases.delete(name));
  return missing.length > 0 ? 1 : 0;
}

export const VARIABLES: Record<string, Builtin> = {
  alias: { usage: 'alias [name[=text]...]', run: alias },
  export: marker('export', 'isExported'),
  getopts: { usage: 'getopts letters name [argument...]', run: getopts },
  local: { usage: 'local name[=value]...', isSpecial: true, declares: true, run: local },
  read: { usage: 'read [-r] [-p prompt] name...', run: read },
  readonly: marker('readonly', 'isReadonly'),
  set: { usage: 'set [-aCefmnuvx] [-o name] [--] [argument...]', isSpecial: true, run: set },
  shift: { usage: 'shift [n]', isSpecial: true, run: shift },
  unalias: { usage: 'unalias -a | name...', run: unalias },
  unset: { usage: 'unset [-fv] name...', isSpecial: true, run: unset },
};
