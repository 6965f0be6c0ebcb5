// NASM's expressions: from tokens to a tree, and from a tree to a value. It knows no instruction.
// A value is a number plus multiples of registers and section starts, so `[eax+ebx*4+table+8]` is one value too.

import { errorAt, type Place } from './errors.ts';
import { Register } from './iced.ts';
import { findRegister } from './registers.ts';
import type { Token } from './token.ts';

/** A parsed expression. */
export type Expression =
  | { readonly op: 'number'; readonly value: bigint; readonly place: Place }
  | { readonly op: 'symbol'; readonly name: string; readonly place: Place }
  | { readonly op: 'register'; readonly register: Register; readonly place: Place }
  | { readonly op: 'here' | 'start'; readonly place: Place }
  | { readonly op: 'unary'; readonly name: string; readonly of: Expression; readonly place: Place }
  | {
      readonly op: 'binary';
      readonly name: string;
      readonly left: Expression;
      readonly right: Expression;
      readonly place: Place;
    }
  | {
      readonly op: 'choice';
      readonly test: Expression;
      readonly yes: Expression;
      readonly no: Expression;
      readonly place: Place;
    };

/** `n` plus the sum of factor * base for each term; a base is a register (positive) or a section (-1 - index). */
export interface Value {
  readonly n: bigint;
  readonly terms: readonly Term[];
  /** A symbol in it is not known yet (first pass). */
  readonly unknown: boolean;
}

/** A multiple of a register or of a section's start. */
export interface Term {
  readonly base: number;
  readonly factor: bigint;
}

/** What an expression is evaluated in. */
export interface Scope {
  /** The value of a symbol; undefined when it has none yet. Throws when there will never be one. */
  lookup(name: string, place: Place): Value | undefined;
  /** The value of `$` and of `$$`. */
  here(): Value;
  start(): Value;
  /** The address at which a section starts, for operators that need a plain number. */
  base(section: number): bigint;
}

/** Which register of `[a+b]` is the base: the first one written, unless it is multiplied. */
export interface Hint {
  register: number;
  kind: 'none' | 'base' | 'not base';
}

const NO_TERMS: readonly Term[] = [];
const EMPTY_PLACE: Place = { line: 0, column: 0, end: 0 };

/** A plain number as a value. */
export function constant(n: bigint): Value {
  return { n, terms: NO_TERMS, unknown: false };
}

/** True when the value is a plain number that is known. */
export function isConstant(value: Value): boolean {
  return value.terms.length === 0 && !value.unknown;
}

/** The section a value is relative to: `section` + n, or undefined for anything else. */
export function sectionOf(value: Value): number | undefined {
  const [term, second] = value.terms;
  return term && !second && term.base < 0 && term.factor === 1n ? -1 - term.base : undefined;
}

// Lowest binding first; all are left-associative.
const LEVELS: readonly (readonly string[])[] = [
  ['||'],
  ['^^'],
  ['&&'],
  ['=', '==', '!=', '<>', '<', '<=', '>', '>=', '<=>'],
  ['|'],
  ['^'],
  ['&'],
  ['<<', '>>', '<<<', '>>>'],
  ['+', '-'],
  ['*', '/', '//', '%', '%%'],
];
const LEVEL_OF = new Map(LEVELS.flatMap((names, level) => names.map((name) => [name, level] as const)));

/** Reads expressions out of a token list; `at` is the next token. */
export class ExpressionParser {
  at: number;
  private readonly tokens: readonly Token[];
  private readonly end: number;
  private readonly qualify: (name: string) => string;

  /** `qualify` turns a local name (`.loop`) into a full one (`main.loop`). */
  constructor(tokens: readonly Token[], at = 0, qualify: (name: string) => string = (name) => name) {
    this.tokens = tokens;
    this.at = at;
    this.end = tokens.length;
    this.qualify = qualify;
  }

  peek(): Token | undefined {
    return this.at < this.end ? this.tokens[this.at] : undefined;
  }

  /** True and past it when the next token is this operator. */
  accept(op: string): boolean {
    const token = this.peek();
    if (token?.kind !== 'op' || token.text !== op) return false;
    this.at++;
    return true;
  }

  /** The place just after the last token, for errors about something that is missing. */
  endPlace(): Place {
    const last = this.tokens[Math.min(this.at, this.end) - 1] ?? this.tokens[0];
    return last ? { line: last.line, column: last.end, end: last.end + 1 } : EMPTY_PLACE;
  }

  parse(): Expression {
    const test = this.binary(0);
    const token = this.peek();
    if (token?.text !== '?' || token.kind === 'string') return test;
    this.at++;
    const yes = this.parse();
    if (!this.accept(':'))
      throw errorAt(this.peek() ?? this.endPlace(), "A choice needs ':' between its two values.");
    return { op: 'choice', test, yes, no: this.parse(), place: test.place };
  }

  /** Precedence climbing: operators that bind at least as tightly as `least`. */
  private binary(least: number): Expression {
    let left = this.unary();
    for (;;) {
      const token = this.peek();
      const level = token?.kind === 'op' ? LEVEL_OF.get(token.text) : undefined;
      if (!token || level === undefined || level < least) return left;
      this.at++;
      left = { op: 'binary', name: token.text, left, right: this.binary(level + 1), place: token };
    }
  }

  private unary(): Expression {
    const token = this.peek();
    if (!token)
      throw errorAt(this.endPlace(), 'A value is missing here; write a number, a label or an expression.');
    this.at++;
    switch (token.kind) {
      case 'number':
        return { op: 'number', value: token.value ?? 0n, place: token };
      case 'string':
        return { op: 'number', value: characterConstant(token), place: token };
      case 'float':
        throw errorAt(
          token,
          `The float '${token.text}' cannot stand here; floats go into dd, dq and dt data.`,
        );
      case 'id': {
        if (/^seg$/i.test(token.text)) {
          throw errorAt(token, 'SEG has no meaning in a flat binary; write the segment value as a number.');
        }
        const register = findRegister(token.text);
        if (register) return { op: 'register', register: register.register, place: token };
        return { op: 'symbol', name: this.qualify(token.text.replace(/^\$/, '')), place: token };
      }
      case 'param':
        throw errorAt(
          token,
          `'${token.text}' has a meaning only inside a macro; remove it or move it there.`,
        );
      case 'op':
        break;
    }
    switch (token.text) {
      case '$':
        return { op: 'here', place: token };
      case '$$':
        return { op: 'start', place: token };
      case '(': {
        const inner = this.parse();
        if (!this.accept(')')) throw errorAt(this.peek() ?? this.endPlace(), "A ')' is missing here.");
        return inner;
      }
      case '-':
      case '+':
      case '~':
      case '!':
        return { op: 'unary', name: token.text, of: this.unary(), place: token };
      default:
        throw errorAt(
          token,
          `'${token.text}' cannot start a value; write a number, a label or an expression.`,
        );
    }
  }
}

function characterConstant(token: Token): bigint {
  let value = 0n;
  for (let i = Math.min(token.text.length, 8) - 1; i >= 0; i--) {
    value = (value << 8n) | BigInt(token.text.charCodeAt(i));
  }
  return BigInt.asIntN(64, value);
}

const wrap = (n: bigint) => BigInt.asIntN(64, n);
const unsigned = (n: bigint) => BigInt.asUintN(64, n);

/** The value of an expression. `hint` collects which register a memory operand uses as its base. */
export function evaluate(node: Expression, scope: Scope, hint?: Hint): Value {
  switch (node.op) {
    case 'number':
      return { n: node.value, terms: NO_TERMS, unknown: false };
    case 'symbol':
      return scope.lookup(node.name, node.place) ?? { n: 0n, terms: NO_TERMS, unknown: true };
    case 'here':
      return scope.here();
    case 'start':
      return scope.start();
    case 'register':
      if (!hint) {
        throw errorAt(
          node.place,
          `A register cannot stand in this expression; only brackets add registers: [${Register[node.register]?.toLowerCase()}+...].`,
        );
      }
      if (hint.kind === 'none') {
        hint.kind = 'base';
        hint.register = node.register;
      }
      return { n: 0n, terms: [{ base: node.register, factor: 1n }], unknown: false };
    case 'unary': {
      const of = evaluate(node.of, scope, hint);
      if (node.name === '+') return of;
      if (node.name === '-') return scale(of, -1n, hint);
      const n = toNumber(of, scope, node.place);
      return { n: node.name === '~' ? wrap(~n) : n === 0n ? 1n : 0n, terms: NO_TERMS, unknown: of.unknown };
    }
    case 'binary': {
      const left = evaluate(node.left, scope, hint);
      const right = evaluate(node.right, scope, hint);
      if (node.name === '+') return add(left, right);
      if (node.name === '-') return add(left, scale(right, -1n, undefined));
      if (node.name === '*' && left.terms.length === 0) return scale(right, left.n, hint, left.unknown);
      if (node.name === '*' && right.terms.length === 0) return scale(left, right.n, hint, right.unknown);
      const a = toNumber(left, scope, node.left.place);
      const b = toNumber(right, scope, node.right.place);
      const unknown = left.unknown || right.unknown;
      if (b === 0n && /^[/%]/.test(node.name)) {
        // While a symbol is not known its 0 says nothing yet.
        if (unknown) return { n: 0n, terms: NO_TERMS, unknown };
        throw errorAt(node.right.place, 'This divides by zero; give a divisor that is not 0.');
      }
      return { n: calculate(node.name, a, b), terms: NO_TERMS, unknown };
    }
    case 'choice': {
      const test = evaluate(node.test, scope);
      return evaluate(toNumber(test, scope, node.test.place) !== 0n ? node.yes : node.no, scope, hint);
    }
  }
}

/** A plain number out of a value: section starts count with their addresses, registers are an error. */
export function toNumber(value: Value, scope: Scope, place: Place): bigint {
  let n = value.n;
  for (const { base, factor } of value.terms) {
    if (base > 0)
      throw errorAt(
        place,
        'A register cannot be part of this; use a number, a label or an expression of both.',
      );
    n += factor * scope.base(-1 - base);
  }
  return wrap(n);
}

function add(a: Value, b: Value): Value {
  const unknown = a.unknown || b.unknown;
  const n = wrap(a.n + b.n);
  if (b.terms.length === 0) return { n, terms: a.terms, unknown };
  if (a.terms.length === 0) return { n, terms: b.terms, unknown };
  const terms = [...a.terms];
  for (const term of b.terms) {
    const i = terms.findIndex((other) => other.base === term.base);
    if (i < 0) terms.push(term);
    else terms[i] = { base: term.base, factor: (terms[i]?.factor ?? 0n) + term.factor };
  }
  return { n, terms: terms.filter((term) => term.factor !== 0n), unknown };
}

function scale(value: Value, by: bigint, hint: Hint | undefined, unknown = false): Value {
  if (hint?.kind === 'base' && value.terms.some((term) => term.base === hint.register))
    hint.kind = 'not base';
  return {
    n: wrap(value.n * by),
    terms: by === 0n ? NO_TERMS : value.terms.map((term) => ({ base: term.base, factor: term.factor * by })),
    unknown: value.unknown || unknown,
  };
}

function calculate(name: string, a: bigint, b: bigint): bigint {
  const truth = (is: boolean) => (is ? 1n : 0n);
  // Shifts count modulo 64, as the processor that nasm runs on.
  switch (name) {
    case '*':
      return wrap(a * b);
    case '/':
      return wrap(unsigned(a) / unsigned(b));
    case '//':
      return wrap(a / b);
    case '%':
      return wrap(unsigned(a) % unsigned(b));
    case '%%':
      return wrap(a % b);
    case '<<':
    case '<<<':
      return wrap(a << (b & 63n));
    case '>>':
      return wrap(unsigned(a) >> (b & 63n));
    case '>>>':
      return a >> (b & 63n);
    case '&':
      return a & b;
    case '|':
      return a | b;
    case '^':
      return a ^ b;
    case '&&':
      return truth(a !== 0n && b !== 0n);
    case '||':
      return truth(a !== 0n || b !== 0n);
    case '^^':
      return truth((a !== 0n) !== (b !== 0n));
    case '=':
    case '==':
      return truth(a === b);
    case '!=':
    case '<>':
      return truth(a !== b);
    case '<':
      return truth(a < b);
    case '<=':
      return truth(a <= b);
    case '>':
      return truth(a > b);
    case '>=':
      return truth(a >= b);
    default:
      return a < b ? -1n : truth(a > b); // <=>
  }
}
