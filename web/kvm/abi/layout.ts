// The mechanism of C struct layouts: types, records, unions, arrays and their codecs. It names no struct of KVM.
//
// A struct is written as in the header, names and types only; offsets and sizes follow from C's rules on x86-64
// (each field is aligned to its own size, a struct to its widest field). Little-endian throughout.

import { KvmError } from './errno.ts';

/** A C type: how many bytes, how aligned, and how to carry it to and from a plain JS value. */
export interface Type<T> {
  /** As the header spells it: 'u64', 'kvm_segment', 'u8[16]'. */
  readonly name: string;
  /** Size in bytes; a flexible array counts 0. */
  readonly size: number;
  readonly align: number;
  /** Fields by name, for structs and unions only. */
  readonly fields?: readonly Field[];
  /** Element type and number of elements, for arrays only; 'flexible' for an array without a length. */
  readonly element?: Type<unknown>;
  readonly count?: number | 'flexible';
  /** Reads the value at `offset`; `available` bounds a flexible array, in bytes from `offset`. */
  read(view: DataView, offset: number, available: number): T;
  /** Writes `value` at `offset`; `path` names the place in an error. */
  write(view: DataView, offset: number, value: unknown, path: string): void;
}

/** One field of a struct: where it lies, and whether it is a bit-field (`shift`, `width`). */
export interface Field {
  readonly name: string;
  /** Bytes from the start of the struct. */
  readonly offset: number;
  readonly type: Type<unknown>;
  readonly shift?: number;
  readonly width?: number;
}

/** The plain value that a type reads as. */
export type ValueOf<C> = C extends Type<infer T> ? T : never;

/** What a write accepts for a value: any subset of the fields, numbers for 64-bit values, any list for an array. */
export type Input<T> = T extends bigint
  ? bigint | number
  : T extends number
    ? number
    : T extends Uint8Array
      ? ArrayLike<number>
      : T extends readonly (infer E)[]
        ? readonly Input<E>[]
        : { readonly [K in keyof T]?: Input<T[K]> };

type Shape = Readonly<Record<string, Type<unknown>>>;
type ShapeValue<S extends Shape> = { -readonly [K in keyof S]: ValueOf<S[K]> };

function invalid(path: string, problem: string): KvmError {
  return new KvmError('EINVAL', `${path} ${problem}`);
}

/** The integer `value` as a bigint, when it fits `bits` bits signed or unsigned. */
function integer(value: unknown, bits: number, path: string): bigint {
  if (typeof value === 'number' ? !Number.isSafeInteger(value) : typeof value !== 'bigint') {
    throw invalid(path, `must be a whole number; ${String(value)} is not one (use a bigint above 2^53).`);
  }
  const whole = BigInt(value as number | bigint);
  const limit = 1n << BigInt(bits);
  if (whole >= limit || whole < -(limit >> 1n)) {
    throw invalid(path, `holds ${bits} bits; ${whole} does not fit.`);
  }
  return whole;
}

type Get = (view: DataView, offset: number) => number;

function small(name: string, size: 1 | 2 | 4, get: Get): Type<number> {
  return {
    name,
    size,
    align: size,
    read: get,
    write(view, offset, value, path) {
      const bits = Number(BigInt.asUintN(32, integer(value, size * 8, path)));
      if (size === 1) view.setUint8(offset, bits);
      else if (size === 2) view.setUint16(offset, bits, true);
      else view.setUint32(offset, bits, true);
    },
  };
}

function wide(name: string, get: (view: DataView, offset: number) => bigint): Type<bigint> {
  return {
    name,
    size: 8,
    align: 8,
    read: get,
    write(view, offset, value, path) {
      view.setBigUint64(offset, BigInt.asUintN(64, integer(value, 64, path)), true);
    },
  };
}

export const u8 = small('u8', 1, (view, offset) => view.getUint8(offset));
/** A byte that the header calls char. */
export const char: Type<number> = { ...u8, name: 'char' };
export const u16 = small('u16', 2, (view, offset) => view.getUint16(offset, true));
export const u32 = small('u32', 4, (view, offset) => view.getUint32(offset, true));
export const s16 = small('s16', 2, (view, offset) => view.getInt16(offset, true));
export const s32 = small('s32', 4, (view, offset) => view.getInt32(offset, true));
export const u64 = wide('u64', (view, offset) => view.getBigUint64(offset, true));
export const s64 = wide('s64', (view, offset) => view.getBigInt64(offset, true));
/** A pointer of the caller: here an offset in the VM's memory. */
export const pointer = wide('void*', (view, offset) => view.getBigUint64(offset, true));

/** `count` bytes (u8 or char in the header), as one Uint8Array copied out. `rows` only keeps the header's shape. */
export function bytes(count: number, element: 'u8' | 'char' = 'u8', rows = 1): Type<Uint8Array> {
  const size = count * rows;
  return {
    name: rows > 1 ? `${element}[${rows}][${count}]` : `${element}[${count}]`,
    size,
    align: 1,
    element: element === 'u8' ? u8 : char,
    count: size,
    read: (view, offset) => new Uint8Array(view.buffer, view.byteOffset + offset, size).slice(),
    write(view, offset, value, path) {
      const list = value as ArrayLike<unknown>;
      if (list.length > size) throw invalid(path, `holds ${size} bytes; ${list.length} were given.`);
      for (let i = 0; i < list.length; i++) u8.write(view, offset + i, list[i], `${path}[${i}]`);
    },
  };
}

/** `count` elements one after the other; a shorter list leaves the rest as it was. */
export function array<T>(element: Type<T>, count: number): Type<T[]> {
  return {
    name: `${element.name}[${count}]`,
    size: element.size * count,
    align: element.align,
    element,
    count,
    read: (view, offset) =>
      Array.from({ length: count }, (_, i) => element.read(view, offset + i * element.size, element.size)),
    write(view, offset, value, path) {
      const list = value as readonly unknown[];
      if (list.length > count) throw invalid(path, `holds ${count} elements; ${list.length} were given.`);
      list.forEach((item, i) => {
        element.write(view, offset + i * element.size, item, `${path}[${i}]`);
      });
    },
  };
}

/** A flexible array at the end of a struct: as many elements as the bytes behind the struct hold. */
export function flexible<T>(element: Type<T>): Type<T[]> {
  return {
    name: `${element.name}[]`,
    size: 0,
    align: element.align,
    element,
    count: 'flexible',
    read: (view, offset, available) =>
      Array.from({ length: Math.floor(available / element.size) }, (_, i) =>
        element.read(view, offset + i * element.size, element.size),
      ),
    write(view, offset, value, path) {
      (value as readonly unknown[]).forEach((item, i) => {
        element.write(view, offset + i * element.size, item, `${path}[${i}]`);
      });
    },
  };
}

/** A bit-field of one byte, as `delivery_mode:3` in the header; it shares its byte with its neighbours. */
export interface Bits extends Type<number> {
  readonly width: number;
}

/** A bit-field of `width` bits. Consecutive ones fill a byte from bit 0 up. */
export function bits(width: number): Bits {
  return { ...u8, name: `u8:${width}`, width };
}

function isBits(type: Type<unknown>): type is Bits {
  return 'width' in type;
}

/** Fields that overlay each other inside a record: an anonymous union of the header. */
export interface Overlay<S extends Shape> {
  readonly overlay: S;
}

/** Marks `arms` as lying over each other at one place of the record. */
export function overlay<const S extends Shape>(arms: S): Overlay<S> {
  return { overlay: arms };
}

type Part = Shape | Overlay<Shape>;
type PartValue<P> = P extends Overlay<infer S> ? ShapeValue<S> : P extends Shape ? ShapeValue<P> : never;
type PartsValue<P extends readonly Part[]> = P extends readonly [infer Head, ...infer Rest extends Part[]]
  ? PartValue<Head> & PartsValue<Rest>
  : unknown;
type Flat<T> = { [K in keyof T]: T[K] };

/** A struct or union type: its fields in order. */
export interface Struct<T> extends Type<T> {
  readonly fields: readonly Field[];
}

const align = (offset: number, to: number): number => Math.ceil(offset / to) * to;

function isOverlay(part: Part): part is Overlay<Shape> {
  return 'overlay' in part && !('read' in part.overlay);
}

interface Placed {
  readonly fields: Field[];
  readonly size: number;
  readonly align: number;
  readonly overlaid: boolean;
}

function place(parts: readonly Part[]): Placed {
  const fields: Field[] = [];
  let offset = 0;
  let widest = 1;
  let overlaid = false;
  for (const part of parts) {
    if (isOverlay(part)) {
      const arms = Object.entries(part.overlay);
      const partAlign = Math.max(...arms.map(([, type]) => type.align));
      offset = align(offset, partAlign);
      for (const [name, type] of arms) fields.push({ name, offset, type });
      offset += Math.max(...arms.map(([, type]) => type.size));
      widest = Math.max(widest, partAlign);
      overlaid = true;
      continue;
    }
    let shift = 0;
    for (const [name, type] of Object.entries(part)) {
      if (isBits(type)) {
        fields.push({ name, offset, type, shift, width: type.width });
        shift += type.width;
        if (shift === 8) {
          shift = 0;
          offset++;
        }
        continue;
      }
      offset = align(offset, type.align);
      fields.push({ name, offset, type });
      offset += type.size;
      widest = Math.max(widest, type.align);
    }
  }
  return { fields, size: align(offset, widest), align: widest, overlaid };
}

function sameBytes(a: DataView, b: DataView): boolean {
  for (let i = 0; i < a.byteLength; i++) if (a.getUint8(i) !== b.getUint8(i)) return false;
  return true;
}

function copyOf(view: DataView, offset: number, size: number): DataView {
  return new DataView(new Uint8Array(view.buffer, view.byteOffset + offset, size).slice().buffer);
}

function readField(field: Field, view: DataView, base: number, available: number): unknown {
  const value = field.type.read(view, base + field.offset, available - field.offset);
  if (field.width === undefined || field.shift === undefined) return value;
  return ((value as number) >> field.shift) & ((1 << field.width) - 1);
}

function writeField(field: Field, view: DataView, base: number, value: unknown, path: string): void {
  const at = base + field.offset;
  if (field.width === undefined || field.shift === undefined) {
    field.type.write(view, at, value, path);
    return;
  }
  const mask = ((1 << field.width) - 1) << field.shift;
  const part = Number(integer(value, field.width, path)) << field.shift;
  view.setUint8(at, (view.getUint8(at) & ~mask) | (part & mask));
}

/**
 * A C struct of `parts`: shapes laid one after the other, and overlays (anonymous unions) between them.
 *
 * Fields that a write does not name keep their bytes. Two names of the same bytes that disagree are EINVAL: in a
 * union, give only the arm you mean.
 */
export function record<const P extends readonly Part[]>(
  name: string,
  ...parts: P
): Struct<Flat<PartsValue<P>>> {
  const { fields, size, align: widest, overlaid } = place(parts);
  const byName = new Map(fields.map((field) => [field.name, field]));
  return {
    name,
    size,
    align: widest,
    fields,
    read(view, offset, available) {
      const entries = fields.map((field) => [field.name, readField(field, view, offset, available)] as const);
      return Object.fromEntries(entries) as Flat<PartsValue<P>>;
    },
    write(view, offset, value, path) {
      if (typeof value !== 'object' || value === null)
        throw invalid(path, 'must be an object of its fields.');
      const given = Object.entries(value).filter(([, item]) => item !== undefined);
      for (const [key, item] of given) {
        const field = byName.get(key);
        if (!field)
          throw invalid(path, `has no field ${key}; it has ${fields.map((f) => f.name).join(', ')}.`);
        writeField(field, view, offset, item, `${path}.${key}`);
      }
      if (!overlaid) return;
      const written = copyOf(view, offset, size);
      for (const [key, item] of given) {
        const again = copyOf(written, 0, size);
        writeField(byName.get(key) as Field, again, 0, item, `${path}.${key}`);
        if (!sameBytes(written, again)) {
          throw invalid(
            `${path}.${key}`,
            'shares its bytes with another field given; give only one of them.',
          );
        }
      }
    },
  };
}

/** A C union: every arm starts at 0. */
export function union<const S extends Shape>(name: string, arms: S): Struct<Flat<ShapeValue<S>>> {
  return record(name, overlay(arms)) as unknown as Struct<Flat<ShapeValue<S>>>;
}

/** The flexible array that ends `struct`, if it has one. */
export function tailOf(struct: Struct<unknown>): Field | undefined {
  const last = struct.fields.at(-1);
  return last?.type.count === 'flexible' ? last : undefined;
}

function checkLength(struct: Struct<unknown>, length: number): void {
  const tail = tailOf(struct);
  const step = tail?.type.element?.size ?? 0;
  const fits = tail ? length >= struct.size && (length - struct.size) % step === 0 : length === struct.size;
  if (fits) return;
  const wanted = tail ? `${struct.size} bytes and ${step} for each of ${tail.name}` : `${struct.size} bytes`;
  throw new KvmError('EINVAL', `struct ${struct.name} is ${wanted}; ${length} bytes were given.`);
}

/** Bytes of any kind of buffer, as a DataView. */
export function viewOf(data: ArrayBufferView): DataView {
  return new DataView(data.buffer, data.byteOffset, data.byteLength);
}

/** Reads the whole of `data` as `struct`. EINVAL when the size is not the struct's. */
export function decode<T>(struct: Struct<T>, data: ArrayBufferView): T {
  checkLength(struct, data.byteLength);
  return struct.read(viewOf(data), 0, data.byteLength);
}

/** Writes the fields of `value` over `data`, keeping the others. EINVAL when the size or a value does not fit. */
export function encodeInto<T>(struct: Struct<T>, data: ArrayBufferView, value: Input<T>): void {
  checkLength(struct, data.byteLength);
  const tail = tailOf(struct);
  const list = tail && (value as Record<string, unknown>)[tail.name];
  if (tail?.type.element && Array.isArray(list)) {
    const room = (data.byteLength - struct.size) / tail.type.element.size;
    if (list.length > room) {
      throw new KvmError(
        'E2BIG',
        `${struct.name}.${tail.name} has room for ${room}; ${list.length} were given.`,
      );
    }
  }
  struct.write(viewOf(data), 0, value, struct.name);
}

/** Fresh bytes of `struct` holding `value`; fields not named are 0, a flexible array adds its elements. */
export function encode<T>(struct: Struct<T>, value: Input<T>): Uint8Array<ArrayBuffer> {
  const tail = tailOf(struct);
  const list = tail && (value as Record<string, unknown>)[tail.name];
  const extra = tail?.type.element && Array.isArray(list) ? list.length * tail.type.element.size : 0;
  const data = new Uint8Array(struct.size + extra);
  encodeInto(struct, data, value);
  return data;
}

/** A leaf of a struct: its dotted name, absolute offset, type and size in bytes. */
export interface Leaf {
  readonly name: string;
  readonly offset: number;
  readonly type: string;
  readonly size: number;
}

/** Every leaf field of `struct` in order, nested structs flattened to dotted names; arrays stay whole. */
export function leaves(struct: Struct<unknown>, prefix = '', base = 0): Leaf[] {
  return struct.fields.flatMap((field) => {
    const name = prefix + field.name;
    const offset = base + field.offset;
    const { type } = field;
    if (type.fields) return leaves(type as Struct<unknown>, `${name}.`, offset);
    return [{ name, offset, type: type.name, size: type.size }];
  });
}
