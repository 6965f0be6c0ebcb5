// The door of web/kvm/process: Linux's system calls for a VMM, with KVM's encoded requests and struct bytes.

export type { IoctlValue } from './argument.ts';
export { OPEN_FILES_MAX } from './fd_table.ts';
export {
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_PRIVATE,
  MAP_SHARED,
  type ProcessOptions,
  VmmProcess,
} from './process.ts';
