// The registers of one vCPU, read from its page in one go, and its mode in words. It decides nothing and keeps nothing.

import {
  ATTR_CODE,
  ATTR_DB,
  ATTR_DPL_SHIFT,
  ATTR_L,
  ATTR_P,
  ATTR_RW,
  ATTR_S,
  ATTR_UNUSABLE,
  SEG_ATTR,
  SEG_BASE,
  SEG_LIMIT,
  SEG_SELECTOR,
  SEG_STRIDE,
  V_CPL,
  V_CR0,
  V_CR2,
  V_CR3,
  V_CR4,
  V_CR8,
  V_EFER,
  V_GDT_BASE,
  V_GDT_LIMIT,
  V_GPR,
  V_IDT_BASE,
  V_IDT_LIMIT,
  V_RIP,
  V_SEGS,
} from '../../../assembly/abi/vcpu_page.ts';
import { CR0_PE, CR0_PG, CR4_PAE, EFER_LMA, FLAG_VM } from '../../../assembly/abi/x86.ts';
import { readFlags } from './flags.ts';
import { type MachineMemory, readU32, readU64, vcpuPage } from './memory.ts';

/** General registers in encoding order, as the vCPU page holds them. */
export const GENERAL = [
  ...['rax', 'rcx', 'rdx', 'rbx', 'rsp', 'rbp', 'rsi', 'rdi'],
  ...['r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15'],
] as const;

/** Segment registers in the order of the vCPU page. */
export const SEGMENTS = ['es', 'cs', 'ss', 'ds', 'fs', 'gs', 'ldtr', 'tr'] as const;
export type SegmentName = (typeof SEGMENTS)[number];

export interface Segment {
  readonly name: SegmentName;
  readonly selector: number;
  readonly base: bigint;
  /** In bytes, granularity applied. */
  readonly limit: number;
  /** ATTR_* bits of assembly/abi/vcpu_page.ts. */
  readonly attributes: number;
}

/** A descriptor table register. */
export interface Table {
  readonly base: bigint;
  readonly limit: number;
}

export interface Registers {
  readonly vcpu: number;
  /** In the order of GENERAL. */
  readonly general: readonly bigint[];
  readonly rip: bigint;
  readonly rflags: number;
  /** In the order of SEGMENTS. */
  readonly segments: readonly Segment[];
  readonly gdtr: Table;
  readonly idtr: Table;
  readonly cr0: bigint;
  readonly cr2: bigint;
  readonly cr3: bigint;
  readonly cr4: bigint;
  readonly cr8: bigint;
  readonly efer: bigint;
  readonly cpl: number;
}

/** Everything the register panel shows of a vCPU. While it runs, RIP is that of the current block's start. */
export function readRegisters(memory: MachineMemory, vcpu: number): Registers {
  const page = vcpuPage(vcpu);
  const u64 = (offset: number) => readU64(memory, page + offset);
  const u32 = (offset: number) => readU32(memory, page + offset);
  return {
    vcpu,
    general: GENERAL.map((_, index) => u64(V_GPR + index * 8)),
    rip: u64(V_RIP),
    rflags: readFlags(memory, vcpu),
    segments: SEGMENTS.map((name, index) => readSegment(memory, page + V_SEGS + index * SEG_STRIDE, name)),
    gdtr: { base: u64(V_GDT_BASE), limit: u32(V_GDT_LIMIT) },
    idtr: { base: u64(V_IDT_BASE), limit: u32(V_IDT_LIMIT) },
    cr0: u64(V_CR0),
    cr2: u64(V_CR2),
    cr3: u64(V_CR3),
    cr4: u64(V_CR4),
    cr8: u64(V_CR8),
    efer: u64(V_EFER),
    cpl: u32(V_CPL),
  };
}

function readSegment(memory: MachineMemory, offset: number, name: SegmentName): Segment {
  return {
    name,
    selector: readU32(memory, offset + SEG_SELECTOR) & 0xffff,
    base: readU64(memory, offset + SEG_BASE),
    limit: readU32(memory, offset + SEG_LIMIT),
    attributes: readU32(memory, offset + SEG_ATTR),
  };
}

/** The segment with this name. */
export function segmentOf(registers: Registers, name: SegmentName): Segment {
  const segment = registers.segments[SEGMENTS.indexOf(name)];
  if (!segment) throw new Error(`Registers without ${name}.`);
  return segment;
}

/** Bits of code and addresses: 16, 32 or 64, as CS says. */
export function codeSize(registers: Registers): 16 | 32 | 64 {
  const cs = segmentOf(registers, 'cs').attributes;
  if (isLong(registers) && cs & ATTR_L) return 64;
  return isProtected(registers) && cs & ATTR_DB ? 32 : 16;
}

/** True once the guest has switched paging on (CR0.PG). */
export function isPaging(registers: Registers): boolean {
  return (Number(registers.cr0 & 0xffffffffn) & CR0_PG) !== 0;
}

function isLong(registers: Registers): boolean {
  return (registers.efer & BigInt(EFER_LMA)) !== 0n;
}

/** In protected mode and not in virtual-8086 mode. */
function isProtected(registers: Registers): boolean {
  return (registers.cr0 & BigInt(CR0_PE)) !== 0n && (registers.rflags & FLAG_VM) === 0;
}

/** The operating mode in words (SDM vol. 3, 2.2), e.g. `protected mode, 32-bit`. */
export function modeOf(registers: Registers): string {
  const size = codeSize(registers);
  if ((registers.cr0 & BigInt(CR0_PE)) === 0n) return 'real mode, 16-bit';
  if (registers.rflags & FLAG_VM) return 'virtual-8086 mode, 16-bit';
  if (!isLong(registers)) return `protected mode, ${size}-bit`;
  return size === 64 ? 'long mode, 64-bit' : `compatibility mode, ${size}-bit`;
}

/** How linear addresses become physical, in words. */
export function pagingOf(registers: Registers): string {
  if (!isPaging(registers)) return 'paging off';
  if (isLong(registers)) return '4-level paging';
  return (registers.cr4 & BigInt(CR4_PAE)) !== 0n ? 'PAE paging' : '32-bit paging';
}

/** The linear address of an offset in CS: where the bytes of RIP lie before paging. */
export function linearOfCode(registers: Registers, offset: bigint): bigint {
  if (codeSize(registers) === 64) return BigInt.asUintN(64, offset);
  return BigInt.asUintN(32, segmentOf(registers, 'cs').base + offset);
}

/** What a segment's attributes say, in a few words. */
export function describeSegment(segment: Segment): string {
  const { attributes } = segment;
  if (attributes & ATTR_UNUSABLE || (attributes & ATTR_P) === 0) return 'not usable';
  const ring = `ring ${(attributes >> ATTR_DPL_SHIFT) & 3}`;
  if ((attributes & ATTR_S) === 0) return segment.name === 'tr' ? 'task state' : 'system';
  const size = attributes & ATTR_L ? '64-bit' : attributes & ATTR_DB ? '32-bit' : '16-bit';
  if (attributes & ATTR_CODE) return `${size} code${attributes & ATTR_RW ? '' : ', execute only'}, ${ring}`;
  return `${attributes & ATTR_RW ? 'data' : 'read-only data'}, ${ring}`;
}
