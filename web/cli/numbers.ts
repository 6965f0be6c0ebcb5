// Numbers and sizes as a command line has them.
import { UsageError } from './usage_error.ts';

/** Bytes of a size such as 128M, 1G, 512K or 4096. */
export function parseSize(text: string): number {
  const found = /^(\d+)([kmg]?)(i?b)?$/i.exec(text.trim());
  if (found === null)
    throw new UsageError(`"${text}" is no size; write a number with K, M or G, such as 128M.`);
  const unit = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 }[(found[2] ?? '').toLowerCase()] ?? 1;
  return Number(found[1]) * unit;
}

/** A whole number in decimal or with 0x. */
export function parseNumber(text: string, what: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isSafeInteger(value) || value < 0) {
    throw new UsageError(`${what} is "${text}"; give a whole number such as 0x7c00.`);
  }
  return value;
}
