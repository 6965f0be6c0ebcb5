// The door of web/virtio: what a back end is, what serves it, the transports, and the back ends. It starts nothing.

export * from './backend.ts';
export {
  BALLOON_HELD,
  BALLOON_REPORTED,
  type BalloonReport,
  type BalloonStatistics,
  balloon,
} from './balloon.ts';
export { BalloonMarks, isZeroPage, type MarksPlace } from './balloon_marks.ts';
export * from './blk.ts';
export { virtioConsole } from './console.ts';
export { type BackendMeans, DEVICE_KINDS, deviceType, makeBackend } from './make.ts';
export { NET_F, type NetOptions, net } from './net.ts';
export { type P9Share, p9 } from './p9.ts';
export { Registers, STATUS, TRANSPORT } from './registers.ts';
export * from './request.ts';
export * from './rng.ts';
export { type BellPlace, DeviceServer, type ServerParts, type Signals } from './serve.ts';
export { TERMINAL_BYTES, Terminal, type TerminalSize } from './terminal.ts';
export * from './transport_mmio.ts';
export * from './transport_pci.ts';
