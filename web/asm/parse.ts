// From expanded token lines to statements: labels, directives, data, instructions. It gives nothing an address.

import { errorAt, nearest, type Place, span } from './errors.ts';
import { type Expression, ExpressionParser } from './expression.ts';
import type { Bits, Body, DataItem, SectionAttributes, Statement } from './operand.ts';
import { isPrefix, parseInstruction } from './parse_instruction.ts';
import { findRegister } from './registers.ts';
import { findInstruction, mnemonics } from './table.ts';
import type { Token } from './token.ts';

const DATA_UNITS: Readonly<Record<string, number>> = {
  db: 1,
  dw: 2,
  dd: 4,
  dq: 8,
  dt: 10,
  do: 16,
  dy: 32,
  dz: 64,
};
const RESERVE_UNITS: Readonly<Record<string, number>> = {
  resb: 1,
  resw: 2,
  resd: 4,
  resq: 8,
  rest: 10,
  reso: 16,
  resy: 32,
  resz: 64,
};
const DIRECTIVES = new Set([
  'bits',
  'use16',
  'use32',
  'use64',
  'org',
  'default',
  'section',
  'segment',
  'absolute',
  'align',
  'alignb',
  'struc',
  'endstruc',
  'istruc',
  'at',
  'iend',
  'global',
  'extern',
  'common',
  'static',
  'required',
  'cpu',
  'incbin',
  'float',
  'warning',
  'list',
  'map',
  'sectalign',
]);
const FILL_NOP: Omit<Body & { kind: 'instruction' }, 'place'> = {
  kind: 'instruction',
  mnemonic: 'nop',
  prefixes: { bytes: [] },
  operands: [],
};

/** Parses line after line; it remembers the last label, since local names hang on it. */
export class Parser {
  private parent = '';
  private readonly warn: (place: Place, message: string) => void;

  constructor(warn: (place: Place, message: string) => void) {
    this.warn = warn;
  }

  /** Adds the statements of one line to `out`; throws AsmError after adding what was good, so labels survive. */
  parse(tokens: readonly Token[], out: Statement[]): void {
    const first = tokens[0];
    if (!first) return;
    if (first.kind === 'op' && first.text === '[' && tokens.at(-1)?.text === ']') {
      const inner = tokens.slice(1, -1);
      if (inner[0] && DIRECTIVES.has(inner[0].text.toLowerCase())) {
        this.directive(inner, out);
        return;
      }
    }
    if (first.kind !== 'id') {
      throw errorAt(
        first,
        `A line cannot start with '${first.text}'; it starts with a label, an instruction or a directive.`,
      );
    }
    const second = tokens[1];
    if (second?.kind === 'op' && second.text === ':') {
      this.label(first, tokens.slice(2), out);
      return;
    }
    const word = first.text.toLowerCase();
    if (isKeyword(word)) {
      if (DIRECTIVES.has(word)) this.directive(tokens, out);
      else out.push(this.body(tokens));
      return;
    }
    if (!second) {
      const near = nearest(word, mnemonics());
      this.warn(
        first,
        `'${first.text}' is taken as a label; write '${first.text}:'${near ? `, or '${near}' if you mean the instruction` : ''}.`,
      );
      this.label(first, [], out);
      return;
    }
    const next = second.kind === 'id' ? second.text.toLowerCase() : '';
    if (next === 'equ' || (isKeyword(next) && !findRegister(next))) {
      this.label(first, tokens.slice(1), out);
      return;
    }
    const near = nearest(word, [...mnemonics(), ...DIRECTIVES, ...Object.keys(DATA_UNITS), 'times']);
    throw errorAt(
      first,
      `There is no instruction '${first.text}'${near ? `; did you mean '${near}'?` : "; a label needs ':' after it."}`,
    );
  }

  private qualify = (name: string): string =>
    name.startsWith('.') && !name.startsWith('..') ? this.parent + name : name;

  private label(token: Token, rest: readonly Token[], out: Statement[]): void {
    const text = token.text.replace(/^\$/, '');
    if (token.kind === 'id' && !token.text.startsWith('$') && findRegister(text)) {
      throw errorAt(token, `'${text}' is a register and cannot be a label; choose another name.`);
    }
    const name = this.qualify(text);
    if (!text.startsWith('.')) this.parent = text;
    const head = rest[0];
    if (head?.kind === 'id' && head.text.toLowerCase() === 'equ') {
      const reader = this.reader(rest, 1);
      out.push({ kind: 'equ', name, value: reader.parse(), place: token });
      end(reader);
      return;
    }
    out.push({ kind: 'label', name, place: token });
    if (rest.length > 0) this.parse(rest, out);
  }

  private reader(tokens: readonly Token[], at: number): ExpressionParser {
    return new ExpressionParser(tokens, at, this.qualify);
  }

  /** An instruction, data or TIMES. */
  private body(tokens: readonly Token[]): Body {
    const head = tokens[0];
    const last = tokens.at(-1);
    if (!head || !last) throw new RangeError('A body has at least one token.');
    const word = head.text.toLowerCase();
    const unit = DATA_UNITS[word];
    if (unit !== undefined) {
      const reader = this.reader(tokens, 1);
      if (!reader.peek()) throw errorAt(head, `'${word}' needs data after it, such as ${word} 1, 2, 3.`);
      const items = dataItems(reader);
      end(reader);
      return { kind: 'data', unit, items, place: head };
    }
    const reserve = RESERVE_UNITS[word];
    if (reserve !== undefined) {
      const reader = this.reader(tokens, 1);
      const count = reader.parse();
      end(reader);
      return { kind: 'reserve', unit: reserve, count, place: head };
    }
    if (word === 'times') {
      const reader = this.reader(tokens, 1);
      const count = reader.parse();
      const rest = tokens.slice(reader.at);
      const next = rest[0];
      if (!next) throw errorAt(reader.endPlace(), 'TIMES needs something to repeat, such as times 4 db 0.');
      if (
        next.kind !== 'id' ||
        !isKeyword(next.text.toLowerCase()) ||
        DIRECTIVES.has(next.text.toLowerCase())
      ) {
        throw errorAt(next, `TIMES cannot repeat '${next.text}'; it repeats an instruction or data.`);
      }
      return { kind: 'times', count, body: this.body(rest), place: span(head, rest[0] ?? head) };
    }
    return parseInstruction(tokens, this.qualify);
  }

  private directive(tokens: readonly Token[], out: Statement[]): void {
    const head = tokens[0];
    if (!head) return;
    const word = head.text.toLowerCase();
    const reader = this.reader(tokens, 1);
    const name = (): string => {
      const token = reader.peek();
      if (token?.kind !== 'id') throw errorAt(token ?? head, `'${word}' needs a name after it.`);
      reader.at++;
      return token.text;
    };
    switch (word) {
      case 'bits': {
        const value = reader.parse();
        const bits = value.op === 'number' ? Number(value.value) : 0;
        if (bits !== 16 && bits !== 32 && bits !== 64) throw errorAt(value.place, 'BITS takes 16, 32 or 64.');
        out.push({ kind: 'bits', bits, place: head });
        break;
      }
      case 'use16':
      case 'use32':
      case 'use64':
        out.push({ kind: 'bits', bits: Number(word.slice(3)) as Bits, place: head });
        break;
      case 'org':
        out.push({ kind: 'org', value: reader.parse(), place: head });
        break;
      case 'default': {
        const what = name().toLowerCase();
        if (what !== 'rel' && what !== 'abs') {
          if (what === 'bnd' || what === 'nobnd') return;
          throw errorAt(head, 'DEFAULT takes rel or abs.');
        }
        out.push({ kind: 'default', relative: what === 'rel', place: head });
        break;
      }
      case 'section':
      case 'segment': {
        const section = name();
        out.push({ kind: 'section', name: section, attributes: attributes(reader), place: head });
        break;
      }
      case 'absolute':
        out.push({ kind: 'absolute', value: reader.parse(), place: head });
        break;
      case 'align':
      case 'alignb': {
        const to = reader.parse();
        const zeros = word === 'alignb';
        const place = head;
        if (reader.accept(',')) {
          out.push({ kind: 'align', to, fill: this.body(tokens.slice(reader.at)), zeros, place });
          return;
        }
        out.push(
          zeros
            ? { kind: 'align', to, zeros, place }
            : { kind: 'align', to, fill: { ...FILL_NOP, place }, zeros, place },
        );
        break;
      }
      case 'struc': {
        const struc = name();
        this.parent = struc;
        const place = head;
        if (reader.accept(',')) out.push({ kind: 'struc', name: struc, value: reader.parse(), place });
        else out.push({ kind: 'struc', name: struc, place });
        break;
      }
      case 'istruc':
        out.push({ kind: 'istruc', name: name(), place: head });
        break;
      case 'at': {
        const value = reader.parse();
        if (reader.accept(',')) {
          out.push({ kind: 'at', value, body: this.body(tokens.slice(reader.at)), place: head });
          return;
        }
        out.push({ kind: 'at', value, place: head });
        break;
      }
      case 'endstruc':
      case 'iend':
        out.push({ kind: word, place: head });
        break;
      case 'extern':
      case 'common':
      case 'required':
        throw errorAt(
          head,
          `A flat binary is complete in itself, so '${word}' has nothing to refer to; define the symbol in this file.`,
        );
      case 'incbin':
        throw errorAt(head, 'There is only this one file; write the data of INCBIN with db.');
      default:
        // global, static, cpu and the warning and listing switches change nothing in a flat binary.
        return;
    }
    end(reader);
  }
}

function isKeyword(word: string): boolean {
  return (
    word in DATA_UNITS ||
    word in RESERVE_UNITS ||
    word === 'times' ||
    DIRECTIVES.has(word) ||
    isPrefix(word) ||
    findInstruction(word) !== undefined
  );
}

function end(reader: ExpressionParser): void {
  const extra = reader.peek();
  if (extra)
    throw errorAt(
      extra,
      `'${extra.text}' is left over at the end of the line; remove it or put a comma before it.`,
    );
}

function attributes(reader: ExpressionParser): SectionAttributes {
  const found: { align?: Expression; start?: Expression; vstart?: Expression; nobits?: boolean } = {};
  for (let token = reader.peek(); token; token = reader.peek()) {
    reader.at++;
    const word = token.text.toLowerCase();
    if (reader.accept('=')) {
      if (word === 'follows' || word === 'vfollows') reader.at++;
      else {
        const value = reader.parse();
        if (word === 'align' || word === 'start' || word === 'vstart') found[word] = value;
        else if (word !== 'valign')
          throw errorAt(token, `A section has no attribute '${token.text}'; use align=, start= or vstart=.`);
      }
    } else if (word === 'nobits' || word === 'progbits') found.nobits = word === 'nobits';
  }
  return found;
}

function dataItems(reader: ExpressionParser): DataItem[] {
  const items = [dataItem(reader)];
  while (reader.accept(',')) if (reader.peek()) items.push(dataItem(reader));
  return items;
}

const SPECIAL_FLOATS = /^__\??(infinity|nan|qnan|snan)\??__$/i;

function dataItem(reader: ExpressionParser): DataItem {
  const start = reader.at;
  const token = reader.peek();
  if (token?.kind === 'string') {
    reader.at++;
    const next = reader.peek();
    if (!next || (next.kind === 'op' && (next.text === ',' || next.text === ')')))
      return { kind: 'bytes', text: token.text };
    reader.at = start;
  }
  if (token?.kind === 'id' && token.text === '?') {
    reader.at++;
    return { kind: 'reserve' };
  }
  const negative = reader.accept('-');
  if (!negative) reader.accept('+');
  const literal = reader.peek();
  if (literal && (literal.kind === 'float' || SPECIAL_FLOATS.test(literal.text))) {
    reader.at++;
    return { kind: 'float', text: literal.text, negative, place: literal };
  }
  reader.at = start;
  const value = reader.parse();
  const dup = reader.peek();
  if (dup?.kind !== 'id' || dup.text.toLowerCase() !== 'dup') return { kind: 'value', value };
  reader.at++;
  if (!reader.accept('(')) return { kind: 'repeat', count: value, items: [dataItem(reader)] };
  const items = dataItems(reader);
  if (!reader.accept(')'))
    throw errorAt(reader.peek() ?? reader.endPlace(), "The list after DUP is not closed; add a ')'.");
  return { kind: 'repeat', count: value, items };
}
