// The door of web/session/views: pure readers of a machine's memory. They import no DOM and change nothing.

export { JIT_ENTRIES } from '../../vmm/defaults.ts';
export * from './balloon.ts';
export * from './bits.ts';
export * from './debugger.ts';
export * from './devices.ts';
export * from './dirty.ts';
export * from './exits.ts';
export * from './flags.ts';
export * from './float.ts';
export * from './float_text.ts';
export * from './memory.ts';
export * from './pins.ts';
export * from './ranges.ts';
export * from './region_names.ts';
export * from './registers.ts';
export * from './slots.ts';
export * from './tiers.ts';
export * from './vcpus.ts';
