// The Memory panel without a page: addresses as they are typed, and where keys move the cursor.
import { describe, expect, test } from 'vitest';
import { V_GPR, V_RIP } from '../../../assembly/abi/vcpu_page.ts';
import { readRegisters } from '../../../web/session/views/index.ts';
import { addressOf } from '../../../web/ui/panels/address.ts';
import { movedCursor, topFor } from '../../../web/ui/state/hex_place.ts';
import { machine, setVcpu } from '../session/views/machine.ts';

describe('an address', () => {
  const { memory } = machine();
  setVcpu(memory, 0, { [V_RIP]: 0x7c00n, [V_GPR]: 0x2000n });
  const registers = readRegisters(memory, 0);

  test('is a number, or a register with an offset', () => {
    expect(
      ['0x7C00', '4096', 'rip', 'rax + 0x10', 'rax-1'].map((text) => addressOf(text, registers)),
    ).toEqual([0x7c00n, 4096n, 0x7c00n, 0x2010n, 0x1fffn]);
  });

  test('that is neither is none', () => {
    for (const text of ['', 'nonsense', '0x', 'rax*2', '-1', 'rip+'])
      expect(addressOf(text, registers)).toBeUndefined();
    expect(addressOf('rip', undefined)).toBeUndefined();
  });
});

describe('the cursor', () => {
  const ROWS = 4;
  const WIDTH = 16;
  const move = (key: string, from: bigint) => movedCursor(key, from, ROWS, WIDTH);

  test('moves by bytes, rows and pages and stays inside of 64 bits', () => {
    expect(move('ArrowDown', 0x105n)).toBe(0x115n);
    expect(move('ArrowUp', 0x5n)).toBe(0x5n);
    expect(move('PageDown', 0x105n)).toBe(0x145n);
    expect(move('PageUp', 0x15n)).toBe(0x5n);
    expect(move('ArrowLeft', 0n)).toBe(0n);
    expect(move('ArrowRight', 2n ** 64n - 1n)).toBe(2n ** 64n - 1n);
    expect([move('Home', 0x105n), move('End', 0x105n)]).toEqual([0x100n, 0x10fn]);
    expect(move('F1', 0n)).toBeUndefined();
  });

  test('takes the window with it only as far as it must', () => {
    expect(topFor(0x125n, 0x100n, ROWS, WIDTH)).toBe(0x100n);
    expect(topFor(0x145n, 0x100n, ROWS, WIDTH)).toBe(0x110n);
    expect(topFor(0xf5n, 0x100n, ROWS, WIDTH)).toBe(0xf0n);
  });
});
