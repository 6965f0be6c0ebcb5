// Addresses as a person types them: `0x2000`, `4096`, `rsp`, `rsi+0x10`. It reads no memory.

import { codeSize, GENERAL, linearOfCode, type Registers, segmentOf } from '../../session/views/index.ts';

const SPELLING = /^(?:(0x[0-9a-f]+|\d+)|([a-z][a-z0-9]*)(?:([+-])(0x[0-9a-f]+|\d+))?)$/i;

/** Linear address of what a register points to: RSP and RBP into the stack segment, RIP into CS, others into DS. */
function pointerOf(name: string, registers: Registers): bigint | undefined {
  if (name === 'rip') return linearOfCode(registers, registers.rip);
  const value = registers.general[(GENERAL as readonly string[]).indexOf(name)];
  if (value === undefined) return undefined;
  if (codeSize(registers) === 64) return value;
  const { base } = segmentOf(registers, name === 'rsp' || name === 'rbp' ? 'ss' : 'ds');
  return BigInt.asUintN(32, value + base);
}

/** The address that `text` names; undefined when it names none. */
export function addressOf(text: string, registers: Registers | undefined): bigint | undefined {
  const [, number, name, sign, offset = '0'] =
    SPELLING.exec(text.replaceAll(/[\s_]/g, '').toLowerCase()) ?? [];
  if (number !== undefined) return BigInt.asUintN(64, BigInt(number));
  const base = name !== undefined && registers ? pointerOf(name, registers) : undefined;
  if (base === undefined) return undefined;
  return BigInt.asUintN(64, sign === '-' ? base - BigInt(offset) : base + BigInt(offset));
}
