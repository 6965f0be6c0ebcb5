// Synthetic files with a value: one line of text, one struct, or a line of key=value words. No directories, no streams.

import { isKvmError, KvmError } from '../kvm/abi/errno.ts';
import type { Format } from './formats.ts';
import { type FileNode, type Maybe, type OpenNode, S_IFREG } from './node.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The most text that one write may bring: far more than any value, far less than what fills a thread's memory. */
const TEXT_MAX = 1 << 20;

interface Content {
  readonly mode?: number | undefined;
  readonly readChanges?: boolean | undefined;
  readonly size?: number | undefined;
  /** The whole content as it is now, in bytes that nobody else has. Without it the file cannot be read. */
  readonly load?: ((signal: AbortSignal) => Maybe<Uint8Array>) | undefined;
  /** Takes one write as the new value. Without it the file cannot be written. */
  readonly store?: ((bytes: Uint8Array, offset: number, signal: AbortSignal) => Maybe<void>) | undefined;
}

/** A file that is read from one snapshot per open, and of which each write is one value. */
function snapshotFile({ mode, readChanges = false, size = 0, load, store }: Content): FileNode {
  const bits = mode ?? (load ? 0o444 : 0) | (store ? 0o200 : 0);
  const attributes = { mode: S_IFREG | bits, size, ino: 0n, mtime: 0 };
  const open = (): OpenNode => {
    let snapshot: Maybe<Uint8Array> | undefined;
    return {
      async read(offset, length, signal) {
        if (!load) throw new KvmError('EACCES', 'this file can only be written');
        snapshot ??= load(signal);
        try {
          snapshot = await snapshot;
        } catch (error) {
          snapshot = undefined;
          throw error;
        }
        return snapshot.slice(offset, offset + length);
      },
      async write(offset, bytes, signal) {
        if (!store) throw new KvmError('EACCES', 'this file can only be read');
        await store(bytes, offset, signal);
        return bytes.length;
      },
      close: () => {},
    };
  };
  return { kind: 'file', attributes: () => attributes, open, readChanges };
}

/** The text of a write without white space at its ends. EINVAL if it is no UTF-8. */
function textOf(bytes: Uint8Array): string {
  if (bytes.length > TEXT_MAX) throw new KvmError('EINVAL', 'this file takes a line of text, not a megabyte');
  try {
    return decoder.decode(bytes.slice()).trim();
  } catch {
    throw new KvmError('EINVAL', 'this file takes text, and these bytes are none (UTF-8)');
  }
}

/** `text` as a file shows it: lines, the last one ended too. */
const linesOf = (text: string) => encoder.encode(text === '' || text.endsWith('\n') ? text : `${text}\n`);

/** What makes a value file. */
export interface ValueOptions<T> extends Partial<Format<T>> {
  /** Permission bits; without them r if there is `get`, w if there is `set`. */
  readonly mode?: number;
  /** The value now. The signal is aborted when the reader gives up. */
  readonly get?: (signal: AbortSignal) => Maybe<T>;
  /** Sets the value: an error of it is the error of the write. It ends when the value holds. */
  readonly set?: (value: T, signal: AbortSignal) => Maybe<void>;
}

/**
 * A file with one value as text: a line (or lines) when it is read, trimmed when it is written. `format` and `parse`
 * come from formats.ts (`...hex(64)`); without them the value is text itself.
 */
export function valueFile<T = string>(options: ValueOptions<T>): FileNode {
  const { mode, get, set, format = String, parse = (text: string) => text as T } = options;
  return snapshotFile({
    mode,
    load: get && (async (signal) => linesOf(format(await get(signal)))),
    store: set && (async (bytes, _offset, signal) => set(parse(textOf(bytes)), signal)),
  });
}

/** A text that never changes, as README is. */
export function textFile(text: string): FileNode {
  return valueFile({ get: () => text });
}

/** What makes a file of bytes. */
export interface BytesOptions {
  readonly mode?: number;
  /** See FileNode. */
  readonly readChanges?: boolean;
  /** Bytes of a whole value; undefined where values differ in size, and `set` judges. */
  readonly size?: number;
  /** The value now; it is copied. */
  readonly get?: (signal: AbortSignal) => Maybe<Uint8Array>;
  readonly set?: (bytes: Uint8Array, signal: AbortSignal) => Maybe<void>;
}

/** A file that holds one struct byte for byte: one snapshot per open, a write is the whole struct. Else EINVAL. */
export function bytesFile({ mode, readChanges, size, get, set }: BytesOptions): FileNode {
  return snapshotFile({
    mode,
    readChanges,
    size,
    load: get && (async (signal) => (await get(signal)).slice()),
    store:
      set &&
      ((bytes, offset, signal) => {
        if (size !== undefined && bytes.length !== size) {
          throw new KvmError('EINVAL', `write all ${size} bytes at once, not ${bytes.length}`);
        }
        if (size === undefined && offset !== 0) {
          throw new KvmError('EINVAL', 'write the whole value at once, from the beginning');
        }
        return set(bytes, signal);
      }),
  });
}

/** The keys of a command file and how their values are read. */
// biome-ignore lint/suspicious/noExplicitAny: a Format<T> is neither wider nor narrower than a Format<unknown>.
export type Keys = Readonly<Record<string, Format<any>>>;

/** The values that a line named. */
export type Settings<K extends Keys> = { [N in keyof K]?: K[N] extends Format<infer T> ? T : never };

/** What makes a command file. */
export interface CommandOptions<K extends Keys> {
  readonly mode?: number;
  readonly keys: K;
  /** The settings now: the file then shows them as a line that can be written back. */
  readonly get?: () => Maybe<Settings<K>>;
  /** One line: all of it holds afterwards, or nothing and it throws. */
  readonly set: (settings: Settings<K>, signal: AbortSignal) => Maybe<void>;
}

/**
 * A ctl file: each line of a write is `key=value key=value`, one atomic set. All lines are read before the first is
 * carried out, so a wrong word changes nothing; EINVAL names it. Blank lines and those that begin with # are skipped.
 */
export function commandFile<K extends Keys>({ mode, keys, get, set }: CommandOptions<K>): FileNode {
  return snapshotFile({
    mode,
    load: get && (async () => linesOf(formatSettings(keys, await get()))),
    store: async (bytes, _offset, signal) => {
      const lines = textOf(bytes).split('\n');
      const commands = lines
        .map((line) => line.trim())
        .filter((line) => line !== '' && !line.startsWith('#'));
      if (commands.length === 0) throw new KvmError('EINVAL', `write key=value with ${knownKeys(keys)}`);
      const all = commands.map((line) => parseSettings(keys, line));
      for (const settings of all) await set(settings, signal);
    },
  });
}

const knownKeys = (keys: Keys) => Object.keys(keys).join(', ');

/** One line of a command file. EINVAL names the first wrong word. */
export function parseSettings<K extends Keys>(keys: K, line: string): Settings<K> {
  const settings: Record<string, unknown> = {};
  for (const pair of line.split(/\s+/)) {
    const at = pair.indexOf('=');
    const key = at < 0 ? pair : pair.slice(0, at);
    const format = Object.hasOwn(keys, key) ? keys[key] : undefined;
    if (!format) throw new KvmError('EINVAL', `'${pair}': the keys here are ${knownKeys(keys)}`);
    if (at < 0) throw new KvmError('EINVAL', `'${pair}' has no value: write ${key}=...`);
    if (Object.hasOwn(settings, key)) throw new KvmError('EINVAL', `'${pair}': ${key} is there twice`);
    try {
      settings[key] = format.parse(pair.slice(at + 1));
    } catch (error) {
      if (!isKvmError(error)) throw error;
      throw new KvmError(error.code, `'${pair}': ${error.message.slice(error.code.length + 2)}`);
    }
  }
  return settings as Settings<K>;
}

/** The line that sets `settings`. */
function formatSettings<K extends Keys>(keys: K, settings: Settings<K>): string {
  const pairs = Object.entries(keys).filter(([key]) => settings[key] !== undefined);
  return pairs.map(([key, format]) => `${key}=${format.format(settings[key])}`).join(' ');
}
