// The only door of web/sh.

export type { Stream } from './run/descriptors.ts';
export { type RunOptions, Shell, type ShellOptions } from './shell.ts';
