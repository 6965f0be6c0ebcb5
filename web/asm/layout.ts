// Statements to bytes: passes over all statements until no label moves any more, as NASM's optimizer does.
// It reads no text and chooses no encodings.

import type { EncodeContext } from './build.ts';
import { dataBytes } from './data.ts';
import { encodeInstruction, encodingKey, resolveOperands } from './encode.ts';
import { AsmError, type Diagnostic, errorAt, nearest, type Place } from './errors.ts';
import { constant, type Expression, evaluate, type Scope, toNumber, type Value } from './expression.ts';
import type { Bits, Body, InstructionStatement, Statement } from './operand.ts';
import { type Section, SectionTable } from './section.ts';

/** One line's bytes, for an editor's margin. */
export interface ListingRow {
  /** From 1; the line of the call for what a macro made. */
  readonly line: number;
  /** The address at run time. */
  readonly address: bigint;
  /** The offset in the output. */
  readonly offset: number;
  readonly length: number;
  readonly bits: Bits;
  readonly kind: 'code' | 'data';
}

interface Label {
  value: Value;
  place: Place;
  pass: number;
}

interface Memo {
  readonly key: string;
  readonly positional: boolean;
  readonly bytes: Uint8Array;
}

const PASS_LIMIT = 80;
/** From this pass on jumps no longer shrink, so that labels must settle. */
const NO_SHRINK_PASS = 40;
const SIZE_LIMIT = 64 << 20;

/** Lays statements out. After `run`, errors are final and the sections hold the bytes. */
export class Layout {
  readonly sections: SectionTable;
  readonly labels = new Map<string, Label>();
  errors: Diagnostic[] = [];
  warnings: Diagnostic[] = [];
  rows: {
    section: Section;
    offset: number;
    length: number;
    line: number;
    bits: Bits;
    kind: 'code' | 'data';
  }[] = [];

  private readonly statements: readonly Statement[];
  private readonly startBits: Bits;
  private readonly memos = new Map<InstructionStatement, Memo>();
  private pass = 0;
  private changed = false;
  private usedUnknown = false;
  private current: Section;
  private bits: Bits;
  private relative = false;
  /** Inside ABSOLUTE or a struc: the counter that labels take, and where to go back to. */
  private absolute: { at: bigint; start: bigint; name?: string } | undefined;
  private instance: { name: string; start: Value } | undefined;
  private here: Value = constant(0n);
  private originSet = false;

  constructor(statements: readonly Statement[], origin: bigint, bits: Bits) {
    this.statements = statements;
    this.startBits = bits;
    this.bits = bits;
    this.sections = new SectionTable(origin);
    this.current = this.sections.text;
  }

  /** Reads symbols at the place being laid out. */
  readonly scope: Scope = {
    lookup: (name, place) => this.lookup(name, place),
    here: () => this.here,
    start: () =>
      this.absolute
        ? constant(this.absolute.start)
        : { n: 0n, terms: [{ base: -1 - this.current.index, factor: 1n }], unknown: false },
    base: (section) => this.sections.all[section]?.base ?? 0n,
  };

  run(): void {
    for (;;) {
      this.pass++;
      this.onePass();
      const moved = this.sections.place();
      if (!this.changed && !this.usedUnknown && !moved) return;
      if (this.pass >= PASS_LIMIT) {
        if (this.errors.length > 0) return;
        this.errors.push({
          line: 1,
          column: 1,
          endColumn: 2,
          message: 'The addresses do not settle; a size depends on itself, so make it a fixed number.',
        });
        return;
      }
    }
  }

  private onePass(): void {
    this.errors = [];
    this.warnings = [];
    this.rows = [];
    this.changed = false;
    this.usedUnknown = false;
    this.bits = this.startBits;
    this.relative = false;
    this.absolute = undefined;
    this.instance = undefined;
    this.originSet = false;
    this.sections.rewind();
    this.current = this.sections.text;
    for (const statement of this.statements) {
      this.here = this.position();
      try {
        this.lay(statement);
      } catch (error) {
        if (!(error instanceof AsmError)) throw error;
        this.errors.push(error.diagnostic);
      }
    }
  }

  private position(): Value {
    if (this.absolute) return constant(this.absolute.at);
    return {
      n: BigInt(this.current.size),
      terms: [{ base: -1 - this.current.index, factor: 1n }],
      unknown: false,
    };
  }

  private lookup(name: string, place: Place): Value | undefined {
    const label = this.labels.get(name);
    if (label) {
      if (label.value.unknown) this.usedUnknown = true;
      return label.value;
    }
    if (this.pass === 1) {
      this.usedUnknown = true;
      return undefined;
    }
    const local = name.replace(/^[^.]*(?=\.)/, '');
    const isLocal = name.includes('.');
    const near = nearest(
      name,
      [...this.labels.keys()].filter((other) => other.includes('.') === isLocal && !other.startsWith('..@')),
    );
    const shown = name.includes('.') && !name.startsWith('.') ? local : name;
    throw errorAt(
      place,
      `'${shown}' is not defined${near ? `; did you mean '${near}'?` : '; add a label or an equ of this name.'}`,
    );
  }

  private define(name: string, value: Value, place: Place): void {
    const label = this.labels.get(name);
    if (!label) {
      this.labels.set(name, { value, place, pass: this.pass });
      return;
    }
    if (label.pass === this.pass) {
      throw errorAt(
        place,
        `'${name}' is already defined on line ${label.place.line}; choose another name, or a local one with a dot in front.`,
      );
    }
    if (!sameValue(label.value, value)) this.changed = true;
    label.value = value;
    label.place = place;
    label.pass = this.pass;
  }

  private number(expression: Expression): bigint {
    return toNumber(evaluate(expression, this.scope), this.scope, expression.place);
  }

  private lay(statement: Statement): void {
    switch (statement.kind) {
      case 'label':
        this.define(statement.name, this.here, statement.place);
        return;
      case 'equ': {
        const value = evaluate(statement.value, this.scope);
        if (value.unknown && this.pass > 3)
          throw errorAt(
            statement.place,
            `'${statement.name}' depends on itself; give it a value of its own.`,
          );
        this.define(statement.name, value, statement.place);
        return;
      }
      case 'bits':
        this.bits = statement.bits;
        return;
      case 'default':
        this.relative = statement.relative;
        return;
      case 'org': {
        if (this.originSet)
          throw errorAt(
            statement.place,
            'ORG stands twice; a flat binary has one origin, so keep the first.',
          );
        this.originSet = true;
        this.sections.setOrigin(this.number(statement.value));
        return;
      }
      case 'section': {
        this.absolute = undefined;
        const { align, start, vstart, nobits } = statement.attributes;
        this.current = this.sections.open(statement.name, nobits);
        if (align) this.sections.raise(this.current, this.powerOfTwo(align));
        if (start) this.current.start = this.number(start);
        if (vstart) this.current.vstart = this.number(vstart);
        return;
      }
      case 'absolute': {
        const at = this.number(statement.value);
        this.absolute = { at, start: at };
        return;
      }
      case 'struc': {
        const at = statement.value ? this.number(statement.value) : 0n;
        this.absolute = { at, start: at, name: statement.name };
        this.define(statement.name, constant(at), statement.place);
        return;
      }
      case 'endstruc': {
        const { absolute } = this;
        if (!absolute?.name) throw errorAt(statement.place, 'This ENDSTRUC ends nothing; start with STRUC.');
        this.absolute = undefined;
        this.define(`${absolute.name}_size`, constant(absolute.at - absolute.start), statement.place);
        return;
      }
      case 'istruc':
        this.instance = { name: statement.name, start: this.here };
        return;
      case 'at':
        this.fillTo(this.number(statement.value), statement.place);
        if (statement.body) this.body(statement.body);
        return;
      case 'iend': {
        const size = this.lookup(`${this.instance?.name}_size`, statement.place);
        if (size) this.fillTo(size.n, statement.place);
        this.instance = undefined;
        return;
      }
      case 'align':
        this.align(statement);
        return;
      default:
        this.body(statement);
        return;
    }
  }

  /** Zeros up to an offset inside the structure being filled. */
  private fillTo(offset: bigint, place: Place): void {
    if (!this.instance) throw errorAt(place, 'AT and IEND work only after ISTRUC.');
    const gap = offset - (this.position().n - this.instance.start.n);
    if (gap < 0n)
      throw errorAt(
        place,
        `The structure is already ${-gap} bytes past this field; put the fields in their order.`,
      );
    this.emit(new Uint8Array(Number(gap)), place, 'data');
    this.here = this.position();
  }

  private powerOfTwo(expression: Expression): number {
    const n = Number(this.number(expression));
    if (n < 1 || n > 1 << 24 || (n & (n - 1)) !== 0)
      throw errorAt(expression.place, 'An alignment is a power of two, such as 4, 16 or 4096.');
    return n;
  }

  private align(statement: Statement & { kind: 'align' }): void {
    const to = this.powerOfTwo(statement.to);
    if (!this.absolute) this.sections.raise(this.current, to);
    const at = this.absolute ? Number(this.absolute.at - this.absolute.start) : this.current.size;
    const gap = (to - (at % to)) % to;
    if (gap === 0) return;
    if (this.absolute || this.current.nobits || statement.zeros || !statement.fill) {
      if (statement.fill && !this.absolute && !this.current.nobits) this.repeat(statement.fill, gap);
      else this.reserve(gap, statement.place);
    } else this.repeat(statement.fill, gap);
  }

  private body(body: Body): void {
    switch (body.kind) {
      case 'times': {
        const value = evaluate(body.count, this.scope);
        const count = toNumber(value, this.scope, body.place);
        if (count < 0n) {
          if (value.unknown) return;
          throw errorAt(
            body.place,
            `TIMES has the negative count ${count}: what stands before is ${-count} bytes too long, so shorten it.`,
          );
        }
        if (count > BigInt(SIZE_LIMIT))
          throw errorAt(
            body.place,
            `TIMES ${count} is more than this machine can hold; use at most ${SIZE_LIMIT}.`,
          );
        this.repeat(body.body, Number(count));
        return;
      }
      case 'reserve': {
        const value = evaluate(body.count, this.scope);
        const count = toNumber(value, this.scope, body.place);
        if (count < 0n || count * BigInt(body.unit) > BigInt(SIZE_LIMIT)) {
          if (value.unknown) return;
          throw errorAt(body.place, `${count} is no size that can be reserved; use 0 to ${SIZE_LIMIT}.`);
        }
        this.reserve(Number(count) * body.unit, body.place);
        return;
      }
      case 'data':
        this.emit(dataBytes(body, this.scope, this.warn), body.place, 'data');
        return;
      case 'instruction':
        this.instruction(body, 1);
        return;
    }
  }

  private repeat(body: Body, count: number): void {
    if (count <= 0) return;
    if (body.kind === 'instruction') {
      this.instruction(body, count);
      return;
    }
    if (body.kind === 'data') {
      const once = dataBytes(body, this.scope, this.warn);
      if (once.length * count > SIZE_LIMIT)
        throw errorAt(body.place, `This is more than ${SIZE_LIMIT} bytes; repeat it less often.`);
      const bytes = new Uint8Array(once.length * count);
      if (once.length === 1) bytes.fill(once[0] ?? 0);
      else for (let i = 0; i < count; i++) bytes.set(once, i * once.length);
      this.emit(bytes, body.place, 'data');
      return;
    }
    if (body.kind === 'reserve') {
      this.reserve(Number(this.number(body.count)) * body.unit * count, body.place);
      return;
    }
    for (let i = 0; i < count; i++) this.body(body);
  }

  private reserve(size: number, place: Place): void {
    if (this.absolute) this.absolute.at += BigInt(size);
    else if (this.current.nobits) this.current.size += size;
    else this.emit(new Uint8Array(size), place, 'data');
  }

  private instruction(statement: InstructionStatement, count: number): void {
    const start = this.current.size;
    let left = count;
    while (left > 0) {
      const { bytes, positional } = this.encode(statement);
      const times = positional ? 1 : left;
      for (let i = 0; i < times; i++) this.write(bytes, statement.place);
      left -= times;
    }
    this.row(start, statement.place, 'code');
  }

  private encode(statement: InstructionStatement): Memo {
    const context = this.context();
    const memo = this.memos.get(statement);
    try {
      const operands = resolveOperands(statement, context);
      if (memo && memo.key === encodingKey(operands, context, memo.positional)) return memo;
      const warned = this.warnings.length;
      const { bytes, positional } = encodeInstruction(statement, operands, context);
      const made = { key: encodingKey(operands, context, positional), positional, bytes };
      // A warning must come again in the last pass, so what has one is not remembered.
      if (this.warnings.length === warned) this.memos.set(statement, made);
      return made;
    } catch (error) {
      // The line keeps the size it had, so that what follows is judged at its right place.
      if (memo) this.write(memo.bytes, statement.place);
      throw error;
    }
  }

  private context(): EncodeContext {
    const address = this.absolute ? this.absolute.at : this.current.base + BigInt(this.current.size);
    return {
      bits: this.bits,
      section: this.current.index,
      address,
      relative: this.relative,
      scope: this.scope,
      noShrink: this.pass >= NO_SHRINK_PASS,
      warn: this.warn,
    };
  }

  private readonly warn = (place: Place, message: string): void => {
    this.warnings.push(errorAt(place, message).diagnostic);
  };

  private emit(bytes: Uint8Array, place: Place, kind: 'code' | 'data'): void {
    const start = this.current.size;
    this.write(bytes, place);
    this.row(start, place, kind);
  }

  private write(bytes: Uint8Array, place: Place): void {
    if (this.absolute) {
      throw errorAt(
        place,
        'Bytes cannot be placed in a STRUC or after ABSOLUTE; use resb, resw, resd or resq there.',
      );
    }
    if (this.current.nobits)
      throw errorAt(
        place,
        `The section ${this.current.name} holds no bytes; use resb here or move this to .data.`,
      );
    if (this.current.size + bytes.length > SIZE_LIMIT)
      throw errorAt(place, `The output is more than ${SIZE_LIMIT} bytes; make it smaller.`);
    this.current.write(bytes);
  }

  private row(start: number, place: Place, kind: 'code' | 'data'): void {
    const length = this.current.size - start;
    if (length > 0 && !this.absolute)
      this.rows.push({
        section: this.current,
        offset: start,
        length,
        line: place.line,
        bits: this.bits,
        kind,
      });
  }
}

function sameValue(a: Value, b: Value): boolean {
  if (a.n !== b.n || a.unknown !== b.unknown || a.terms.length !== b.terms.length) return false;
  return a.terms.every((term, i) => term.base === b.terms[i]?.base && term.factor === b.terms[i]?.factor);
}
