// Products and quotients of 128 bits against JavaScript's big integers.
import { expect, test } from 'vitest';
import { Machine, randomBits } from './machine.ts';

const machine = new Machine('long');
const random = randomBits(7);
const CASES = 3000;
const wide = (high: bigint, low: bigint): bigint => (high << 64n) | low;

/** Numbers of every length, and the ends of the range. */
function operand(): bigint {
  const length = Number(random(7)) % 65;
  const value = random(64) >> BigInt(64 - length);
  return random(3) === 0n ? BigInt.asUintN(64, -value) : value;
}

test('DIV divides 128 by 64 bits, or raises #DE where the quotient does not fit', () => {
  for (let n = 0; n < CASES; n++) {
    const [rdx, rax, rbx] = [operand(), operand(), operand()];
    const dividend = wide(rdx, rax);
    const fits = rbx !== 0n && dividend / rbx < 2n ** 64n;
    if (!fits) {
      expect(machine.faults('48f7f3', { rax, rdx, rbx })).toBe(true);
      continue;
    }
    const got = machine.run('48f7f3', { rax, rdx, rbx });
    expect([got.rax, got.rdx]).toEqual([dividend / rbx, dividend % rbx]);
  }
});

test('IDIV truncates towards zero and gives the remainder the sign of the dividend', () => {
  for (let n = 0; n < CASES; n++) {
    const [rdx, rax, rbx] = [operand(), operand(), operand()];
    const dividend = BigInt.asIntN(128, wide(rdx, rax));
    const divisor = BigInt.asIntN(64, rbx);
    const fits = divisor !== 0n && BigInt.asIntN(64, dividend / divisor) === dividend / divisor;
    if (!fits) {
      expect(machine.faults('48f7fb', { rax, rdx, rbx })).toBe(true);
      continue;
    }
    const got = machine.run('48f7fb', { rax, rdx, rbx });
    expect([BigInt.asIntN(64, got.rax), BigInt.asIntN(64, got.rdx)]).toEqual([
      dividend / divisor,
      dividend % divisor,
    ]);
  }
});

test('MUL and IMUL give all 128 bits', () => {
  for (let n = 0; n < CASES; n++) {
    const [rax, rbx] = [operand(), operand()];
    const plain = machine.run('48f7e3', { rax, rbx });
    expect(wide(plain.rdx, plain.rax)).toBe(rax * rbx);
    const signed = machine.run('48f7eb', { rax, rbx });
    expect(BigInt.asIntN(128, wide(signed.rdx, signed.rax))).toBe(
      BigInt.asIntN(64, rax) * BigInt.asIntN(64, rbx),
    );
  }
});
