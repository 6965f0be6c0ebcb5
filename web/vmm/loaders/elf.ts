// Reads ELF files of x86 (32 and 64 bits) and puts their segments into memory. It knows no boot protocol.
//
// Source: System V ABI, "Object Files"; names are those of <elf.h>.

import { type GuestMemory, mustFit, mustKeepClear, writeZeros } from './guest_memory.ts';
import { LoadError } from './load_error.ts';

const EM_386 = 3;
const EM_X86_64 = 62;
const ET_EXEC = 2;
const ET_DYN = 3;
const PT_LOAD = 1;
const PT_NOTE = 4;

/** One program header. */
export interface ElfSegment {
  readonly type: number;
  readonly offset: number;
  readonly vaddr: number;
  readonly paddr: number;
  readonly filesz: number;
  readonly memsz: number;
  readonly align: number;
}

/** What a loader needs of an ELF file. */
export interface Elf {
  readonly bits: 32 | 64;
  readonly entry: number;
  readonly segments: readonly ElfSegment[];
}

/** A note's owner, type and bytes. */
export interface ElfNote {
  readonly name: string;
  readonly type: number;
  readonly data: Uint8Array;
}

/** Whether the bytes begin as an ELF file. */
export function isElf(image: Uint8Array): boolean {
  return (
    image.length >= 4 && image[0] === 0x7f && image[1] === 0x45 && image[2] === 0x4c && image[3] === 0x46
  );
}

/** Reads header and program headers. LoadError ENOEXEC for what is no whole little-endian x86 executable. */
export function parseElf(image: Uint8Array): Elf {
  if (!isElf(image))
    throw new LoadError('ENOEXEC', 'This is no ELF file: it does not begin with 0x7f "ELF".');
  const wide = image[4] === 2;
  if (image.length < (wide ? 64 : 52)) throw truncated(image, wide ? 64 : 52);
  const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
  const machine = view.getUint16(18, true);
  if (image[5] !== 1 || (machine !== EM_386 && machine !== EM_X86_64)) {
    throw new LoadError(
      'ENOEXEC',
      `The ELF file is for machine type ${machine}; only x86 (3) and x86-64 (62) run here.`,
    );
  }
  const type = view.getUint16(16, true);
  if (type !== ET_EXEC && type !== ET_DYN) {
    throw new LoadError('ENOEXEC', `The ELF file is of type ${type} and no executable; link it first.`);
  }
  const word = (at: number): number => Number(wide ? view.getBigUint64(at, true) : view.getUint32(at, true));
  const phoff = word(wide ? 32 : 28);
  const phentsize = view.getUint16(wide ? 54 : 42, true);
  const phnum = view.getUint16(wide ? 56 : 44, true);
  if (phnum > 0 && phentsize < (wide ? 56 : 32)) {
    throw new LoadError('ENOEXEC', `The ELF file has program headers of ${phentsize} bytes; it is damaged.`);
  }
  if (phoff + phnum * phentsize > image.length) throw truncated(image, phoff + phnum * phentsize);
  const segments = Array.from({ length: phnum }, (_, i): ElfSegment => {
    const at = phoff + i * phentsize;
    const field = (narrow: number, wideAt: number): number => word(at + (wide ? wideAt : narrow));
    return {
      type: view.getUint32(at, true),
      ...{ offset: field(4, 8), vaddr: field(8, 16), paddr: field(12, 24) },
      ...{ filesz: field(16, 32), memsz: field(20, 40), align: field(28, 48) },
    };
  });
  for (const { offset, filesz } of segments) {
    if (offset + filesz > image.length) throw truncated(image, offset + filesz);
  }
  return { bits: wide ? 64 : 32, entry: word(24), segments };
}

function truncated(image: Uint8Array, whole: number): LoadError {
  const sentence = `The ELF file is truncated: it has ${image.length} bytes and needs ${whole}; copy it again.`;
  return new LoadError('ENOEXEC', sentence);
}

/** The notes of all PT_NOTE segments; a note that is cut ends its segment. */
export function elfNotes(image: Uint8Array, elf: Elf): ElfNote[] {
  const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
  const notes: ElfNote[] = [];
  for (const segment of elf.segments) {
    if (segment.type !== PT_NOTE) continue;
    const end = segment.offset + segment.filesz;
    // Notes are padded to 4 bytes, in segments of alignment 8 to 8.
    const pad = (size: number): number => (segment.align === 8 ? (size + 7) & ~7 : (size + 3) & ~3);
    for (let at = segment.offset; at + 12 <= end; ) {
      const namesz = view.getUint32(at, true);
      const descsz = view.getUint32(at + 4, true);
      const data = segment.offset + pad(at + 12 + namesz - segment.offset);
      if (data + descsz > end) break;
      const letters = image.subarray(at + 12, at + 12 + Math.max(0, namesz - 1));
      const name = String.fromCharCode(...letters);
      notes.push({ name, type: view.getUint32(at + 8, true), data: image.subarray(data, data + descsz) });
      at = segment.offset + pad(data + descsz - segment.offset);
    }
  }
  return notes;
}

/** Copies the PT_LOAD segments to their physical addresses, .bss as zeros; returns the end of the highest. */
export function loadSegments(memory: GuestMemory, image: Uint8Array, elf: Elf): number {
  const loads = elf.segments.filter((segment) => segment.type === PT_LOAD && segment.memsz > 0);
  if (loads.length === 0)
    throw new LoadError('ENOEXEC', 'The ELF file has nothing to load; link it with segments.');
  for (const { paddr, memsz, filesz } of loads) {
    if (filesz > memsz)
      throw new LoadError('ENOEXEC', 'An ELF segment is larger in the file than in memory; it is damaged.');
    mustFit('An ELF segment', paddr, memsz, memory.size);
    mustKeepClear('An ELF segment', paddr, memsz);
  }
  for (const { offset, paddr, filesz, memsz } of loads) {
    memory.write(paddr, image.subarray(offset, offset + filesz));
    writeZeros(memory, paddr + filesz, memsz - filesz);
  }
  return Math.max(...loads.map(({ paddr, memsz }) => paddr + memsz));
}

/** The physical address of the entry point, which the header gives as a virtual one. */
export function physicalEntry(elf: Elf): number {
  const home = elf.segments.find(
    ({ type, vaddr, memsz }) => type === PT_LOAD && elf.entry >= vaddr && elf.entry < vaddr + memsz,
  );
  return home === undefined ? elf.entry : elf.entry - home.vaddr + home.paddr;
}
