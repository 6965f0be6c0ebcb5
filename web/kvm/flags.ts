// EFLAGS of a vCPU page: the arithmetic flags that the core keeps as operands until somebody asks. It changes nothing.

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
} from '../../assembly/abi/vcpu_page.ts';
import {
  FLAG_AF,
  FLAG_CF,
  FLAG_OF,
  FLAG_ONE,
  FLAG_PF,
  FLAG_SF,
  FLAG_ZF,
  FLAGS_ARITH,
} from '../../assembly/abi/x86.ts';
import type { MachineMemory } from './memory.ts';

const SIGN = 1n << 63n;

function evenParity(byte: number): boolean {
  const folded = byte ^ (byte >> 4);
  return ((0x9669 >> (folded & 15)) & 1) === 1;
}

/** ZF, SF and PF of a sign-extended result. */
function resultFlags(result: bigint): number {
  let flags = result === 0n ? FLAG_ZF : 0;
  if (result & SIGN) flags |= FLAG_SF;
  if (evenParity(Number(result & 0xffn))) flags |= FLAG_PF;
  return flags;
}

// Operands and result are sign-extended to 64 bits, so carry and overflow of any size show in bit 63.
function sumFlags(a: bigint, b: bigint, result: bigint): number {
  let flags = ((a & b) | ((a | b) & ~result)) & SIGN ? FLAG_CF : 0;
  if ((a ^ result) & (b ^ result) & SIGN) flags |= FLAG_OF;
  if ((a ^ b ^ result) & 0x10n) flags |= FLAG_AF;
  return flags;
}

function differenceFlags(a: bigint, b: bigint, result: bigint): number {
  let flags = ((~a & b) | ((~a | b) & result)) & SIGN ? FLAG_CF : 0;
  if ((a ^ b) & (a ^ result) & SIGN) flags |= FLAG_OF;
  if ((a ^ b ^ result) & 0x10n) flags |= FLAG_AF;
  return flags;
}

function lazyFlags(memory: MachineMemory, v: number, kind: number): number {
  const a = memory.u64(v + V_LF_A);
  const b = memory.u64(v + V_LF_B);
  const result = memory.u64(v + V_LF_RES);
  const kept = memory.u32(v + V_LF_CF);
  const fromResult = resultFlags(result);
  switch (kind) {
    case LF_PARTIAL:
      return fromResult | (kept & (FLAG_CF | FLAG_OF | FLAG_AF));
    case LF_LOGIC:
      return fromResult;
    case LF_ADD:
    case LF_ADC:
      return fromResult | sumFlags(a, b, result);
    case LF_SUB:
    case LF_SBB:
      return fromResult | differenceFlags(a, b, result);
    case LF_INC:
      return fromResult | (sumFlags(a, 1n, result) & ~FLAG_CF) | (kept & FLAG_CF);
    case LF_DEC:
      return fromResult | (differenceFlags(a, 1n, result) & ~FLAG_CF) | (kept & FLAG_CF);
    default:
      return fromResult;
  }
}

/** The whole EFLAGS of the vCPU page at `v`; exact while the vCPU stands, a good guess while it runs. */
export function readRflags(memory: MachineMemory, v: number): number {
  const flags = memory.u32(v + V_RFLAGS);
  const kind = memory.u32(v + V_LF_KIND);
  const whole = kind === LF_EXPLICIT ? flags : (flags & ~FLAGS_ARITH) | lazyFlags(memory, v, kind);
  return (whole | FLAG_ONE) >>> 0;
}

/** Replaces the whole EFLAGS of the vCPU page at `v`. */
export function writeRflags(memory: MachineMemory, v: number, flags: number): void {
  memory.setU32(v + V_RFLAGS, (flags | FLAG_ONE) >>> 0);
  memory.setU32(v + V_LF_KIND, LF_EXPLICIT);
}
