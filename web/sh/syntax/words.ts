// Words: characters to quoted and unquoted parts, with `$` and backquotes inside (POSIX XCU 2.2, 2.6). It knows no
// commands: what stands in `$( )` is read by the parser that extends this scanner.

import type { Node, Parameter, Part, Word } from './ast.ts';

/** The text is no shell language. */
export class SyntaxFault extends Error {
  /** True when more text could still make it right: the reader of a prompt then asks for another line. */
  readonly unfinished: boolean;
  readonly line: number;

  constructor(sentence: string, line: number, unfinished: boolean) {
    super(sentence);
    this.unfinished = unfinished;
    this.line = line;
  }
}

const NAME_START = /[A-Za-z_]/;
const NAME = /[A-Za-z_][A-Za-z0-9_]*/y;
const SPECIAL = '@*#?-$!';
/** Characters that end an unquoted word. */
const META = ' \t\n;&|<>()';
const ESCAPES: Record<string, string> = {
  a: '\x07',
  b: '\b',
  e: '\x1b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};

/** How far a run of parts goes: a word, up to `"`, up to `}`, up to `))`, or the whole text. */
type End = 'word' | '"' | '}' | '))' | 'text';

function hasMagic(text: string): boolean {
  return /[*?[]/.test(text);
}

/** Puts parts together and finds out whether they are one field as they stand. */
export function makeWord(parts: Part[]): Word {
  let literal: string | undefined = '';
  for (const [index, part] of parts.entries()) {
    if (part.kind === 'quoted') literal += part.text;
    else if (part.kind === 'literal' && !hasMagic(part.text) && !(index === 0 && part.text.startsWith('~')))
      literal += part.text;
    else return { parts, literal: undefined };
  }
  return { parts, literal: parts.length > 0 ? literal : undefined };
}

export abstract class WordScanner {
  protected text: string;
  protected at = 0;

  constructor(text: string) {
    this.text = text;
  }

  /** The commands up to a closing parenthesis, which is eaten too. */
  protected abstract commandsToParenthesis(): Node | undefined;
  /** The commands of a backquoted text. */
  protected abstract commandsOf(text: string): Node | undefined;

  protected get line(): number {
    let line = 1;
    for (let at = this.text.indexOf('\n'); at >= 0 && at < this.at; at = this.text.indexOf('\n', at + 1))
      line++;
    return line;
  }

  protected fault(sentence: string, unfinished = false): SyntaxFault {
    return new SyntaxFault(sentence, this.line, unfinished);
  }

  protected unfinished(what: string): SyntaxFault {
    return this.fault(`Unterminated ${what}`, true);
  }

  /** An unquoted word at this place; undefined when there is none. */
  protected scanWord(): Word | undefined {
    const start = this.at;
    const parts = this.scanParts('word');
    return this.at === start || parts.length === 0 ? undefined : makeWord(parts);
  }

  /** A whole text in which only `$`, backquotes and `\` mean something, as in a here-document. */
  protected scanDocument(): Word {
    return { parts: this.scanParts('text'), literal: undefined };
  }

  /** Parts up to the end, which is not eaten. `quoted` applies the rules of double quotes. */
  private scanParts(end: End, quoted = end !== 'word'): Part[] {
    const parts: Part[] = [];
    let run = '';
    const flush = (): void => {
      if (run !== '') parts.push({ kind: quoted ? 'quoted' : 'literal', text: run });
      run = '';
    };
    let depth = 0;
    for (;;) {
      const char = this.text[this.at];
      if (char === undefined) {
        if (end === 'word' || end === 'text') break;
        throw this.unfinished(end === '"' ? 'quoted string' : end === '}' ? 'parameter' : 'arithmetic');
      }
      if (end === 'word' ? META.includes(char) : char === end) break;
      if (end === '))') {
        if (char === '(') depth++;
        if (char === ')') {
          if (depth === 0) break;
          depth--;
        }
      }
      if (char === '\\') {
        const next = this.text[this.at + 1];
        if (next === undefined && end !== 'text') {
          if (end !== 'word') throw this.unfinished('escape');
          run += '\\';
          this.at++;
          continue;
        }
        if (next === '\n') {
          this.at += 2;
          continue;
        }
        const special = end === 'text' ? '$`\\' : end === '}' ? '$`"\\}' : '$`"\\';
        if (quoted && (next === undefined || !special.includes(next))) {
          run += '\\';
          this.at++;
          continue;
        }
        flush();
        parts.push({ kind: 'quoted', text: next ?? '' });
        this.at += 2;
      } else if (char === "'" && !quoted) {
        flush();
        parts.push({ kind: 'quoted', text: this.scanSingle() });
      } else if (char === '"' && end !== 'text' && end !== '"') {
        flush();
        this.at++;
        if (end === '))') continue;
        const inside = this.scanParts('"');
        this.at++;
        const isPlain = inside.every((part) => part.kind === 'quoted');
        if (isPlain) parts.push({ kind: 'quoted', text: inside.map((part) => part.text).join('') });
        else parts.push({ kind: 'double', parts: inside });
      } else if (char === '$') {
        const part = this.scanDollar(quoted);
        if (part === undefined) {
          run += '$';
          continue;
        }
        flush();
        parts.push(part);
      } else if (char === '`') {
        flush();
        parts.push(this.scanBackquotes(quoted));
      } else {
        run += char;
        this.at++;
      }
    }
    flush();
    return parts;
  }

  private scanSingle(): string {
    const end = this.text.indexOf("'", this.at + 1);
    if (end < 0) throw this.unfinished('quoted string');
    const text = this.text.slice(this.at + 1, end);
    this.at = end + 1;
    return text;
  }

  /** What a `$` begins; undefined (and only the `$` eaten) when it stands for itself. */
  private scanDollar(quoted: boolean): Part | undefined {
    this.at++;
    const next = this.text[this.at] ?? '';
    if (next === '(') {
      if (this.text[this.at + 1] === '(') {
        const arithmetic = this.scanArithmetic();
        if (arithmetic) return arithmetic;
      }
      this.at++;
      return { kind: 'substitution', body: this.commandsToParenthesis() };
    }
    if (next === '{') return this.scanBraces(quoted);
    if (next === "'" && !quoted) return { kind: 'quoted', text: this.scanAnsi() };
    if (next !== '' && (SPECIAL.includes(next) || /[0-9]/.test(next))) {
      this.at++;
      return { kind: 'parameter', name: next, operator: '', colon: false, word: undefined };
    }
    if (!NAME_START.test(next)) return undefined;
    return { kind: 'parameter', name: this.scanName(), operator: '', colon: false, word: undefined };
  }

  private scanName(): string {
    NAME.lastIndex = this.at;
    const name = NAME.exec(this.text)?.[0] ?? '';
    this.at += name.length;
    return name;
  }

  /** `$((`...`))`, or undefined and nothing eaten when it is a subshell in a substitution. */
  private scanArithmetic(): Part | undefined {
    const start = this.at;
    this.at += 2;
    const parts = this.scanParts('))');
    if (this.text[this.at + 1] !== ')') {
      this.at = start;
      return undefined;
    }
    this.at += 2;
    return { kind: 'arithmetic', parts };
  }

  /** `$'...'`: C's escapes, as the next POSIX has them. */
  private scanAnsi(): string {
    let text = '';
    this.at++;
    for (;;) {
      const char = this.text[this.at++];
      if (char === undefined) throw this.unfinished('quoted string');
      if (char === "'") return text;
      if (char !== '\\') {
        text += char;
        continue;
      }
      const rest = this.text.slice(this.at, this.at + 3);
      const number = /^x([0-9a-fA-F]{1,2})/.exec(rest) ?? /^([0-7]{1,3})/.exec(rest);
      if (number) {
        text += String.fromCharCode(Number.parseInt(number[1] ?? '', rest[0] === 'x' ? 16 : 8) & 0xff);
        this.at += number[0].length;
      } else {
        const letter = this.text[this.at++] ?? '';
        text += ESCAPES[letter] ?? letter;
      }
    }
  }

  /** `${...}`. */
  private scanBraces(quoted: boolean): Parameter {
    this.at++;
    const rest = this.text.slice(this.at, this.at + 3);
    // `${#}`, `${#-x}` and the like are about $#; with a name behind it `#` asks for the length.
    if (rest[0] === '#' && /^#([A-Za-z_0-9]|[@*#?$!-]\})/.test(rest)) {
      this.at++;
      const name = this.scanParameterName();
      return this.closeBraces({ kind: 'parameter', name, operator: 'length', colon: false, word: undefined });
    }
    const name = this.scanParameterName();
    let colon = false;
    if (name !== '' && this.text[this.at] === ':') {
      colon = true;
      this.at++;
    }
    const char = this.text[this.at] ?? '';
    if (char === '}' && name !== '' && !colon)
      return this.closeBraces({ kind: 'parameter', name, operator: '', colon, word: undefined });
    let operator: Parameter['operator'] = 'bad';
    if (name !== '' && '-=?+'.includes(char) && char !== '') operator = char as '-';
    else if (name !== '' && !colon && (char === '%' || char === '#'))
      operator = this.text[this.at + 1] === char ? (char === '%' ? '%%' : '##') : char;
    if (operator !== 'bad') this.at += operator.length;
    const isPattern = operator.startsWith('%') || operator.startsWith('#');
    const word = { parts: this.scanParts('}', quoted && !isPattern), literal: undefined };
    return this.closeBraces({ kind: 'parameter', name, operator, colon, word });
  }

  private scanParameterName(): string {
    const char = this.text[this.at] ?? '';
    if (NAME_START.test(char)) return this.scanName();
    const digits = /^[0-9]+/.exec(this.text.slice(this.at, this.at + 9))?.[0];
    const name = digits ?? (char !== '' && SPECIAL.includes(char) ? char : '');
    this.at += name.length;
    return name;
  }

  private closeBraces(part: Parameter): Parameter {
    if (this.text[this.at] !== '}') {
      if (this.at >= this.text.length) throw this.unfinished('parameter');
      const word = { parts: this.scanParts('}', false), literal: undefined };
      this.at++;
      return { ...part, operator: 'bad', word };
    }
    this.at++;
    return part;
  }

  /** The older spelling of `$( )`: one level of `\` goes before it is read. */
  private scanBackquotes(quoted: boolean): Part {
    const special = quoted ? '$`\\"' : '$`\\';
    let text = '';
    this.at++;
    for (;;) {
      const char = this.text[this.at++];
      if (char === undefined) throw this.unfinished('backquotes');
      if (char === '`') return { kind: 'substitution', body: this.commandsOf(text) };
      const next = this.text[this.at];
      if (char === '\\' && next !== undefined && special.includes(next)) {
        text += next;
        this.at++;
      } else text += char;
    }
  }
}
