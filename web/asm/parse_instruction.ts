// The instruction line: prefixes, mnemonic, operands. It does not ask whether the operands fit.

import { errorAt, span } from './errors.ts';
import { ExpressionParser } from './expression.ts';
import {
  type Decorators,
  type InstructionStatement,
  NO_DECORATORS,
  type Operand,
  type Prefixes,
} from './operand.ts';
import { findRegister } from './registers.ts';
import { findInstruction } from './table.ts';
import type { Token } from './token.ts';

const SEGMENTS: Readonly<Record<string, number>> = {
  es: 0x26,
  cs: 0x2e,
  ss: 0x36,
  ds: 0x3e,
  fs: 0x64,
  gs: 0x65,
};
const PREFIX_BYTES: Readonly<Record<string, number>> = {
  lock: 0xf0,
  rep: 0xf3,
  repe: 0xf3,
  repz: 0xf3,
  repne: 0xf2,
  repnz: 0xf2,
  xacquire: 0xf2,
  xrelease: 0xf3,
  bnd: 0xf2,
};
const SIZES: Readonly<Record<string, number>> = {
  byte: 1,
  word: 2,
  dword: 4,
  qword: 8,
  tword: 10,
  oword: 16,
  yword: 32,
  zword: 64,
};
const DISTANCES = new Set(['short', 'near', 'far']);

/** True for words that may stand before a mnemonic. */
export function isPrefix(word: string): boolean {
  return word in PREFIX_BYTES || word in SEGMENTS || /^[ao](16|32|64)$/.test(word) || word === 'nobnd';
}

/** Reads one instruction; `qualify` makes local names full. */
export function parseInstruction(
  tokens: readonly Token[],
  qualify: (name: string) => string,
): InstructionStatement {
  const reader = new ExpressionParser(tokens, 0, qualify);
  const prefixes = readPrefixes(reader);
  const head = reader.peek();
  const first = tokens[0];
  if (!head)
    return { kind: 'instruction', mnemonic: '', prefixes, operands: [], place: first ?? reader.endPlace() };
  reader.at++;
  const operands: Operand[] = [];
  if (reader.peek()) {
    do {
      if (reader.peek()?.text === '{') addRounding(operands, reader);
      else operands.push(readOperand(reader, tokens));
    } while (reader.accept(','));
  }
  const extra = reader.peek();
  if (extra) {
    throw errorAt(
      extra,
      `'${extra.text}' is left over after the operands; put a comma before it or remove it.`,
    );
  }
  return {
    kind: 'instruction',
    mnemonic: head.text.toLowerCase(),
    prefixes,
    operands,
    place: span(head, tokens.at(-1) ?? head),
  };
}

function readPrefixes(reader: ExpressionParser): Prefixes {
  const repeat: number[] = [];
  const lock: number[] = [];
  const wait: number[] = [];
  let rest: Omit<Prefixes, 'bytes'> = {};
  for (let token = reader.peek(); token; token = reader.peek()) {
    const word = token.kind === 'id' ? token.text.toLowerCase() : '';
    const next = reader.at;
    const byte = PREFIX_BYTES[word];
    const size = /^([ao])(16|32|64)$/.exec(word);
    if (byte === 0xf0) lock.push(byte);
    else if (byte !== undefined) repeat.push(byte);
    else if (SEGMENTS[word] !== undefined) rest = { ...rest, segment: SEGMENTS[word] ?? 0 };
    else if (size) rest = { ...rest, [size[1] === 'o' ? 'operandSize' : 'addressSize']: Number(size[2]) };
    else if (word !== 'nobnd') break;
    reader.at = next + 1;
    // `wait` and `lock` are instructions as well; the loop ends at the first word that is no prefix.
    if (findInstruction(word) && !reader.peek()) break;
  }
  return { bytes: [...wait, ...repeat, ...lock], ...rest };
}

function readOperand(reader: ExpressionParser, tokens: readonly Token[]): Operand {
  const first = reader.peek();
  if (!first)
    throw errorAt(reader.endPlace(), 'An operand is missing after the comma; add it or remove the comma.');
  let size: number | undefined;
  let distance: 'short' | 'near' | 'far' | undefined;
  let strict = false;
  let to = false;
  const keywords = () => {
    for (let token = reader.peek(); token?.kind === 'id'; token = reader.peek()) {
      const word = token.text.toLowerCase();
      if (SIZES[word]) size = SIZES[word];
      else if (DISTANCES.has(word)) distance = word as typeof distance;
      else if (word === 'strict') strict = true;
      else if (word === 'to') to = true;
      else if (word !== 'ptr') return;
      reader.at++;
    }
  };
  keywords();
  const token = reader.peek();
  const place = () => span(first, tokens[reader.at - 1] ?? first);
  const sized = size === undefined ? {} : { size };
  if (!token) throw errorAt(reader.endPlace(), `A value is missing after '${first.text}'.`);
  const next = tokens[reader.at + 1];
  const register = token.kind === 'id' ? findRegister(token.text) : undefined;
  if (register && next?.kind === 'op' && next.text === ':' && tokens[reader.at + 2]?.text === '[') {
    reader.at += 2;
    return readMemory(reader, tokens, first, { ...sized, far: distance === 'far' }, SEGMENTS[register.name]);
  }
  if (token.kind === 'op' && token.text === '[')
    return readMemory(reader, tokens, first, { ...sized, far: distance === 'far' }, undefined);
  if (register && (!next || (next.kind === 'op' && (next.text === ',' || next.text === '{')))) {
    reader.at++;
    const decorators = readDecorators(reader);
    return { kind: 'register', register, to, decorators, place: place() };
  }
  if (token.text.toLowerCase() === 'offset' && next && next.text !== ',') {
    throw errorAt(
      token,
      "NASM has no OFFSET: a label alone is its address and [label] is what stands there; leave 'offset' out.",
    );
  }
  const value = reader.parse();
  if (reader.accept(':')) {
    keywords();
    const offset = reader.parse();
    return { kind: 'far', selector: value, offset, ...(size === undefined ? {} : { size }), place: place() };
  }
  return { kind: 'immediate', value, strict, ...sized, ...(distance ? { distance } : {}), place: place() };
}

function readMemory(
  reader: ExpressionParser,
  tokens: readonly Token[],
  first: Token,
  written: { size?: number; far: boolean },
  segmentBefore: number | undefined,
): Operand {
  const open = reader.peek();
  reader.at++;
  let segment = segmentBefore;
  let relative: boolean | undefined;
  let displacementSize: number | undefined;
  let addressSize: number | undefined;
  let noSplit = false;
  for (let token = reader.peek(); token?.kind === 'id'; token = reader.peek()) {
    const word = token.text.toLowerCase();
    if (SIZES[word]) displacementSize = SIZES[word];
    else if (word === 'rel' || word === 'abs') relative = word === 'rel';
    else if (/^a(16|32|64)$/.test(word)) addressSize = Number(word.slice(1));
    else if (word === 'nosplit') noSplit = true;
    else if (SEGMENTS[word] !== undefined && tokens[reader.at + 1]?.text === ':') {
      segment = SEGMENTS[word];
      reader.at++;
    } else break;
    reader.at++;
  }
  if (reader.peek()?.text === ']')
    throw errorAt(
      reader.peek() ?? first,
      'The brackets are empty; put an address between them, such as [ebx+4].',
    );
  const value = reader.parse();
  if (!reader.accept(']'))
    throw errorAt(reader.peek() ?? open ?? first, "A ']' is missing to close this address.");
  const decorators = readDecorators(reader);
  return {
    kind: 'memory',
    value,
    ...written,
    noSplit,
    decorators,
    ...(segment === undefined ? {} : { segment }),
    ...(addressSize === undefined ? {} : { addressSize }),
    ...(relative === undefined ? {} : { relative }),
    ...(displacementSize === undefined ? {} : { displacementSize }),
    place: span(first, tokens[reader.at - 1] ?? first),
  };
}

/** `{rn-sae}` stands as an operand of its own, but it says something about the whole instruction. */
function addRounding(operands: Operand[], reader: ExpressionParser): void {
  const place = reader.peek();
  const decorators = readDecorators(reader);
  const first = operands[0];
  if (first?.kind !== 'register')
    throw errorAt(place ?? reader.endPlace(), 'A rounding mode follows register operands.');
  operands[0] = { ...first, decorators: { ...first.decorators, ...decorators } };
}

/** `{k1}{z}`, `{1to8}`, `{rn-sae}`, `{sae}`. */
function readDecorators(reader: ExpressionParser): Decorators {
  let found: Decorators = NO_DECORATORS;
  while (reader.accept('{')) {
    let text = '';
    const open = reader.peek();
    for (let token = reader.peek(); token && token.text !== '}'; token = reader.peek()) {
      text += token.text.toLowerCase();
      reader.at++;
    }
    if (!reader.accept('}')) throw errorAt(open ?? reader.endPlace(), "A '}' is missing here.");
    const mask = /^k[0-7]$/.test(text) ? findRegister(text) : undefined;
    const broadcast = /^1to(2|4|8|16|32)$/.exec(text);
    const rounding = /^(rn|rd|ru|rz)-sae$/.exec(text);
    if (mask) found = { ...found, mask };
    else if (text === 'z') found = { ...found, zeroing: true };
    else if (text === 'sae') found = { ...found, sae: true };
    else if (broadcast) found = { ...found, broadcast: Number(broadcast[1]) };
    else if (rounding) found = { ...found, rounding: rounding[1] as 'rn', sae: true };
    else
      throw errorAt(
        open ?? reader.endPlace(),
        `'{${text}}' is not known; use {k1}..{k7}, {z}, {1to8}, {sae} or {rn-sae}.`,
      );
  }
  return found;
}
