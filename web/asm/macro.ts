// Multi-line macros: their table, a call's parameters, and putting the parameters into the body's lines.

import { idToken, moveToken, numberToken, paste, splitCommas } from './define.ts';
import { errorAt } from './errors.ts';
import type { Token } from './token.ts';

/** A line of source or of a macro's body. */
export interface SourceLine {
  readonly text: string;
  readonly number: number;
  tokens?: readonly Token[];
}

/** A %macro ... %endmacro. */
export interface Macro {
  readonly name: string;
  readonly least: number;
  /** Infinity for `1-*`. */
  readonly most: number;
  /** The last parameter takes all that is left, commas included. */
  readonly greedy: boolean;
  readonly defaults: readonly Token[][];
  readonly lines: readonly SourceLine[];
  /** The body uses %00, so the label in front of a call is its business. */
  readonly takesLabel: boolean;
}

/** One call of a macro. */
export class MacroCall {
  readonly macro: Macro;
  readonly name: Token;
  readonly label: readonly Token[];
  /** Makes %%labels of this call its own. */
  readonly unique: number;
  parameters: readonly Token[][];

  constructor(
    macro: Macro,
    name: Token,
    label: readonly Token[],
    parameters: readonly Token[][],
    unique: number,
  ) {
    this.macro = macro;
    this.name = name;
    this.label = label;
    this.parameters = parameters;
    this.unique = unique;
  }

  /** %rotate: to the left by n. */
  rotate(n: number): void {
    const count = this.parameters.length;
    if (count === 0) return;
    const by = ((n % count) + count) % count;
    this.parameters = [...this.parameters.slice(by), ...this.parameters.slice(0, by)];
  }
}

/** Splits what follows a macro's name; braces keep commas together and are taken off. */
function splitParameters(tokens: readonly Token[], limit: number): Token[][] {
  const parts = splitCommas(tokens);
  if (parts.length > limit) {
    const rest = parts.slice(limit - 1);
    const comma = (at: Token): Token => ({ ...at, kind: 'op', text: ',', spaced: false });
    const joined = rest.flatMap((part, i) => (i === 0 || !part[0] ? part : [comma(part[0]), ...part]));
    parts.splice(limit - 1, parts.length, joined);
  }
  return parts.map((part) => {
    const braced = part[0]?.text === '{' && part[0].kind === 'op' && part.at(-1)?.text === '}';
    return braced ? part.slice(1, -1) : part;
  });
}

/** The macros of one assembly; a name may have several with different parameter counts. */
export class MacroTable {
  private readonly macros = new Map<string, Macro[]>();
  private readonly caseless = new Map<string, Macro[]>();

  get size(): number {
    return this.macros.size + this.caseless.size;
  }

  private all(name: string): readonly Macro[] {
    return this.macros.get(name) ?? this.caseless.get(name.toLowerCase()) ?? [];
  }

  has(name: string): boolean {
    return this.all(name).length > 0;
  }

  remove(name: string): void {
    this.macros.delete(name);
    this.caseless.delete(name.toLowerCase());
  }

  /** Reads `name 1-3+ defaults` after %macro. */
  define(
    head: Token,
    rest: readonly Token[],
    lines: readonly SourceLine[],
    caseless: boolean,
    number: (tokens: readonly Token[]) => bigint,
  ): void {
    const name = rest[0];
    if (name?.kind !== 'id')
      throw errorAt(name ?? head, '%macro needs a name and a parameter count, such as %macro print 1.');
    let at = 1;
    let least = 0;
    let most = 0;
    let greedy = false;
    const text = (i: number) =>
      rest[i]?.kind === 'op' || rest[i]?.kind === 'number' ? rest[i]?.text : undefined;
    if (rest[at]?.kind === 'number') {
      least = Number(number(rest.slice(at, at + 1)));
      most = least;
      at++;
      if (text(at) === '-') {
        most = text(at + 1) === '*' ? Number.POSITIVE_INFINITY : Number(number(rest.slice(at + 1, at + 2)));
        at += 2;
      }
      if (text(at) === '+') {
        greedy = true;
        at++;
      }
    }
    if (most < least)
      throw errorAt(
        name,
        `The macro '${name.text}' takes at most fewer parameters than at least; swap the two counts.`,
      );
    if (rest[at]?.text === '.nolist') at++;
    const defaults = splitParameters(rest.slice(at), Number.POSITIVE_INFINITY);
    const takesLabel = lines.some((line) => /%00|%\{00\}/.test(line.text));
    const macro = { name: name.text, least, most, greedy, defaults, lines, takesLabel };
    const map = caseless ? this.caseless : this.macros;
    const key = caseless ? name.text.toLowerCase() : name.text;
    const others = (map.get(key) ?? []).filter((other) => other.least !== least || other.most !== most);
    map.set(key, [macro, ...others]);
  }

  /** The macro of this name that takes what is given. */
  find(name: string, given: readonly Token[]): Macro | undefined {
    const count = splitCommas(given).length;
    return this.all(name).find((macro) => count >= macro.least && (count <= macro.most || macro.greedy));
  }

  /** For an error: how many parameters were given, and how many the macro takes. */
  counts(name: string, given: readonly Token[]): [number, string] {
    const say = ({ least, most, greedy }: Macro) =>
      greedy || most === Number.POSITIVE_INFINITY
        ? `${least} or more`
        : least === most
          ? `${least}`
          : `${least} to ${most}`;
    return [splitCommas(given).length, this.all(name).map(say).join(' or ')];
  }

  enter(
    macro: Macro,
    name: Token,
    given: readonly Token[],
    label: readonly Token[],
    unique: number,
  ): MacroCall {
    const limit = macro.greedy ? Math.max(1, macro.most) : Number.POSITIVE_INFINITY;
    const parameters = splitParameters(given, limit);
    // Without parameters a greedy macro still has one, empty.
    for (let i = parameters.length; i < Math.min(macro.most, macro.least + macro.defaults.length); i++) {
      parameters.push(macro.defaults[i - macro.least] ?? []);
    }
    return new MacroCall(macro, name, label.slice(0, 1), parameters, unique);
  }
}

const INVERSE: Readonly<Record<string, string>> = {
  e: 'ne',
  z: 'nz',
  c: 'nc',
  b: 'ae',
  a: 'be',
  l: 'ge',
  g: 'le',
  s: 'ns',
  o: 'no',
  p: 'np',
  ne: 'e',
  nz: 'z',
  nc: 'c',
  ae: 'b',
  be: 'a',
  ge: 'l',
  le: 'g',
  ns: 's',
  no: 'o',
  np: 'p',
  nae: 'ae',
  nbe: 'be',
  nge: 'ge',
  nle: 'le',
  na: 'a',
  nb: 'b',
  nl: 'l',
  ng: 'g',
  pe: 'po',
  po: 'pe',
  cxz: 'cxnz',
};

/** A body line with the call's parameters in it, at the place of the call. */
export function substituteParameters(tokens: readonly Token[], call: MacroCall): Token[] {
  const out: Token[] = [];
  let glue = false;
  for (const token of tokens) {
    const note = `in macro ${call.macro.name}, line ${token.line}`;
    const from: Token = {
      ...token,
      line: call.name.line,
      column: call.name.column,
      end: call.name.end,
      note: call.name.note ?? note,
    };
    const isParameter = token.kind === 'param';
    const parts = isParameter ? parameter(from, token, call) : [from];
    const left = out.at(-1);
    const first = parts[0];
    // `%1` beside an identifier or a number becomes one word with it.
    const joins = left && first && !token.spaced && (glue || isParameter) && isWord(left) && isWord(first);
    if (joins) {
      out.pop();
      out.push(...paste(left, first), ...parts.slice(1));
    } else out.push(...parts);
    glue = isParameter && parts.length > 0 && parts[0]?.kind !== 'param';
  }
  return out;
}

function isWord(token: Token): boolean {
  return (
    token.kind === 'id' || token.kind === 'number' || (token.kind === 'param' && token.text.startsWith('%$'))
  );
}

function parameter(from: Token, token: Token, call: MacroCall): Token[] {
  const text = token.text.startsWith('%{') ? `%${token.text.slice(2, -1)}` : token.text;
  if (text === '%0') return [numberToken(call.parameters.length, from)];
  if (text === '%00') return call.label.map((part) => moveToken(part, part, token.spaced));
  if (text === '%?' || text === '%??') return [idToken(call.name.text, from)];
  if (text.startsWith('%%')) return [idToken(`..@${call.unique}.${text.slice(2)}`, from)];
  const range = /^%(-?[0-9]+):(-?[0-9]+)$/.exec(text);
  if (range) {
    const index = (n: number) => (n < 0 ? call.parameters.length + n : n - 1);
    const parts = call.parameters.slice(index(Number(range[1])), index(Number(range[2])) + 1);
    const comma: Token = { ...from, kind: 'op', text: ',', spaced: false };
    return parts.flatMap((part, i) => (i === 0 ? part : [comma, ...part]));
  }
  const match = /^%([-+]?)([0-9]+)$/.exec(text);
  if (!match) return [from];
  const given = call.parameters[Number(match[2]) - 1] ?? [];
  if (match[1] === '-') {
    const condition = given[0]?.text.toLowerCase() ?? '';
    const inverse = INVERSE[condition];
    if (!inverse)
      throw errorAt(
        given[0] ?? from,
        `'${condition}' is not a condition such as z, ne or ae, so %-${match[2]} cannot invert it.`,
      );
    return [{ ...idToken(inverse, from), spaced: token.spaced }];
  }
  return given.map((part, i) => (i === 0 ? { ...part, spaced: token.spaced } : part));
}
