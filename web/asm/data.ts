// db, dw, dd, dq and dt: values, strings and floats to bytes. It places nothing.

import { errorAt, type Place } from './errors.ts';
import { evaluate, type Scope, toNumber } from './expression.ts';
import { floatBits } from './float.ts';
import type { DataItem } from './operand.ts';

type Warn = (place: Place, message: string) => void;

/** The bytes of one data line. Throws AsmError for floats in units that have no float format. */
export function dataBytes(
  data: { readonly unit: number; readonly items: readonly DataItem[]; readonly place: Place },
  scope: Scope,
  warn: Warn,
): Uint8Array {
  const out: number[] = [];
  for (const item of data.items) addItem(out, item, data.unit, data.place, scope, warn);
  return Uint8Array.from(out);
}

function addItem(out: number[], item: DataItem, unit: number, place: Place, scope: Scope, warn: Warn): void {
  switch (item.kind) {
    case 'bytes':
      for (let i = 0; i < item.text.length; i++) out.push(item.text.charCodeAt(i));
      // A string fills whole units.
      for (let i = item.text.length; i % unit !== 0; i++) out.push(0);
      return;
    case 'reserve':
      for (let i = 0; i < unit; i++) out.push(0);
      return;
    case 'float': {
      const bits = floatBits(item.text, item.negative, unit);
      if (bits === undefined)
        throw errorAt(item.place, 'A float goes into dw, dd, dq or dt; choose one of them.');
      addNumber(out, bits, unit);
      return;
    }
    case 'repeat': {
      const count = toNumber(evaluate(item.count, scope), scope, item.count.place);
      if (count < 0n || count > 1n << 26n)
        throw errorAt(item.count.place, `DUP cannot repeat ${count} times; use 0 to 67108864.`);
      for (let i = 0n; i < count; i++)
        for (const part of item.items) addItem(out, part, unit, place, scope, warn);
      return;
    }
    case 'value': {
      const value = evaluate(item.value, scope);
      const number = toNumber(value, scope, item.value.place);
      const bits = BigInt(unit * 8);
      if (!value.unknown && unit < 8 && (number < -(1n << bits) || number >= 1n << bits)) {
        warn(
          item.value.place,
          `${number} does not fit into ${bits} bits and is cut; use a wider unit or a smaller number.`,
        );
      }
      addNumber(out, number, unit);
      return;
    }
  }
}

function addNumber(out: number[], value: bigint, unit: number): void {
  if (unit <= 4) {
    const low = Number(BigInt.asIntN(32, value));
    for (let i = 0; i < unit; i++) out.push((low >> (8 * i)) & 0xff);
    return;
  }
  for (let i = 0; i < unit; i++) out.push(Number((value >> BigInt(8 * i)) & 0xffn));
}
