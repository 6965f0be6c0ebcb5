// The door of web/vmm: machines, their engines, their words. Starts no thread.
export type { BoardOptions } from './board.ts';
export { runRound, runVcpuThread, stepVcpu } from './engines.ts';
export { LoadError } from './loaders/index.ts';
export { boardOptions, Machine, type MachineSpec, SpecError } from './machine.ts';
export { exitCounts } from './trace.ts';
export { type EndingName, MachineWords, type RunStateName } from './words.ts';
