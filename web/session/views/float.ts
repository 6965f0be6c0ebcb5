// The x87, MMX, SSE and AVX registers of one vCPU, and what their control words say. Numbers as text are in float_text.ts.

import {
  FE_ALL,
  FSW_TOP_SHIFT,
  MXCSR_MASK_SHIFT,
  MXCSR_RC_SHIFT,
  ST_EXPONENT,
  ST_STRIDE,
  V_FCW,
  V_FSW,
  V_FTAG,
  V_FTOP,
  V_MXCSR,
  V_ST,
  V_YMM,
  XCR0_AVX,
  YMM_STRIDE,
} from '../../../assembly/abi/fpu.ts';
import { V_XCR0 } from '../../../assembly/abi/vcpu_page.ts';
import { CR0_EM, CR0_TS, CR4_OSFXSR } from '../../../assembly/abi/x86.ts';
import { extendedClass } from './float_text.ts';
import { type MachineMemory, readU32, readU64, vcpuPage } from './memory.ts';
import { codeSize, type Registers } from './registers.ts';

/** What the tag word says of a register (SDM vol. 1, 8.1.7). */
export type Tag = 'valid' | 'zero' | 'special' | 'empty';

/** One physical x87 register R0..R7. */
export interface X87Register {
  /** Bits 0..63; also the MMX register of the same number. */
  readonly significand: bigint;
  /** Bits 64..79: exponent with the sign above it. */
  readonly exponent: number;
  readonly tag: Tag;
}

export interface FloatRegisters {
  readonly vcpu: number;
  readonly fcw: number;
  /** With TOP in bits 11..13, as FNSTSW gives it. */
  readonly fsw: number;
  /** The physical register that ST(0) is. */
  readonly top: number;
  /** R0..R7. */
  readonly physical: readonly X87Register[];
  readonly mxcsr: number;
  /** The guest has switched AVX on in XCR0. */
  readonly hasAvx: boolean;
  /** YMM0..YMM15, 32 bytes each, lowest first; XMMi is the low half of YMMi. */
  readonly vectors: readonly Uint8Array[];
}

/** All floating-point and vector state of a vCPU that a person looks at. */
export function readFloat(memory: MachineMemory, vcpu: number): FloatRegisters {
  const page = vcpuPage(vcpu);
  const u32 = (offset: number) => readU32(memory, page + offset);
  const top = u32(V_FTOP) & 7;
  const used = u32(V_FTAG);
  return {
    vcpu,
    fcw: u32(V_FCW) & 0xffff,
    fsw: (u32(V_FSW) & 0xffff) | (top << FSW_TOP_SHIFT),
    top,
    physical: Array.from({ length: 8 }, (_, index) =>
      readX87(memory, page + V_ST + index * ST_STRIDE, ((used >> index) & 1) !== 0),
    ),
    mxcsr: u32(V_MXCSR),
    hasAvx: (u32(V_XCR0) & XCR0_AVX) !== 0,
    vectors: Array.from({ length: 16 }, (_, index) => {
      const start = page + V_YMM + index * YMM_STRIDE;
      return memory.bytes.slice(start, start + YMM_STRIDE);
    }),
  };
}

function readX87(memory: MachineMemory, offset: number, isUsed: boolean): X87Register {
  const significand = readU64(memory, offset);
  const exponent = readU32(memory, offset + ST_EXPONENT) & 0xffff;
  return { significand, exponent, tag: isUsed ? tagOf(significand, exponent) : 'empty' };
}

function tagOf(significand: bigint, exponent: number): Tag {
  const kind = extendedClass(significand, exponent);
  return kind === 'zero' ? 'zero' : kind === 'normal' ? 'valid' : 'special';
}

/** Numbers of the physical registers that ST(0) to ST(7) are. */
export function stackOrder(top: number): number[] {
  return Array.from({ length: 8 }, (_, index) => (top + index) & 7);
}

/** XMM registers that the code of this mode can name. */
export function vectorCount(registers: Registers): 8 | 16 {
  return codeSize(registers) === 64 ? 16 : 8;
}

/** True when the upper half of a YMM register is worth a look: AVX is on, or something is in it. */
export function hasUpperHalf(float: FloatRegisters, index: number): boolean {
  return float.hasAvx || (float.vectors[index]?.subarray(16).some((byte) => byte !== 0) ?? false);
}

const ROUNDING = ['to nearest', 'down', 'up', 'to zero'] as const;
const PRECISION = ['24 bits (single)', 'reserved', '53 bits (double)', '64 bits (extended)'] as const;

/** FCW in words: precision, rounding, and which exceptions fault (SDM vol. 1, 8.1.5). */
export function describeFcw(fcw: number): string {
  return `precision ${PRECISION[(fcw >> 8) & 3]}, rounds ${ROUNDING[(fcw >> 10) & 3]}, ${describeMasks(fcw)}`;
}

/** MXCSR in words (SDM vol. 1, 10.2.3). */
export function describeMxcsr(mxcsr: number): string {
  return `rounds ${ROUNDING[(mxcsr >> MXCSR_RC_SHIFT) & 3]}, ${describeMasks(mxcsr >> MXCSR_MASK_SHIFT)}`;
}

/** Exceptions in the order of their mask bits. */
const EXCEPTIONS = ['IE', 'DE', 'ZE', 'OE', 'UE', 'PE'];

function describeMasks(masks: number): string {
  if ((masks & FE_ALL) === FE_ALL) return 'all exceptions masked';
  return `unmasked: ${EXCEPTIONS.filter((_, index) => ((masks >> index) & 1) === 0).join(' ')}`;
}

/** Why x87 and MMX instructions fault as the control registers stand; undefined where they run. */
export function x87Refusal({ cr0 }: Registers): string | undefined {
  if (cr0 & BigInt(CR0_EM)) return 'CR0.EM is 1: an x87 instruction raises #NM, an MMX instruction #UD.';
  if (cr0 & BigInt(CR0_TS)) return 'CR0.TS is 1: the next x87 or MMX instruction raises #NM.';
  return undefined;
}

/** Why SSE instructions fault as the control registers stand; undefined where they run. */
export function sseRefusal({ cr0, cr4 }: Registers): string | undefined {
  if (cr0 & BigInt(CR0_EM)) return 'CR0.EM is 1: an SSE instruction raises #UD.';
  if (!(cr4 & BigInt(CR4_OSFXSR))) return 'CR4.OSFXSR is 0: an SSE instruction raises #UD.';
  if (cr0 & BigInt(CR0_TS)) return 'CR0.TS is 1: the next SSE instruction raises #NM.';
  return undefined;
}
