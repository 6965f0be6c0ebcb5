// The arithmetic flags of a vCPU page, derived as the core derives them. It reads; assembly/cpu/flags.ts decides.
//
// The core keeps the last result and its operands instead of six flag bits (V_LF_*), because most flags are never
// looked at. Operands and result are sign-extended from the operand size, so that unsigned and signed comparisons
// of the 64-bit values equal those of the operand size (SDM vol. 1, 3.4.3.1).

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
} from '../../../assembly/abi/vcpu_page.ts';
import {
  FLAG_AF,
  FLAG_CF,
  FLAG_OF,
  FLAG_ONE,
  FLAG_PF,
  FLAG_SF,
  FLAG_ZF,
  FLAGS_ARITH,
} from '../../../assembly/abi/x86.ts';
import { type MachineMemory, readU32, readU64, vcpuPage } from './memory.ts';

const CARRIES = FLAG_CF | FLAG_OF | FLAG_AF;

/** EFLAGS of a vCPU with the six arithmetic bits made true. */
export function readFlags(memory: MachineMemory, vcpu: number): number {
  const page = vcpuPage(vcpu);
  const stored = readU32(memory, page + V_RFLAGS);
  const kind = readU32(memory, page + V_LF_KIND);
  if (kind === LF_EXPLICIT) return stored | FLAG_ONE;
  const a = readU64(memory, page + V_LF_A);
  const b = readU64(memory, page + V_LF_B);
  const result = readU64(memory, page + V_LF_RES);
  const carry = readU32(memory, page + V_LF_CF);
  return ((stored & ~FLAGS_ARITH) | ofResult(result) | carries(kind, a, b, result, carry) | FLAG_ONE) >>> 0;
}

/** ZF, SF and PF follow from the result alone. */
function ofResult(result: bigint): number {
  let flags = 0;
  if (result === 0n) flags |= FLAG_ZF;
  if (isNegative(result)) flags |= FLAG_SF;
  let low = Number(result & 0xffn);
  low ^= low >> 4;
  low ^= low >> 2;
  low ^= low >> 1;
  if ((low & 1) === 0) flags |= FLAG_PF;
  return flags;
}

/** CF, OF and AF of an operation. */
function carries(kind: number, a: bigint, b: bigint, result: bigint, carry: number): number {
  const half = Number((a ^ b ^ result) & 0x10n);
  const overAdd = isNegative((a ^ result) & (b ^ result)) ? FLAG_OF : 0;
  const overSub = isNegative((a ^ b) & (a ^ result)) ? FLAG_OF : 0;
  switch (kind) {
    case LF_PARTIAL:
      return carry & CARRIES;
    case LF_LOGIC:
      return 0;
    case LF_ADD:
      return half | overAdd | (result < a ? FLAG_CF : 0);
    case LF_ADC:
      return half | overAdd | (result <= a ? FLAG_CF : 0);
    case LF_SUB:
      return half | overSub | (a < b ? FLAG_CF : 0);
    case LF_SBB:
      return half | overSub | (a <= b ? FLAG_CF : 0);
    case LF_INC:
      return half | (isNegative(~a & result) ? FLAG_OF : 0) | (carry & FLAG_CF);
    case LF_DEC:
      return half | (isNegative(a & ~result) ? FLAG_OF : 0) | (carry & FLAG_CF);
    default:
      return 0;
  }
}

function isNegative(value: bigint): boolean {
  return BigInt.asIntN(64, value) < 0n;
}
