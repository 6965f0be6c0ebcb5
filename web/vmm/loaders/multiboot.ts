// Loads a kernel by Multiboot 1: ELF or the header's own addresses, one module, 32-bit entry. It offers no video mode.
//
// Source: "The Multiboot Specification", version 0.6.96; names are those of its multiboot.h.

import { Bytes, cString } from './bytes.ts';
import type { KernelOptions } from './bzimage.ts';
import { isElf, loadSegments, parseElf, physicalEntry } from './elf.ts';
import { type EntryState, protectedEntry } from './entry.ts';
import {
  BOOT_AREA_END,
  BOOT_CMDLINE,
  BOOT_CMDLINE_SIZE,
  BOOT_INFO,
  BOOT_MAP,
  BOOT_TABLES,
  type GuestMemory,
  hex,
  memoryMap,
  mustFit,
  mustKeepClear,
  writeZeros,
} from './guest_memory.ts';
import { LoadError } from './load_error.ts';

const MULTIBOOT_HEADER_MAGIC = 0x1bad_b002;
const MULTIBOOT_BOOTLOADER_MAGIC = 0x2bad_b002;
/** The header lies whole in the first 8 KiB, on a 4-byte boundary. */
const MULTIBOOT_SEARCH = 8192;
const MULTIBOOT_AOUT_KLUDGE = 0x0001_0000;
/** Flags that a loader must understand, less page alignment, memory information and video mode. */
const UNKNOWN_REQUIREMENTS = 0xfff8;
const MULTIBOOT_INFO_MEMORY = 0x001;
const MULTIBOOT_INFO_CMDLINE = 0x004;
const MULTIBOOT_INFO_MODS = 0x008;
const MULTIBOOT_INFO_MEM_MAP = 0x040;
const MULTIBOOT_INFO_BOOT_LOADER_NAME = 0x200;
/** multiboot_info is 120 bytes; the module list follows it. */
const MODULES = BOOT_INFO + 0x80;
const LOADER_NAME = BOOT_MAP + 0x800;
const KIB = 1024;
const MIB = 0x10_0000;

/** Where the header is and what it asks for. */
export interface MultibootHeader {
  readonly offset: number;
  readonly flags: number;
}

/** Finds the header; undefined when the bytes have none. */
export function findMultiboot(image: Uint8Array): MultibootHeader | undefined {
  const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
  const end = Math.min(image.length, MULTIBOOT_SEARCH) - 12;
  for (let offset = 0; offset <= end; offset += 4) {
    if (view.getUint32(offset, true) !== MULTIBOOT_HEADER_MAGIC) continue;
    const flags = view.getUint32(offset + 4, true);
    const sum = MULTIBOOT_HEADER_MAGIC + flags + view.getUint32(offset + 8, true);
    if (sum % 2 ** 32 === 0) return { offset, flags };
  }
  return undefined;
}

/** Puts kernel, module (`initrd`), command line, memory map and multiboot information into memory. */
export function loadMultiboot(
  memory: GuestMemory,
  image: Uint8Array,
  options: KernelOptions = {},
): EntryState {
  const header = findMultiboot(image);
  if (header === undefined) {
    throw new LoadError('ENOEXEC', 'The file has no Multiboot header (0x1badb002) in its first 8 KiB.');
  }
  if ((header.flags & UNKNOWN_REQUIREMENTS) !== 0) {
    const flags = hex(header.flags & UNKNOWN_REQUIREMENTS);
    throw new LoadError(
      'ENOEXEC',
      `The Multiboot header requires features ${flags}, which version 1 does not have.`,
    );
  }
  const kernel =
    (header.flags & MULTIBOOT_AOUT_KLUDGE) !== 0 ? loadPlain(memory, image, header) : loadElf(memory, image);

  const cmdline = cString(options.append ?? '');
  if (cmdline.length > BOOT_CMDLINE_SIZE) {
    throw new LoadError(
      'EINVAL',
      `The command line has ${cmdline.length - 1} bytes; at most ${BOOT_CMDLINE_SIZE - 1} fit.`,
    );
  }
  memory.write(BOOT_CMDLINE, cmdline);
  memory.write(LOADER_NAME, cString('Vitrine'));
  const modules = new Bytes();
  const { initrd } = options;
  if (initrd !== undefined && initrd.length > 0) {
    // Right behind the kernel, on a page boundary: where loaders put modules and kernels look for them.
    const gpa = Math.ceil(Math.max(kernel.end, MIB) / 0x1000) * 0x1000;
    mustFit('The module', gpa, initrd.length, memory.size);
    memory.write(gpa, initrd);
    modules.u32(gpa, gpa + initrd.length, BOOT_CMDLINE + cmdline.length - 1, 0);
  }
  const table = new Bytes();
  for (const { base, size, type } of memoryMap(memory.size)) table.u32(20).u64(base, size).u32(type);
  memory.write(BOOT_MAP, table.take());
  memory.write(MODULES, modules.take());

  let flags =
    MULTIBOOT_INFO_MEMORY | MULTIBOOT_INFO_CMDLINE | MULTIBOOT_INFO_MEM_MAP | MULTIBOOT_INFO_BOOT_LOADER_NAME;
  if (modules.length > 0) flags |= MULTIBOOT_INFO_MODS;
  memory.write(
    BOOT_INFO,
    new Bytes()
      .u32(flags, BOOT_AREA_END / KIB, Math.max(0, Math.floor((memory.size - MIB) / KIB)), 0, BOOT_CMDLINE)
      .u32(modules.length / 16, modules.length > 0 ? MODULES : 0)
      .zeros(16) // symbol table
      .u32(table.length, BOOT_MAP)
      .zeros(12) // drives, BIOS configuration table
      .u32(LOADER_NAME)
      .zeros(52) // APM, VBE, frame buffer
      .take(),
  );
  return protectedEntry(memory, BOOT_TABLES, {
    rip: kernel.entry,
    rax: MULTIBOOT_BOOTLOADER_MAGIC,
    rbx: BOOT_INFO,
  });
}

interface Loaded {
  readonly entry: number;
  readonly end: number;
}

function loadElf(memory: GuestMemory, image: Uint8Array): Loaded {
  if (!isElf(image)) {
    throw new LoadError(
      'ENOEXEC',
      'The Multiboot kernel is no ELF file and its header gives no addresses (flag 16).',
    );
  }
  const elf = parseElf(image);
  return { end: loadSegments(memory, image, elf), entry: physicalEntry(elf) };
}

/** By the header's address fields: header_addr, load_addr, load_end_addr, bss_end_addr, entry_addr. */
function loadPlain(memory: GuestMemory, image: Uint8Array, header: MultibootHeader): Loaded {
  if (header.offset + 32 > image.length) {
    throw new LoadError('ENOEXEC', 'The Multiboot kernel is truncated inside its header; copy it again.');
  }
  const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
  const field = (index: number): number => view.getUint32(header.offset + 12 + 4 * index, true);
  const load = field(1);
  const from = header.offset - (field(0) - load);
  if (from < 0 || field(0) < load) {
    throw new LoadError(
      'ENOEXEC',
      'The Multiboot header lies before the address at which loading starts; mend its fields.',
    );
  }
  const loadEnd = field(2) === 0 ? load + image.length - from : field(2);
  const end = Math.max(loadEnd, field(3));
  const length = loadEnd - load;
  if (length < 0 || from + length > image.length) {
    const sentence = `The Multiboot kernel is truncated: it has ${image.length} bytes and needs ${from + length}.`;
    throw new LoadError('ENOEXEC', sentence);
  }
  mustFit('The kernel', load, end - load, memory.size);
  mustKeepClear('The kernel', load, end - load);
  memory.write(load, image.subarray(from, from + length));
  writeZeros(memory, loadEnd, end - loadEnd);
  return { entry: field(4), end };
}
