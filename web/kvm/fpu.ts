// kvm_fpu, kvm_xsave and kvm_xcrs over the live floating-point state of a vCPU, both ways. It runs nothing.

import {
  FCW_BITS,
  FCW_INIT,
  FCW_ONE,
  FE_ALL,
  FSW_B,
  FSW_ES,
  FSW_TOP_SHIFT,
  IMAGE_AVX,
  IMAGE_FCW,
  IMAGE_FDP,
  IMAGE_FIP,
  IMAGE_FOP,
  IMAGE_FSW,
  IMAGE_HEADER,
  IMAGE_MXCSR,
  IMAGE_MXCSR_MASK,
  IMAGE_PKRU,
  IMAGE_ST,
  IMAGE_TAG,
  IMAGE_XMM,
  MXCSR_BITS,
  MXCSR_RESET,
  ST_EXPONENT,
  ST_STRIDE,
  V_FCW,
  V_FDP,
  V_FIP,
  V_FOP,
  V_FSW,
  V_FTAG,
  V_FTOP,
  V_MXCSR,
  V_PKRU,
  V_ST,
  V_YMM,
  XCR0_AVX,
  XCR0_PKRU,
  XCR0_SSE,
  XCR0_X87,
  YMM_STRIDE,
} from '../../assembly/abi/fpu.ts';
import { V_XCR0 } from '../../assembly/abi/vcpu_page.ts';
import { type Input, KVM_MAX_XCRS, KvmError, type KvmFpu, type KvmXcrs, type KvmXsave } from './abi/index.ts';
import type { MachineMemory } from './memory.ts';

/** Components that a vCPU can have. */
const COMPONENTS = XCR0_X87 | XCR0_SSE | XCR0_AVX | XCR0_PKRU;
/** Bytes of struct kvm_xsave without its flexible end. */
const XSAVE_BYTES = 4096;

function stAddress(memory: MachineMemory, v: number, i: number): number {
  return v + V_ST + ((memory.u32(v + V_FTOP) + i) & 7) * ST_STRIDE;
}

function statusWord(memory: MachineMemory, v: number): number {
  return memory.u32(v + V_FSW) | (memory.u32(v + V_FTOP) << FSW_TOP_SHIFT);
}

/** FSW with TOP; ES and B follow from the exceptions that FCW leaves unmasked, so FCW is written first. */
function writeStatusWord(memory: MachineMemory, v: number, fsw: number): void {
  memory.setU32(v + V_FTOP, (fsw >> FSW_TOP_SHIFT) & 7);
  const rest = fsw & 0xffff & ~(7 << FSW_TOP_SHIFT) & ~(FSW_ES | FSW_B);
  const waits = rest & ~memory.u32(v + V_FCW) & FE_ALL;
  memory.setU32(v + V_FSW, waits ? rest | FSW_ES | FSW_B : rest);
}

function checkMxcsr(mxcsr: number): void {
  if (mxcsr & ~MXCSR_BITS)
    throw new KvmError(
      'EINVAL',
      `MXCSR ${mxcsr.toString(16)} has bits that do not exist; clear bits 16 to 31.`,
    );
}

function readSt(memory: MachineMemory, v: number, i: number): Uint8Array {
  const value = new Uint8Array(16);
  value.set(memory.bytes(stAddress(memory, v, i), 10));
  return value;
}

function writeSt(memory: MachineMemory, v: number, i: number, value: Uint8Array): void {
  const at = stAddress(memory, v, i);
  memory.bytes(at, ST_EXPONENT + 2).set(value.subarray(0, 10));
}

/** `count` registers of 16 bytes in a row. */
function joined(count: number, read: (i: number) => Uint8Array): Uint8Array {
  const bytes = new Uint8Array(count * 16);
  for (let i = 0; i < count; i++) bytes.set(read(i), i * 16);
  return bytes;
}

/** Register `i` of such a row; what is missing is 0. */
function part(row: ArrayLike<number>, i: number): Uint8Array {
  return Uint8Array.from({ length: 16 }, (_, at) => row[i * 16 + at] ?? 0);
}

/** KVM_GET_FPU: `fpr` holds ST(0) to ST(7), 16 bytes each, `xmm` XMM0 to XMM15. */
export function readFpu(memory: MachineMemory, v: number): KvmFpu {
  return {
    fpr: joined(8, (i) => readSt(memory, v, i)),
    fcw: memory.u32(v + V_FCW),
    fsw: statusWord(memory, v),
    ftwx: memory.u32(v + V_FTAG),
    pad1: 0,
    last_opcode: memory.u32(v + V_FOP),
    last_ip: memory.u64(v + V_FIP),
    last_dp: memory.u64(v + V_FDP),
    xmm: joined(16, (i) => memory.bytes(v + V_YMM + i * YMM_STRIDE, 16)),
    mxcsr: memory.u32(v + V_MXCSR),
    pad2: 0,
  };
}

/** KVM_SET_FPU; fields not named keep their values. EINVAL for an MXCSR that no processor takes. */
export function writeFpu(memory: MachineMemory, v: number, given: Input<KvmFpu>): void {
  if (given.mxcsr !== undefined) {
    checkMxcsr(given.mxcsr);
    memory.setU32(v + V_MXCSR, given.mxcsr);
  }
  if (given.fcw !== undefined) memory.setU32(v + V_FCW, (given.fcw & FCW_BITS) | FCW_ONE);
  writeStatusWord(memory, v, given.fsw ?? statusWord(memory, v));
  if (given.ftwx !== undefined) memory.setU32(v + V_FTAG, given.ftwx);
  if (given.last_opcode !== undefined) memory.setU32(v + V_FOP, given.last_opcode & 0x7ff);
  if (given.last_ip !== undefined) memory.setU64(v + V_FIP, BigInt(given.last_ip));
  if (given.last_dp !== undefined) memory.setU64(v + V_FDP, BigInt(given.last_dp));
  const { fpr, xmm } = given;
  if (fpr) for (let i = 0; i < 8; i++) writeSt(memory, v, i, part(fpr, i));
  if (xmm) for (let i = 0; i < 16; i++) memory.bytes(v + V_YMM + i * YMM_STRIDE, 16).set(part(xmm, i));
}

/** Components that KVM_GET_XSAVE gives: those that the guest has switched on, x87 and SSE always. */
function components(memory: MachineMemory, v: number): number {
  return (Number(memory.u64(v + V_XCR0)) & COMPONENTS) | XCR0_X87 | XCR0_SSE;
}

/** KVM_GET_XSAVE: the standard form, everything in it valid. */
export function readXsave(memory: MachineMemory, v: number): KvmXsave {
  const image = new Uint8Array(XSAVE_BYTES);
  const view = new DataView(image.buffer);
  view.setUint16(IMAGE_FCW, memory.u32(v + V_FCW), true);
  view.setUint16(IMAGE_FSW, statusWord(memory, v), true);
  view.setUint8(IMAGE_TAG, memory.u32(v + V_FTAG));
  view.setUint16(IMAGE_FOP, memory.u32(v + V_FOP), true);
  view.setBigUint64(IMAGE_FIP, memory.u64(v + V_FIP), true);
  view.setBigUint64(IMAGE_FDP, memory.u64(v + V_FDP), true);
  view.setUint32(IMAGE_MXCSR, memory.u32(v + V_MXCSR), true);
  view.setUint32(IMAGE_MXCSR_MASK, MXCSR_BITS, true);
  for (let i = 0; i < 8; i++) image.set(readSt(memory, v, i), IMAGE_ST + i * 16);
  for (let i = 0; i < 16; i++) {
    const register = memory.bytes(v + V_YMM + i * YMM_STRIDE, YMM_STRIDE);
    image.set(register.subarray(0, 16), IMAGE_XMM + i * 16);
    image.set(register.subarray(16), IMAGE_AVX + i * 16);
  }
  view.setUint32(IMAGE_PKRU, memory.u32(v + V_PKRU), true);
  view.setUint32(IMAGE_HEADER, components(memory, v), true);
  return { region: Array.from(new Uint32Array(image.buffer)), extra: [] };
}

/** KVM_SET_XSAVE: components whose XSTATE_BV bit is 0 become their initial state. EINVAL for bits that do not exist. */
export function writeXsave(memory: MachineMemory, v: number, given: Input<KvmXsave>): void {
  const image = new Uint8Array(Uint32Array.from((given.region ?? []) as number[]).buffer);
  if (image.length < XSAVE_BYTES)
    throw new KvmError('EINVAL', `struct kvm_xsave has ${XSAVE_BYTES} bytes; ${image.length} were given.`);
  const view = new DataView(image.buffer);
  const present = view.getBigUint64(IMAGE_HEADER, true);
  if (present & ~BigInt(COMPONENTS))
    throw new KvmError(
      'EINVAL',
      `XSTATE_BV ${present.toString(16)} names components that CPUID does not announce.`,
    );
  const here = Number(present);
  checkMxcsr(view.getUint32(IMAGE_MXCSR, true));
  const x87 = (here & XCR0_X87) !== 0;
  memory.setU32(v + V_FCW, x87 ? (view.getUint16(IMAGE_FCW, true) & FCW_BITS) | FCW_ONE : FCW_INIT);
  writeStatusWord(memory, v, x87 ? view.getUint16(IMAGE_FSW, true) : 0);
  memory.setU32(v + V_FTAG, x87 ? view.getUint8(IMAGE_TAG) : 0);
  memory.setU32(v + V_FOP, x87 ? view.getUint16(IMAGE_FOP, true) & 0x7ff : 0);
  memory.setU64(v + V_FIP, x87 ? view.getBigUint64(IMAGE_FIP, true) : 0n);
  memory.setU64(v + V_FDP, x87 ? view.getBigUint64(IMAGE_FDP, true) : 0n);
  const zero = new Uint8Array(16);
  for (let i = 0; i < 8; i++)
    writeSt(memory, v, i, x87 ? image.subarray(IMAGE_ST + i * 16, IMAGE_ST + i * 16 + 10) : zero);
  const vectors = here & (XCR0_SSE | XCR0_AVX);
  memory.setU32(v + V_MXCSR, vectors ? view.getUint32(IMAGE_MXCSR, true) : MXCSR_RESET);
  for (let i = 0; i < 16; i++) {
    const register = memory.bytes(v + V_YMM + i * YMM_STRIDE, YMM_STRIDE);
    register.set(here & XCR0_SSE ? part(image.subarray(IMAGE_XMM), i) : zero);
    register.set(here & XCR0_AVX ? part(image.subarray(IMAGE_AVX), i) : zero, 16);
  }
  memory.setU32(v + V_PKRU, here & XCR0_PKRU ? view.getUint32(IMAGE_PKRU, true) : 0);
}

/** KVM_GET_XCRS: XCR0 is the only one. */
export function readXcrs(memory: MachineMemory, v: number): KvmXcrs {
  const none = { xcr: 0, reserved: 0, value: 0n };
  const xcrs = Array.from({ length: KVM_MAX_XCRS }, (_, i) =>
    i === 0 ? { ...none, value: memory.u64(v + V_XCR0) } : none,
  );
  return { nr_xcrs: 1, flags: 0, xcrs, padding: Array<bigint>(16).fill(0n) };
}

/** KVM_SET_XCRS. EINVAL for flags, for too many, and for a value that XSETBV refuses. */
export function writeXcrs(memory: MachineMemory, v: number, given: Input<KvmXcrs>): void {
  const count = given.nr_xcrs ?? 0;
  if (count > KVM_MAX_XCRS || given.flags)
    throw new KvmError('EINVAL', `nr_xcrs is at most ${KVM_MAX_XCRS}, and flags must be 0.`);
  for (const each of (given.xcrs ?? []).slice(0, count)) {
    if (!each || (each.xcr ?? 0) !== 0) continue;
    const value = BigInt(each.value ?? 0n);
    const bits = Number(value & BigInt(XCR0_SSE | XCR0_AVX));
    if ((value & 1n) === 0n || bits === XCR0_AVX || value & ~BigInt(COMPONENTS))
      throw new KvmError(
        'EINVAL',
        `XCR0 ${value.toString(16)} is refused: bit 0 must be set, and AVX needs SSE.`,
      );
    memory.setU64(v + V_XCR0, value);
  }
}
