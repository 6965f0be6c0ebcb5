// sed: a stream editor's script and its run. Commands: { } = a b c d D g G h H i l n N p P q Q s t T x y, # and labels.

import { type Call, type Utility, UtilityError } from './call.ts';
import { readOptions } from './options.ts';
import { compileRegex } from './regex.ts';

type Address =
  | { kind: 'line'; line: number }
  | { kind: 'last' }
  | { kind: 'regex'; regex: RegExp }
  | { kind: 'step'; first: number; step: number }
  | { kind: 'more'; count: number };

interface Command {
  addresses: Address[];
  negate: boolean;
  letter: string;
  /** Text of a, c, i; a label; y's two sets. */
  text: string;
  to: string;
  regex: RegExp | undefined;
  flags: { global: boolean; print: boolean; count: number };
  /** Where `}` of a `{` stands, or a label's place. */
  target: number;
  /** A range that is going on ends at this line, or at a match. */
  isActive: boolean;
  end: number;
}

class Script {
  readonly commands: Command[] = [];
  private at = 0;
  private last: RegExp | undefined;

  constructor(
    private readonly text: string,
    private readonly isExtended: boolean,
  ) {
    this.parse();
    this.link();
  }

  private fault(what: string): UtilityError {
    return new UtilityError(`-e expression #1, char ${this.at}: ${what}`);
  }

  private skip(pattern: RegExp): string {
    const found = pattern.exec(this.text.slice(this.at))?.[0] ?? '';
    this.at += found.length;
    return found;
  }

  /** Text up to an unescaped delimiter, which is eaten. */
  private delimited(delimiter: string, isRegex: boolean): string {
    let out = '';
    let isInBrackets = false;
    for (;;) {
      const char = this.text[this.at++];
      if (char === undefined) throw this.fault(`unterminated '${delimiter}'`);
      if (char === delimiter && !isInBrackets) return out;
      if (char === '\\' && !isInBrackets) {
        const next = this.text[this.at++] ?? '';
        out +=
          next === delimiter && !(isRegex && '.*[]^$'.includes(delimiter)) && !(!isRegex && delimiter === '&')
            ? next
            : `\\${next}`;
        continue;
      }
      if (isRegex && char === '[' && !isInBrackets) {
        isInBrackets = true;
        out += char + this.skip(/^\^?\]?/);
        continue;
      }
      if (isInBrackets && char === '[' && /^[:.=]/.test(this.text[this.at] ?? '')) {
        out += char + this.skip(/^[:.=][^\]]*\]/);
        continue;
      }
      if (isInBrackets && char === ']') isInBrackets = false;
      out += char;
    }
  }

  private regex(source: string, ignoresCase: boolean, flags: string): RegExp {
    if (source === '' && this.last) return new RegExp(this.last.source, flags + (ignoresCase ? 'i' : ''));
    if (source === '') throw this.fault('no previous regular expression');
    this.last = compileRegex(source, { isExtended: this.isExtended, ignoresCase, flags });
    return this.last;
  }

  private address(): Address | undefined {
    const number = this.skip(/^[0-9]+/);
    if (number !== '') {
      const step = this.skip(/^~[0-9]+/);
      if (step !== '') return { kind: 'step', first: Number(number), step: Number(step.slice(1)) };
      return { kind: 'line', line: Number(number) };
    }
    if (this.skip(/^\$/) !== '') return { kind: 'last' };
    const more = this.skip(/^\+[0-9]+/);
    if (more !== '') return { kind: 'more', count: Number(more) };
    const open = this.skip(/^(\/|\\[^\n])/);
    if (open === '') return undefined;
    const source = this.delimited(open.slice(-1), true);
    return { kind: 'regex', regex: this.regex(source, this.skip(/^I/) !== '', '') };
  }

  private parse(): void {
    for (;;) {
      this.skip(/^[\s;]+/);
      if (this.skip(/^#[^\n]*/) !== '') continue;
      if (this.at >= this.text.length) return;
      const addresses: Address[] = [];
      const first = this.address();
      if (first) {
        addresses.push(first);
        this.skip(/^\s+/);
        if (this.skip(/^,\s*/) !== '') {
          const second = this.address();
          if (!second) throw this.fault("unexpected ','");
          addresses.push(second);
        }
      }
      this.skip(/^\s+/);
      const negate = this.skip(/^!\s*/) !== '';
      this.command(addresses, negate);
    }
  }

  private command(addresses: Address[], negate: boolean): void {
    const letter = this.text[this.at++] ?? '';
    const command: Command = {
      addresses,
      negate,
      letter,
      text: '',
      to: '',
      regex: undefined,
      flags: { global: false, print: false, count: 0 },
      target: -1,
      isActive: false,
      end: 0,
    };
    this.commands.push(command);
    if (letter === '' || !'{}=abcdDgGhHilnNpPqQstTxy:'.includes(letter))
      throw this.fault(letter === '' ? 'missing command' : `unknown command: '${letter}'`);
    if ('aci'.includes(letter)) command.text = this.inlineText();
    else if (':btT'.includes(letter)) {
      this.skip(/^[ \t]+/);
      command.text = this.skip(/^[^\s;}]+/);
    } else if (letter === 's') this.substitution(command);
    else if (letter === 'y') {
      const delimiter = this.text[this.at++] ?? '';
      const plain = (text: string): string =>
        text.replace(/\\(n|\\)/g, (_, char: string) => (char === 'n' ? '\n' : '\\'));
      command.text = plain(this.delimited(delimiter, false));
      command.to = plain(this.delimited(delimiter, false));
      if (command.text.length !== command.to.length)
        throw this.fault("strings for 'y' command are different lengths");
    } else if ('qQl'.includes(letter)) {
      this.skip(/^[ \t]+/);
      command.text = this.skip(/^[0-9]+/);
    }
    this.skip(/^[ \t]+/);
    if (
      letter !== '{' &&
      letter !== '}' &&
      !'aci'.includes(letter) &&
      !/^([;\n}#]|$)/.test(this.text.slice(this.at))
    )
      throw this.fault('extra characters after command');
  }

  /** The text of a, c and i: on the next lines, or GNU's way on the same. */
  private inlineText(): string {
    this.skip(/^[ \t]*/);
    if (this.skip(/^\\[ \t]*\n/) === '') this.skip(/^\\(?=[ \t])/);
    let out = '';
    for (;;) {
      const char = this.text[this.at++];
      if (char === undefined || char === '\n') return `${out}\n`;
      if (char === '\\') out += this.text[this.at++] ?? '';
      else out += char;
    }
  }

  private substitution(command: Command): void {
    const delimiter = this.text[this.at++] ?? '';
    if (delimiter === '' || delimiter === '\n' || delimiter === '\\')
      throw this.fault("unterminated 's' command");
    const source = this.delimited(delimiter, true);
    command.text = this.delimited(delimiter, false);
    const letters = this.skip(/^[gpiI0-9]*/);
    command.flags.global = letters.includes('g');
    command.flags.print = letters.includes('p');
    command.flags.count = Number(/[0-9]+/.exec(letters)?.[0] ?? 0);
    command.regex = this.regex(source, /i/i.test(letters), 'g');
  }

  /** Finds each block's end and each label. */
  private link(): void {
    const open: Command[] = [];
    for (const [index, command] of this.commands.entries()) {
      if (command.letter === '{') open.push(command);
      if (command.letter === '}') {
        const begin = open.pop();
        if (!begin) throw this.fault("unexpected '}'");
        begin.target = index;
      }
      if ('btT'.includes(command.letter)) {
        command.target = this.commands.length;
        if (command.text === '') continue;
        command.target = this.commands.findIndex((each) => each.letter === ':' && each.text === command.text);
        if (command.target < 0)
          throw new UtilityError(
            `-e expression #1, char ${this.at}: can't find label for jump to '${command.text}'`,
            4,
          );
      }
    }
    if (open.length > 0) throw this.fault("unmatched '{'");
  }
}

/** What `&`, `\1` and the case letters in a replacement make of a match. */
export function replacementText(template: string, groups: readonly (string | undefined)[]): string {
  let out = '';
  let once: 'u' | 'l' | undefined;
  let always: 'U' | 'L' | undefined;
  const add = (text: string): void => {
    let cased = always === 'U' ? text.toUpperCase() : always === 'L' ? text.toLowerCase() : text;
    if (once && cased !== '') {
      cased = (once === 'u' ? cased.charAt(0).toUpperCase() : cased.charAt(0).toLowerCase()) + cased.slice(1);
      once = undefined;
    }
    out += cased;
  };
  for (let at = 0; at < template.length; at++) {
    const char = template[at] as string;
    if (char === '&') add(groups[0] ?? '');
    else if (char !== '\\') add(char);
    else {
      const next = template[++at] ?? '\\';
      if (/[0-9]/.test(next)) add(groups[Number(next)] ?? '');
      else if (next === 'n') add('\n');
      else if (next === 't') add('\t');
      else if (next === 'U' || next === 'L') always = next;
      else if (next === 'E') always = undefined;
      else if (next === 'u' || next === 'l') once = next;
      else add(next);
    }
  }
  return out;
}

class Editor {
  private space = '';
  private hold = '';
  private line = 0;
  private queue: string[] = [];
  private isReplaced = false;
  private current = '';
  private ahead: IteratorResult<string, void> | undefined;
  private readonly input: AsyncGenerator<string>;
  private endsWithNewline = true;
  private owesNewline = false;

  constructor(
    private readonly call: Call,
    private readonly commands: readonly Command[],
    private readonly isQuiet: boolean,
    names: readonly string[],
  ) {
    this.input = this.allLines(names);
  }

  private async *allLines(names: readonly string[]): AsyncGenerator<string> {
    for (const name of names) {
      try {
        for await (const lines of this.call.lines(name)) for (const line of lines) yield line;
      } catch (error) {
        await this.call.warnOf(`can't read ${name}`, error, 2);
      }
    }
  }

  /** True on the last line. Only then is one line read ahead: what comes live is passed on live. */
  private async isLastLine(): Promise<boolean> {
    this.ahead ??= await this.input.next();
    return this.ahead.done === true;
  }

  /** Takes the next line; false at the end. */
  private async advance(): Promise<boolean> {
    const { done, value } = this.ahead ?? (await this.input.next());
    this.ahead = undefined;
    if (done) return false;
    this.line++;
    this.endsWithNewline = value.endsWith('\n');
    this.current = this.endsWithNewline ? value.slice(0, -1) : value;
    return true;
  }

  private async print(text: string): Promise<void> {
    const isLast = !this.endsWithNewline && (await this.isLastLine());
    await this.write(isLast ? text : `${text}\n`);
    this.owesNewline = isLast;
  }

  /** Output behind a line that had no newline begins on a new one. */
  private async write(text: string): Promise<void> {
    await this.call.out(this.owesNewline ? `\n${text}` : text);
    this.owesNewline = false;
  }

  private async matches(address: Address): Promise<boolean> {
    switch (address.kind) {
      case 'line':
        return this.line === address.line;
      case 'last':
        return await this.isLastLine();
      case 'regex':
        return address.regex.test(this.space);
      case 'step':
        return address.step > 0
          ? this.line >= address.first && (this.line - address.first) % address.step === 0
          : this.line === address.first;
      case 'more':
        return false;
    }
  }

  private async selects(command: Command): Promise<boolean> {
    const [first, second] = command.addresses;
    if (!first) return true;
    if (!second) return await this.matches(first);
    if (command.isActive) {
      if (second.kind === 'line' || second.kind === 'more') {
        if (this.line >= command.end) command.isActive = false;
        return this.line <= command.end;
      }
      if (await this.matches(second)) command.isActive = false;
      return true;
    }
    const isFromStart = first.kind === 'line' && first.line === 0 && this.line === 1;
    if (!isFromStart && !(await this.matches(first))) return false;
    if (isFromStart && (await this.matches(second))) return true;
    if (second.kind === 'line') command.end = second.line;
    if (second.kind === 'more') command.end = this.line + second.count;
    const isOver =
      second.kind === 'line' || second.kind === 'more'
        ? command.end <= this.line
        : second.kind === 'last' && (await this.isLastLine());
    command.isActive = !isOver;
    return true;
  }

  private substitute({ regex, text, flags }: Command): boolean {
    if (!regex) return false;
    let count = 0;
    let out = '';
    let from = 0;
    for (const found of this.space.matchAll(regex)) {
      // An empty match right behind the one before is none.
      if (found[0] === '' && count > 0 && found.index === from && from > 0 && out !== '' && this.touches)
        continue;
      count++;
      this.touches = found[0] !== '';
      if (count < flags.count) continue;
      out += this.space.slice(from, found.index) + replacementText(text, found);
      from = found.index + found[0].length;
      if (!flags.global) break;
    }
    this.touches = false;
    if (count === 0 || count < flags.count) return false;
    this.space = out + this.space.slice(from);
    return true;
  }

  private touches = false;

  private async endCycle(): Promise<void> {
    if (!this.isQuiet) await this.print(this.space);
    await this.flushQueue();
  }

  private async flushQueue(): Promise<void> {
    for (const text of this.queue) await this.write(text);
    this.queue = [];
  }

  /** Runs the script over all lines; the exit status. */
  async run(): Promise<number> {
    let isRestart = false;
    while (isRestart || (await this.advance())) {
      if (!isRestart) this.space = this.current;
      isRestart = false;
      const end = await this.cycle();
      if (end === 'delete') await this.flushQueue();
      else if (end === 'restart') {
        await this.flushQueue();
        isRestart = true;
      } else {
        if (end !== 'silent') await this.endCycle();
        else await this.flushQueue();
        if (typeof end === 'number') return end;
        if (end === 'silent') return this.quitStatus;
      }
      await this.call.breathe();
    }
    return this.call.status;
  }

  private quitStatus = 0;

  /** One pass over the commands: how it ended, or the status of `q`. */
  private async cycle(): Promise<'end' | 'delete' | 'restart' | 'silent' | number> {
    const { commands } = this;
    this.isReplaced = false;
    for (let at = 0; at < commands.length; at++) {
      const command = commands[at] as Command;
      if ((await this.selects(command)) === command.negate) {
        if (command.letter === '{') at = command.target;
        continue;
      }
      switch (command.letter) {
        case '=':
          await this.write(`${this.line}\n`);
          break;
        case 'a':
          this.queue.push(command.text);
          break;
        case 'b':
          at = command.target - 1;
          break;
        case 'c': {
          const isRangeEnd = command.addresses.length < 2 || !command.isActive || command.negate;
          if (isRangeEnd) await this.write(command.text);
          return 'delete';
        }
        case 'd':
          return 'delete';
        case 'D': {
          const cut = this.space.indexOf('\n');
          if (cut < 0) return 'delete';
          this.space = this.space.slice(cut + 1);
          return 'restart';
        }
        case 'g':
          this.space = this.hold;
          break;
        case 'G':
          this.space += `\n${this.hold}`;
          break;
        case 'h':
          this.hold = this.space;
          break;
        case 'H':
          this.hold += `\n${this.space}`;
          break;
        case 'i':
          await this.write(command.text);
          break;
        case 'l':
          await this.write(`${unambiguous(this.space)}$\n`);
          break;
        case 'n':
          if (await this.isLastLine()) return this.isQuiet ? 'silent' : 0;
          await this.endCycle();
          await this.advance();
          this.space = this.current;
          break;
        case 'N':
          if (await this.isLastLine()) return 0;
          await this.flushQueue();
          await this.advance();
          this.space += `\n${this.current}`;
          break;
        case 'p':
          await this.print(this.space);
          break;
        case 'P':
          await this.write(`${this.space.split('\n', 1)[0]}\n`);
          break;
        case 'q':
          return Number(command.text);
        case 'Q':
          this.quitStatus = Number(command.text);
          return 'silent';
        case 's':
          if (!this.substitute(command)) break;
          this.isReplaced = true;
          if (command.flags.print) await this.print(this.space);
          break;
        case 't':
        case 'T':
          if (this.isReplaced === (command.letter === 't')) at = command.target - 1;
          this.isReplaced = false;
          break;
        case 'x':
          [this.space, this.hold] = [this.hold, this.space];
          break;
        case 'y':
          this.space = [...this.space].map((char) => command.to[command.text.indexOf(char)] ?? char).join('');
      }
      if (at % 64 === 63) await this.call.breathe();
    }
    return 'end';
  }
}

/** A line as `l` shows it, without its fold at 70 characters. */
function unambiguous(text: string): string {
  const letters: Record<string, string> = {
    '\\': '\\\\',
    '\x07': '\\a',
    '\b': '\\b',
    '\f': '\\f',
    '\n': '\\n',
    '\r': '\\r',
    '\t': '\\t',
    '\v': '\\v',
  };
  return [...text]
    .map(
      (char) =>
        letters[char] ??
        (char >= ' ' && char <= '~' ? char : `\\${char.charCodeAt(0).toString(8).padStart(3, '0')}`),
    )
    .join('');
}

async function sed(call: Call): Promise<number> {
  const options = readOptions(call.args, 'nEre:f:su', {
    quiet: 'n',
    silent: 'n',
    'regexp-extended': 'E',
    expression: 'e',
    file: 'f',
  });
  const operands = [...options.operands];
  const scripts = [...options.all('e')];
  for (const name of options.all('f')) scripts.push((await call.text(name)).replace(/\n$/, ''));
  if (scripts.length === 0) {
    const first = operands.shift();
    if (first === undefined) throw new UtilityError('usage: sed [-nE] script [file...]');
    scripts.push(first);
  }
  const text = scripts.join('\n');
  const { commands } = new Script(text, options.has('E') || options.has('r'));
  const isQuiet = options.has('n') || text.startsWith('#n\n');
  return await new Editor(call, commands, isQuiet, operands.length > 0 ? operands : ['-']).run();
}

export const SED: Utility = {
  name: 'sed',
  usage: 'sed [-nE] [-e script] [-f file] [script] [file...]',
  run: sed,
};
