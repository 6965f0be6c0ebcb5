// The guest's memory as a loader sees it, its map, and the checks before a write. It knows no slots and no host.

import { MEMORY_WINDOW } from '../../pci/index.ts';
import { LoadError } from './load_error.ts';

/** RAM from guest physical address 0 on. */
export interface GuestMemory {
  /** Bytes of RAM. */
  readonly size: number;
  /** Copies `bytes` to `gpa`. Loaders check the range first. */
  write(gpa: number, bytes: Uint8Array): void;
}

// The first MiB of a guest that a kernel loader prepares:
//   0x00000..0x8ffff  free for the kernel
//   0x90000..0x9fbff  boot area: what the boot protocol hands over, GDT and page tables
//   0x9fc00..0x9ffff  where a PC has its extended BIOS data area
//   0xe0000..0xfffff  firmware tables: ACPI and MP
export const BOOT_AREA = 0x9_0000;
/** Zero page, multiboot information or hvm_start_info with its lists: up to 4 KiB. */
export const BOOT_INFO = 0x9_0000;
/** The kernel's command line, up to 4 KiB. */
export const BOOT_CMDLINE = 0x9_1000;
export const BOOT_CMDLINE_SIZE = 0x1000;
/** The kernel's memory map where the protocol has it apart, and the boot loader's name. */
export const BOOT_MAP = 0x9_2000;
/** GDT and page tables of the entry (ENTRY_TABLES_SIZE). */
export const BOOT_TABLES = 0x9_8000;
export const BOOT_AREA_END = 0x9_fc00;
const EBDA_END = 0xa_0000;
export const FIRMWARE_TABLES = 0xe_0000;
const MIB = 0x10_0000;

/** Types of the BIOS call E820. */
export const E820_RAM = 1;
export const E820_RESERVED = 2;

/** One range of the map that a kernel is given. */
export interface MapEntry {
  readonly base: number;
  readonly size: number;
  readonly type: number;
}

/** The map of a PC with `size` bytes of RAM (at least 1 MiB): low memory, EBDA, firmware tables, the rest. */
export function memoryMap(size: number): MapEntry[] {
  const range = (base: number, end: number, type: number): MapEntry => ({ base, size: end - base, type });
  const map = [
    range(0, BOOT_AREA_END, E820_RAM),
    range(BOOT_AREA_END, EBDA_END, E820_RESERVED),
    range(FIRMWARE_TABLES, MIB, E820_RESERVED),
  ];
  if (size > MIB) map.push(range(MIB, Math.min(size, MEMORY_WINDOW.start), E820_RAM));
  return map;
}

export const hex = (value: number): string => `0x${value.toString(16)}`;

/** Throws LoadError ENOMEM unless `length` bytes at `gpa` are RAM below `end`; `what` names them in the sentence. */
export function mustFit(what: string, gpa: number, length: number, end: number): void {
  if (Number.isSafeInteger(gpa) && gpa >= 0 && gpa + length <= end) return;
  const need = `${what} needs ${hex(gpa)}..${hex(gpa + length - 1)}`;
  throw new LoadError(
    'ENOMEM',
    `${need}, but the guest's memory for it ends at ${hex(end)}; give it more memory.`,
  );
}

/** Throws LoadError unless a part of a kernel keeps clear of the boot area and of the firmware tables. */
export function mustKeepClear(what: string, gpa: number, length: number): void {
  const end = gpa + length;
  const meets = (from: number, to: number): boolean => gpa < to && end > from;
  if (length === 0 || !(meets(BOOT_AREA, EBDA_END) || meets(FIRMWARE_TABLES, MIB))) return;
  const where = `${what} at ${hex(gpa)}..${hex(end - 1)}`;
  throw new LoadError(
    'EINVAL',
    `${where} lies where boot information goes (${hex(BOOT_AREA)}..${hex(MIB - 1)}); link the kernel at 1 MiB or higher.`,
  );
}

/** Fills with 0 in pieces, so that a large .bss costs no large array. */
export function writeZeros(memory: GuestMemory, gpa: number, length: number): void {
  const zeros = new Uint8Array(Math.min(length, 0x1_0000));
  for (let done = 0; done < length; done += zeros.length) {
    memory.write(gpa + done, zeros.subarray(0, Math.min(zeros.length, length - done)));
  }
}

/** The highest page-aligned place for `length` bytes below `end` and above `floor`; LoadError ENOMEM without one. */
export function placeHigh(what: string, length: number, floor: number, end: number): number {
  const gpa = Math.floor((end - length) / 0x1000) * 0x1000;
  if (gpa < floor) {
    const room = `the guest has ${Math.max(0, end - floor)} free behind the kernel`;
    throw new LoadError('ENOMEM', `${what} needs ${length} bytes, but ${room}; give it more memory.`);
  }
  return gpa;
}
