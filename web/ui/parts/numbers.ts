// Numbers as the page writes them. No machine, no DOM.

/** `0x` and at least `digits` hexadecimal digits. */
export function hex(value: number | bigint, digits = 1): string {
  return `0x${value.toString(16).padStart(digits, '0')}`;
}

/** A value as hexadecimal digits of a fixed width, in two parts: leading zeros, and the rest (at least one digit). */
export function zeroSplit(value: bigint | number, digits: number): [zeros: string, rest: string] {
  const rest = value.toString(16);
  return ['0'.repeat(Math.max(0, digits - rest.length)), rest];
}

/** Bytes in the largest binary unit that leaves no long fraction, e.g. `640 KiB`, `64 MiB`. */
export function bytes(size: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  let rest = size;
  while (rest >= 1024 && unit < units.length - 1) {
    rest /= 1024;
    unit++;
  }
  return `${Number.isInteger(rest) ? rest : rest.toFixed(rest < 10 ? 2 : 1)} ${units[unit]}`;
}

/** A count in at most four digits and a unit, e.g. `12.4 M`; small counts are exact. */
export function count(value: number): string {
  if (value < 10_000) return value.toString();
  const units = ['', ' k', ' M', ' G', ' T'];
  const step = Math.min(units.length - 1, Math.floor(Math.log10(value) / 3));
  const scaled = value / 1000 ** step;
  return `${scaled.toFixed(scaled < 10 ? 2 : scaled < 100 ? 1 : 0)}${units[step]}`;
}

/** `1 page`, `2 pages`. */
export function plural(value: number, noun: string): string {
  return `${value.toLocaleString('en')} ${noun}${value === 1 ? '' : noun.endsWith('x') ? 'es' : 's'}`;
}

/** A whole number from what a person typed: decimal, or hexadecimal with 0x; undefined when it is neither. */
export function parseNumber(text: string): number | undefined {
  const clean = text.trim().replaceAll('_', '');
  if (!/^(0x[0-9a-f]+|\d+)$/i.test(clean)) return undefined;
  const value = Number(clean);
  return Number.isSafeInteger(value) ? value : undefined;
}
