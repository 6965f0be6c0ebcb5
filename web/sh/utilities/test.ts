// test and [: conditions about texts, numbers and files (POSIX test, with -a, -o, parentheses, -nt, -ot).

import type { Stats } from '../../fs/fs.ts';
import { S_IFIFO, S_IFMT, S_IFREG } from '../../fs/node.ts';
import { type Call, type Utility, UtilityError } from './call.ts';

const UNARY = new Set('-b -c -d -e -f -g -h -k -L -n -p -r -s -S -t -u -w -x -z'.split(' '));
const BINARY = new Set('= == != < > -eq -ne -gt -ge -lt -le -nt -ot -ef'.split(' '));

function integer(text: string): bigint {
  const trimmed = text.trim();
  if (!/^[-+]?[0-9]+$/.test(trimmed)) throw new UtilityError(`Illegal number: ${text}`, 2);
  return BigInt(trimmed.replace(/^\+/, ''));
}

class Condition {
  private at = 0;

  constructor(
    private readonly call: Call,
    private readonly args: readonly string[],
  ) {}

  async evaluate(): Promise<boolean> {
    const { args } = this;
    if (args.length === 0) return false;
    // POSIX decides up to four arguments by their number.
    if (args.length === 1) return args[0] !== '';
    if (args.length === 2 && args[0] === '!') return args[1] === '';
    if (args.length === 3 && BINARY.has(args[1] as string))
      return await this.binary(args[0] as string, args[1] as string, args[2] as string);
    if (args.length === 3 && args[0] === '(' && args[2] === ')') return args[1] !== '';
    if (args.length === 4 && args[0] === '!')
      return !(await new Condition(this.call, args.slice(1)).evaluate());
    const value = await this.or();
    if (this.at < args.length) throw new UtilityError(`${args[this.at]}: unexpected operator`, 2);
    return value;
  }

  private async or(): Promise<boolean> {
    let value = await this.and();
    while (this.args[this.at] === '-o') {
      this.at++;
      value = (await this.and()) || value;
    }
    return value;
  }

  private async and(): Promise<boolean> {
    let value = await this.not();
    while (this.args[this.at] === '-a') {
      this.at++;
      value = (await this.not()) && value;
    }
    return value;
  }

  private async not(): Promise<boolean> {
    if (this.args[this.at] === '!' && this.at + 1 < this.args.length) {
      this.at++;
      return !(await this.not());
    }
    return await this.primary();
  }

  private async primary(): Promise<boolean> {
    const { args } = this;
    const first = args[this.at];
    if (first === undefined) throw new UtilityError('argument expected', 2);
    const operator = args[this.at + 1];
    if (operator !== undefined && BINARY.has(operator) && this.at + 2 < args.length) {
      const right = args[this.at + 2] as string;
      this.at += 3;
      return await this.binary(first, operator, right);
    }
    if (first === '(') {
      this.at++;
      const value = await this.or();
      if (args[this.at++] !== ')') throw new UtilityError('closing paren expected', 2);
      return value;
    }
    if (UNARY.has(first) && operator !== undefined) {
      this.at += 2;
      return await this.unary(first, operator);
    }
    if (UNARY.has(first) && args.length > 1 && this.at + 1 >= args.length && first !== '-t')
      throw new UtilityError(`${first}: argument expected`, 2);
    this.at++;
    return first !== '';
  }

  private async stat(name: string): Promise<Stats | undefined> {
    if (name === '') return undefined;
    return await this.call.fs.stat(this.call.path(name)).catch(() => undefined);
  }

  private async unary(operator: string, operand: string): Promise<boolean> {
    switch (operator) {
      case '-n':
        return operand !== '';
      case '-z':
        return operand === '';
      case '-t':
        return this.call.host.fds.get(Number(integer(operand)))?.stream.isTerminal === true;
    }
    const found = await this.stat(operand);
    if (!found) return false;
    const type = found.mode & S_IFMT;
    switch (operator) {
      case '-e':
        return true;
      case '-d':
        return found.isDirectory;
      case '-f':
        return type === S_IFREG;
      case '-p':
        return type === S_IFIFO;
      case '-s':
        return found.size > 0;
      case '-r':
        return (found.mode & 0o444) !== 0;
      case '-w':
        return (found.mode & 0o222) !== 0;
      case '-x':
        return (found.mode & 0o111) !== 0;
      default:
        return false;
    }
  }

  private async binary(left: string, operator: string, right: string): Promise<boolean> {
    switch (operator) {
      case '=':
      case '==':
        return left === right;
      case '!=':
        return left !== right;
      case '<':
        return left < right;
      case '>':
        return left > right;
      case '-nt':
        return ((await this.stat(left))?.mtime ?? -1) > ((await this.stat(right))?.mtime ?? -1);
      case '-ot':
        return ((await this.stat(left))?.mtime ?? -1) < ((await this.stat(right))?.mtime ?? -1);
      case '-ef': {
        const [one, other] = [await this.stat(left), await this.stat(right)];
        return one !== undefined && one.ino === other?.ino;
      }
    }
    const [one, other] = [integer(left), integer(right)];
    switch (operator) {
      case '-eq':
        return one === other;
      case '-ne':
        return one !== other;
      case '-gt':
        return one > other;
      case '-ge':
        return one >= other;
      case '-lt':
        return one < other;
      default:
        return one <= other;
    }
  }
}

async function run(call: Call): Promise<number> {
  const args = [...call.args];
  if (call.name === '[' && args.pop() !== ']') throw new UtilityError('missing ]', 2);
  return (await new Condition(call, args).evaluate()) ? 0 : 1;
}

export const TEST: Utility[] = [
  { name: '[', usage: '[ condition ]', run },
  { name: 'test', usage: 'test condition', run },
];
