// The door of web/vmm/loaders: from bytes to guest memory and the first vCPU's state. It starts nothing.

export type { EntryMode, EntryState } from './entry.ts';
export { loadFlat } from './flat.ts';
export type { GuestMemory } from './guest_memory.ts';
export { identify, loadKernel } from './kernel.ts';
export { LoadError } from './load_error.ts';
export { firmwareMtrrs } from './mtrr.ts';
