// The file tree: the only door of this folder.

export * from './formats.ts';
export * from './fs.ts';
export { LocalFs } from './local.ts';
export * from './node.ts';
export { LocalFile } from './open_file.ts';
export { joinNames, parsePath, resolvePath } from './path.ts';
export { pollFiles } from './poll.ts';
export { type DirectoryOptions, directory, type Row } from './rows.ts';
export {
  type BytesOptions,
  bytesFile,
  type CommandOptions,
  commandFile,
  type Settings,
  textFile,
  type ValueOptions,
  valueFile,
} from './value.ts';
export { Emitter, interrupted, interruptible, type Subscribe, subscribeTo, waitUntil } from './wait.ts';
