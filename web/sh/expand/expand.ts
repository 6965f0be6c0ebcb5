// Word expansion (POSIX XCU 2.6): tilde, parameters, substitutions, arithmetic, field splitting, patterns, quotes. What
// it needs of the shell is ExpansionHost; it runs no command itself.

import { decodeText } from '../bytes.ts';
import { ShellError } from '../run/variables.ts';
import type { Node, Parameter, Part, Word } from '../syntax/ast.ts';
import { ArithmeticFault, evaluateArithmetic } from './arithmetic.ts';
import { quotePattern, removePrefix, removeSuffix } from './pattern.ts';

export interface ExpansionHost {
  readonly positional: readonly string[];
  /** `set -f` and `set -u`. */
  readonly noGlob: boolean;
  readonly noUnset: boolean;
  /** A variable, positional or special parameter but `@` and `*`; undefined when unset. */
  parameter(name: string): string | undefined;
  setVariable(name: string, value: string): void;
  /** The output of commands without its last newlines. */
  substitute(body: Node | undefined): Promise<string>;
  glob(pattern: string): Promise<string[]>;
}

/** Expanded text. `splits`: it came of an unquoted expansion. */
interface Piece {
  text: string;
  isQuoted: boolean;
  splits: boolean;
}

/** The end of a field, between the parameters of `$@`. */
const BREAK = Symbol('break');
type Pieces = (Piece | typeof BREAK)[];

interface Mode {
  isQuoted: boolean;
  /** Text that stands in the word splits too: it is the word of `${x-word}`. */
  splitsText: boolean;
  /** Fields are wanted; otherwise `$*` is one text. */
  wantsFields: boolean;
}

const FIELDS: Mode = { isQuoted: false, splitsText: false, wantsFields: true };
const TEXT: Mode = { isQuoted: false, splitsText: false, wantsFields: false };

const ifsOf = (host: ExpansionHost): string => host.parameter('IFS') ?? ' \t\n';

/** All fields of a command's words. */
export async function expandWords(host: ExpansionHost, words: readonly Word[]): Promise<string[]> {
  const fields: string[] = [];
  for (const word of words) {
    if (word.literal !== undefined) fields.push(word.literal);
    else await expandFields(host, word, fields);
  }
  return fields;
}

async function expandFields(host: ExpansionHost, word: Word, fields: string[]): Promise<void> {
  const pieces: Pieces = [];
  await expandParts(host, tilde(host, word.parts, false), FIELDS, pieces);
  for (const field of splitFields(pieces, ifsOf(host))) {
    const isMagic = !host.noGlob && field.some((piece) => !piece.isQuoted && /[*?[]/.test(piece.text));
    const found = isMagic ? await host.glob(patternOf(field)) : [];
    if (found.length > 0) fields.push(...found);
    else fields.push(textOf(field));
  }
}

/** A word as one text: an assignment's value, a redirection's target, the subject of `case`. */
export async function expandText(host: ExpansionHost, word: Word, isAssignment = false): Promise<string> {
  if (word.literal !== undefined) return word.literal;
  const pieces: Pieces = [];
  await expandParts(host, tilde(host, word.parts, isAssignment), TEXT, pieces);
  return textOf(pieces);
}

/** A word as a pattern, in which what was quoted means itself. */
export async function expandPattern(host: ExpansionHost, word: Word): Promise<string> {
  const pieces: Pieces = [];
  await expandParts(host, tilde(host, word.parts, false), TEXT, pieces);
  return patternOf(pieces);
}

function textOf(pieces: Pieces): string {
  return pieces.map((piece) => (piece === BREAK ? ' ' : piece.text)).join('');
}

function patternOf(pieces: Pieces): string {
  return pieces
    .map((piece) => (piece === BREAK ? ' ' : piece.isQuoted ? quotePattern(piece.text) : piece.text))
    .join('');
}

/** `~` at the word's start, and in assignments behind each colon, becomes $HOME. */
function tilde(host: ExpansionHost, parts: readonly Part[], isAssignment: boolean): readonly Part[] {
  const needs = (text: string): boolean => text.startsWith('~') || (isAssignment && text.includes(':~'));
  if (!parts.some((part) => part.kind === 'literal' && needs(part.text))) return parts;
  const home = host.parameter('HOME');
  if (home === undefined) return parts;
  return parts.flatMap((part, index): Part[] => {
    if (part.kind !== 'literal') return [part];
    const isLast = index === parts.length - 1;
    const all: Part[] = [];
    let rest = part.text;
    const starts = index === 0 ? /^~(?=\/|$)/ : /^(?!)/;
    const place = isAssignment ? new RegExp(`${starts.source}|(?<=:)~(?=[/:]|$)|^~(?=:)`) : starts;
    for (let found = place.exec(rest); found; found = place.exec(rest)) {
      const behind = rest.slice(found.index + 1);
      if (behind === '' && !isLast) break;
      if (found.index > 0) all.push({ kind: 'literal', text: rest.slice(0, found.index) });
      all.push({ kind: 'quoted', text: home });
      rest = behind;
    }
    if (rest !== '') all.push({ kind: 'literal', text: rest });
    return all;
  });
}

async function expandParts(
  host: ExpansionHost,
  parts: readonly Part[],
  mode: Mode,
  out: Pieces,
): Promise<void> {
  for (const part of parts) {
    switch (part.kind) {
      case 'literal':
        out.push({ text: part.text, isQuoted: mode.isQuoted, splits: mode.splitsText && !mode.isQuoted });
        break;
      case 'quoted':
        out.push({ text: part.text, isQuoted: true, splits: false });
        break;
      case 'double': {
        const before = out.length;
        await expandParts(host, part.parts, { ...mode, isQuoted: true }, out);
        const isNothing = host.positional.length === 0 && part.parts.some(isAllParameters);
        if (out.length === before && !isNothing) out.push({ text: '', isQuoted: true, splits: false });
        break;
      }
      case 'parameter':
        await expandParameter(host, part, mode, out);
        break;
      case 'substitution':
        emit(await host.substitute(part.body), mode, out);
        break;
      case 'arithmetic':
        emit(await expandArithmetic(host, part.parts), mode, out);
    }
  }
}

function isAllParameters(part: Part): boolean {
  return part.kind === 'parameter' && part.name === '@' && part.operator !== 'length';
}

function emit(text: string, mode: Mode, out: Pieces): void {
  out.push({ text, isQuoted: mode.isQuoted, splits: !mode.isQuoted });
}

async function expandArithmetic(host: ExpansionHost, parts: readonly Part[]): Promise<string> {
  const pieces: Pieces = [];
  await expandParts(host, parts, { ...TEXT, isQuoted: true }, pieces);
  try {
    const value = evaluateArithmetic(textOf(pieces), {
      get: (name) => {
        const found = host.parameter(name);
        if (found === undefined && host.noUnset) throw new ShellError(`${name}: parameter not set`);
        return found ?? '';
      },
      set: (name, value) => host.setVariable(name, value),
    });
    return value.toString();
  } catch (error) {
    if (error instanceof ArithmeticFault) throw new ShellError(error.message);
    throw error;
  }
}

/** The positional parameters: each a field, or, where one text is wanted, joined by the first character of IFS. */
function emitAll(
  host: ExpansionHost,
  name: string,
  values: readonly string[],
  mode: Mode,
  out: Pieces,
): void {
  if (!mode.wantsFields || (name === '*' && mode.isQuoted)) {
    emit(values.join(ifsOf(host).slice(0, 1)), mode, out);
    return;
  }
  for (const [index, value] of values.entries()) {
    if (index > 0) out.push(BREAK);
    emit(value, mode, out);
  }
}

async function expandParameter(host: ExpansionHost, part: Parameter, mode: Mode, out: Pieces): Promise<void> {
  const { name, operator, colon, word } = part;
  if (operator === 'bad') throw new ShellError('Bad substitution');
  const isList = name === '@' || name === '*';
  const value = isList
    ? host.positional.length > 0
      ? host.positional.join(' ')
      : undefined
    : host.parameter(name);
  const isMissing = value === undefined || (colon && value === '');
  const emitValue = (): void => {
    if (isList) emitAll(host, name, host.positional, mode, out);
    else emit(value ?? '', mode, out);
  };
  const emitWord = async (): Promise<void> => {
    const parts = tilde(host, word?.parts ?? [], false);
    const before = out.length;
    await expandParts(host, parts, { ...mode, splitsText: true }, out);
    if (out.length === before && mode.isQuoted) emit('', mode, out);
  };
  switch (operator) {
    case '-':
      return isMissing ? await emitWord() : emitValue();
    case '+':
      return isMissing ? emit('', mode, out) : await emitWord();
    case '?': {
      if (!isMissing) return emitValue();
      const text = word ? await expandText(host, word) : '';
      throw new ShellError(
        `${name}: ${decodeText(text) || (colon ? 'parameter not set or null' : 'parameter not set')}`,
      );
    }
    case '=': {
      if (!isMissing) return emitValue();
      if (!/^[A-Za-z_]/.test(name)) throw new ShellError(`${name}: bad variable name`);
      const text = word ? await expandText(host, word) : '';
      host.setVariable(name, text);
      return emit(text, mode, out);
    }
  }
  if (value === undefined && host.noUnset && !isList) throw new ShellError(`${name}: parameter not set`);
  if (operator === '') return emitValue();
  if (operator === 'length') {
    emit(String(isList ? host.positional.length : (value ?? '').length), mode, out);
    return;
  }
  const pattern = word ? await expandPattern(host, word) : '';
  const remove = operator[0] === '#' ? removePrefix : removeSuffix;
  const values = isList ? host.positional : [value ?? ''];
  const cut = values.map((each) => remove(each, pattern, operator.length === 2));
  if (isList) emitAll(host, name, cut, mode, out);
  else emit(cut[0] ?? '', mode, out);
}

/** Splits what came of expansions at the characters of IFS (POSIX XCU 2.6.5). */
function splitFields(pieces: Pieces, ifs: string): Piece[][] {
  const fields: Piece[][] = [];
  let field: Piece[] | undefined;
  /** A blank has ended a field, so that one other separator right behind belongs to the same end. */
  let isAfterBlank = false;
  const finish = (): void => {
    if (field) fields.push(field);
    field = undefined;
  };
  for (const piece of pieces) {
    if (piece === BREAK) {
      finish();
      isAfterBlank = false;
      continue;
    }
    if (!piece.splits) {
      if (piece.text === '' && !piece.isQuoted) continue;
      field ??= [];
      field.push(piece);
      isAfterBlank = false;
      continue;
    }
    const { text } = piece;
    let start = 0;
    const add = (end: number): void => {
      if (end === start) return;
      field ??= [];
      field.push({ text: text.slice(start, end), isQuoted: false, splits: true });
      isAfterBlank = false;
    };
    for (let at = 0; at < text.length; at++) {
      const char = text[at] as string;
      if (!ifs.includes(char)) continue;
      add(at);
      start = at + 1;
      if (' \t\n'.includes(char)) {
        if (field) isAfterBlank = true;
        finish();
      } else {
        if (field) finish();
        else if (!isAfterBlank) fields.push([]);
        isAfterBlank = false;
      }
    }
    add(text.length);
  }
  finish();
  return fields;
}
