// Floating-point numbers and vector lanes as text: 80-bit extended in decimal, lanes as integers or floats. Pure.

/** Classes of an 80-bit number; the last three are encodings that no processor since the 80387 takes (SDM vol. 1, 8.2.2). */
export type ExtendedClass =
  | 'zero'
  | 'normal'
  | 'denormal'
  | 'pseudo-denormal'
  | 'infinity'
  | 'QNaN'
  | 'SNaN'
  | 'unnormal'
  | 'pseudo-infinity'
  | 'pseudo-NaN';

const INTEGER_BIT = 1n << 63n;
const QUIET_BIT = 1n << 62n;
const BIAS = 16383;
const DIGITS = 19;

/** What the bits of an extended number mean; `exponent` has the sign in bit 15. */
export function extendedClass(significand: bigint, exponent: number): ExtendedClass {
  const power = exponent & 0x7fff;
  const hasInteger = (significand & INTEGER_BIT) !== 0n;
  if (power === 0) return significand === 0n ? 'zero' : hasInteger ? 'pseudo-denormal' : 'denormal';
  if (power !== 0x7fff) return hasInteger ? 'normal' : 'unnormal';
  const isInfinity = (significand & ~INTEGER_BIT) === 0n;
  if (!hasInteger) return isInfinity ? 'pseudo-infinity' : 'pseudo-NaN';
  return isInfinity ? 'infinity' : significand & QUIET_BIT ? 'QNaN' : 'SNaN';
}

/** An extended number as a person reads it: 19 significant digits at most, or the name of what is no number. */
export function extendedText(significand: bigint, exponent: number): string {
  const kind = extendedClass(significand, exponent);
  const sign = exponent & 0x8000 ? '-' : '';
  // Exponent 0 counts as 1 (SDM vol. 1, 4.8.3.2); the significand has 63 bits behind its point.
  const decimal = () => sign + decimalText(significand, Math.max(exponent & 0x7fff, 1) - BIAS - 63, DIGITS);
  switch (kind) {
    case 'zero':
      return `${sign}0`;
    case 'normal':
      return decimal();
    case 'denormal':
    case 'pseudo-denormal':
      return `${decimal()} ${kind}`;
    case 'infinity':
      return `${sign}∞`;
    case 'QNaN':
      return sign && significand === (INTEGER_BIT | QUIET_BIT) ? 'indefinite (QNaN)' : sign + kind;
    default:
      return sign + kind;
  }
}

/** significand * 2^power, rounded to `digits` significant digits, to even where it lies half-way. */
function decimalText(significand: bigint, power: number, digits: number): string {
  const bits = significand.toString(2).length;
  // The estimate is at most one too low or too high; rounding may carry into one digit more.
  let exponent = Math.floor((bits - 1 + power) * Math.log10(2));
  let whole = scaled(significand, power, digits - 1 - exponent);
  if (whole >= 10n ** BigInt(digits)) whole = scaled(significand, power, digits - 1 - ++exponent);
  else if (whole < 10n ** BigInt(digits - 1)) whole = scaled(significand, power, digits - 1 - --exponent);
  const text = whole.toString().replace(/0+$/, '');
  if (exponent < -5 || exponent >= digits) {
    const fraction = text.length > 1 ? `.${text.slice(1)}` : '';
    return `${text[0]}${fraction}e${exponent < 0 ? '' : '+'}${exponent}`;
  }
  if (exponent < 0) return `0.${'0'.repeat(-exponent - 1)}${text}`;
  const head = text.slice(0, exponent + 1).padEnd(exponent + 1, '0');
  return text.length > exponent + 1 ? `${head}.${text.slice(exponent + 1)}` : head;
}

/** significand * 2^power * 10^ten, rounded to an integer, half to even. */
function scaled(significand: bigint, power: number, ten: number): bigint {
  const up = (base: bigint, by: number) => (by > 0 ? base ** BigInt(by) : 1n);
  const over = significand * up(2n, power) * up(10n, ten);
  const under = up(2n, -power) * up(10n, -ten);
  const [whole, rest] = [over / under, 2n * (over % under)];
  return rest > under || (rest === under && whole & 1n) ? whole + 1n : whole;
}

/** A way of reading a vector: what stands in a lane, and the lane's size. */
export interface LaneFormat {
  readonly id: LaneFormatId;
  readonly label: string;
  /** Bytes of a lane. */
  readonly bytes: number;
}

export const LANE_FORMAT_IDS = ['hex', 'i8', 'i16', 'i32', 'i64', 'f32', 'f64'] as const;
export type LaneFormatId = (typeof LANE_FORMAT_IDS)[number];

const LANES: Record<LaneFormatId, { label: string; bytes: number; text: (lane: DataView) => string }> = {
  hex: {
    label: 'hexadecimal',
    bytes: 4,
    text: (lane) => lane.getUint32(0, true).toString(16).padStart(8, '0'),
  },
  i8: { label: '8-bit integers', bytes: 1, text: (lane) => `${lane.getInt8(0)}` },
  i16: { label: '16-bit integers', bytes: 2, text: (lane) => `${lane.getInt16(0, true)}` },
  i32: { label: '32-bit integers', bytes: 4, text: (lane) => `${lane.getInt32(0, true)}` },
  i64: { label: '64-bit integers', bytes: 8, text: (lane) => `${lane.getBigInt64(0, true)}` },
  f32: { label: 'floats', bytes: 4, text: singleText },
  f64: { label: 'doubles', bytes: 8, text: doubleText },
};

export const LANE_FORMATS: readonly LaneFormat[] = LANE_FORMAT_IDS.map((id) => ({ id, ...LANES[id] }));

/** The lanes of a vector as text, the highest first as in the manual's figures and in a hexadecimal number. */
export function lanesOf(vector: Uint8Array, format: LaneFormatId): string[] {
  const { bytes, text } = LANES[format];
  const lanes: string[] = [];
  for (let at = vector.length - bytes; at >= 0; at -= bytes) {
    lanes.push(text(new DataView(vector.buffer, vector.byteOffset + at, bytes)));
  }
  return lanes;
}

/** The shortest decimal that means this float and no other. */
function singleText(lane: DataView): string {
  const value = lane.getFloat32(0, true);
  if (!Number.isFinite(value) || value === 0) return notANumber(value, lane.getUint32(0, true), 1 << 22);
  let digits = 1;
  while (Math.fround(Number(value.toPrecision(digits))) !== value) digits++;
  // A float has no tenth digit: zeros in its place would look as if they were known.
  return Math.abs(value) < 1e9 ? `${Number(value.toPrecision(digits))}` : value.toExponential(digits - 1);
}

function doubleText(lane: DataView): string {
  const value = lane.getFloat64(0, true);
  if (!Number.isFinite(value) || value === 0) return notANumber(value, lane.getUint32(4, true), 1 << 19);
  return `${value}`;
}

/** Zeros, infinities and NaNs; `high` holds the sign in bit 31 and the NaN's quiet bit. */
function notANumber(value: number, high: number, quiet: number): string {
  const sign = high >>> 31 ? '-' : '';
  if (value === 0) return `${sign}0`;
  if (!Number.isNaN(value)) return `${sign}∞`;
  return `${sign}${high & quiet ? 'QNaN' : 'SNaN'}`;
}
