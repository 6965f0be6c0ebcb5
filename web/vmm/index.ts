// The door of web/vmm: machines, their engines, their words. It starts no thread itself.
export { runRound, runVcpuThread, stepVcpu } from './engines.ts';
export { LoadError } from './loaders/index.ts';
export { bootProgram, fixTime, Machine, type MachineSpec, type Program, SpecError } from './machine.ts';
export { type VcpuDone, VcpuPool, type VcpuTask, type VcpuWorker } from './pool.ts';
export { Runner, type RunnerEvents } from './runner.ts';
export { serveVcpus } from './serve_vcpus.ts';
export { type EventCause, VcpuWords } from './vcpu_words.ts';
export { mmioPlace, terminalOf, type VirtioDevice } from './virtio.ts';
export { type BoardName, type EndingName, MachineWords, type RunStateName } from './words.ts';
