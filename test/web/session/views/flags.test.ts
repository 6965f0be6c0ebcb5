// The lazy flags as a person sees them, against the definition of each flag at every operand size.
import { describe, expect, test } from 'vitest';
import {
  LF_ADC,
  LF_ADD,
  LF_DEC,
  LF_EXPLICIT,
  LF_INC,
  LF_LOGIC,
  LF_PARTIAL,
  LF_SBB,
  LF_SUB,
  V_LF_A,
  V_LF_B,
  V_LF_CF,
  V_LF_KIND,
  V_LF_RES,
  V_RFLAGS,
} from '../../../../assembly/abi/vcpu_page.ts';
import { readFlags } from '../../../../web/session/views/flags.ts';
import { machine, setVcpu } from './machine.ts';

const { memory } = machine();
const [CF, PF, AF, ZF, SF, OF, IF] = [1, 4, 16, 64, 128, 0x800, 0x200];

/** Flags of a + b + carry or a - b - carry at `bits` bits, from their definitions. */
function expected(bits: number, a: bigint, b: bigint, carry: bigint, subtract: boolean): number {
  const [ua, ub] = [BigInt.asUintN(bits, a), BigInt.asUintN(bits, b)];
  const [sa, sb] = [BigInt.asIntN(bits, a), BigInt.asIntN(bits, b)];
  const whole = subtract ? ua - ub - carry : ua + ub + carry;
  const signed = subtract ? sa - sb - carry : sa + sb + carry;
  const nibble = subtract ? (ua & 15n) - (ub & 15n) - carry : (ua & 15n) + (ub & 15n) + carry;
  const result = BigInt.asUintN(bits, whole);
  const ones = (result & 0xffn).toString(2).replaceAll('0', '').length;
  return (
    (whole < 0n || whole >> BigInt(bits) ? CF : 0) |
    (ones % 2 ? 0 : PF) |
    (nibble < 0n || nibble > 15n ? AF : 0) |
    (result === 0n ? ZF : 0) |
    (BigInt.asIntN(bits, result) < 0n ? SF : 0) |
    (BigInt.asIntN(bits, signed) === signed ? 0 : OF)
  );
}

const VALUES = [
  0n,
  1n,
  7n,
  8n,
  15n,
  16n,
  0x7fn,
  0x80n,
  0xffn,
  0x7fffn,
  0x8000n,
  0xffffn,
  0x7fffffffn,
  -1n,
  -2n,
  -128n,
];

describe('the lazy flags', () => {
  test.each([
    [LF_ADD, 0n, false],
    [LF_ADC, 1n, false],
    [LF_SUB, 0n, true],
    [LF_SBB, 1n, true],
  ])('of kind %i agree with the definition of each flag', (kind, carry, subtract) => {
    for (const bits of [8, 16, 32, 64]) {
      for (const left of VALUES) {
        for (const right of VALUES) {
          const [a, b] = [BigInt.asIntN(bits, left), BigInt.asIntN(bits, right)];
          const result = BigInt.asIntN(bits, subtract ? a - b - carry : a + b + carry);
          setVcpu(memory, 0, {
            [V_LF_KIND]: kind,
            [V_LF_A]: a,
            [V_LF_B]: b,
            [V_LF_RES]: result,
            [V_RFLAGS]: 2,
          });
          expect(readFlags(memory, 0)).toBe(expected(bits, a, b, carry, subtract) | 2);
        }
      }
    }
  });

  test('of INC and DEC keep the carry flag', () => {
    setVcpu(memory, 0, {
      [V_LF_KIND]: LF_INC,
      [V_LF_A]: 0x7fn,
      [V_LF_B]: 1n,
      [V_LF_RES]: -128n,
      [V_LF_CF]: 1,
    });
    expect(readFlags(memory, 0) & (CF | OF | SF | AF)).toBe(CF | OF | SF | AF);
    setVcpu(memory, 0, { [V_LF_KIND]: LF_DEC, [V_LF_A]: 1n, [V_LF_B]: 1n, [V_LF_RES]: 0n, [V_LF_CF]: 0 });
    expect(readFlags(memory, 0) & (CF | OF | ZF | AF)).toBe(ZF);
  });

  test('of a logical operation clear CF, OF and AF', () => {
    setVcpu(memory, 0, { [V_LF_KIND]: LF_LOGIC, [V_LF_A]: -1n, [V_LF_B]: 1n, [V_LF_RES]: 3n });
    expect(readFlags(memory, 0) & 0x8d5).toBe(PF);
  });

  test('that are partly known come from their word', () => {
    setVcpu(memory, 0, { [V_LF_KIND]: LF_PARTIAL, [V_LF_RES]: -1n, [V_LF_CF]: CF | OF });
    expect(readFlags(memory, 0) & 0x8d5).toBe(CF | OF | SF | PF);
  });

  test('are EFLAGS itself once they are explicit, and never touch the system flags', () => {
    setVcpu(memory, 0, { [V_LF_KIND]: LF_EXPLICIT, [V_RFLAGS]: IF | ZF | 2 });
    expect(readFlags(memory, 0)).toBe(IF | ZF | 2);
    setVcpu(memory, 0, { [V_LF_KIND]: LF_LOGIC, [V_LF_RES]: 1n });
    expect(readFlags(memory, 0)).toBe(IF | 2);
  });
});
