// The transcendental functions against the reference, over the whole range of exponents and at the hard places, and their
// special operands. FLOAT_SAMPLES=100000 makes a long run, which tells the largest errors.
import { describe, expect, test } from 'vitest';
import { FE_INEXACT, FE_INVALID, FE_ZERO_DIVIDE } from '../../../assembly/abi/fpu.ts';
import {
  between,
  calculate,
  distance,
  type Extended,
  fixed,
  fraction,
  MAX_EXP,
  MIN_EXP,
  NAMED,
  nearMultipleOfHalfPi,
  nearOne,
  number,
  ONE,
  pick,
} from './extended.ts';
import * as reference from './reference.ts';

const SAMPLES = Number(process.env.FLOAT_SAMPLES ?? 400);
const SMALLEST = MIN_EXP - 63;

type Operands = [x: Extended, y: Extended];

const angle = (): Operands => [
  pick(
    () => number(SMALLEST, -1),
    () => number(-70, 2),
    () => number(-3, 62),
    nearMultipleOfHalfPi,
  ),
  ONE,
];

/** A point anywhere, or with coordinates of about the same size, or on a diagonal. */
function point(): Operands {
  const x = number(SMALLEST, MAX_EXP);
  const alike = Math.max(MIN_EXP, Math.min(MAX_EXP, x.exp + between(-9, 9)));
  const y = pick(
    () => number(SMALLEST, MAX_EXP),
    () => ({ sign: between(0, 1), exp: alike, sig: (1n << 63n) | fraction() }),
    () => ({ ...x, sign: between(0, 1) }),
  );
  return [x, y];
}

/** Each function with the exact one and with operands for which it is defined and does not overflow. */
const FUNCTIONS: {
  name: string;
  exactly: (x: reference.Fixed, y: reference.Fixed) => reference.Fixed;
  operands: () => Operands;
}[] = [
  { name: 'fsin', exactly: reference.sine, operands: angle },
  { name: 'fcos', exactly: reference.cosine, operands: angle },
  { name: 'fptan', exactly: reference.tangent, operands: angle },
  {
    name: 'f2xm1',
    exactly: reference.exp2m1,
    operands: () => [
      number(
        pick(
          () => SMALLEST,
          () => -70,
        ),
        -1,
      ),
      ONE,
    ],
  },
  {
    name: 'fyl2x',
    exactly: reference.ylog2,
    operands: () => [
      pick(
        nearOne,
        () => number(SMALLEST, MAX_EXP, 0),
        () => number(-3, 3, 0),
      ),
      number(SMALLEST, 16000),
    ],
  },
  {
    name: 'fyl2xp1',
    exactly: reference.ylog2p1,
    operands: () => [
      pick(
        () => number(SMALLEST, -1),
        () => number(-80, -1),
        () => number(0, MAX_EXP, 0),
      ),
      number(SMALLEST, 16000),
    ],
  },
  { name: 'fpatan', exactly: reference.angle, operands: point },
];

const exponent = ({ n, scale }: reference.Fixed) => (n < 0n ? -n : n).toString(2).length - 1 - scale;

describe.each(FUNCTIONS)('$name', ({ name, exactly, operands }) => {
  test('is right to the last bit, rounded to nearest or otherwise', () => {
    let [largest, unrounded] = [0, 0];
    for (let i = 0; i < SAMPLES; i++) {
      const [x, y] = operands();
      const mode = i & 3;
      const exact = exactly(fixed(x), fixed(y));
      const top = exponent(exact);
      const result = calculate(name, mode, x, y);
      const error = distance(fixed(result.rounded), exact, Math.max(top, MIN_EXP) - 63);
      const magnitude = { n: exact.n < 0n ? -exact.n : exact.n, scale: exact.scale };
      const before = distance(result.unrounded, magnitude, top - 127);
      unrounded = Math.max(unrounded, before);
      if (mode === 0) largest = Math.max(largest, error);
      if (!(error <= (mode ? 1 : 0.5) + 2 ** -48 && before < 2 ** 8))
        expect({ x, y, mode, result, error, before }).toBe(name);
    }
    if (process.env.FLOAT_SAMPLES)
      console.log(`${name}: ${largest} units of the last place; ${unrounded} of bit 127 before rounding`);
  });
});

/** Name, ST(0), ST(1), result, and exceptions: I, Z, P. */
const SPECIAL = `
f2xm1 +0 1 +0
f2xm1 -0 1 -0
f2xm1 +inf 1 +inf
f2xm1 -inf 1 -1
f2xm1 1 1 1 P
f2xm1 -1 1 -1/2 P
f2xm1 3 1 3 P
f2xm1 -3 1 -3 P
fyl2x +0 3 -inf Z
fyl2x -0 -3 +inf Z
fyl2x +0 +inf -inf
fyl2x +0 -inf +inf
fyl2x +0 +0 nan I
fyl2x -3 3 nan I
fyl2x -inf +inf nan I
fyl2x +inf 3 +inf
fyl2x +inf -3 -inf
fyl2x +inf -0 nan I
fyl2x +inf -inf -inf
fyl2x 1 -3 -0
fyl2x 1 +0 +0
fyl2x 1 +inf nan I
fyl2x 3 -0 -0
fyl2x 1/2 -0 +0
fyl2x 3 -inf -inf
fyl2x 1/2 +inf -inf
fyl2x 8 3 9 P
fyl2x 1/2 3 -3 P
fyl2xp1 +0 -3 -0
fyl2xp1 -0 -3 +0
fyl2xp1 -0 +0 -0
fyl2xp1 +0 -inf nan I
fyl2xp1 3 -inf -inf
fyl2xp1 -1/2 -inf +inf
fyl2xp1 -1/2 +0 -0
fyl2xp1 +inf -3 -inf
fyl2xp1 +inf +0 nan I
fyl2xp1 -inf 3 nan I
fyl2xp1 -1 3 -1 P
fyl2xp1 -3 8 -3 P
fpatan +0 +0 +0
fpatan +0 -0 -0
fpatan -0 +0 pi P
fpatan -0 -0 -pi P
fpatan 3 -0 -0
fpatan -3 +0 pi P
fpatan +0 3 pi/2 P
fpatan -0 -3 -pi/2 P
fpatan 1 1 pi/4 P
fpatan -1 -1 -3pi/4 P
fpatan +inf -3 -0
fpatan +inf +0 +0
fpatan -inf 3 pi P
fpatan -inf -0 -pi P
fpatan 3 -inf -pi/2 P
fpatan -0 +inf pi/2 P
fpatan +inf -inf -pi/4 P
fpatan -inf +inf 3pi/4 P
fsin -0 1 -0
fsin +inf 1 nan I
fsin pi 1 -2^-64 P
fcos -0 1 1
fcos -inf 1 nan I
fptan -0 1 -0
fptan -inf 1 nan I
`;

test.each(SPECIAL.trim().split('\n'))('%s', (line) => {
  const [name = '', x = '', y = '', result = '', exceptions] = line.split(' ');
  const { rounded, flags } = calculate(name, 0, NAMED[x] as Extended, NAMED[y] as Extended);
  expect(rounded).toEqual(NAMED[result]);
  expect(flags).toBe({ I: FE_INVALID, Z: FE_ZERO_DIVIDE, P: FE_INEXACT }[exceptions ?? ''] ?? 0);
});

const power = (exp: number): Extended => ({ sign: 0, exp, sig: 1n << 63n });
const below = (exp: number): Extended => ({ sign: 0, exp: exp - 1, sig: (1n << 64n) - 1n });
const above = (exp: number): Extended => ({ sign: 0, exp, sig: (1n << 63n) + 1n });

test.each([
  { name: 'fsin', x: power(-100), y: ONE, down: below(-100), up: power(-100) },
  { name: 'fcos', x: power(-100), y: ONE, down: below(0), up: power(0) },
  { name: 'fptan', x: power(-100), y: ONE, down: power(-100), up: above(-100) },
  { name: 'fptan', x: NAMED['-pi/2'] as Extended, y: ONE, down: below(65), up: power(65) },
  { name: 'fpatan', x: ONE, y: power(-100), down: below(-100), up: power(-100) },
  { name: 'fyl2xp1', x: power(8192), y: ONE, down: power(13), up: above(13) },
])('$name shows on which side of a number an exact value lies that is too near to it', (row) => {
  expect(calculate(row.name, 1, row.x, row.y).rounded).toEqual(row.down);
  expect(calculate(row.name, 2, row.x, row.y).rounded).toEqual(row.up);
});
