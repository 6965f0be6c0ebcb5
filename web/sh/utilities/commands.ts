// Utilities that run others, or work something out for a script: expr find watch xargs.

import type { Stats } from '../../fs/fs.ts';
import { S_IFDIR, S_IFIFO, S_IFMT, S_IFREG } from '../../fs/node.ts';
import { decodeText, encodeText } from '../bytes.ts';
import { matchesPattern } from '../expand/pattern.ts';
import { type Call, type Utility, UtilityError } from './call.ts';
import { formatDate } from './date.ts';
import { baseName } from './files.ts';
import { readOptions } from './options.ts';
import { compileRegex } from './regex.ts';

class Expression {
  private at = 0;

  constructor(private readonly args: readonly string[]) {}

  evaluate(): string {
    if (this.args.length === 0) throw new UtilityError('missing operand', 2);
    const value = this.or();
    if (this.at < this.args.length)
      throw new UtilityError(`syntax error: unexpected argument '${this.args[this.at]}'`, 2);
    return value;
  }

  private take(...operators: string[]): string | undefined {
    const next = this.args[this.at];
    if (next === undefined || !operators.includes(next)) return undefined;
    this.at++;
    return next;
  }

  private or(): string {
    let left = this.and();
    while (this.take('|')) {
      const right = this.and();
      left = isTrue(left) ? left : isTrue(right) ? right : '0';
    }
    return left;
  }

  private and(): string {
    let left = this.compare();
    while (this.take('&')) {
      const right = this.compare();
      left = isTrue(left) && isTrue(right) ? left : '0';
    }
    return left;
  }

  private compare(): string {
    let left = this.sum();
    for (
      let operator = this.take('=', '==', '!=', '<', '<=', '>', '>=');
      operator;
      operator = this.take('=', '==', '!=', '<', '<=', '>', '>=')
    ) {
      const right = this.sum();
      const order =
        isInteger(left) && isInteger(right)
          ? Number(BigInt(left) > BigInt(right)) - Number(BigInt(left) < BigInt(right))
          : left < right
            ? -1
            : left > right
              ? 1
              : 0;
      const holds = operator.startsWith('=')
        ? order === 0
        : operator === '!='
          ? order !== 0
          : operator.startsWith('<')
            ? order < 0 || (order === 0 && operator === '<=')
            : order > 0 || (order === 0 && operator === '>=');
      left = holds ? '1' : '0';
    }
    return left;
  }

  private sum(): string {
    let left = this.product();
    for (let operator = this.take('+', '-'); operator; operator = this.take('+', '-')) {
      const [one, other] = [integer(left), integer(this.product())];
      left = String(operator === '+' ? one + other : one - other);
    }
    return left;
  }

  private product(): string {
    let left = this.match();
    for (let operator = this.take('*', '/', '%'); operator; operator = this.take('*', '/', '%')) {
      const [one, other] = [integer(left), integer(this.match())];
      if (operator !== '*' && other === 0n) throw new UtilityError('division by zero', 2);
      left = String(operator === '*' ? one * other : operator === '/' ? one / other : one % other);
    }
    return left;
  }

  private match(): string {
    let left = this.primary();
    while (this.take(':')) left = matchStart(left, this.primary());
    return left;
  }

  private primary(): string {
    const word = this.args[this.at++];
    if (word === undefined)
      throw new UtilityError(`syntax error: missing argument after '${this.args.at(-1)}'`, 2);
    if (word === '(') {
      const value = this.or();
      if (!this.take(')')) throw new UtilityError("syntax error: expecting ')'", 2);
      return value;
    }
    if (this.at >= this.args.length) return word;
    if (word === '+') return this.primary();
    if (word === 'length') return String(this.primary().length);
    if (word === 'match') return matchStart(this.primary(), this.primary());
    if (word === 'index') {
      const [text, chars] = [this.primary(), this.primary()];
      return String([...text].findIndex((char) => chars.includes(char)) + 1);
    }
    if (word === 'substr') {
      const [text, from, length] = [this.primary(), Number(this.primary()), Number(this.primary())];
      return from > 0 && length > 0 ? text.slice(from - 1, from - 1 + length) : '';
    }
    return word;
  }
}

const isInteger = (text: string): boolean => /^-?[0-9]+$/.test(text);
const isTrue = (text: string): boolean => text !== '' && !/^-?0+$/.test(text);

function integer(text: string): bigint {
  if (!isInteger(text)) throw new UtilityError('non-integer argument', 2);
  return BigInt(text);
}

/** `expr text : regex`: the first group, or how many characters match at the start. */
function matchStart(text: string, regex: string): string {
  const { source } = compileRegex(regex);
  const found = new RegExp(`^(?:${source})`).exec(text);
  const hasGroup = /\\\(/.test(regex);
  return hasGroup ? (found?.[1] ?? '') : String(found?.[0].length ?? 0);
}

async function expr(call: Call): Promise<number> {
  const value = new Expression(call.args[0] === '--' ? call.args.slice(1) : call.args).evaluate();
  await call.out(`${value}\n`);
  return isTrue(value) ? 0 : 1;
}

/** A file that find looks at. */
interface Visit {
  path: string;
  stats: Stats;
  depth: number;
}

type Test = (visit: Visit) => boolean | Promise<boolean>;

const TYPES: Record<string, number> = { d: S_IFDIR, f: S_IFREG, p: S_IFIFO };

class Finder {
  private at = 0;
  private acts = false;
  readonly limits = { min: 0, max: Number.POSITIVE_INFINITY, isDepthFirst: false };
  /** Files that `-exec ... +` has gathered, and the command. */
  readonly gathered: { argv: string[]; files: string[] }[] = [];
  readonly test: Test;

  constructor(
    private readonly call: Call,
    private readonly args: readonly string[],
  ) {
    const expression = args.length > 0 ? this.or() : () => true;
    if (this.at < args.length) throw new UtilityError(`paths must precede expression: '${args[this.at]}'`);
    this.test = this.acts
      ? expression
      : async (visit) => (await expression(visit)) && (await this.print(visit, '\n'));
  }

  private async print({ path }: Visit, end: string): Promise<boolean> {
    await this.call.out(path + end);
    return true;
  }

  private or(): Test {
    const left = this.and();
    if (this.args[this.at] !== '-o' && this.args[this.at] !== '-or') return left;
    this.at++;
    const right = this.or();
    return async (visit) => (await left(visit)) || (await right(visit));
  }

  private and(): Test {
    let left = this.not();
    while (this.at < this.args.length && !['-o', '-or', ')'].includes(this.args[this.at] as string)) {
      if (this.args[this.at] === '-a' || this.args[this.at] === '-and') this.at++;
      const [one, other] = [left, this.not()];
      left = async (visit) => (await one(visit)) && (await other(visit));
    }
    return left;
  }

  private not(): Test {
    if (this.args[this.at] !== '!' && this.args[this.at] !== '-not') return this.primary();
    this.at++;
    const inner = this.not();
    return async (visit) => !(await inner(visit));
  }

  private value(name: string): string {
    const value = this.args[this.at++];
    if (value === undefined) throw new UtilityError(`missing argument to '${name}'`);
    return value;
  }

  private primary(): Test {
    const word = this.args[this.at++] ?? '';
    const acts = (test: Test): Test => {
      this.acts = true;
      return test;
    };
    switch (word) {
      case '(': {
        const inner = this.or();
        if (this.args[this.at++] !== ')') throw new UtilityError("missing ')'");
        return inner;
      }
      case '-name':
      case '-iname': {
        const folded = (text: string): string => (word === '-iname' ? text.toLowerCase() : text);
        const pattern = folded(this.value(word));
        return ({ path }) => matchesPattern(pattern, folded(baseName(path)));
      }
      case '-path': {
        const pattern = this.value(word);
        return ({ path }) => matchesPattern(pattern, path);
      }
      case '-type': {
        const type = TYPES[this.value(word)];
        return ({ stats }) => (stats.mode & S_IFMT) === type;
      }
      case '-empty':
        return async ({ path, stats }) =>
          stats.isDirectory
            ? (await this.call.fs.readdir(this.call.path(path))).length === 0
            : stats.size === 0;
      case '-size': {
        const found = /^([-+]?)([0-9]+)([ck]?)$/.exec(this.value(word));
        if (!found) throw new UtilityError('invalid argument to -size');
        const unit = found[3] === 'c' ? 1 : found[3] === 'k' ? 1024 : 512;
        const wanted = Number(found[2]);
        return ({ stats }) => {
          const size = Math.ceil(stats.size / unit);
          return found[1] === '+' ? size > wanted : found[1] === '-' ? size < wanted : size === wanted;
        };
      }
      case '-maxdepth':
        this.limits.max = Number(this.value(word));
        return () => true;
      case '-mindepth':
        this.limits.min = Number(this.value(word));
        return () => true;
      case '-depth':
        this.limits.isDepthFirst = true;
        return () => true;
      case '-true':
        return () => true;
      case '-prune':
        return (visit) => {
          this.pruned = visit.path;
          return true;
        };
      case '-print':
        return acts((visit) => this.print(visit, '\n'));
      case '-print0':
        return acts((visit) => this.print(visit, '\0'));
      case '-delete':
        this.limits.isDepthFirst = true;
        return acts(async ({ path, stats }) => {
          if (path === '.') return true;
          await (stats.isDirectory
            ? this.call.fs.rmdir(this.call.path(path))
            : this.call.fs.unlink(this.call.path(path)));
          return true;
        });
      case '-exec':
        return acts(this.exec());
      default:
        throw new UtilityError(`unknown predicate '${word}'`);
    }
  }

  pruned: string | undefined;

  private exec(): Test {
    const argv: string[] = [];
    for (;;) {
      const word = this.value('-exec');
      if (word === ';') break;
      if (word === '+' && argv.at(-1) === '{}') {
        const job = { argv: argv.slice(0, -1), files: [] as string[] };
        this.gathered.push(job);
        return ({ path }) => {
          job.files.push(path);
          return true;
        };
      }
      argv.push(word);
    }
    return async ({ path }) => {
      await this.call.flush();
      return (await this.call.host.execute(argv.map((word) => word.replaceAll('{}', path)))) === 0;
    };
  }

  async walk(path: string, depth: number): Promise<void> {
    await this.call.breathe();
    const { min, max, isDepthFirst } = this.limits;
    let stats: Stats;
    try {
      stats = await this.call.fs.stat(this.call.path(path));
    } catch (error) {
      await this.call.warnOf(`'${path}'`, error);
      return;
    }
    const visit = { path, stats, depth };
    if (!isDepthFirst && depth >= min) await this.test(visit);
    if (stats.isDirectory && depth < max && this.pruned !== path) {
      for (const { name } of await this.call.fs.readdir(this.call.path(path)))
        await this.walk(`${path.replace(/\/$/, '')}/${encodeText(name)}`, depth + 1);
    }
    if (isDepthFirst && depth >= min) await this.test(visit);
  }
}

async function find(call: Call): Promise<number> {
  const args = [...call.args];
  const first = args.findIndex((arg) => /^[-(!]/.test(arg));
  const paths = args.splice(0, first < 0 ? args.length : first);
  const finder = new Finder(call, args);
  for (const path of paths.length > 0 ? paths : ['.']) await finder.walk(path, 0);
  await call.flush();
  for (const { argv, files } of finder.gathered)
    if (files.length > 0 && (await call.host.execute([...argv, ...files])) !== 0) call.status = 1;
  return call.status;
}

/** xargs' words: blanks part them, quotes and backslashes keep them together. */
function readWords(text: string): string[] {
  const words: string[] = [];
  for (const found of text.matchAll(/(?:[^\s'"\\]|\\[\s\S]|'[^'\n]*'|"[^"\n]*")+/g))
    words.push(
      found[0].replace(
        /\\([\s\S])|'([^'\n]*)'|"([^"\n]*)"/g,
        (_, char, single, double) => char ?? single ?? double,
      ),
    );
  return words;
}

async function xargs(call: Call): Promise<number> {
  const options = readOptions(call.args, '+0n:I:rd:tL:P:', {
    null: '0',
    'max-args': 'n',
    'no-run-if-empty': 'r',
    delimiter: 'd',
  });
  const argv = options.operands.length > 0 ? options.operands : ['echo'];
  const text = await call.text('-');
  const given = options.has('0') ? '\0' : options.value('d')?.replace(/\\n/, '\n').replace(/\\0/, '\0');
  const replace = options.value('I');
  let items: string[];
  if (given !== undefined)
    items = text.replace(new RegExp(`${given === '\0' ? '\\0' : `[${given}]`}$`), '').split(given);
  else if (replace !== undefined)
    items = text
      .split('\n')
      .map((line) => line.replace(/^[ \t]+/, ''))
      .filter((line) => line !== '');
  else items = readWords(text);
  if (text === '') items = [];
  const run = async (words: readonly string[]): Promise<boolean> => {
    if (options.has('t')) await call.complain(`${decodeText(words.join(' '))}\n`);
    const status = await call.host.execute(words, { stdin: { read: async () => new Uint8Array(0) } });
    if (status === 126 || status === 127) {
      call.status = status;
      return false;
    }
    if (status === 255) {
      call.status = 124;
      return false;
    }
    if (status !== 0) call.status = 123;
    return true;
  };
  if (replace !== undefined) {
    for (const item of items) if (!(await run(argv.map((word) => word.replaceAll(replace, item))))) break;
    return call.status;
  }
  if (items.length === 0 && options.has('r')) return 0;
  const size = Number(options.value('n') ?? options.value('L') ?? Math.max(1, items.length));
  for (let at = 0; at === 0 || at < items.length; at += size)
    if (!(await run([...argv, ...items.slice(at, at + size)]))) break;
  return call.status;
}

async function watch(call: Call): Promise<number> {
  const options = readOptions(call.args, '+n:tgx', { interval: 'n', 'no-title': 't' });
  if (options.operands.length === 0) throw new UtilityError('usage: watch [-n seconds] [-t] command');
  const seconds = Number(options.value('n') ?? 2);
  if (!(seconds >= 0)) throw new UtilityError(`invalid interval '${options.value('n')}'`);
  const command = options.operands.join(' ');
  for (;;) {
    const title = options.has('t')
      ? ''
      : `Every ${seconds.toFixed(1)}s: ${command}  ${formatDate(Date.now(), '%H:%M:%S')}\n\n`;
    await call.out(`\x1b[H\x1b[2J${title}`);
    await call.flush();
    await call.host.execute(options.has('x') ? options.operands : ['sh', '-c', command]);
    await call.sleep(Math.max(0.1, seconds) * 1000);
  }
}

export const COMMANDS: Utility[] = [
  { name: 'expr', usage: 'expr expression', run: expr },
  {
    name: 'find',
    usage: 'find [path...] [-name pattern] [-type d|f|p] [-maxdepth n] [-exec command ;] ...',
    run: find,
  },
  { name: 'watch', usage: 'watch [-n seconds] [-t] command', run: watch },
  { name: 'xargs', usage: 'xargs [-0r] [-n count] [-I text] [-d char] [command...]', run: xargs },
];
