// Loads a kernel of whatever protocol its bytes speak, with the firmware tables that it looks for. It reads no files.

import { buildAcpi, type Hardware } from './acpi.ts';
import { isBzImage, type KernelOptions, loadBzImage, parseBzImage } from './bzimage.ts';
import { isElf, parseElf } from './elf.ts';
import type { EntryState } from './entry.ts';
import { FIRMWARE_TABLES, type GuestMemory, mustFit } from './guest_memory.ts';
import { LoadError } from './load_error.ts';
import { buildMpTable } from './mptable.ts';
import { findMultiboot, loadMultiboot } from './multiboot.ts';
import { loadPvh, pvhEntry } from './pvh.ts';

/** The boot protocols that we speak. */
export type Protocol = 'bzimage' | 'pvh' | 'multiboot';

const MP_TABLE = 0xf_0000;
const MIB = 0x10_0000;

/**
 * Which protocol the bytes speak; an ELF file with both a PVH note and a Multiboot header is taken by PVH.
 * LoadError ENOEXEC, with what they look like, for bytes that speak none or are cut off.
 */
export function identify(image: Uint8Array): Protocol {
  if (image.length === 0) throw new LoadError('ENOEXEC', 'The kernel file is empty.');
  if (isBzImage(image)) {
    parseBzImage(image);
    return 'bzimage';
  }
  if (isElf(image) && pvhEntry(image, parseElf(image)) !== undefined) return 'pvh';
  if (findMultiboot(image) !== undefined) return 'multiboot';
  throw new LoadError(
    'ENOEXEC',
    `The kernel file is ${guess(image)}; give a bzImage, an ELF with a PVH note or a Multiboot 1 kernel.`,
  );
}

function guess(image: Uint8Array): string {
  const starts = (...bytes: number[]): boolean => bytes.every((byte, i) => image[i] === byte);
  if (isElf(image)) return 'an ELF file with neither a PVH note nor a Multiboot header';
  if (starts(0x1f, 0x8b)) return 'packed with gzip';
  if (starts(0xfd, 0x37, 0x7a)) return 'packed with xz';
  if (starts(0x28, 0xb5, 0x2f, 0xfd)) return 'packed with zstd';
  if (starts(0x4d, 0x5a)) return 'an EFI program without a Linux header, or one that is cut off';
  return 'of no kind that we know';
}

/** Writes ACPI and MP tables below 1 MiB and returns the RSDP's address. */
export function writeFirmwareTables(memory: GuestMemory, hardware: Hardware): number {
  mustFit('The firmware', FIRMWARE_TABLES, MIB - FIRMWARE_TABLES, memory.size);
  memory.write(FIRMWARE_TABLES, buildAcpi(FIRMWARE_TABLES, hardware));
  memory.write(MP_TABLE, buildMpTable(MP_TABLE, hardware));
  return FIRMWARE_TABLES;
}

/** Identifies and loads a kernel, its initrd and the firmware tables, and describes the entry of the first vCPU. */
export function loadKernel(
  memory: GuestMemory,
  image: Uint8Array,
  options: Omit<KernelOptions, 'rsdp'> & Hardware,
): EntryState {
  const protocol = identify(image);
  const all: KernelOptions = { ...options, rsdp: writeFirmwareTables(memory, options) };
  switch (protocol) {
    case 'bzimage':
      return loadBzImage(memory, image, all);
    case 'pvh':
      return loadPvh(memory, image, all);
    case 'multiboot':
      return loadMultiboot(memory, image, all);
  }
}
