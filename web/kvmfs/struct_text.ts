// Structs of KVM as text and back: a line `path=value` for each field, as `cs.base=0x0` or `xcrs[0].value=0x1`. It knows no
// struct; field names and types are those of the table in web/kvm/abi.

import { parseInteger } from '../fs/index.ts';
import {
  decode,
  encodeInto,
  type Field,
  type Input,
  KvmError,
  type Struct,
  type Type,
} from '../kvm/index.ts';

/** What C puts in to fill a struct up. */
const FILLER = /^(pad\d*|padding\d*|reserved|reserve|extra)$/;
/** Arrays longer than this show only what is not 0. */
const LONG = 16;
const PATH = /[^.[\]]+/g;

const isBytes = (type: Type<unknown>): boolean =>
  type.element !== undefined && type.element.size === 1 && typeof type.count === 'number';

const hexBytes = (bytes: ArrayLike<number>): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

function linesOf(type: Type<unknown>, value: unknown, path: string): string[] {
  if (type.fields !== undefined) {
    const fields = value as Record<string, unknown>;
    return type.fields
      .filter(({ name }) => !FILLER.test(name))
      .flatMap((field) =>
        linesOf(field.type, fields[field.name], path === '' ? field.name : `${path}.${field.name}`),
      );
  }
  if (isBytes(type)) return [`${path}=${hexBytes(value as Uint8Array)}`];
  if (type.element !== undefined) {
    const { element } = type;
    const items = value as unknown[];
    return items.flatMap((item, n) =>
      items.length > LONG && (item === 0 || item === 0n) ? [] : linesOf(element, item, `${path}[${n}]`),
    );
  }
  return [`${path}=0x${(value as number | bigint).toString(16)}`];
}

/** The fields of `bytes`, a line each; what only fills the struct up is left out. */
export function structText(struct: Struct<unknown>, bytes: Uint8Array): string {
  return linesOf(struct, decode(struct, bytes), '').join('\n');
}

function fieldOf(type: Type<unknown>, name: string, path: string): Field {
  const found = type.fields?.find((field) => field.name === name);
  if (found) return found;
  const known = type.fields?.map((field) => field.name).filter((each) => !FILLER.test(each)) ?? [];
  const help = known.length > 0 ? `; there are ${known.join(', ')}` : '';
  throw new KvmError('EINVAL', `'${path}' names no field${help}`);
}

function parseBytes(type: Type<unknown>, text: string, path: string): Uint8Array {
  const digits = text.replace(/^0x/i, '');
  if (!/^([0-9a-f]{2})*$/i.test(digits) || digits.length !== type.size * 2) {
    throw new KvmError('EINVAL', `'${path}' takes ${type.size} bytes, two hexadecimal digits each`);
  }
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

/** Sets the leaf at `names` in `into`, a partial value of `type`. */
function setLeaf(
  type: Type<unknown>,
  into: unknown,
  names: readonly string[],
  text: string,
  path: string,
): unknown {
  const [name, ...rest] = names;
  if (name === undefined) {
    if (isBytes(type)) return parseBytes(type, text, path);
    if (type.fields !== undefined || type.element !== undefined)
      throw new KvmError('EINVAL', `'${path}' has parts: name one of them`);
    return parseInteger(text);
  }
  if (type.element !== undefined) {
    const index = Number(name);
    if (!(Number.isInteger(index) && index >= 0 && index < Number(type.count)))
      throw new KvmError('EINVAL', `'${path}': the numbers here are 0 to ${Number(type.count) - 1}`);
    const list = (into ?? []) as unknown[];
    list[index] = setLeaf(type.element, list[index], rest, text, path);
    return list;
  }
  const field = fieldOf(type, name, path);
  const fields = (into ?? {}) as Record<string, unknown>;
  fields[name] = setLeaf(field.type, fields[name], rest, text, path);
  return fields;
}

/** `bytes` with the fields that `text` names set: words `path=value` with white space between them. EINVAL names the wrong one. */
export function structFromText(struct: Struct<unknown>, bytes: Uint8Array, text: string): Uint8Array {
  const words = text.split(/\s+/).filter((word) => word !== '');
  if (words.length === 0)
    throw new KvmError('EINVAL', 'write field=value, as a read of this file shows them');
  let value: unknown = {};
  for (const word of words) {
    const at = word.indexOf('=');
    if (at < 0) throw new KvmError('EINVAL', `'${word}' has no value: write field=value`);
    const path = word.slice(0, at);
    value = setLeaf(struct, value, path.match(PATH) ?? [''], word.slice(at + 1), path);
  }
  const changed = bytes.slice();
  encodeInto(struct, changed, value as Input<unknown>);
  return changed;
}
