// Loads an ELF kernel by the PVH protocol (Xen's "direct boot", which Linux's vmlinux offers): 32-bit entry, EBX = start
// info. It knows nothing else of Xen.
//
// Source: Xen, docs/misc/pvh.pandoc and public/arch-x86/hvm/start_info.h.

import { Bytes, cString } from './bytes.ts';
import type { KernelOptions } from './bzimage.ts';
import { type Elf, elfNotes, loadSegments, parseElf } from './elf.ts';
import { type EntryState, protectedEntry } from './entry.ts';
import {
  BOOT_CMDLINE,
  BOOT_CMDLINE_SIZE,
  BOOT_INFO,
  BOOT_MAP,
  BOOT_TABLES,
  type GuestMemory,
  memoryMap,
  placeHigh,
} from './guest_memory.ts';
import { LoadError } from './load_error.ts';

const XEN_ELFNOTE_PHYS32_ENTRY = 18;
const XEN_HVM_START_MAGIC_VALUE = 0x336e_c578;
/** hvm_start_info is 56 bytes; the module list follows it. */
const MODULES = BOOT_INFO + 0x40;

/** The entry point that the note XEN_ELFNOTE_PHYS32_ENTRY names, if there is one. */
export function pvhEntry(image: Uint8Array, elf: Elf): number | undefined {
  const note = elfNotes(image, elf).find(
    ({ name, type }) => name === 'Xen' && type === XEN_ELFNOTE_PHYS32_ENTRY,
  );
  if (note === undefined || note.data.length < 4) return undefined;
  return new DataView(note.data.buffer, note.data.byteOffset, 4).getUint32(0, true);
}

/** Puts the kernel, its initrd (as module 0), command line, memory map and start info into memory. */
export function loadPvh(memory: GuestMemory, image: Uint8Array, options: KernelOptions = {}): EntryState {
  const elf = parseElf(image);
  const entry = pvhEntry(image, elf);
  if (entry === undefined) {
    throw new LoadError(
      'ENOEXEC',
      'The ELF file has no PVH note (XEN_ELFNOTE_PHYS32_ENTRY); build it with CONFIG_PVH.',
    );
  }
  const kernelEnd = loadSegments(memory, image, elf);
  const cmdline = cString(options.append ?? '');
  if (cmdline.length > BOOT_CMDLINE_SIZE) {
    throw new LoadError(
      'EINVAL',
      `The command line has ${cmdline.length - 1} bytes; at most ${BOOT_CMDLINE_SIZE - 1} fit.`,
    );
  }
  memory.write(BOOT_CMDLINE, cmdline);
  const modules = new Bytes();
  const { initrd } = options;
  if (initrd !== undefined && initrd.length > 0) {
    const gpa = placeHigh('The initrd', initrd.length, kernelEnd, memory.size);
    memory.write(gpa, initrd);
    modules.u64(gpa, initrd.length, 0, 0);
  }
  const map = memoryMap(memory.size);
  const table = new Bytes();
  for (const { base, size, type } of map) table.u64(base, size).u32(type, 0);
  memory.write(BOOT_MAP, table.take());
  memory.write(MODULES, modules.take());
  memory.write(
    BOOT_INFO,
    new Bytes()
      .u32(XEN_HVM_START_MAGIC_VALUE, 1, 0, modules.length > 0 ? 1 : 0)
      .u64(modules.length > 0 ? MODULES : 0, BOOT_CMDLINE, options.rsdp ?? 0, BOOT_MAP)
      .u32(map.length, 0)
      .take(),
  );
  return protectedEntry(memory, BOOT_TABLES, { rip: entry, rbx: BOOT_INFO });
}
