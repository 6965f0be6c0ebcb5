// What the loader tests load into and from: guest memory that remembers, and small kernels built by hand.

import type { GuestMemory } from '../../../../web/vmm/loaders/index.ts';

/** Guest memory of `size` bytes, filled with 0xcc so that what a loader must clear shows. */
export class Memory implements GuestMemory {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly view: DataView;
  constructor(readonly size: number) {
    this.bytes = new Uint8Array(size).fill(0xcc);
    this.view = new DataView(this.bytes.buffer);
  }
  write(gpa: number, bytes: Uint8Array): void {
    this.bytes.set(bytes, gpa);
  }
  u8(gpa: number): number {
    return this.view.getUint8(gpa);
  }
  u16(gpa: number): number {
    return this.view.getUint16(gpa, true);
  }
  u32(gpa: number): number {
    return this.view.getUint32(gpa, true);
  }
  u64(gpa: number): number {
    return Number(this.view.getBigUint64(gpa, true));
  }
  text(gpa: number, length: number): string {
    return String.fromCharCode(...this.bytes.subarray(gpa, gpa + length));
  }
  /** The string that ends with a 0. */
  string(gpa: number): string {
    return this.text(gpa, this.bytes.indexOf(0, gpa) - gpa);
  }
}

export const MIB = 2 ** 20;

/** What a test changes of a bzImage. */
export interface BzImageParts {
  readonly version?: number;
  readonly has64?: boolean;
  readonly relocatable?: boolean;
  readonly pref?: number;
  readonly initSize?: number;
  readonly initrdMax?: number;
  readonly cmdlineSize?: number;
  readonly loadflags?: number;
}

/** A bzImage of two setup sectors and 4 KiB of kernel, each byte its offset. */
export function bzImage(parts: BzImageParts = {}): Uint8Array {
  const image = new Uint8Array(3 * 512 + 4096);
  for (let i = 0; i < 4096; i++) image[3 * 512 + i] = i;
  const view = new DataView(image.buffer);
  view.setUint8(0x1f1, 2);
  view.setUint32(0x1f4, 4096 / 16, true);
  view.setUint16(0x1fe, 0xaa55, true);
  view.setUint16(0x200, 0x66eb, true);
  view.setUint32(0x202, 0x53726448, true);
  view.setUint16(0x206, parts.version ?? 0x20c, true);
  view.setUint8(0x211, parts.loadflags ?? 1);
  view.setUint32(0x214, 0x100000, true);
  view.setUint32(0x22c, parts.initrdMax ?? 0x7fffffff, true);
  view.setUint32(0x230, 0x200000, true);
  view.setUint8(0x234, parts.relocatable ? 1 : 0);
  view.setUint16(0x236, parts.has64 === false ? 0 : 1, true);
  view.setUint32(0x238, parts.cmdlineSize ?? 255, true);
  view.setBigUint64(0x258, BigInt(parts.pref ?? 0x100000), true);
  view.setUint32(0x260, parts.initSize ?? 0x8000, true);
  return image;
}

/** What a test changes of an ELF file. */
export interface ElfParts {
  readonly bits?: 32 | 64;
  readonly entry?: number;
  readonly vaddr?: number;
  readonly paddr?: number;
  readonly code?: Uint8Array;
  readonly memsz?: number;
  readonly pvh?: number;
  readonly machine?: number;
}

/** An executable of one PT_LOAD segment at file offset 0x200 and, if `pvh` is given, a PVH note behind another one. */
export function elf(parts: ElfParts = {}): Uint8Array {
  const wide = parts.bits === 64;
  const code = parts.code ?? Uint8Array.of(0x90, 0x90, 0xf4);
  const paddr = parts.paddr ?? MIB;
  const note = new Uint8Array(44);
  const noteView = new DataView(note.buffer);
  // First a note of another owner (name "GNU", 4 bytes), then Xen's.
  for (const [at, value] of [
    [0, 4],
    [4, 4],
    [8, 1],
    [20, 4],
    [24, 4],
    [28, 18],
    [36, parts.pvh ?? 0],
  ] as const) {
    noteView.setUint32(at, value, true);
  }
  note.set([0x47, 0x4e, 0x55], 12);
  note.set([0x58, 0x65, 0x6e], 32);
  const image = new Uint8Array(0x200 + code.length + note.length);
  image.set(code, 0x200);
  image.set(note, 0x200 + code.length);
  const view = new DataView(image.buffer);
  const word = (at: number, value: number) =>
    wide ? view.setBigUint64(at, BigInt(value), true) : view.setUint32(at, value, true);
  image.set([0x7f, 0x45, 0x4c, 0x46, wide ? 2 : 1, 1, 1]);
  view.setUint16(16, 2, true);
  view.setUint16(18, parts.machine ?? (wide ? 62 : 3), true);
  const [header, size] = wide ? [64, 56] : [52, 32];
  word(24, parts.entry ?? paddr);
  word(wide ? 32 : 28, header);
  view.setUint16(wide ? 54 : 42, size, true);
  view.setUint16(wide ? 56 : 44, parts.pvh === undefined ? 1 : 2, true);
  const segment = (at: number, type: number, values: readonly number[]) => {
    view.setUint32(at, type, true);
    for (const [i, value] of values.entries()) word(wide ? at + 8 + 8 * i : at + 4 + 4 * i, value);
  };
  const memsz = parts.memsz ?? code.length;
  segment(header, 1, [0x200, parts.vaddr ?? paddr, paddr, code.length, memsz]);
  if (parts.pvh !== undefined)
    segment(header + size, 4, [0x200 + code.length, 0, 0, note.length, note.length]);
  return image;
}

/** A Multiboot header with right checksum. */
export function multibootHeader(flags: number, ...fields: number[]): Uint8Array {
  const words = [0x1badb002, flags, 2 ** 32 - ((0x1badb002 + flags) % 2 ** 32), ...fields];
  const bytes = new Uint8Array(words.length * 4);
  const view = new DataView(bytes.buffer);
  for (const [i, value] of words.entries()) view.setUint32(4 * i, value, true);
  return bytes;
}
