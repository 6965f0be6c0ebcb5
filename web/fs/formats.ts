// Values as text and back: numbers, sizes, booleans, words. A refused text is EINVAL and named. It knows no files.

import { KvmError } from '../kvm/abi/errno.ts';

/** How a value is printed and read. Spread it into `valueFile` or name it in `commandFile`. */
export interface Format<T> {
  format(value: T): string;
  /** `text` has no white space at its ends. EINVAL names what is wrong with it. */
  parse(text: string): T;
}

const NUMBER = /^([+-]?)(0x[0-9a-f]+|0b[01]+|[0-9]+)$/i;
const SIZE = /^(0x[0-9a-f]+|0b[01]+|[0-9]+)([kmgt]?)(i?b)?$/i;
const SHIFTS: Record<string, bigint> = { '': 0n, k: 10n, m: 20n, g: 30n, t: 40n };

const refuse = (text: string, wanted: string) =>
  new KvmError('EINVAL', `${text === '' ? 'nothing' : `'${text}'`} is not ${wanted}`);

/** A whole number, decimal, 0x or 0b, with a sign or without. EINVAL. */
export function parseInteger(text: string): bigint {
  const [, sign, digits] = NUMBER.exec(text) ?? [];
  if (digits === undefined) throw refuse(text, 'a number: write it as 4096, 0x1000 or 0b1');
  return sign === '-' ? -BigInt(digits) : BigInt(digits);
}

/** Bytes: a number, then K, M, G or T for powers of 1024. EINVAL. */
export function parseSize(text: string): bigint {
  const [, digits, unit = '', tail] = SIZE.exec(text) ?? [];
  const shift = SHIFTS[unit.toLowerCase()];
  if (digits === undefined || shift === undefined || (tail !== undefined && unit === '')) {
    throw refuse(text, 'a size: write it as 4096, 0x1000, 4K, 4M or 1G');
  }
  return BigInt(digits) << shift;
}

/** A whole number from `min` to `max`, printed in decimal. */
export function decimal(min = 0, max = Number.MAX_SAFE_INTEGER): Format<number> {
  return {
    format: String,
    parse(text) {
      const value = parseInteger(text);
      if (value < BigInt(min) || value > BigInt(max)) throw refuse(text, `between ${min} and ${max}`);
      return Number(value);
    },
  };
}

/**
 * An unsigned number of `bits` bits, printed in hexadecimal. Negative numbers that fit are taken in two's complement,
 * so that -1 is all ones.
 */
export function hex(bits = 64): Format<bigint> {
  return {
    format: (value) => `0x${value.toString(16)}`,
    parse(text) {
      const value = parseInteger(text);
      if (value >> BigInt(bits) !== 0n && value >> BigInt(bits - 1) !== -1n) {
        throw refuse(text, `a number of ${bits} bits`);
      }
      return BigInt.asUintN(bits, value);
    },
  };
}

/** Bytes with K, M, G or T, printed with the largest unit that leaves a whole number. */
export const size: Format<bigint> = {
  format(value) {
    const unit = ['T', 'G', 'M', 'K'].find((name) => {
      const one = 1n << (SHIFTS[name.toLowerCase()] ?? 0n);
      return value >= one && value % one === 0n;
    });
    return unit === undefined ? String(value) : `${value >> (SHIFTS[unit.toLowerCase()] ?? 0n)}${unit}`;
  },
  parse: parseSize,
};

/** 0 or 1. */
export const boolean: Format<boolean> = {
  format: (value) => (value ? '1' : '0'),
  parse(text) {
    if (text !== '0' && text !== '1') throw refuse(text, '0 or 1');
    return text === '1';
  },
};

/** 1: what is written to a file that only does something. */
export const one: Format<true> = {
  format: () => '1',
  parse(text) {
    if (text !== '1') throw refuse(text, 'what this file takes: write 1');
    return true;
  },
};

/** Any text. */
export const text: Format<string> = { format: (value) => value, parse: (value) => value };

/** One of `words`. */
export function word<W extends string>(...words: readonly W[]): Format<W> {
  return {
    format: (value) => value,
    parse(given) {
      const found = words.find((one) => one === given);
      if (found === undefined) throw refuse(given, `one of ${words.join(', ')}`);
      return found;
    },
  };
}

/** Several of `words` with commas between them, none as an empty text or `none`. Each may be there once. */
export function words<W extends string>(...all: readonly W[]): Format<readonly W[]> {
  const each = word(...all);
  return {
    format: (value) => (value.length === 0 ? 'none' : value.join(',')),
    parse: (given) =>
      given === '' || given === 'none' ? [] : [...new Set(given.split(',').map((part) => each.parse(part)))],
  };
}
