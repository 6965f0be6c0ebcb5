// The file tree: the only door of this folder.

export { FsClient } from './client.ts';
export { deviceRows } from './dev.ts';
export * from './formats.ts';
export * from './fs.ts';
export { LocalFs } from './local.ts';
export { type MemoryTreeOptions, memoryTree } from './memory_tree.ts';
export { type Mount, type MountOptions, MountTable } from './mount.ts';
export * from './node.ts';
export { LocalFile } from './open_file.ts';
export { joinNames, parsePath, resolvePath } from './path.ts';
export { PIPE_BUF, type Pipe, pipe } from './pipe.ts';
export { pollFiles } from './poll.ts';
export { type MessagePortLike, messagePort, type Port } from './port.ts';
export { readOnly } from './read_only.ts';
export { type DirectoryOptions, directory, type Row } from './rows.ts';
export { FsServer, OPEN_MAX } from './server.ts';
export { eventFile, readiness, type Stream, type StreamOptions, streamFile, streamNode } from './stream.ts';
export {
  type BytesOptions,
  bytesFile,
  type CommandOptions,
  commandFile,
  parseSettings,
  type Settings,
  textFile,
  type ValueOptions,
  valueFile,
} from './value.ts';
export {
  Emitter,
  interrupted,
  interruptible,
  onAbort,
  type Subscribe,
  subscribeTo,
  waitUntil,
} from './wait.ts';
