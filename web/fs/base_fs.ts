// The calls of Fs that are made of other calls of it, for every implementation alike.

import { isKvmError } from '../kvm/abi/errno.ts';
import type { Cancel, Entry, Fs, OpenFile, OpenFlags, PollFile, Stats } from './fs.ts';
import type { Change, Room } from './node.ts';
import { pollFiles } from './poll.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The bytes of what somebody wants to write. */
export function bytesOf(data: Uint8Array | string): Uint8Array {
  return typeof data === 'string' ? encoder.encode(data) : data;
}

export abstract class BaseFs implements Fs {
  abstract open(path: string, flags?: OpenFlags, mode?: number): Promise<OpenFile>;
  abstract readFile(path: string, cancel?: Cancel): Promise<Uint8Array>;
  abstract writeFile(path: string, data: Uint8Array | string, cancel?: Cancel): Promise<void>;
  abstract appendFile(path: string, data: Uint8Array | string, cancel?: Cancel): Promise<void>;
  abstract readdir(path: string): Promise<Entry[]>;
  abstract stat(path: string): Promise<Stats>;
  abstract mkdir(path: string, mode?: number): Promise<void>;
  abstract rmdir(path: string): Promise<void>;
  abstract unlink(path: string): Promise<void>;
  abstract rename(from: string, to: string): Promise<void>;
  abstract chmod(path: string, mode: number): Promise<void>;
  abstract readlink(path: string): Promise<string>;
  abstract symlink(target: string, path: string): Promise<void>;
  abstract link(from: string, to: string): Promise<void>;
  abstract room(path: string): Promise<Room>;
  abstract utimes(path: string, mtime: number): Promise<void>;
  abstract watch(path: string, cancel: Cancel): AsyncIterable<Change>;

  async readText(path: string, cancel?: Cancel): Promise<string> {
    return decoder.decode(await this.readFile(path, cancel));
  }

  async exists(path: string): Promise<boolean> {
    try {
      await this.stat(path);
      return true;
    } catch (error) {
      if (isKvmError(error, 'ENOENT') || isKvmError(error, 'ENOTDIR')) return false;
      throw error;
    }
  }

  poll(files: PollFile[], timeout: number, cancel?: Cancel): Promise<number> {
    return pollFiles(files, timeout, cancel);
  }
}
