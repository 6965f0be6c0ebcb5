// kvm_regs, kvm_sregs, kvm_debugregs and kvm_vcpu_events over the vCPU page, both ways. It runs nothing.

import { V_SMM } from '../../assembly/abi/smm.ts';
import {
  ATTR_AVL,
  ATTR_DB,
  ATTR_DPL_SHIFT,
  ATTR_G,
  ATTR_L,
  ATTR_P,
  ATTR_S,
  ATTR_TYPE,
  ATTR_UNUSABLE,
  CS,
  DS,
  ES,
  FS,
  GS,
  LDTR,
  PENDING_NONE,
  SEG_ATTR,
  SEG_BASE,
  SEG_LIMIT,
  SEG_SELECTOR,
  SEG_STRIDE,
  SS,
  TR,
  V_APIC_BASE,
  V_CPL,
  V_CR0,
  V_CR2,
  V_CR3,
  V_CR4,
  V_CR8,
  V_DR,
  V_EFER,
  V_GDT_BASE,
  V_GDT_LIMIT,
  V_GPR,
  V_IDT_BASE,
  V_IDT_LIMIT,
  V_IRQ_QUEUED,
  V_MMIO_COUNT,
  V_MMIO_NEXT,
  V_PDPTR,
  V_PENDING,
  V_REPLAY_COUNT,
  V_REPLAY_NEXT,
  V_RIP,
  V_SEGS,
} from '../../assembly/abi/vcpu_page.ts';
import { CR0_PE, CR0_PG, CR4_PAE, EFER_LMA, EFER_LME, FLAG_VM } from '../../assembly/abi/x86.ts';
import {
  type Input,
  type KvmDebugregs,
  type KvmDtable,
  KvmError,
  type KvmRegs,
  type KvmSegment,
  type KvmSregs,
} from './abi/index.ts';
import { readRflags, writeRflags } from './flags.ts';
import { readPhysical } from './guest_memory.ts';
import type { MachineMemory } from './memory.ts';

/** KVM's names of the general registers in the order of their encoding, which is the vCPU page's. */
const GPR_NAMES = [
  ...(['rax', 'rcx', 'rdx', 'rbx', 'rsp', 'rbp', 'rsi', 'rdi'] as const),
  ...(['r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15'] as const),
];

const SEGMENTS = [
  ['cs', CS],
  ['ds', DS],
  ['es', ES],
  ['fs', FS],
  ['gs', GS],
  ['ss', SS],
  ['tr', TR],
  ['ldt', LDTR],
] as const;

const wide = (value: bigint | number): bigint => BigInt.asUintN(64, BigInt(value));

/** Whole structs from partial ones: what a caller leaves out keeps its value. */
function merged<T extends object>(now: T, given: Input<T>): T {
  const entries = Object.entries(given as object).filter(([, value]) => value !== undefined);
  return { ...now, ...Object.fromEntries(entries) } as T;
}

/** KVM_GET_REGS. */
export function readRegs(memory: MachineMemory, v: number): KvmRegs {
  const gprs = GPR_NAMES.map((name, n) => [name, memory.u64(v + V_GPR + n * 8)] as const);
  const rest = { rip: memory.u64(v + V_RIP), rflags: BigInt(readRflags(memory, v)) };
  return { ...Object.fromEntries(gprs), ...rest } as KvmRegs;
}

/**
 * KVM_SET_REGS; registers not named keep their values. A new RIP drops what an exit had left to complete: it belonged
 * to the instruction at the old one.
 */
export function writeRegs(memory: MachineMemory, v: number, given: Input<KvmRegs>): void {
  GPR_NAMES.forEach((name, n) => {
    const value = given[name];
    if (value !== undefined) memory.setU64(v + V_GPR + n * 8, wide(value));
  });
  if (given.rip !== undefined && wide(given.rip) !== memory.u64(v + V_RIP)) {
    memory.setU64(v + V_RIP, wide(given.rip));
    dropPending(memory, v);
  }
  if (given.rflags !== undefined) writeRflags(memory, v, Number(BigInt.asUintN(32, BigInt(given.rflags))));
  updateCpl(memory, v);
}

/** Forgets the operation that an IO or MMIO exit had left to complete. */
function dropPending(memory: MachineMemory, v: number): void {
  memory.setU32(v + V_PENDING, PENDING_NONE);
  memory.setU32(v + V_REPLAY_COUNT, 0);
  memory.setU32(v + V_REPLAY_NEXT, 0);
  memory.setU32(v + V_MMIO_COUNT, 0);
  memory.setU32(v + V_MMIO_NEXT, 0);
}

/** CPL as KVM derives it: 0 in real mode, 3 in virtual-8086 mode, else SS.DPL (SDM vol. 3, 25.4.1). */
function updateCpl(memory: MachineMemory, v: number): void {
  const real = (memory.u32(v + V_CR0) & CR0_PE) === 0;
  const v86 = (readRflags(memory, v) & FLAG_VM) !== 0;
  const dpl = (memory.u32(v + V_SEGS + SS * SEG_STRIDE + SEG_ATTR) >>> ATTR_DPL_SHIFT) & 3;
  memory.setU32(v + V_CPL, real ? 0 : v86 ? 3 : dpl);
}

function readSegment(memory: MachineMemory, at: number): KvmSegment {
  const attr = memory.u32(at + SEG_ATTR);
  const bit = (mask: number): number => ((attr & mask) !== 0 ? 1 : 0);
  return {
    base: memory.u64(at + SEG_BASE),
    limit: memory.u32(at + SEG_LIMIT),
    selector: memory.u32(at + SEG_SELECTOR) & 0xffff,
    type: attr & ATTR_TYPE,
    present: bit(ATTR_P),
    dpl: (attr >>> ATTR_DPL_SHIFT) & 3,
    db: bit(ATTR_DB),
    s: bit(ATTR_S),
    l: bit(ATTR_L),
    g: bit(ATTR_G),
    avl: bit(ATTR_AVL),
    unusable: bit(ATTR_UNUSABLE),
    padding: 0,
  };
}

function writeSegment(memory: MachineMemory, at: number, given: Input<KvmSegment>): void {
  const segment = merged(readSegment(memory, at), given);
  const bits: readonly (readonly [number, number])[] = [
    [segment.present, ATTR_P],
    [segment.db, ATTR_DB],
    [segment.s, ATTR_S],
    [segment.l, ATTR_L],
    [segment.g, ATTR_G],
    [segment.avl, ATTR_AVL],
    [segment.unusable, ATTR_UNUSABLE],
  ];
  let attr = (segment.type & ATTR_TYPE) | ((segment.dpl & 3) << ATTR_DPL_SHIFT);
  for (const [value, mask] of bits) if (value) attr |= mask;
  memory.setU64(at + SEG_BASE, wide(segment.base));
  memory.setU32(at + SEG_LIMIT, segment.limit);
  memory.setU32(at + SEG_SELECTOR, segment.selector & 0xffff);
  memory.setU32(at + SEG_ATTR, attr);
}

function readTable(memory: MachineMemory, base: number, limit: number): KvmDtable {
  return { base: memory.u64(base), limit: memory.u32(limit) & 0xffff, padding: [0, 0, 0] };
}

/** The queued external interrupt as kvm_sregs shows it: one bit of 256. */
function readInterruptBitmap(memory: MachineMemory, v: number): bigint[] {
  const queued = memory.load(v + V_IRQ_QUEUED);
  return [0, 1, 2, 3].map((word) =>
    queued > 0 && (queued - 1) >> 6 === word ? 1n << BigInt((queued - 1) & 63) : 0n,
  );
}

/** KVM_GET_SREGS. */
export function readSregs(memory: MachineMemory, v: number): KvmSregs {
  const segments = SEGMENTS.map(
    ([name, n]) => [name, readSegment(memory, v + V_SEGS + n * SEG_STRIDE)] as const,
  );
  const rest = {
    gdt: readTable(memory, v + V_GDT_BASE, v + V_GDT_LIMIT),
    idt: readTable(memory, v + V_IDT_BASE, v + V_IDT_LIMIT),
    cr0: memory.u64(v + V_CR0),
    cr2: memory.u64(v + V_CR2),
    cr3: memory.u64(v + V_CR3),
    cr4: memory.u64(v + V_CR4),
    cr8: memory.u64(v + V_CR8),
    efer: memory.u64(v + V_EFER),
    apic_base: memory.u64(v + V_APIC_BASE),
    interrupt_bitmap: readInterruptBitmap(memory, v),
  };
  return { ...Object.fromEntries(segments), ...rest } as KvmSregs;
}

/** The states that KVM refuses (kvm_is_valid_sregs): long mode without what it needs, or claimed without paging. */
function checkSregs(next: KvmSregs): void {
  const has = (value: bigint, bit: number): boolean => (value & BigInt(bit)) !== 0n;
  const paging = has(next.cr0, CR0_PG);
  if (paging && !has(next.cr0, CR0_PE)) {
    throw new KvmError('EINVAL', 'cr0 has PG without PE; paging needs protected mode.');
  }
  if (paging && has(next.efer, EFER_LME)) {
    if (!has(next.cr4, CR4_PAE) || !has(next.efer, EFER_LMA)) {
      throw new KvmError('EINVAL', 'cr0.PG with efer.LME is long mode: set cr4.PAE and efer.LMA too.');
    }
    return;
  }
  if (has(next.efer, EFER_LMA)) {
    throw new KvmError('EINVAL', 'efer.LMA says long mode is active; it needs cr0.PG and efer.LME.');
  }
  if (next.cs.l) throw new KvmError('EINVAL', 'cs.l marks 64-bit code, which needs efer.LMA.');
}

/** PAE paging keeps the four page-directory pointers that CR3 points to in the processor (SDM vol. 3, 4.4.1). */
function loadPdptrs(memory: MachineMemory, v: number, next: KvmSregs): void {
  const pae = next.cr0 & BigInt(CR0_PG) && next.cr4 & BigInt(CR4_PAE) && !(next.efer & BigInt(EFER_LMA));
  if (!pae) return;
  const table = next.cr3 & 0xffff_ffe0n;
  for (let n = 0; n < 4; n++) {
    const entry = readPhysical(memory, table + BigInt(n * 8), 8, memory.u32(v + V_SMM));
    memory.setU64(v + V_PDPTR + n * 8, entry ?? 0n);
  }
}

/**
 * KVM_SET_SREGS; fields not named keep their values, in segments too. A bit in interrupt_bitmap queues that vector.
 * EINVAL for a state no processor can be in. The caller must have the TLB flushed.
 */
export function writeSregs(memory: MachineMemory, v: number, given: Input<KvmSregs>): void {
  const now = readSregs(memory, v);
  const next = merged(now, given);
  const plain = { ...next, cs: merged(now.cs, given.cs ?? {}) };
  for (const name of ['cr0', 'cr2', 'cr3', 'cr4', 'cr8', 'efer', 'apic_base'] as const)
    plain[name] = wide(next[name]);
  checkSregs(plain);
  for (const [name, n] of SEGMENTS) {
    const segment = given[name];
    if (segment) writeSegment(memory, v + V_SEGS + n * SEG_STRIDE, segment);
  }
  const gdt = merged(now.gdt, given.gdt ?? {});
  const idt = merged(now.idt, given.idt ?? {});
  memory.setU64(v + V_GDT_BASE, wide(gdt.base));
  memory.setU32(v + V_GDT_LIMIT, gdt.limit & 0xffff);
  memory.setU64(v + V_IDT_BASE, wide(idt.base));
  memory.setU32(v + V_IDT_LIMIT, idt.limit & 0xffff);
  memory.setU64(v + V_CR0, plain.cr0);
  memory.setU64(v + V_CR2, plain.cr2);
  memory.setU64(v + V_CR3, plain.cr3);
  memory.setU64(v + V_CR4, plain.cr4);
  memory.setU64(v + V_CR8, plain.cr8 & 15n);
  memory.setU64(v + V_EFER, plain.efer);
  memory.setU64(v + V_APIC_BASE, plain.apic_base);
  loadPdptrs(memory, v, plain);
  updateCpl(memory, v);
  given.interrupt_bitmap?.forEach((word, index) => {
    for (let bit = 0; bit < 64; bit++) {
      if ((wide(word) >> BigInt(bit)) & 1n) memory.store(v + V_IRQ_QUEUED, index * 64 + bit + 1);
    }
  });
}

/** KVM_GET_DEBUGREGS. */
export function readDebugregs(memory: MachineMemory, v: number): KvmDebugregs {
  return {
    db: [0, 1, 2, 3].map((n) => memory.u64(v + V_DR + n * 8)),
    dr6: memory.u64(v + V_DR + 6 * 8),
    dr7: memory.u64(v + V_DR + 7 * 8),
    flags: 0n,
    reserved: Array.from({ length: 9 }, () => 0n),
  };
}

/** KVM_SET_DEBUGREGS. EINVAL for flags, and for bits above 31 of DR6 or DR7. */
export function writeDebugregs(memory: MachineMemory, v: number, given: Input<KvmDebugregs>): void {
  const next = merged(readDebugregs(memory, v), given);
  if (next.flags) throw new KvmError('EINVAL', 'debugregs.flags must be 0.');
  if (wide(next.dr6) >> 32n || wide(next.dr7) >> 32n) {
    throw new KvmError('EINVAL', 'dr6 and dr7 have 32 bits; the upper ones must be 0.');
  }
  next.db.forEach((value, n) => {
    memory.setU64(v + V_DR + n * 8, wide(value));
  });
  memory.setU64(v + V_DR + 6 * 8, wide(next.dr6));
  memory.setU64(v + V_DR + 7 * 8, wide(next.dr7));
}
