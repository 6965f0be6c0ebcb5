// The door of web/vmm/loaders: from bytes to guest memory and the first vCPU's state. It starts nothing.

export { buildAcpi, type Hardware, IOAPIC_ADDRESS, LAPIC_ADDRESS, SCI_IRQ, TIMER_PIN } from './acpi.ts';
export { type BzImageHeader, type KernelOptions, loadBzImage, parseBzImage } from './bzimage.ts';
export { type Elf, type ElfSegment, parseElf } from './elf.ts';
export type { EntryMode, EntryRegs, EntrySegment, EntrySregs, EntryState, EntryTable } from './entry.ts';
export { loadFlat } from './flat.ts';
export { type GuestMemory, type MapEntry, memoryMap } from './guest_memory.ts';
export { identify, loadKernel, type Protocol, writeFirmwareTables } from './kernel.ts';
export { LoadError } from './load_error.ts';
export { buildMpTable } from './mptable.ts';
export { findMultiboot, loadMultiboot } from './multiboot.ts';
export { loadPvh } from './pvh.ts';
