// Loads a Linux bzImage by the 64-bit or the 32-bit boot protocol. It runs no real-mode setup code.
//
// Source: Linux, Documentation/arch/x86/boot.rst and zero-page.rst; field names are those of struct setup_header.

import { Bytes, cString } from './bytes.ts';
import { type EntryState, longEntry, protectedEntry } from './entry.ts';
import {
  BOOT_CMDLINE,
  BOOT_CMDLINE_SIZE,
  BOOT_INFO,
  BOOT_TABLES,
  type GuestMemory,
  memoryMap,
  mustFit,
  placeHigh,
} from './guest_memory.ts';
import { LoadError } from './load_error.ts';

// struct setup_header, offsets from the start of the image and of struct boot_params alike.
const SETUP_SECTS = 0x1f1;
const SYSSIZE = 0x1f4;
const VID_MODE = 0x1fa;
const BOOT_FLAG = 0x1fe;
const JUMP_LENGTH = 0x201;
const HEADER = 0x202;
const VERSION = 0x206;
const TYPE_OF_LOADER = 0x210;
const LOADFLAGS = 0x211;
const CODE32_START = 0x214;
const RAMDISK_IMAGE = 0x218;
const RAMDISK_SIZE = 0x21c;
const CMD_LINE_PTR = 0x228;
const INITRD_ADDR_MAX = 0x22c;
const KERNEL_ALIGNMENT = 0x230;
const RELOCATABLE_KERNEL = 0x234;
const XLOADFLAGS = 0x236;
const CMDLINE_SIZE = 0x238;
const PREF_ADDRESS = 0x258;
const INIT_SIZE = 0x260;
/** Where the fields that we read end; a shorter image is no kernel. */
const HEADER_END = 0x264;

// struct boot_params outside the header.
const ACPI_RSDP_ADDR = 0x070;
const E820_ENTRIES = 0x1e8;
const E820_TABLE = 0x2d0;
const BOOT_PARAMS_SIZE = 0x1000;

const MAGIC = 0x5372_6448; // "HdrS"
const OLDEST_VERSION = 0x0206;
const LOADED_HIGH = 0x01;
const XLF_KERNEL_64 = 0x01;
const UNKNOWN_LOADER = 0xff;
const VID_MODE_NORMAL = 0xffff;
const ENTRY_64 = 0x200;
const MIB = 0x10_0000;

/** What goes with a kernel. */
export interface KernelOptions {
  readonly initrd?: Uint8Array | undefined;
  /** The command line. */
  readonly append?: string | undefined;
  /** Address of the ACPI RSDP, where firmware tables were written. */
  readonly rsdp?: number | undefined;
  /** For a bzImage that has both: which entry to take; the 64-bit one when left out. */
  readonly protocol?: 32 | 64 | undefined;
}

/** What a bzImage says of itself. */
export interface BzImageHeader {
  /** Boot protocol, major in the high byte. */
  readonly version: number;
  /** Has a 64-bit entry point. */
  readonly has64: boolean;
  /** Bytes of the protected-mode kernel, which start at `kernelOffset`. */
  readonly kernelOffset: number;
  /** Where it wants to lie, and bytes that it needs there until it has read the memory map. */
  readonly loadAddress: number;
  readonly initSize: number;
  readonly relocatable: boolean;
  readonly alignment: number;
  readonly initrdAddrMax: number;
  /** Longest command line without its final 0. */
  readonly cmdlineSize: number;
}

const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Whether the bytes carry the marks of a Linux kernel image. */
export function isBzImage(image: Uint8Array): boolean {
  if (image.length < HEADER + 4) return false;
  const view = viewOf(image);
  return view.getUint16(BOOT_FLAG, true) === 0xaa55 && view.getUint32(HEADER, true) === MAGIC;
}

/** Reads and checks the header. LoadError ENOEXEC for anything but a whole bzImage of protocol 2.06 or later. */
export function parseBzImage(image: Uint8Array): BzImageHeader {
  if (!isBzImage(image)) {
    throw new LoadError('ENOEXEC', 'This is no Linux bzImage: the mark "HdrS" at offset 0x202 is missing.');
  }
  const view = viewOf(image);
  const version = view.getUint16(VERSION, true);
  if (version < OLDEST_VERSION) {
    const name = `${version >> 8}.${String(version & 0xff).padStart(2, '0')}`;
    throw new LoadError(
      'ENOEXEC',
      `The kernel speaks boot protocol ${name}; 2.06 (Linux 2.6.22) is the oldest we load.`,
    );
  }
  const kernelOffset = ((image[SETUP_SECTS] || 4) + 1) * 512;
  if (image.length < HEADER_END || image.length <= kernelOffset) throw truncated(image, kernelOffset + 1);
  if (((image[LOADFLAGS] ?? 0) & LOADED_HIGH) === 0) {
    throw new LoadError(
      'ENOEXEC',
      'This is a zImage, which loads below 1 MiB; build the kernel as a bzImage.',
    );
  }
  const whole = kernelOffset + view.getUint32(SYSSIZE, true) * 16;
  // syssize counts paragraphs, and the last one may be cut.
  if (image.length <= whole - 16) throw truncated(image, whole);
  const placed = version >= 0x020a;
  return {
    ...{ version, kernelOffset },
    has64: version >= 0x020c && (view.getUint16(XLOADFLAGS, true) & XLF_KERNEL_64) !== 0,
    loadAddress: placed ? Number(view.getBigUint64(PREF_ADDRESS, true)) : view.getUint32(CODE32_START, true),
    initSize: Math.max(placed ? view.getUint32(INIT_SIZE, true) : 0, image.length - kernelOffset),
    relocatable: image[RELOCATABLE_KERNEL] === 1,
    alignment: Math.max(0x1000, view.getUint32(KERNEL_ALIGNMENT, true)),
    initrdAddrMax: view.getUint32(INITRD_ADDR_MAX, true),
    cmdlineSize: view.getUint32(CMDLINE_SIZE, true),
  };
}

function truncated(image: Uint8Array, whole: number): LoadError {
  const sentence = `The bzImage is truncated: it has ${image.length} bytes and its header speaks of ${whole}; copy it again.`;
  return new LoadError('ENOEXEC', sentence);
}

/**
 * Puts kernel, initrd, command line and zero page into memory and describes the entry. LoadError ENOEXEC for a wrong
 * file, ENOMEM when memory is too small, EINVAL for a command line that is too long or an entry that the kernel lacks.
 */
export function loadBzImage(memory: GuestMemory, image: Uint8Array, options: KernelOptions = {}): EntryState {
  const header = parseBzImage(image);
  const protocol = options.protocol ?? (header.has64 ? 64 : 32);
  if (protocol === 64 && !header.has64) {
    throw new LoadError('EINVAL', 'The kernel has no 64-bit entry point; boot it by the 32-bit protocol.');
  }
  const load = placeKernel(memory, header, protocol);
  const kernel = image.subarray(header.kernelOffset);
  memory.write(load, kernel);

  const params = new Uint8Array(BOOT_PARAMS_SIZE);
  const view = viewOf(params);
  params.set(
    image.subarray(SETUP_SECTS, Math.min(HEADER + (image[JUMP_LENGTH] ?? 0), E820_TABLE)),
    SETUP_SECTS,
  );
  params[TYPE_OF_LOADER] = UNKNOWN_LOADER;
  view.setUint16(VID_MODE, VID_MODE_NORMAL, true);
  view.setUint32(CODE32_START, load, true);
  view.setUint32(CMD_LINE_PTR, writeCmdline(memory, options.append ?? '', header), true);
  view.setUint32(ACPI_RSDP_ADDR, options.rsdp ?? 0, true);
  if (options.initrd !== undefined && options.initrd.length > 0) {
    const end = Math.min(memory.size, header.initrdAddrMax + 1);
    const gpa = placeHigh('The initrd', options.initrd.length, load + header.initSize, end);
    memory.write(gpa, options.initrd);
    view.setUint32(RAMDISK_IMAGE, gpa, true);
    view.setUint32(RAMDISK_SIZE, options.initrd.length, true);
  }
  const map = memoryMap(memory.size);
  const table = new Bytes();
  for (const { base, size, type } of map) table.u64(base, size).u32(type);
  params[E820_ENTRIES] = map.length;
  params.set(table.take(), E820_TABLE);
  memory.write(BOOT_INFO, params);

  if (protocol === 64)
    return longEntry(memory, BOOT_TABLES, { rip: load + ENTRY_64, rsi: BOOT_INFO, rsp: BOOT_INFO });
  return protectedEntry(memory, BOOT_TABLES, { rip: load, rsi: BOOT_INFO, rsp: BOOT_INFO });
}

/** The kernel's preferred address, or the lowest possible one if it may move and does not fit there. */
function placeKernel(memory: GuestMemory, header: BzImageHeader, protocol: 32 | 64): number {
  const lowest = Math.ceil(MIB / header.alignment) * header.alignment;
  const preferred =
    protocol === 32 && !header.relocatable ? Math.max(MIB, header.loadAddress) : header.loadAddress;
  const fits = preferred >= MIB && preferred + header.initSize <= memory.size;
  const load = fits || !header.relocatable ? preferred : lowest;
  mustFit('The kernel', load, header.initSize, memory.size);
  return load;
}

function writeCmdline(memory: GuestMemory, append: string, header: BzImageHeader): number {
  const cmdline = cString(append);
  const longest = Math.min(header.cmdlineSize, BOOT_CMDLINE_SIZE - 1);
  if (cmdline.length - 1 > longest) {
    const has = `The command line has ${cmdline.length - 1} bytes`;
    throw new LoadError('EINVAL', `${has} and the kernel takes ${longest}; shorten it.`);
  }
  memory.write(BOOT_CMDLINE, cmdline);
  return BOOT_CMDLINE;
}
