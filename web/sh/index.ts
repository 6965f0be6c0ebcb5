// The only door of web/sh.

export { type InteractiveOptions, InteractiveShell } from './interactive/interactive.ts';
export type { Stream } from './run/descriptors.ts';
export { type RunOptions, Shell, type ShellOptions } from './shell.ts';
