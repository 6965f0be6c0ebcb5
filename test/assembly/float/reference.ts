// The transcendental functions in integers of any length, to more than 200 bits: what the core's results are measured against.
// Numbers are fractions n / 2^scale. The pi of sines and tangents has 66 bits (SDM vol. 1, 8.3.8); that of FPATAN is exact.

/** n / 2^scale. */
export interface Fixed {
  n: bigint;
  scale: number;
}

/** Bits of a result that count. */
const PRECISION = 224;

const abs = (n: bigint) => (n < 0n ? -n : n);
const bits = (n: bigint) => {
  const digits = abs(n).toString(16);
  return digits.length * 4 - Math.clz32(Number.parseInt(digits[0] as string, 16)) + 28;
};
const shift = (n: bigint, by: number) => (by < 0 ? n >> BigInt(-by) : n << BigInt(by));
const power = (by: number) => 1n << BigInt(by);

/** The place of a number's first bit, 0 for 1. */
const exponent = ({ n, scale }: Fixed) => bits(n) - 1 - scale;

/** A scale that keeps PRECISION bits of numbers from 2^exponent up. */
const scaleFor = (exponent: number) => PRECISION + 32 + Math.max(0, -exponent);

const rescale = ({ n, scale }: Fixed, to: number) => shift(n, to - scale);

/** Sum of terms until they vanish; `next` makes term k from the one before. */
function sum(first: bigint, next: (term: bigint, k: bigint) => bigint): bigint {
  let total = 0n;
  let k = 1n;
  for (let term = first; term !== 0n && term !== -1n; k += 1n) {
    total += term;
    term = next(term, k);
  }
  return total;
}

/** artanh(a / b) * 2^scale. */
function artanh(a: bigint, b: bigint, scale: number): bigint {
  const ratio = (a << BigInt(scale)) / b;
  let odd = ratio;
  return sum(ratio, (_term, k) => {
    odd = (odd * ratio * ratio) >> BigInt(2 * scale);
    return odd / (2n * k + 1n);
  });
}

/** atan(a / b) * 2^scale by Euler's series, for 0 <= a <= b. */
function arctangent(a: bigint, b: bigint, scale: number): bigint {
  const square = a * a + b * b;
  const ratio = ((a * a) << BigInt(scale)) / square;
  const first = ((a * b) << BigInt(scale)) / square;
  return sum(first, (term, k) => ((term * 2n * k * ratio) >> BigInt(scale)) / (2n * k + 1n));
}

/** ln(2) and pi, both times 2^CONSTANT. */
const CONSTANT = PRECISION + 96;
const LN2 = 2n * artanh(1n, 3n, CONSTANT);
const PI = 4n * arctangent(1n, 1n, CONSTANT);

/** 2^x - 1. */
export function exp2m1(x: Fixed): Fixed {
  const scale = scaleFor(exponent(x));
  const t = rescale({ n: x.n * LN2, scale: x.scale + CONSTANT }, scale);
  return { n: sum(t, (term, k) => (term * t) / (power(scale) * (k + 1n))), scale };
}

/** y * log2(a / 2^bits). */
function yLog2(y: Fixed, a: bigint, scaled: number): Fixed {
  let k = bits(a) - 1;
  // The nearer power of 2: next to 1 it is 1 itself.
  if (3n * a > power(k + 2)) k += 1;
  const [above, below] = [a - power(k), a + power(k)];
  const scale = scaleFor(k === scaled ? bits(above) - bits(below) - 1 : 0);
  const natural = 2n * artanh(above, below, scale);
  const log = (BigInt(k - scaled) << BigInt(scale)) + (natural << BigInt(CONSTANT)) / LN2;
  return { n: y.n * log, scale: y.scale + scale };
}

/** y * log2(x). */
export function ylog2(x: Fixed, y: Fixed): Fixed {
  return yLog2(y, x.n, x.scale);
}

/** y * log2(x + 1). */
export function ylog2p1(x: Fixed, y: Fixed): Fixed {
  const scale = Math.max(0, x.scale);
  return yLog2(y, rescale(x, scale) + power(scale), scale);
}

/** The angle of the point (x, y). */
export function angle(x: Fixed, y: Fixed): Fixed {
  const common = Math.max(x.scale, y.scale);
  const [across, up] = [abs(rescale(x, common)), abs(rescale(y, common))];
  const flat = up <= across;
  const ratio = flat ? bits(up) - bits(across) - 1 : 0;
  const scale = scaleFor(x.n < 0n ? 0 : ratio);
  const quarter = flat ? arctangent(up, across, scale) : arctangent(across, up, scale);
  const half = flat ? quarter : rescale({ n: PI, scale: CONSTANT + 1 }, scale) - quarter;
  const n = x.n < 0n ? rescale({ n: PI, scale: CONSTANT }, scale) - half : half;
  return { n: y.n < 0n ? -n : n, scale };
}

/** Half of the processor's pi. */
const HALF_PI: Fixed = { n: 0x3243f6a8885a308d3n, scale: 65 };

/** x - n * pi/2 nearest to 0, and n modulo 4. */
function reduce(x: Fixed): { r: Fixed; quadrant: number } {
  const scale = Math.max(x.scale, HALF_PI.scale);
  const [n, half] = [rescale(x, scale), rescale(HALF_PI, scale)];
  let quadrant = (2n * n + half) / (2n * half);
  if (2n * n + half < 0n) quadrant -= 1n;
  return { r: { n: n - quadrant * half, scale }, quadrant: Number(quadrant & 3n) };
}

function sineAndCosine(r: Fixed): { sine: Fixed; cosine: Fixed } {
  const scale = scaleFor(exponent(r));
  const n = rescale(r, scale);
  const square = n * n;
  const series = (first: bigint, parity: bigint) =>
    sum(
      first,
      (term, k) => (-term * square) / (power(2 * scale) * (2n * k - 1n + parity) * (2n * k + parity)),
    );
  return { sine: { n: series(n, 1n), scale }, cosine: { n: series(power(scale), 0n), scale } };
}

const negate = ({ n, scale }: Fixed): Fixed => ({ n: -n, scale });

export function sine(x: Fixed): Fixed {
  const { r, quadrant } = reduce(x);
  const both = sineAndCosine(r);
  const value = quadrant & 1 ? both.cosine : both.sine;
  return quadrant & 2 ? negate(value) : value;
}

export function cosine(x: Fixed): Fixed {
  const { r, quadrant } = reduce(x);
  const both = sineAndCosine(r);
  const value = quadrant & 1 ? both.sine : both.cosine;
  return quadrant === 1 || quadrant === 2 ? negate(value) : value;
}

export function tangent(x: Fixed): Fixed {
  const { r, quadrant } = reduce(x);
  const both = sineAndCosine(r);
  const scale = scaleFor(exponent(r)) * 2;
  if (quadrant & 1) return { n: (-both.cosine.n << BigInt(scale)) / both.sine.n, scale };
  return { n: (both.sine.n << BigInt(scale)) / both.cosine.n, scale };
}
