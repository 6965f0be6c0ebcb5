// x87, MMX, SSE and AVX registers from a memory filled by hand, and their numbers as text.
import { describe, expect, test } from 'vitest';
import {
  ST_EXPONENT,
  ST_STRIDE,
  V_FCW,
  V_FSW,
  V_FTAG,
  V_FTOP,
  V_MXCSR,
  V_ST,
  V_YMM,
  YMM_STRIDE,
} from '../../../../assembly/abi/fpu.ts';
import {
  ATTR_CODE,
  ATTR_L,
  ATTR_P,
  ATTR_S,
  SEG_ATTR,
  SEG_STRIDE,
  V_CR0,
  V_CR4,
  V_EFER,
  V_SEGS,
  V_XCR0,
} from '../../../../assembly/abi/vcpu_page.ts';
import {
  describeFcw,
  describeMxcsr,
  extendedText,
  FSW_BITS,
  hasUpperHalf,
  lanesOf,
  MXCSR_BITS,
  readFloat,
  readRegisters,
  setBits,
  sseRefusal,
  stackOrder,
  vectorCount,
  x87Refusal,
} from '../../../../web/session/views/index.ts';
import { machine, setVcpu } from './machine.ts';

const PI = { significand: 0xc90fdaa22168c235n, exponent: 0x4000 };

describe('the x87 registers', () => {
  test('stand on a stack that begins at TOP, each with its tag', () => {
    const { memory } = machine(2);
    const register = (index: number) => V_ST + index * ST_STRIDE;
    setVcpu(memory, 1, {
      [V_FTOP]: 6,
      [V_FTAG]: 0b1110_0000,
      [register(5)]: 1n,
      [register(6)]: PI.significand,
      [register(6) + ST_EXPONENT]: PI.exponent,
    });
    const float = readFloat(memory, 1);
    expect(stackOrder(float.top)).toEqual([6, 7, 0, 1, 2, 3, 4, 5]);
    expect(float.physical.slice(4).map(({ tag }) => tag)).toEqual(['empty', 'special', 'valid', 'zero']);
    expect(float.physical[6]).toEqual({ ...PI, tag: 'valid' });
    expect(readFloat(memory, 0).physical[6]?.significand).toBe(0n);
  });

  test('have a control word and a status word in words', () => {
    const { memory } = machine();
    setVcpu(memory, 0, { [V_FSW]: 0x4121, [V_FTOP]: 7, [V_FCW]: 0x37f });
    const { fsw, fcw } = readFloat(memory, 0);
    expect(fsw).toBe(0x7921);
    expect(setBits(fsw, FSW_BITS).map(({ name }) => name)).toEqual(['C3', 'C0', 'IE', 'PE']);
    expect(describeFcw(fcw)).toBe('precision 64 bits (extended), rounds to nearest, all exceptions masked');
    expect(describeFcw(0xe7a)).toBe('precision 53 bits (double), rounds to zero, unmasked: IE ZE');
  });
});

describe('an extended number', () => {
  test.each([
    ['0', 0n, 0],
    ['-0', 0n, 0x8000],
    ['1', 1n << 63n, 0x3fff],
    ['-0.5', 1n << 63n, 0xbffe],
    ['10', 0xan << 60n, 0x4002],
    ['3.141592653589793239', PI.significand, PI.exponent],
    ['0.1', 0xcccccccccccccccdn, 0x3ffb],
    ['0.3333333333333333333', 0xaaaaaaaaaaaaaaabn, 0x3ffd],
    ['0.00001', 0xa7c5ac471b478423n, 0x3fee],
    ['1000000000000000000', 0xde0b6b3a76400000n, 0x403a],
    ['1e+19', 0x8ac7230489e80000n, 0x403e],
    ['1.189731495357231765e+4932', -1n, 0x7ffe],
    ['3.362103143112093506e-4932', 1n << 63n, 1],
    ['3.645199531882474603e-4951 denormal', 1n, 0],
    ['3.362103143112093506e-4932 pseudo-denormal', 1n << 63n, 0],
    ['-∞', 1n << 63n, 0xffff],
    ['QNaN', 3n << 62n, 0x7fff],
    ['indefinite (QNaN)', 3n << 62n, 0xffff],
    ['-SNaN', (1n << 63n) | 1n, 0xffff],
    ['pseudo-infinity', 0n, 0x7fff],
    ['-pseudo-NaN', 42n, 0xffff],
    ['unnormal', 1n, 0x3fff],
  ])('reads %s', (text, significand, exponent) => {
    expect(extendedText(BigInt.asUintN(64, significand), exponent)).toBe(text);
  });

  test('agrees with the double of the same value in all digits that a double has', () => {
    for (const value of [
      Math.E,
      1 / 3,
      6.02214076e23,
      1.6e-19,
      123456.789,
      2 ** -1022,
      9.999999999999999e22,
    ]) {
      const bits = new BigUint64Array(Float64Array.of(value).buffer)[0] ?? 0n;
      const significand = (1n << 63n) | ((bits << 11n) & (2n ** 63n - 1n));
      expect(Number(extendedText(significand, Number(bits >> 52n) - 1023 + 16383))).toBe(value);
    }
  });
});

describe('the vector registers', () => {
  const bytes = (...lanes: ArrayBufferView[]) =>
    new Uint8Array(lanes.flatMap((lane) => [...new Uint8Array(lane.buffer)]));

  test('are read from their own place, upper halves only where there is something to see', () => {
    const { memory } = machine();
    setVcpu(memory, 0, { [V_YMM + 2 * YMM_STRIDE]: 7n, [V_YMM + 3 * YMM_STRIDE + 24]: 9n });
    const float = readFloat(memory, 0);
    expect(float.vectors[2]?.[0]).toBe(7);
    expect([2, 3].map((index) => hasUpperHalf(float, index))).toEqual([false, true]);
    setVcpu(memory, 0, { [V_XCR0]: 7n });
    expect(hasUpperHalf(readFloat(memory, 0), 2)).toBe(true);
  });

  test.each([
    ['hex', bytes(Uint32Array.of(1, 2, 3, 0xfedcba98)), 'fedcba98 00000003 00000002 00000001'],
    ['i8', bytes(Int8Array.of(-128, 2, 3, 4, 5, 6, 7, 127)), '127 7 6 5 4 3 2 -128'],
    ['i16', bytes(Int16Array.of(-32768, 2, 3, 4)), '4 3 2 -32768'],
    ['i32', bytes(Int32Array.of(-1, 2)), '2 -1'],
    ['i64', bytes(BigInt64Array.of(-(2n ** 63n), 5n)), '5 -9223372036854775808'],
    ['f32', bytes(Float32Array.of(0.1, -0, 1e10, 16777216)), '16777216 1e+10 -0 0.1'],
    ['f32', bytes(Uint32Array.of(0x7f800000, 0xffc00000, 0x7f800001, 1)), '1e-45 SNaN -QNaN ∞'],
    ['f64', bytes(Float64Array.of(0.1, Number.NEGATIVE_INFINITY)), '-∞ 0.1'],
    ['f64', bytes(BigUint64Array.of(0x7ff0000000000001n, 0xfff8000000000000n)), '-QNaN SNaN'],
  ] as const)('have %s lanes, the highest first', (format, vector, text) => {
    expect(lanesOf(vector, format).join(' ')).toBe(text);
  });

  test('count sixteen in 64-bit code and eight elsewhere', () => {
    const { memory } = machine();
    expect(vectorCount(readRegisters(memory, 0))).toBe(8);
    const code = { [V_SEGS + SEG_STRIDE + SEG_ATTR]: ATTR_P | ATTR_S | ATTR_CODE | ATTR_L };
    setVcpu(memory, 0, { [V_CR0]: 0x80000001n, [V_EFER]: 0x500n, ...code });
    expect(vectorCount(readRegisters(memory, 0))).toBe(16);
  });

  test('have an MXCSR in words', () => {
    const { memory } = machine();
    setVcpu(memory, 0, { [V_MXCSR]: 0x9fa0 });
    const { mxcsr } = readFloat(memory, 0);
    expect(setBits(mxcsr, MXCSR_BITS).map(({ name }) => name)).toEqual(['PE', 'FTZ']);
    expect(describeMxcsr(mxcsr)).toBe('rounds to nearest, all exceptions masked');
    expect(describeMxcsr(0x2f80 | 0x4000)).toBe('rounds to zero, unmasked: PE');
  });
});

describe('a unit that is off', () => {
  test('is told with the bit that switches it off', () => {
    const { memory } = machine();
    const refusals = (cr0: bigint, cr4: bigint) => {
      setVcpu(memory, 0, { [V_CR0]: cr0, [V_CR4]: cr4 });
      const registers = readRegisters(memory, 0);
      return [x87Refusal(registers), sseRefusal(registers)].map((sentence) => sentence?.slice(0, 10));
    };
    expect(refusals(0x11n, 0x200n)).toEqual([undefined, undefined]);
    expect(refusals(0x11n, 0n)).toEqual([undefined, 'CR4.OSFXSR']);
    expect(refusals(0x1dn, 0x200n)).toEqual(['CR0.EM is ', 'CR0.EM is ']);
    expect(refusals(0x19n, 0x200n)).toEqual(['CR0.TS is ', 'CR0.TS is ']);
  });
});
