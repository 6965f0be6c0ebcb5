// Decimal and hexadecimal floats to IEEE bytes of any width, exactly rounded (to nearest, ties to even).

/** The fields of a float format; `explicit` is the x87 integer bit. */
interface Format {
  readonly exponentBits: number;
  readonly fractionBits: number;
  readonly explicit: boolean;
}

const FORMATS: Readonly<Record<number, Format>> = {
  2: { exponentBits: 5, fractionBits: 10, explicit: false },
  4: { exponentBits: 8, fractionBits: 23, explicit: false },
  8: { exponentBits: 11, fractionBits: 52, explicit: false },
  10: { exponentBits: 15, fractionBits: 63, explicit: true },
};

/** The bits of a float of `size` bytes (2, 4, 8 or 10), or undefined when there is no such format. */
export function floatBits(text: string, negative: boolean, size: number): bigint | undefined {
  const format = FORMATS[size];
  if (!format) return undefined;
  const sign = negative ? 1n << BigInt(size * 8 - 1) : 0n;
  return sign | magnitude(text.toLowerCase().replaceAll('_', ''), format);
}

function pack(exponent: number, significand: bigint, { fractionBits, explicit }: Format): bigint {
  const stored = explicit ? significand : BigInt.asUintN(fractionBits, significand);
  return (BigInt(exponent) << BigInt(fractionBits + (explicit ? 1 : 0))) | stored;
}

function magnitude(text: string, format: Format): bigint {
  const { exponentBits, fractionBits } = format;
  const top = (1 << exponentBits) - 1;
  const unit = 1n << BigInt(fractionBits);
  if (/infinity/.test(text)) return pack(top, unit, format);
  if (/nan/.test(text)) return pack(top, unit | (text.includes('snan') ? 1n : unit >> 1n), format);
  const [numerator, denominator] = rational(text);
  if (numerator === 0n) return 0n;
  const bias = (1 << (exponentBits - 1)) - 1;
  const least = 1 - bias;
  // The exponent e with 2^e <= value < 2^(e+1).
  let exponent = bitLength(numerator) - bitLength(denominator);
  const below =
    exponent >= 0
      ? numerator < denominator << BigInt(exponent)
      : numerator << BigInt(-exponent) < denominator;
  if (below) exponent--;
  const scale = fractionBits - Math.max(exponent, least);
  let significand = roundedQuotient(
    scale >= 0 ? numerator << BigInt(scale) : numerator,
    scale >= 0 ? denominator : denominator << BigInt(-scale),
  );
  let biased = Math.max(exponent, least) + bias;
  if (significand >= unit << 1n) {
    significand >>= 1n;
    biased++;
  }
  if (significand < unit) biased = 0;
  return biased >= top ? pack(top, unit, format) : pack(biased, significand, format);
}

function bitLength(n: bigint): number {
  return n.toString(2).length;
}

function roundedQuotient(numerator: bigint, denominator: bigint): bigint {
  const quotient = numerator / denominator;
  const twice = (numerator % denominator) * 2n;
  return twice > denominator || (twice === denominator && quotient & 1n) ? quotient + 1n : quotient;
}

/** The exact value of a literal as numerator and denominator. */
function rational(text: string): [bigint, bigint] {
  const hex = /^0[xh]([0-9a-f]*)\.?([0-9a-f]*)(?:p([-+]?[0-9]+))?$/.exec(text);
  if (hex) {
    const digits = BigInt(`0x${hex[1]}${hex[2]}`);
    const exponent = Number(hex[3] ?? 0) - 4 * (hex[2]?.length ?? 0);
    return exponent >= 0 ? [digits << BigInt(exponent), 1n] : [digits, 1n << BigInt(-exponent)];
  }
  const decimal = /^([0-9]*)\.?([0-9]*)(?:e([-+]?[0-9]+))?$/.exec(text);
  const digits = BigInt(`${decimal?.[1] ?? ''}${decimal?.[2] ?? ''}` || '0');
  const exponent = Math.max(-6000, Math.min(6000, Number(decimal?.[3] ?? 0))) - (decimal?.[2]?.length ?? 0);
  return exponent >= 0 ? [digits * 10n ** BigInt(exponent), 1n] : [digits, 10n ** BigInt(-exponent)];
}
