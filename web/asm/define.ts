// Single-line macros (%define, %assign) and token pasting. It knows no lines, no conditions and no multi-line macros.

import { errorAt } from './errors.ts';
import { parseInteger, type Token, tokenize } from './token.ts';

/** One %define. */
export interface Define {
  readonly name: string;
  /** Parameter names; undefined when the macro takes no parentheses. */
  readonly parameters?: readonly string[];
  readonly body: readonly Token[];
}

/** Puts a token at the place of another one, as expansions are reported where they were asked for. */
export function moveToken(token: Token, to: Token, spaced = token.spaced): Token {
  const { line, column, end, note } = to;
  const moved = { ...token, line, column, end, spaced };
  return note === undefined ? moved : { ...moved, note };
}

/** A number as a token at the place of another one. */
export function numberToken(value: bigint | number, at: Token): Token {
  return { ...moveToken(at, at), kind: 'number', text: String(value), value: BigInt(value) };
}

/** An identifier as a token at the place of another one. */
export function idToken(text: string, at: Token): Token {
  return { ...moveToken(at, at), kind: 'id', text };
}

/** How a token is spelt again, for pasting and for %defstr. */
export function spelling(token: Token): string {
  return token.kind === 'string' ? `'${token.text}'` : token.text;
}

/** Makes one token of two that stand side by side; two tokens again when they do not join to one. */
export function paste(left: Token, right: Token): Token[] {
  const joined = spelling(left) + spelling(right);
  return tokenize(joined, left.line).map((token) => moveToken(token, left, left.spaced));
}

/** Splits tokens at commas that stand outside parentheses, brackets and braces. */
export function splitCommas(tokens: readonly Token[]): Token[][] {
  if (tokens.length === 0) return [];
  const parts: Token[][] = [[]];
  let depth = 0;
  for (const token of tokens) {
    if (token.kind === 'op') {
      if ('([{'.includes(token.text)) depth++;
      else if (')]}'.includes(token.text)) depth--;
      else if (token.text === ',' && depth === 0) {
        parts.push([]);
        continue;
      }
    }
    parts.at(-1)?.push(token);
  }
  return parts;
}

/** All single-line macros of one assembly. */
export class Defines {
  private readonly exact = new Map<string, Define[]>();
  private readonly anyCase = new Map<string, Define[]>();

  set(define: Define, caseless: boolean): void {
    const map = caseless ? this.anyCase : this.exact;
    const key = caseless ? define.name.toLowerCase() : define.name;
    const others = (map.get(key) ?? []).filter(
      (other) => other.parameters?.length !== define.parameters?.length,
    );
    map.set(key, [...others, define]);
  }

  remove(name: string): void {
    this.exact.delete(name);
    this.anyCase.delete(name.toLowerCase());
  }

  find(name: string): readonly Define[] | undefined {
    return this.exact.get(name) ?? (this.anyCase.size ? this.anyCase.get(name.toLowerCase()) : undefined);
  }

  /** Replaces every macro in the tokens, then joins what `%+` asks to join. */
  expand(tokens: readonly Token[]): Token[] {
    if (this.exact.size + this.anyCase.size === 0 && !tokens.some((token) => token.text === '%+')) {
      return tokens.slice();
    }
    return joinPasted(this.replace(tokens, []));
  }

  private replace(tokens: readonly Token[], active: readonly string[]): Token[] {
    const out: Token[] = [];
    for (let i = 0; i < tokens.length; i++) {
      const token = tokens[i];
      if (!token) break;
      const defines = token.kind === 'id' && !active.includes(token.text) ? this.find(token.text) : undefined;
      if (!defines) {
        out.push(token);
        continue;
      }
      const plain = defines.find((define) => define.parameters === undefined);
      const next = tokens[i + 1];
      let body: readonly Token[] | undefined;
      if (next?.kind === 'op' && next.text === '(' && defines.some((define) => define.parameters)) {
        const close = closing(tokens, i + 1);
        if (close < 0) throw errorAt(next, `The arguments of '${token.text}' are not closed; add a ')'.`);
        const given = splitCommas(tokens.slice(i + 2, close));
        const define =
          defines.find((other) => other.parameters?.length === given.length) ??
          (given.length === 0 ? defines.find((other) => other.parameters?.length === 1) : undefined);
        if (define) {
          body = substitute(
            define,
            given.map((argument) => this.replace(argument, active)),
          );
          i = close;
        } else if (!plain) {
          const counts = defines.map((other) => other.parameters?.length).join(' or ');
          throw errorAt(token, `'${token.text}' takes ${counts} arguments, not ${given.length}.`);
        }
      }
      body ??= plain?.body;
      if (!body) {
        out.push(token);
        continue;
      }
      const moved = body.map((part, k) => moveToken(part, token, k === 0 ? token.spaced : part.spaced));
      out.push(...this.replace(moved, [...active, token.text]));
    }
    return out;
  }
}

function closing(tokens: readonly Token[], open: number): number {
  let depth = 0;
  for (let i = open; i < tokens.length; i++) {
    const token = tokens[i];
    if (token?.kind !== 'op') continue;
    if (token.text === '(') depth++;
    else if (token.text === ')' && --depth === 0) return i;
  }
  return -1;
}

function substitute(define: Define, given: readonly Token[][]): Token[] {
  return define.body.flatMap((token) => {
    const i = token.kind === 'id' ? (define.parameters?.indexOf(token.text) ?? -1) : -1;
    return i < 0 ? [token] : (given[i] ?? []);
  });
}

function joinPasted(tokens: readonly Token[]): Token[] {
  if (!tokens.some((token) => token.kind === 'op' && token.text === '%+')) return tokens.slice();
  const out: Token[] = [];
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i];
    if (!token) break;
    const left = out.at(-1);
    const right = tokens[i + 1];
    if (token.kind === 'op' && token.text === '%+' && left && right) {
      out.pop();
      out.push(...paste(left, right));
      i++;
    } else out.push(token);
  }
  return out;
}

/** `%3` and `%name` outside a macro are the operator % and what follows it. */
export function unparam(tokens: readonly Token[]): Token[] {
  if (!tokens.some((token) => token.kind === 'param')) return tokens.slice();
  return tokens.flatMap((token) => {
    const match = token.kind === 'param' ? /^(%%?)([A-Za-z0-9_.?@$]+)$/.exec(token.text) : null;
    if (!match) return [token];
    const rest = match[2] ?? '';
    const operator: Token = { ...token, kind: 'op', text: match[1] ?? '%' };
    const value = parseInteger(rest);
    return [
      operator,
      value === undefined ? idToken(rest, token) : { ...numberToken(value, token), text: rest },
    ];
  });
}
