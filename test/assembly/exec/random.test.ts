// RDRAND and RDSEED: what a guest may rely on.
import { expect, test } from 'vitest';
import { Machine } from './machine.ts';

const machine = new Machine('long');

test.each([
  ['RDRAND', '480fc7f0', 64n],
  ['RDSEED', '480fc7f8', 64n],
  ['RDRAND of 32 bits', '0fc7f0', 32n],
  ['RDSEED of 16 bits', '660fc7f8', 16n],
])('%s gives other bits each time, sets CF and clears the other arithmetic flags', (_, code, bits) => {
  const results = Array.from({ length: 8 }, () => machine.run(code, { rax: 0, rflags: 0x8d6 }));
  expect(new Set(results.map(({ rax }) => rax)).size).toBeGreaterThan(6);
  for (const { rax, rflags } of results) {
    expect(rax >> bits).toBe(0n);
    expect(rflags & 0x8d5n).toBe(1n);
  }
});
