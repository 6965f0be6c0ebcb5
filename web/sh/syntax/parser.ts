// The shell's grammar (POSIX XCU 2.10): text to command trees, one complete line at a time, so that a script runs up to
// its first error and an alias made on one line is known on the next. It runs nothing.

import type { Assignment, CaseItem, Node, Redirect, Word } from './ast.ts';
import { makeWord, type SyntaxFault, WordScanner } from './words.ts';

type Token =
  | { kind: 'word'; word: Word; start: number; reserved: string }
  | { kind: 'operator'; text: string; start: number }
  | { kind: 'io'; fd: number; start: number }
  | { kind: 'newline'; start: number }
  | { kind: 'end'; start: number };

/** A here-document whose body stands behind the next newline. */
interface Pending {
  redirect: Redirect;
  delimiter: string;
  isQuoted: boolean;
  stripsTabs: boolean;
}

const OPERATORS = [
  '<<<',
  '<<-',
  '&&',
  '||',
  ';;',
  '<<',
  '>>',
  '<&',
  '>&',
  '<>',
  '>|',
  '&',
  '|',
  ';',
  '<',
  '>',
  '(',
  ')',
];
const REDIRECTS = ['<', '>', '>>', '>|', '<>', '<&', '>&', '<<', '<<-', '<<<'];
const RESERVED = new Set('if then else elif fi do done case esac while until for { } ! in'.split(' '));
/** Reserved words that end a list of commands. */
const CLOSERS = new Set('then else elif fi do done esac }'.split(' '));
const ASSIGNMENT = /^([A-Za-z_][A-Za-z0-9_]*)=/;
const IS_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** What a script's aliases are; an alias is put into the text where its name is a command. */
export type Aliases = ReadonlyMap<string, string>;

export class Parser extends WordScanner {
  private token: Token | undefined;
  private pending: Pending[] = [];
  private readonly aliases: Aliases;
  /** Names being replaced, with the length of the text behind their replacement. */
  private replacing: { name: string; behind: number }[] = [];
  /** Where an alias that ends in a blank ended: the word there is looked up too. */
  private alsoAt = -1;
  /** True when a here-document ended with the text, without its delimiter. */
  isOpenDocument = false;

  constructor(text: string, aliases: Aliases = new Map()) {
    super(text);
    this.aliases = aliases;
  }

  /** The byte behind what has been read. */
  get position(): number {
    return this.at;
  }

  /** The text, in which aliases have been replaced. */
  get source(): string {
    return this.text;
  }

  /** The commands of the next line that has some; undefined at the end. Throws SyntaxFault. */
  nextLine(): Node | undefined {
    this.token = undefined;
    for (;;) {
      const token = this.peek();
      if (token.kind === 'end') return undefined;
      if (token.kind !== 'newline') break;
      this.take();
    }
    const node = this.list(false);
    const token = this.take();
    if (token.kind !== 'newline' && token.kind !== 'end') throw this.unexpected(token);
    return node;
  }

  /** All commands of the text; undefined when there are none. */
  parseAll(): Node | undefined {
    const items: Node[] = [];
    for (let node = this.nextLine(); node !== undefined; node = this.nextLine()) items.push(node);
    return items.length > 1 ? { kind: 'sequence', items } : items[0];
  }

  protected override commandsToParenthesis(): Node | undefined {
    const outer = this.token;
    this.token = undefined;
    this.skipNewlines();
    const body = this.isOperator(')') ? undefined : this.list(true);
    this.expectOperator(')');
    this.token = outer;
    return body;
  }

  protected override commandsOf(text: string): Node | undefined {
    return new Parser(text, this.aliases).parseAll();
  }

  /** A word in the way of a here-document: `$`, backquotes and `\` only. */
  static document(text: string, aliases: Aliases): Word {
    return new Parser(text, aliases).scanDocument();
  }

  private unexpected(token: Token): SyntaxFault {
    if (token.kind === 'end') return this.fault('end of file unexpected', true);
    const text =
      token.kind === 'newline'
        ? 'newline'
        : token.kind === 'word'
          ? `"${token.word.literal ?? 'word'}"`
          : token.kind === 'operator'
            ? `"${token.text}"`
            : 'redirection';
    return this.fault(`${text} unexpected`);
  }

  // Tokens.

  private peek(): Token {
    this.token ??= this.scanToken();
    return this.token;
  }

  private take(): Token {
    const token = this.peek();
    this.token = undefined;
    return token;
  }

  private isOperator(text: string): boolean {
    const token = this.peek();
    return token.kind === 'operator' && token.text === text;
  }

  private isReserved(text: string): boolean {
    const token = this.peek();
    return token.kind === 'word' && token.reserved === text;
  }

  private takeOperator(text: string): boolean {
    if (!this.isOperator(text)) return false;
    this.take();
    return true;
  }

  private expectOperator(text: string): void {
    if (!this.takeOperator(text)) throw this.unexpected(this.peek());
  }

  private expectReserved(text: string): void {
    this.expandAliases();
    if (!this.isReserved(text)) throw this.unexpected(this.peek());
    this.take();
  }

  private skipNewlines(): void {
    while (this.peek().kind === 'newline') this.take();
  }

  private scanToken(): Token {
    for (;;) {
      const char = this.text[this.at];
      if (char === ' ' || char === '\t') this.at++;
      else if (char === '\\' && this.text[this.at + 1] === '\n') this.at += 2;
      else if (char === '#') {
        const end = this.text.indexOf('\n', this.at);
        this.at = end < 0 ? this.text.length : end;
      } else break;
    }
    const start = this.at;
    const char = this.text[start];
    if (char === undefined) {
      if (this.pending.length > 0) this.readDocuments();
      return { kind: 'end', start };
    }
    if (char === '\n') {
      this.at++;
      if (this.pending.length > 0) this.readDocuments();
      return { kind: 'newline', start };
    }
    const digits = /^[0-9]+(?=[<>])/.exec(this.text.slice(start, start + 4))?.[0];
    if (digits !== undefined) {
      this.at += digits.length;
      return { kind: 'io', fd: Number(digits), start };
    }
    const operator = OPERATORS.find((text) => this.text.startsWith(text, start));
    if (operator !== undefined) {
      this.at += operator.length;
      return { kind: 'operator', text: operator, start };
    }
    const word = this.scanWord() ?? { parts: [], literal: '' };
    const only = word.parts.length === 1 ? word.parts[0] : undefined;
    const text = only?.kind === 'literal' ? only.text : '';
    return { kind: 'word', word, start, reserved: RESERVED.has(text) ? text : '' };
  }

  /** Reads the bodies of the here-documents that the line before asked for. */
  private readDocuments(): void {
    const pending = this.pending;
    this.pending = [];
    for (const { redirect, delimiter, isQuoted, stripsTabs } of pending) {
      let body = '';
      let isClosed = false;
      while (!isClosed && this.at < this.text.length) {
        let end = this.text.indexOf('\n', this.at);
        if (end < 0) end = this.text.length;
        let line = this.text.slice(this.at, end);
        this.at = Math.min(end + 1, this.text.length);
        // An odd number of backslashes joins the next line, unless the delimiter was quoted.
        while (!isQuoted && /(^|[^\\])(\\\\)*\\$/.test(line) && this.at < this.text.length) {
          end = this.text.indexOf('\n', this.at);
          if (end < 0) end = this.text.length;
          line = line.slice(0, -1) + this.text.slice(this.at, end);
          this.at = Math.min(end + 1, this.text.length);
        }
        if (stripsTabs) line = line.replace(/^\t+/, '');
        isClosed = line === delimiter;
        if (!isClosed) body += `${line}\n`;
      }
      if (!isClosed) this.isOpenDocument = true;
      redirect.target = isQuoted
        ? makeWord([{ kind: 'quoted', text: body }])
        : Parser.document(body, this.aliases);
    }
  }

  /** Puts an alias into the text when the coming word is one. */
  private expandAliases(): void {
    for (;;) {
      const token = this.peek();
      if (token.kind !== 'word' || this.aliases.size === 0) return;
      const only = token.word.parts.length === 1 ? token.word.parts[0] : undefined;
      if (only?.kind !== 'literal') return;
      const value = this.aliases.get(only.text);
      const behind = this.text.length - this.at;
      this.replacing = this.replacing.filter((each) => each.behind < behind + only.text.length);
      if (value === undefined || this.replacing.some((each) => each.name === only.text)) return;
      this.text = this.text.slice(0, token.start) + value + this.text.slice(this.at);
      this.at = token.start;
      this.token = undefined;
      this.replacing.push({ name: only.text, behind });
      if (/[ \t]$/.test(value)) this.alsoAt = behind;
    }
  }

  // Commands.

  /** Commands with `;`, `&` and, if `multiline`, newlines between them, up to what cannot begin one. */
  private list(multiline: boolean): Node {
    const items: Node[] = [];
    for (;;) {
      const start = this.peek().start;
      let item = this.andOr();
      const separator = this.peek();
      if (separator.kind === 'operator' && separator.text === '&') {
        item = { kind: 'background', body: item, text: this.text.slice(start, separator.start).trim() };
      }
      items.push(item);
      const isSeparated = separator.kind === 'operator' && (separator.text === ';' || separator.text === '&');
      if (isSeparated) this.take();
      if (multiline && (isSeparated || this.peek().kind === 'newline')) this.skipNewlines();
      else if (!isSeparated) break;
      this.expandAliases();
      if (this.endsList()) break;
    }
    return items.length > 1 ? { kind: 'sequence', items } : (items[0] as Node);
  }

  private endsList(): boolean {
    const token = this.peek();
    if (token.kind === 'newline' || token.kind === 'end') return true;
    if (token.kind === 'operator') return token.text === ')' || token.text === ';;';
    return token.kind === 'word' && CLOSERS.has(token.reserved);
  }

  private andOr(): Node {
    let left = this.pipeline();
    for (;;) {
      const kind = this.isOperator('&&') ? 'and' : this.isOperator('||') ? 'or' : undefined;
      if (kind === undefined) return left;
      this.take();
      this.skipNewlines();
      left = { kind, left, right: this.pipeline() };
    }
  }

  private pipeline(): Node {
    this.expandAliases();
    let negate = false;
    while (this.isReserved('!')) {
      this.take();
      negate = !negate;
      this.expandAliases();
    }
    const commands = [this.command()];
    while (this.takeOperator('|')) {
      this.skipNewlines();
      commands.push(this.command());
    }
    if (commands.length === 1 && !negate) return commands[0] as Node;
    return { kind: 'pipeline', commands, negate };
  }

  private command(): Node {
    this.expandAliases();
    const body = this.compound();
    if (body === undefined) return this.simple();
    const redirects = this.redirects();
    return redirects.length > 0 ? { kind: 'redirected', body, redirects } : body;
  }

  private compound(): Node | undefined {
    if (this.takeOperator('(')) {
      this.skipNewlines();
      const body = this.list(true);
      this.expectOperator(')');
      return { kind: 'subshell', body };
    }
    const token = this.peek();
    if (token.kind !== 'word' || token.reserved === '' || token.reserved === 'in') return undefined;
    switch (token.reserved) {
      case '{': {
        const body = this.block('{');
        this.expectReserved('}');
        return body;
      }
      case 'if':
        return this.ifClause('if');
      case 'while':
      case 'until': {
        const condition = this.block(token.reserved);
        return { kind: 'loop', until: token.reserved === 'until', condition, body: this.doGroup() };
      }
      case 'for':
        return this.forClause();
      case 'case':
        return this.caseClause();
      default:
        throw this.unexpected(token);
    }
  }

  /** A reserved word and the commands behind it. */
  private block(opener: string): Node {
    this.expectReserved(opener);
    this.skipNewlines();
    return this.list(true);
  }

  private doGroup(): Node {
    const body = this.block('do');
    this.expectReserved('done');
    return body;
  }

  private ifClause(opener: string): Node {
    const condition = this.block(opener);
    const then = this.block('then');
    if (this.isReserved('elif')) return { kind: 'if', condition, then, otherwise: this.ifClause('elif') };
    const otherwise = this.isReserved('else') ? this.block('else') : undefined;
    this.expectReserved('fi');
    return { kind: 'if', condition, then, otherwise };
  }

  private forClause(): Node {
    this.take();
    const token = this.take();
    const name = token.kind === 'word' ? (token.word.literal ?? '') : '';
    if (!IS_NAME.test(name)) throw this.fault('Bad for loop variable', token.kind === 'end');
    this.skipNewlines();
    let words: Word[] | undefined;
    if (this.isReserved('in')) {
      this.take();
      words = [];
      for (let next = this.peek(); next.kind === 'word'; next = this.peek()) {
        words.push(next.word);
        this.take();
      }
      const end = this.peek();
      if (end.kind !== 'newline' && !this.isOperator(';')) throw this.unexpected(end);
      this.take();
    } else this.takeOperator(';');
    this.skipNewlines();
    return { kind: 'for', name, words, body: this.doGroup() };
  }

  private caseClause(): Node {
    this.take();
    const subject = this.take();
    if (subject.kind !== 'word') throw this.unexpected(subject);
    this.skipNewlines();
    this.expectReserved('in');
    this.skipNewlines();
    const items: CaseItem[] = [];
    while (!this.isReserved('esac')) {
      items.push(this.caseItem());
      this.skipNewlines();
    }
    this.take();
    return { kind: 'case', subject: subject.word, items };
  }

  private caseItem(): CaseItem {
    this.takeOperator('(');
    const patterns: Word[] = [];
    do {
      const token = this.take();
      if (token.kind !== 'word') throw this.unexpected(token);
      patterns.push(token.word);
    } while (this.takeOperator('|'));
    this.expectOperator(')');
    this.skipNewlines();
    const isEmpty = this.isOperator(';;') || this.isReserved('esac');
    const body = isEmpty ? undefined : this.list(true);
    if (!this.isReserved('esac')) this.expectOperator(';;');
    return { patterns, body };
  }

  private redirects(): Redirect[] {
    const all: Redirect[] = [];
    for (let one = this.redirect(); one !== undefined; one = this.redirect()) all.push(one);
    return all;
  }

  private redirect(): Redirect | undefined {
    const token = this.peek();
    let fd: number | undefined;
    if (token.kind === 'io') {
      fd = token.fd;
      this.take();
    }
    const operator = this.peek();
    if (operator.kind !== 'operator' || !REDIRECTS.includes(operator.text)) return undefined;
    this.take();
    const target = this.peek();
    if (target.kind !== 'word') throw this.unexpected(target);
    const redirect: Redirect = {
      fd: fd ?? (operator.text.startsWith('<') ? 0 : 1),
      operator: (operator.text === '<<-' ? '<<' : operator.text) as Redirect['operator'],
      target: target.word,
    };
    if (operator.text === '<<' || operator.text === '<<-') {
      this.pending.push({
        redirect,
        delimiter: rawText(target.word),
        isQuoted: target.word.parts.some((part) => part.kind === 'quoted' || part.kind === 'double'),
        stripsTabs: operator.text === '<<-',
      });
    }
    this.take();
    return redirect;
  }

  /** A simple command, or a function's definition. */
  private simple(): Node {
    const line = this.line;
    const assignments: Assignment[] = [];
    const words: Word[] = [];
    const redirects: Redirect[] = [];
    for (;;) {
      const redirect = this.redirect();
      if (redirect) {
        redirects.push(redirect);
        continue;
      }
      const token = this.peek();
      if (words.length === 0 && token.kind === 'word' && (assignments.length > 0 || redirects.length > 0))
        this.expandAliases();
      else if (this.alsoAt >= 0 && this.text.length - token.start <= this.alsoAt) {
        this.alsoAt = -1;
        this.expandAliases();
      }
      const next = this.peek();
      if (next.kind !== 'word') break;
      this.take();
      const assignment = words.length === 0 ? assignmentOf(next.word) : undefined;
      if (assignment) assignments.push(assignment);
      else words.push(next.word);
      const isFirst = words.length === 1 && assignments.length === 0 && redirects.length === 0;
      if (isFirst && this.isOperator('(')) return this.functionBody(next.word);
    }
    if (assignments.length + words.length + redirects.length === 0) throw this.unexpected(this.peek());
    return { kind: 'command', assignments, words, redirects, line };
  }

  private functionBody(word: Word): Node {
    this.take();
    this.expectOperator(')');
    const name = word.literal ?? '';
    if (!IS_NAME.test(name)) throw this.fault('Bad function name');
    this.skipNewlines();
    return { kind: 'function', name, body: this.command() };
  }
}

/** `name=value` as an assignment; undefined for any other word. */
export function assignmentOf(word: Word): Assignment | undefined {
  const first = word.parts[0];
  if (first?.kind !== 'literal') return undefined;
  const name = ASSIGNMENT.exec(first.text)?.[1];
  if (name === undefined) return undefined;
  const rest = first.text.slice(name.length + 1);
  const parts = word.parts.slice(1);
  return {
    name,
    value: { parts: rest === '' ? parts : [{ kind: 'literal', text: rest }, ...parts], literal: undefined },
  };
}

/** A delimiter's text without its quotes. */
function rawText(word: Word): string {
  return word.parts
    .map((part) =>
      part.kind === 'double'
        ? rawText({ parts: part.parts, literal: undefined })
        : 'text' in part
          ? part.text
          : '$',
    )
    .join('');
}
