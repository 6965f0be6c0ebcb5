// Tokens of one line of NASM source. It knows no directive, no macro and no instruction.

import { AsmError } from './errors.ts';

/** What a token is: an identifier, an integer, a float, a string, an operator, or a macro parameter (`%1`). */
export type TokenKind = 'id' | 'number' | 'float' | 'string' | 'op' | 'param';

/** One token and the place it came from. Columns count from 1; `end` is the column after the last character. */
export interface Token {
  readonly kind: TokenKind;
  /** The spelling; for a string the decoded bytes, one character (0..255) a byte. */
  readonly text: string;
  /** The value of a `number`. */
  readonly value?: bigint;
  readonly line: number;
  readonly column: number;
  readonly end: number;
  /** There was white space before this token. */
  readonly spaced: boolean;
  /** Where in a macro's body it was written, when `line` is the line of the call. */
  readonly note?: string;
}

const OPERATORS = [
  '<<<',
  '>>>',
  '<=>',
  '%+',
  '<<',
  '>>',
  '//',
  '%%',
  '==',
  '!=',
  '<>',
  '<=',
  '>=',
  '&&',
  '||',
  '^^',
];
const IDENTIFIER_START = /[A-Za-z_.?@]/;
const IDENTIFIER_PART = /[A-Za-z0-9_.?@$#~]/;

/** Text to one character a byte, so that a string's length is its size in memory. */
function toBytes(text: string): string {
  let ascii = true;
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 127) ascii = false;
  if (ascii) return text;
  // The UTF-8 bytes, by way of percent-escapes, which every host has.
  const escaped = encodeURIComponent(text.toWellFormed());
  return escaped.replace(/%([0-9A-F]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

/**
 * Splits one source line into tokens; a comment ends the line.
 * Throws AsmError for a string that is not closed, a malformed number and a character that NASM has no use for.
 */
export function tokenize(text: string, line: number): Token[] {
  const tokens: Token[] = [];
  const length = text.length;
  let at = 0;
  let spaced = false;
  const push = (kind: TokenKind, start: number, spelled: string, value?: bigint) => {
    const place = { kind, text: spelled, line, column: start + 1, end: at + 1, spaced };
    tokens.push(value === undefined ? place : { ...place, value });
    spaced = false;
  };
  while (at < length) {
    const start = at;
    const char = text.charAt(at);
    if (char === ' ' || char === '\t' || char === '\r') {
      at++;
      spaced = true;
      continue;
    }
    if (char === ';') break;
    if (char === "'" || char === '"' || char === '`') {
      const decoded = readString(text, at, line);
      at = decoded.end;
      push('string', start, decoded.text);
      continue;
    }
    if (/[0-9]/.test(char) || (char === '$' && /[0-9]/.test(text.charAt(at + 1)))) {
      at = endOfNumber(text, at);
      const spelled = text.slice(start, at);
      // AVX-512's {1to16} is a word that begins with a digit.
      if (/^1to[0-9]+$/i.test(spelled) && tokens.at(-1)?.text === '{') {
        push('id', start, spelled);
        continue;
      }
      if (isFloat(spelled)) push('float', start, spelled);
      else {
        const value = parseInteger(spelled);
        if (value === undefined) {
          throw new AsmError(
            line,
            start + 1,
            at + 1,
            `'${spelled}' is not a number; write 255, 0xff, 0ffh, 0b1010, 1010b, 0o17 or 17q.`,
          );
        }
        push('number', start, spelled, value);
      }
      continue;
    }
    if (IDENTIFIER_START.test(char) || (char === '$' && IDENTIFIER_START.test(text.charAt(at + 1)))) {
      if (char === '$') at++;
      at++;
      while (at < length && IDENTIFIER_PART.test(text.charAt(at))) at++;
      // `$eax` is the symbol eax and never the register; the dollar stays in the text to say so.
      push('id', start, text.slice(start, at));
      continue;
    }
    if (char === '$') {
      at += text.charAt(at + 1) === '$' ? 2 : 1;
      push('op', start, text.slice(start, at));
      continue;
    }
    if (char === '%') {
      const special =
        /^%(?:\{[^}]*\}|[-+]?[0-9]+|%[A-Za-z_.?@][A-Za-z0-9_.?@$#~]*|\$+[A-Za-z_.?@][A-Za-z0-9_.?@$#~]*|\?\??|[A-Za-z]+)/.exec(
          text.slice(at),
        );
      if (special) {
        at += special[0].length;
        push('param', start, special[0]);
        continue;
      }
    }
    const operator = OPERATORS.find((candidate) => text.startsWith(candidate, at)) ?? char;
    if (operator.length === 1 && !'+-*/%&|^~!<>()[]{},:=?\\'.includes(operator)) {
      throw new AsmError(
        line,
        start + 1,
        start + 2,
        `'${operator}' means nothing here; remove it, or put it in quotes if it is text.`,
      );
    }
    at += operator.length;
    push('op', start, operator);
  }
  return tokens;
}

function endOfNumber(text: string, from: number): number {
  let at = from + 1;
  const hex = /^0[xh]/i.test(text.slice(from, from + 2));
  for (; at < text.length; at++) {
    const char = text.charAt(at);
    if (/[A-Za-z0-9_.]/.test(char)) continue;
    // The sign of an exponent belongs to the number: 1.5e-3.
    const exponent = (hex ? /p$/i : /^[0-9_]+(\.[0-9_]*)?e$/i).test(text.slice(from, at));
    if ((char === '+' || char === '-') && exponent && /[0-9]/.test(text.charAt(at + 1))) continue;
    break;
  }
  return at;
}

function isFloat(text: string): boolean {
  if (/^0[xh]/i.test(text)) return /[.p]/i.test(text);
  return /^[0-9][0-9_]*(\.[0-9_]*(e[-+]?[0-9_]+)?|e[-+]?[0-9_]+)$/i.test(text);
}

const DIGITS: Readonly<Record<string, RegExp>> = {
  '16': /^[0-9a-f]+$/,
  '10': /^[0-9]+$/,
  '8': /^[0-7]+$/,
  '2': /^[01]+$/,
};
const PREFIX_RADIX: Readonly<Record<string, number>> = { x: 16, h: 16, d: 10, t: 10, o: 8, q: 8, b: 2, y: 2 };

/** The value of an integer as NASM spells it (0xff, $0ff, 0ffh, 0b1, 1b, 0o7, 7q, 0d9, 9d, 1_000), or undefined. */
export function parseInteger(spelled: string): bigint | undefined {
  const text = spelled.toLowerCase().replaceAll('_', '');
  const read = (digits: string, radix: number): bigint | undefined => {
    if (!DIGITS[radix]?.test(digits)) return undefined;
    if (radix === 10) return BigInt.asIntN(64, BigInt(digits));
    const prefix = radix === 16 ? '0x' : radix === 8 ? '0o' : '0b';
    return BigInt.asIntN(64, BigInt(prefix + digits));
  };
  if (text.startsWith('$')) return read(text.slice(1), 16);
  if (DIGITS['10']?.test(text)) return read(text, 10);
  const second = text.charAt(0) === '0' ? PREFIX_RADIX[text.charAt(1)] : undefined;
  const lastRadix = PREFIX_RADIX[text.at(-1) ?? ''];
  // 0b1h is hexadecimal b1, as NASM reads it: an h at the end wins over the prefixes b and d.
  if (text.endsWith('h') && second !== 16) return read(text.slice(0, -1), 16);
  if (second !== undefined) {
    const value = read(text.slice(2), second);
    if (value !== undefined) return value;
  }
  return lastRadix === undefined || lastRadix === 16 ? undefined : read(text.slice(0, -1), lastRadix);
}

function readString(text: string, start: number, line: number): { text: string; end: number } {
  const quote = text.charAt(start);
  if (quote !== '`') {
    const close = text.indexOf(quote, start + 1);
    if (close < 0) throw unclosed(text, start, line);
    return { text: toBytes(text.slice(start + 1, close)), end: close + 1 };
  }
  let decoded = '';
  let at = start + 1;
  for (;;) {
    if (at >= text.length) throw unclosed(text, start, line);
    const char = text.charAt(at);
    if (char === '`') return { text: decoded, end: at + 1 };
    if (char !== '\\') {
      const point = text.codePointAt(at) ?? 0;
      const whole = String.fromCodePoint(point);
      decoded += toBytes(whole);
      at += whole.length;
      continue;
    }
    const decodedEscape = readEscape(text, at + 1);
    decoded += decodedEscape.text;
    at = decodedEscape.end;
  }
}

const ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  a: '\x07',
  b: '\b',
  e: '\x1b',
  f: '\f',
  v: '\v',
};

function readEscape(text: string, at: number): { text: string; end: number } {
  const rest = text.slice(at);
  const octal = /^[0-7]{1,3}/.exec(rest);
  if (octal)
    return { text: String.fromCharCode(Number.parseInt(octal[0], 8) & 0xff), end: at + octal[0].length };
  const hex = /^x([0-9a-fA-F]{1,2})/.exec(rest);
  if (hex) return { text: String.fromCharCode(Number.parseInt(hex[1] ?? '0', 16)), end: at + hex[0].length };
  const unicode = /^(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))/.exec(rest);
  if (unicode) {
    const point = Number.parseInt(unicode[1] ?? unicode[2] ?? '0', 16);
    return { text: toBytes(String.fromCodePoint(Math.min(point, 0x10ffff))), end: at + unicode[0].length };
  }
  const char = text.charAt(at);
  return { text: ESCAPES[char] ?? toBytes(char), end: at + 1 };
}

function unclosed(text: string, start: number, line: number): AsmError {
  const quote = text.charAt(start);
  return new AsmError(line, start + 1, text.length + 1, `This string is not closed; end it with ${quote}.`);
}
