// The door of web/modules: the supervisor and what it needs. Threads are threads_node.ts or threads_browser.ts.

export {
  FRAME_HEADER,
  FRAME_HEIGHT,
  FRAME_NUMBER,
  FRAME_SEQUENCE,
  FRAME_WIDTH,
  frameBytes,
} from './framebuffer.ts';
export {
  MODULES,
  ModuleHost,
  type ModuleInfo,
  type ModuleKind,
  type ModuleRequest,
  type ModuleState,
} from './host.ts';
export type { ModuleThread, ModuleThreads } from './messages.ts';
export type { Module, ModuleContext, ModuleOptions } from './module.ts';
export { DESCRIPTOR_SIZE, RING_COUNT, RING_DESCRIPTORS, RING_HEAD, RING_TAIL } from './ring.ts';
