// What a loader gives back: the state in which the first vCPU enters the guest, and the tables that it needs. No KVM here:
// the names are those of struct kvm_regs and struct kvm_sregs, so that a caller can pour them in.

import { Bytes } from './bytes.ts';
import type { GuestMemory } from './guest_memory.ts';

/** How the guest's first instruction is decoded: 16-bit, 32-bit or 64-bit code. */
export type EntryMode = 'real' | 'protected' | 'long';

/** A segment register with its hidden part; fields of struct kvm_segment. */
export interface EntrySegment {
  readonly base: number;
  readonly limit: number;
  readonly selector: number;
  readonly type: number;
  readonly present: number;
  readonly dpl: number;
  readonly db: number;
  readonly s: number;
  readonly l: number;
  readonly g: number;
  readonly avl: number;
  readonly unusable: number;
}

/** GDTR or IDTR; fields of struct kvm_dtable. */
export interface EntryTable {
  readonly base: number;
  readonly limit: number;
}

/** The fields of struct kvm_sregs that an entry decides; cr2, cr8, apic_base and pending interrupts stay as they are. */
export interface EntrySregs {
  readonly cs: EntrySegment;
  readonly ds: EntrySegment;
  readonly es: EntrySegment;
  readonly fs: EntrySegment;
  readonly gs: EntrySegment;
  readonly ss: EntrySegment;
  readonly tr: EntrySegment;
  readonly ldt: EntrySegment;
  readonly gdt: EntryTable;
  readonly idt: EntryTable;
  readonly cr0: number;
  readonly cr3: number;
  readonly cr4: number;
  readonly efer: number;
}

/** All of struct kvm_regs. */
export type EntryRegs = Readonly<
  Record<
    | 'rax'
    | 'rbx'
    | 'rcx'
    | 'rdx'
    | 'rsi'
    | 'rdi'
    | 'rsp'
    | 'rbp'
    | 'r8'
    | 'r9'
    | 'r10'
    | 'r11'
    | 'r12'
    | 'r13'
    | 'r14'
    | 'r15'
    | 'rip'
    | 'rflags',
    number
  >
>;

/** Where and how the first vCPU starts. */
export interface EntryState {
  readonly mode: EntryMode;
  readonly regs: EntryRegs;
  readonly sregs: EntrySregs;
}

const CR0_PE = 0x1;
const CR0_ET = 0x10;
const CR0_PG = 0x8000_0000;
const CR4_PAE = 0x20;
const EFER_LME = 0x100;
const EFER_LMA = 0x400;
/** Bit 1 of RFLAGS is always set. */
const RFLAGS_FIXED = 0x2;

const CODE = 0xb;
const DATA = 0x3;
const TSS_BUSY = 0xb;
const LDT = 0x2;

/** Selectors of the flat segments: those that Linux's boot protocol asks for, and good for anybody else. */
export const FLAT_CODE_SELECTOR = 0x10;
export const FLAT_DATA_SELECTOR = 0x18;
/** Bytes of the table that `writeGdt` makes: null, spare, code, data. */
const GDT_SIZE = 32;

/** Where `writePageTables` and `writeGdt` put what an entry needs: the GDT's page, then PML4, PDPT, four PDs. */
export const ENTRY_TABLES_SIZE = 0x7000;

/** A user-style segment (S = 1), flat over 4 GiB. */
function flat(selector: number, type: number, bits: 32 | 64): EntrySegment {
  const wide = type === CODE && bits === 64;
  return {
    ...{ base: 0, limit: 0xffff_ffff, selector, type, present: 1, dpl: 0 },
    ...{ db: wide ? 0 : 1, s: 1, l: wide ? 1 : 0, g: 1, avl: 0, unusable: 0 },
  };
}

function system(type: number): EntrySegment {
  return {
    ...{ base: 0, limit: 0xffff, selector: 0, type, present: 1, dpl: 0 },
    ...{ db: 0, s: 0, l: 0, g: 0, avl: 0, unusable: 0 },
  };
}

/** A segment as real mode has it. */
function realSegment(type: number): EntrySegment {
  return {
    ...{ base: 0, limit: 0xffff, selector: 0, type, present: 1, dpl: 0 },
    ...{ db: 0, s: 1, l: 0, g: 0, avl: 0, unusable: 0 },
  };
}

/** All registers 0 but those given. */
function registers(regs: Partial<EntryRegs>): EntryRegs {
  return {
    ...{ rax: 0, rbx: 0, rcx: 0, rdx: 0, rsi: 0, rdi: 0, rsp: 0, rbp: 0 },
    ...{ r8: 0, r9: 0, r10: 0, r11: 0, r12: 0, r13: 0, r14: 0, r15: 0 },
    ...{ rip: 0, rflags: RFLAGS_FIXED },
    ...regs,
  };
}

/** Real mode, all segments at 0. It needs no tables. */
export function realEntry(regs: Partial<EntryRegs>): EntryState {
  const data = realSegment(DATA);
  return {
    mode: 'real',
    regs: registers(regs),
    sregs: {
      ...{ cs: realSegment(CODE), ds: data, es: data, fs: data, gs: data, ss: data },
      ...{ tr: system(TSS_BUSY), ldt: system(LDT) },
      ...{ gdt: { base: 0, limit: 0 }, idt: { base: 0, limit: 0x3ff } },
      ...{ cr0: CR0_ET, cr3: 0, cr4: 0, efer: 0 },
    },
  };
}

/** Protected mode without paging, flat 4 GiB segments; writes its GDT at `tables`. The IDT is empty. */
export function protectedEntry(memory: GuestMemory, tables: number, regs: Partial<EntryRegs>): EntryState {
  writeGdt(memory, tables, 32);
  return {
    mode: 'protected',
    regs: registers(regs),
    sregs: { ...flatSregs(tables, 32), cr0: CR0_ET | CR0_PE, cr3: 0, cr4: 0, efer: 0 },
  };
}

/** Long mode, the first 4 GiB mapped to themselves; writes ENTRY_TABLES_SIZE bytes at `tables`. The IDT is empty. */
export function longEntry(memory: GuestMemory, tables: number, regs: Partial<EntryRegs>): EntryState {
  writeGdt(memory, tables, 64);
  writePageTables(memory, tables + 0x1000);
  return {
    mode: 'long',
    regs: registers(regs),
    sregs: {
      ...flatSregs(tables, 64),
      // PG is bit 31, so the sum stays a positive number where an OR would not.
      ...{ cr0: CR0_PG + CR0_ET + CR0_PE, cr3: tables + 0x1000, cr4: CR4_PAE, efer: EFER_LME | EFER_LMA },
    },
  };
}

function flatSregs(gdt: number, bits: 32 | 64) {
  const data = flat(FLAT_DATA_SELECTOR, DATA, bits);
  return {
    ...{ cs: flat(FLAT_CODE_SELECTOR, CODE, bits), ds: data, es: data, fs: data, gs: data, ss: data },
    ...{ tr: system(TSS_BUSY), ldt: system(LDT) },
    ...{ gdt: { base: gdt, limit: GDT_SIZE - 1 }, idt: { base: 0, limit: 0 } },
  };
}

/** SDM volume 3, 3.4.5: descriptors that say the same as the hidden parts above. */
function writeGdt(memory: GuestMemory, gpa: number, bits: 32 | 64): void {
  const code = bits === 64 ? 0x00af_9b00 : 0x00cf_9b00;
  memory.write(gpa, new Bytes().zeros(16).u32(0xffff, code).u32(0xffff, 0x00cf_9300).take());
}

/** SDM volume 3, 4.5: PML4, PDPT and four page directories of 2 MiB pages, present, writable, supervisor. */
function writePageTables(memory: GuestMemory, gpa: number): void {
  const bytes = new Uint8Array(6 * 0x1000);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, gpa + 0x1000 + 0x3, true);
  for (let i = 0; i < 4; i++) view.setUint32(0x1000 + 8 * i, gpa + 0x2000 + 0x1000 * i + 0x3, true);
  for (let i = 0; i < 2048; i++) view.setUint32(0x2000 + 8 * i, i * 0x20_0000 + 0x83, true);
  memory.write(gpa, bytes);
}
