// NASM's preprocessor: %macro, %rep, %if and their kin. It turns source lines into expanded token lines.
// It knows no instruction and no address; %if can see a symbol only once `equ` has given it a number.

import { Conditions } from './conditions.ts';
import { Defines, idToken, numberToken, spelling, splitCommas, unparam } from './define.ts';
import { AsmError, type Diagnostic, errorAt, nearest } from './errors.ts';
import { ExpressionParser, evaluate, type Scope, toNumber } from './expression.ts';
import { type MacroCall, MacroTable, type SourceLine, substituteParameters } from './macro.ts';
import { type Token, tokenize } from './token.ts';

/** Lines being read: the source, a macro's body, or the body of a %rep. */
interface Frame {
  readonly lines: readonly SourceLine[];
  at: number;
  readonly kind: 'source' | 'macro' | 'rep';
  readonly call?: MacroCall;
  /** For a %rep: how often it still starts again. */
  again: number;
  /** %if blocks open in this frame. */
  depth: number;
}

const DIRECTIVE = /^\s*%(\??[a-zA-Z]+)\b/;
const FRAME_LIMIT = 300;
const LINE_LIMIT = 4_000_000;
const IGNORED = new Set(['use', 'pragma', 'line', 'arg', 'local', 'stacksize', 'clear', 'depend']);

/** What the preprocessor asks of the assembler. */
export interface PreprocessHost {
  /** Evaluates symbols in %if and %assign. */
  readonly scope: Scope;
  report(error: Diagnostic): void;
  warn(warning: Diagnostic): void;
}

/** Reads source text and gives expanded lines. */
export class Preprocessor {
  readonly defines = new Defines();
  private readonly macros = new MacroTable();
  private readonly conditions: Conditions;
  private readonly frames: Frame[];
  private readonly host: PreprocessHost;
  private readonly contexts: { name: string; id: number }[] = [];
  private unique = 0;
  private count = 0;

  constructor(source: string, host: PreprocessHost) {
    this.host = host;
    this.frames = [{ lines: joinContinued(source), at: 0, kind: 'source', again: 0, depth: 0 }];
    this.conditions = new Conditions({
      defines: this.defines,
      hasMacro: (name) => this.macros.has(name),
      context: () => this.contexts.at(-1)?.name,
      number: (tokens) => this.number(tokens),
    });
    for (const [name, text] of [
      ['__OUTPUT_FORMAT__', 'bin'],
      ['__NASM_MAJOR__', '2'],
      ['__NASM_MINOR__', '16'],
    ] as const) {
      this.defines.set({ name, body: tokenize(text, 0) }, false);
    }
  }

  /** The expanded lines in order; empty lines are left out. A faulty line is reported and skipped. */
  *lines(): Generator<Token[]> {
    for (;;) {
      const frame = this.frames.at(-1);
      if (!frame) return;
      const line = frame.lines[frame.at];
      if (!line) {
        this.leave(frame);
        continue;
      }
      frame.at++;
      if (++this.count > LINE_LIMIT) {
        this.host.report({
          line: line.number,
          column: 1,
          endColumn: 2,
          message: 'The macros expand without end; check %rep counts and recursion.',
        });
        return;
      }
      try {
        const tokens = this.line(frame, line);
        if (tokens && tokens.length > 0) yield tokens;
      } catch (error) {
        if (!(error instanceof AsmError)) throw error;
        this.host.report(error.diagnostic);
      }
    }
  }

  private leave(frame: Frame): void {
    if (frame.again > 0) {
      frame.again--;
      frame.at = 0;
      return;
    }
    this.frames.pop();
    if (frame.depth > 0) {
      const last = frame.lines.at(-1);
      const end = (last?.text.length ?? 0) + 1;
      this.host.report({
        line: last?.number ?? 1,
        column: 1,
        endColumn: end,
        message: 'An %if is still open at the end; close it with %endif.',
      });
    }
  }

  /** One line: a directive (nothing to give), a macro call (a new frame), or tokens for the assembler. */
  private line(frame: Frame, line: SourceLine): Token[] | undefined {
    const directive = DIRECTIVE.exec(line.text)?.[1]?.toLowerCase();
    const tokens = this.tokens(frame, line);
    if (directive && tokens[0]?.kind === 'param') {
      this.directive(directive, frame, tokens);
      return undefined;
    }
    const expanded = this.defines.expand(unparam(tokens));
    return this.call(expanded) ? undefined : expanded;
  }

  private tokens(frame: Frame, line: SourceLine): Token[] {
    line.tokens ??= tokenize(line.text, line.number);
    const tokens = frame.call ? substituteParameters(line.tokens, frame.call) : line.tokens;
    if (this.contexts.length === 0 && !tokens.some((token) => token.text.startsWith('%$')))
      return tokens.slice();
    return tokens.map((token) => {
      const match = token.kind === 'param' ? /^%(\$+)(.+)$/.exec(token.text) : null;
      if (!match) return token;
      const context = this.contexts.at(-(match[1]?.length ?? 1));
      if (!context) throw errorAt(token, `'${token.text}' needs a context; open one with %push.`);
      return idToken(`..@${context.id}.${match[2]}`, token);
    });
  }

  /** Enters a multi-line macro when the line calls one. */
  private call(tokens: readonly Token[]): boolean {
    if (this.macros.size === 0) return false;
    let at = 0;
    let label: Token[] = [];
    const isName = (token: Token | undefined) => token?.kind === 'id' && this.macros.has(token.text);
    if (!isName(tokens[0])) {
      if (tokens[0]?.kind !== 'id') return false;
      at = tokens[1]?.kind === 'op' && tokens[1].text === ':' ? 2 : 1;
      if (!isName(tokens[at])) return false;
      label = tokens.slice(0, at);
    }
    const name = tokens[at];
    if (!name) return false;
    const given = tokens.slice(at + 1);
    const macro = this.macros.find(name.text, given);
    if (!macro) {
      if (label.length > 0) return false;
      const [count, counts] = this.macros.counts(name.text, given);
      throw errorAt(name, `The macro '${name.text}' takes ${counts} parameters, not ${count}.`);
    }
    if (this.frames.length > FRAME_LIMIT)
      throw errorAt(name, `The macro '${name.text}' calls itself without end; stop it with an %if.`);
    const call = this.macros.enter(macro, name, given, label, ++this.unique);
    // A label in front belongs to the address of the call, unless the macro takes it with %00.
    const lines =
      label.length && !macro.takesLabel
        ? [{ text: '', number: name.line, tokens: label }, ...macro.lines]
        : macro.lines;
    this.frames.push({ lines, at: 0, kind: 'macro', call, again: 0, depth: 0 });
    return true;
  }

  private directive(name: string, frame: Frame, tokens: readonly Token[]): void {
    const head = tokens[0];
    if (!head) return;
    const rest = tokens.slice(1);
    if (/^if/.test(name)) {
      if (this.conditions.holds(name.slice(2), head, rest)) frame.depth++;
      else this.skip(frame, head, true);
      return;
    }
    switch (name) {
      case 'else':
      case 'endif':
        if (frame.depth === 0) throw errorAt(head, `This %${name} belongs to no %if; remove it.`);
        frame.depth--;
        if (name === 'else') this.skip(frame, head, false);
        return;
      case 'define':
      case 'idefine':
      case 'xdefine':
      case 'ixdefine':
        this.define(name, head, rest);
        return;
      case 'assign':
      case 'iassign': {
        const target = this.nameToken(head, rest);
        const value = this.number(rest.slice(1), head);
        this.defines.set({ name: target.text, body: [numberToken(value, target)] }, name === 'iassign');
        return;
      }
      case 'undef':
        this.defines.remove(this.nameToken(head, rest).text);
        return;
      case 'defstr':
      case 'strlen':
      case 'substr':
      case 'strcat':
        this.stringDirective(name, head, rest);
        return;
      case 'macro':
      case 'imacro': {
        const lines = this.collect(frame, head, /^i?macro$/, 'endmacro');
        this.macros.define(head, rest, lines, name === 'imacro', (part) => this.number(part, head));
        return;
      }
      case 'unmacro':
        this.macros.remove(this.nameToken(head, rest).text);
        return;
      case 'rep': {
        const lines = this.collect(frame, head, /^rep$/, 'endrep');
        const count = this.number(
          rest.filter((token) => token.text !== '.nolist'),
          head,
        );
        if (count > 1_000_000n)
          throw errorAt(head, `%rep ${count} is more than 1000000; use TIMES for data of that size.`);
        if (count <= 0n || lines.length === 0) return;
        if (this.frames.length > FRAME_LIMIT) throw errorAt(head, 'The %rep blocks are nested too deeply.');
        const again = Number(count) - 1;
        const call = frame.call;
        this.frames.push(
          call
            ? { lines, at: 0, kind: 'rep', call, again, depth: 0 }
            : { lines, at: 0, kind: 'rep', again, depth: 0 },
        );
        return;
      }
      case 'exitrep':
      case 'exitmacro': {
        const kind = name === 'exitrep' ? 'rep' : 'macro';
        if (!this.frames.some((other) => other.kind === kind))
          throw errorAt(head, `%${name} stands outside a %${kind}; remove it.`);
        while (this.frames.pop()?.kind !== kind);
        return;
      }
      case 'rotate': {
        if (!frame.call) throw errorAt(head, '%rotate works only inside a macro.');
        frame.call.rotate(Number(this.number(rest, head)));
        return;
      }
      case 'push':
        this.contexts.push({ name: rest[0]?.text ?? '', id: ++this.unique });
        return;
      case 'repl': {
        const context = this.contexts.pop();
        if (!context) throw errorAt(head, 'There is no context for %repl to rename; open one with %push.');
        this.contexts.push({ name: rest[0]?.text ?? '', id: context.id });
        return;
      }
      case 'pop':
        if (!this.contexts.pop()) throw errorAt(head, 'There is no context to %pop; open one with %push.');
        return;
      case 'error':
      case 'fatal':
      case 'warning': {
        const text = this.defines
          .expand(rest)
          .map((token) => (token.kind === 'string' ? token.text : spelling(token)))
          .join(' ');
        const error = errorAt(head, text || `%${name} was reached.`);
        if (name === 'warning') this.host.warn(error.diagnostic);
        else throw error;
        return;
      }
      case 'include':
      case 'pathsearch':
        throw errorAt(head, 'There is only this one file; put the text that %include names in here.');
      case 'endmacro':
      case 'endm':
      case 'endrep':
        throw errorAt(
          head,
          `This %${name} ends nothing; remove it, or start with %${name === 'endrep' ? 'rep' : 'macro'}.`,
        );
      default: {
        if (/^el/.test(name)) {
          if (frame.depth === 0) throw errorAt(head, `This %${name} belongs to no %if; remove it.`);
          frame.depth--;
          this.skip(frame, head, false);
          return;
        }
        if (IGNORED.has(name)) return;
        const known = [
          'if',
          'ifdef',
          'ifndef',
          'elif',
          'else',
          'endif',
          'define',
          'xdefine',
          'assign',
          'undef',
          'macro',
          'endmacro',
          'rep',
          'endrep',
          'exitrep',
          'error',
          'warning',
        ];
        const near = nearest(name, known);
        throw errorAt(
          head,
          `'%${name}' is not a preprocessor directive${near ? `; did you mean %${near}?` : ' that this assembler knows.'}`,
        );
      }
    }
  }

  /**
   * Passes over lines until the matching %endif; with `seek` also stops at an %elif that holds or an %else.
   * Directives are found in the bare text, since skipped lines need not be tokens at all.
   */
  private skip(frame: Frame, head: Token, seek: boolean): void {
    let depth = 0;
    for (; frame.at < frame.lines.length; ) {
      const line = frame.lines[frame.at++];
      const name = DIRECTIVE.exec(line?.text ?? '')?.[1]?.toLowerCase();
      if (!line || !name) continue;
      if (/^if/.test(name)) depth++;
      else if (name === 'endif') {
        if (depth-- === 0) return;
      } else if (depth === 0 && seek && (name === 'else' || /^elif/.test(name))) {
        const tokens = this.tokens(frame, line);
        if (
          name === 'else' ||
          (tokens[0] && this.conditions.holds(name.slice(4), tokens[0], tokens.slice(1)))
        ) {
          frame.depth++;
          return;
        }
      }
    }
    throw errorAt(head, 'This condition is still open at the end; close it with %endif.');
  }

  /** The lines up to a matching end directive. */
  private collect(frame: Frame, head: Token, opens: RegExp, ends: string): SourceLine[] {
    const lines: SourceLine[] = [];
    let depth = 0;
    while (frame.at < frame.lines.length) {
      const line = frame.lines[frame.at++];
      if (!line) break;
      const name = DIRECTIVE.exec(line.text)?.[1]?.toLowerCase();
      if (name && opens.test(name)) depth++;
      else if ((name === ends || (name === 'endm' && ends === 'endmacro')) && depth-- === 0) return lines;
      lines.push(line);
    }
    throw errorAt(head, `This ${head.text} is not closed; end it with %${ends}.`);
  }

  private define(kind: string, head: Token, rest: readonly Token[]): void {
    const target = this.nameToken(head, rest);
    let body = rest.slice(1);
    let parameters: string[] | undefined;
    if (body[0]?.kind === 'op' && body[0].text === '(' && !body[0].spaced) {
      const close = body.findIndex((token) => token.kind === 'op' && token.text === ')');
      if (close < 0) throw errorAt(body[0], "The parameters of this %define are not closed; add a ')'.");
      parameters = splitCommas(body.slice(1, close)).map((part) => part.at(-1)?.text ?? '');
      body = body.slice(close + 1);
    }
    if (kind.includes('x')) body = this.defines.expand(unparam(body));
    const define = { name: target.text, body };
    this.defines.set(parameters ? { ...define, parameters } : define, kind.startsWith('i'));
  }

  private stringDirective(kind: string, head: Token, rest: readonly Token[]): void {
    const target = this.nameToken(head, rest);
    const parts = splitCommas(this.defines.expand(unparam(rest.slice(1))));
    const tokens = parts.flat();
    const text = (token: Token | undefined): string => {
      if (token?.kind !== 'string') throw errorAt(token ?? head, `%${kind} needs a string in quotes.`);
      return token.text;
    };
    const string = (value: string): Token => ({ ...idToken(value, target), kind: 'string' });
    let result: Token;
    if (kind === 'defstr')
      result = string(tokens.map((token, i) => (token.spaced && i ? ' ' : '') + spelling(token)).join(''));
    else if (kind === 'strlen') result = numberToken(text(tokens[0]).length, target);
    else if (kind === 'strcat') result = string(parts.map((part) => text(part[0])).join(''));
    else {
      const source = text(tokens[0]);
      const [first = [], length] = splitCommas(this.defines.expand(unparam(rest.slice(2))));
      const from = Number(this.number(first, head));
      const size = length ? Number(this.number(length, head)) : 1;
      result = string(source.slice(from - 1, size < 0 ? source.length + size + 1 : from - 1 + size));
    }
    this.defines.set({ name: target.text, body: [result] }, false);
  }

  private nameToken(head: Token, rest: readonly Token[]): Token {
    const name = rest[0];
    if (name?.kind !== 'id') throw errorAt(name ?? head, `${head.text} needs a name after it.`);
    return name;
  }

  /** A number that must be known now. */
  private number(tokens: readonly Token[], head?: Token): bigint {
    const expanded = this.defines.expand(unparam(tokens));
    const first = expanded[0] ?? tokens[0] ?? head;
    if (expanded.length === 0 && first) throw errorAt(first, `${first.text} needs a number.`);
    const parser = new ExpressionParser(expanded);
    const expression = parser.parse();
    const extra = parser.peek();
    if (extra) throw errorAt(extra, `'${extra.text}' is left over after the expression; remove it.`);
    const value = evaluate(expression, this.host.scope);
    if (value.unknown)
      throw errorAt(
        expression.place,
        'The preprocessor must know this number here; define it above with equ or %assign.',
      );
    return toNumber(value, this.host.scope, expression.place);
  }
}

/** Lines of the source; a backslash at the end of a line joins it with the next. */
function joinContinued(source: string): SourceLine[] {
  const lines: SourceLine[] = [];
  let number = 0;
  let open: { text: string; number: number } | undefined;
  for (const raw of source.split('\n')) {
    number++;
    const text = raw.endsWith('\r') ? raw.slice(0, -1) : raw;
    const joined = open ? { text: open.text + text, number: open.number } : { text, number };
    if (text.endsWith('\\')) {
      open = { text: `${joined.text.slice(0, -1)} `, number: joined.number };
      continue;
    }
    open = undefined;
    lines.push(joined);
  }
  if (open) lines.push(open);
  return lines;
}
