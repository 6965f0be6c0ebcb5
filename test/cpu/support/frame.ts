// The small kernel around every case: where things lie, and the images of GDT, IDT, TSS and page tables. Runs nothing.

/** 16 and 32: protected mode. 64: long mode. */
export type Mode = 'real' | '16' | '32' | '64';
export type Paging = 'off' | '32' | 'pae' | '64';

/** Guest RAM; what lies above is MMIO. */
export const RAM = 0x20000;
export const GDT = 0x800;
export const LDT = 0xa00;
export const IDT = 0x1000;
export const TSS = 0x2000;
/** A byte HLT for each vector: where the vCPU halts says which event came. */
export const STUBS = 0x3000;
/** Stack of the handlers at CPL 0 when the case runs at CPL 3 (SP0), and the one of IST 1; both grow down from here. */
export const KERNEL_STACK = 0x5000;
export const IST_STACK = 0x6000;
export const STACK = 0x8000;
export const CODE = 0x8000;
export const CODE_BYTES = 0x2000;
const PAGE_TABLES = 0x10000;
/** The page table of the first 2 MiB (4 MiB without PAE), where `page` lines go. */
export const PAGE_TABLE = 0x13000;

/** Names that sources and addresses may use. The page below `stack` and the one at `hole` are not present. */
export const SYMBOLS: Readonly<Record<string, number>> = {
  gdt: GDT,
  ldt: LDT,
  idt: IDT,
  tss: TSS,
  tss2: 0x2200,
  stubs: STUBS,
  kernel_stack: KERNEL_STACK,
  ist_stack: IST_STACK,
  stack: STACK,
  code: CODE,
  code2: 0x9000,
  data: 0xa000,
  hole: 0xc000,
  rodata: 0xd000,
  kernel: 0xe000,
  spare: 0xf000,
  tables: PAGE_TABLES,
  mmio: RAM,
};

/** Selectors with their RPL, in the order that SYSCALL, SYSRET, SYSENTER and SYSEXIT want. */
export const SELECTORS = {
  '32': { 0: { code: 0x08, data: 0x10 }, 3: { code: 0x2b, data: 0x33 } },
  '64': { 0: { code: 0x18, data: 0x20 }, 3: { code: 0x3b, data: 0x43 } },
  '16': { 0: { code: 0x48, data: 0x50 }, 3: { code: 0x5b, data: 0x63 } },
} as const;
export const LDT_SELECTOR = 0x68;
export const TSS_SELECTOR = 0x78;
export const GDT_LIMIT = 0xff;

/** Descriptor of the second word's bits 8 to 23 (`attr`), as the manual draws it (SDM vol. 3, 3.4.5). */
export function descriptor(base: number, limit: number, attr: number): bigint {
  const scaled = attr & 0x8000 ? limit >>> 12 : limit;
  return (
    BigInt(scaled & 0xffff) |
    (BigInt(base & 0xffffff) << 16n) |
    (BigInt(attr & 0xf0ff) << 40n) |
    (BigInt((scaled >>> 16) & 15) << 48n) |
    (BigInt(base >>> 24) << 56n)
  );
}

/** An interrupt, trap, call or task gate; 16 bytes in long mode, of which these are the first 8. */
export function gate(selector: number, offset: number, type: number, params = 0): bigint {
  return (
    BigInt(offset & 0xffff) |
    (BigInt(selector) << 16n) |
    (BigInt(params & 31) << 32n) |
    (BigInt(type) << 40n) |
    (BigInt(offset >>> 16) << 48n)
  );
}

/** What a descriptor holds: base, limit in bytes, attributes. */
export function parts(view: DataView, at: number): { base: bigint; limit: number; attr: number } {
  const low = view.getUint32(at, true);
  const high = view.getUint32(at + 4, true);
  const attr = (high >>> 8) & 0xf0ff;
  const raw = (low & 0xffff) | (high & 0xf0000);
  const limit = attr & 0x8000 ? ((raw << 12) | 0xfff) >>> 0 : raw;
  const base = BigInt(((low >>> 16) | ((high & 0xff) << 16) | (high & 0xff000000)) >>> 0);
  return { base, limit, attr };
}

const FLAT = 0xffffffff;
const CODE_32 = 0xc09b;
const CODE_64 = 0xa09b;
const CODE_16 = 0x009b;
const DATA_32 = 0xc093;
const DATA_16 = 0x0093;
const USER = 0x60;
const INTERRUPT_GATE = 0x8e;

// Page-table entries.
const P = 1;
const W = 2;
const U = 4;
const A = 0x20;
const D = 0x40;
const PRESET = P | W | U | A | D;
const NOT_PRESENT = [0x6000, 0xc000];
/** Pages that CPL 3 may use. */
const USER_PAGES = [0x7000, 0x8000, 0x9000, 0xa000, 0xb000, 0xd000, 0xf000, RAM];
const READ_ONLY = [0xd000];
/** Pages that the table maps, each onto itself: RAM and one page of MMIO. */
const MAPPED = RAM / 0x1000 + 1;

/** Guest memory before the settings of a case. */
export function frameImage(mode: Mode, paging: Paging): Uint8Array {
  const image = new Uint8Array(RAM);
  const view = new DataView(image.buffer);
  const put = (at: number, value: bigint): void => view.setBigUint64(at, value, true);
  image.fill(0xf4, STUBS, STUBS + 0x100);
  image.fill(0xf4, CODE, CODE + CODE_BYTES);
  const segments: [number, number, number][] = [
    [0x08, FLAT, CODE_32],
    [0x10, FLAT, DATA_32],
    [0x18, FLAT, CODE_64],
    [0x20, FLAT, DATA_32],
    [0x28, FLAT, CODE_32 | USER],
    [0x30, FLAT, DATA_32 | USER],
    [0x38, FLAT, CODE_64 | USER],
    [0x40, FLAT, DATA_32 | USER],
    [0x48, 0xffff, CODE_16],
    [0x50, 0xffff, DATA_16],
    [0x58, 0xffff, CODE_16 | USER],
    [0x60, 0xffff, DATA_16 | USER],
  ];
  for (const [selector, limit, attr] of segments) put(GDT + selector, descriptor(0, limit, attr));
  put(GDT + LDT_SELECTOR, descriptor(LDT, 0x3f, 0x82));
  put(GDT + TSS_SELECTOR, descriptor(TSS, 0x1ff, 0x8b));
  if (mode === 'real') {
    for (let vector = 0; vector < 256; vector++) view.setUint16(vector * 4, STUBS + vector, true);
    return image;
  }
  const long = mode === '64';
  for (let vector = 0; vector < 256; vector++) {
    const dpl = vector === 3 || vector === 4 || vector >= 0x80 ? USER : 0;
    put(IDT + vector * (long ? 16 : 8), gate(long ? 0x18 : 0x08, STUBS + vector, INTERRUPT_GATE | dpl));
  }
  if (long) {
    view.setUint32(TSS + 4, KERNEL_STACK, true);
    view.setUint32(TSS + 0x24, IST_STACK, true);
  } else {
    view.setUint32(TSS + 4, KERNEL_STACK, true);
    view.setUint32(TSS + 8, 0x10, true);
  }
  view.setUint16(TSS + 0x66, 0xffff, true);
  writePages(view, paging);
  return image;
}

function writePages(view: DataView, paging: Paging): void {
  if (paging === 'off') return;
  const wide = paging !== '32';
  const put = (at: number, value: number): void =>
    wide ? view.setBigUint64(at, BigInt(value), true) : view.setUint32(at, value, true);
  const table = (n: number): number => PAGE_TABLES + n * 0x1000;
  if (paging === '64') {
    put(table(0), table(1) | PRESET);
    put(table(1), table(2) | PRESET);
    put(table(2), PAGE_TABLE | PRESET);
  } else if (paging === 'pae') {
    // The pointers have no rights, accessed or dirty bits (SDM vol. 3, 4.4.1).
    put(table(0), table(2) | P);
    put(table(2), PAGE_TABLE | PRESET);
  } else {
    put(table(0), PAGE_TABLE | PRESET);
  }
  for (let page = 0; page < MAPPED; page++) {
    const address = page * 0x1000;
    let bits = P | W | A | D;
    if (USER_PAGES.includes(address)) bits |= U;
    if (READ_ONLY.includes(address)) bits &= ~W;
    if (NOT_PRESENT.includes(address)) bits = 0;
    put(PAGE_TABLE + page * (wide ? 8 : 4), bits ? address | bits : 0);
  }
}

/** Letters of a page-table entry in `page` lines. */
const PAGE_LETTERS: readonly (readonly [string, bigint])[] = [
  ['P', 1n],
  ['W', 2n],
  ['U', 4n],
  ['A', 0x20n],
  ['D', 0x40n],
  ['S', 0x80n],
  ['G', 0x100n],
  ['N', 1n << 63n],
];

/** `PWU`, `PWUAD -> 0xb000`, `-` or a number to an entry for the page at `address`. */
export function pageEntry(text: string, address: number): bigint {
  if (/^(0x|\d)/.test(text)) return BigInt(text);
  const [letters = '', frame] = text.split(/\s*->\s*/);
  let entry = letters === '-' ? 0n : BigInt(frame ?? address);
  for (const letter of letters.replace('-', '')) {
    const row = PAGE_LETTERS.find(([name]) => name === letter);
    if (!row) throw new Error(`page rights are letters of PWUADSGN, not ${letter}`);
    entry |= row[1];
  }
  return entry;
}

/** An entry as `pageEntry` reads it. */
export function showPage(entry: bigint, address: number): string {
  let rest = entry;
  let letters = '';
  for (const [letter, bit] of PAGE_LETTERS) {
    if (entry & bit) letters += letter;
    rest &= ~bit;
  }
  if (letters === '') return rest ? `0x${entry.toString(16)}` : '-';
  if (rest & 0xfffn || rest >> 40n) return `0x${entry.toString(16)}`;
  return rest === BigInt(address) ? letters : `${letters} -> 0x${rest.toString(16)}`;
}
