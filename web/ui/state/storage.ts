// What this browser keeps for the page: disks (/disk) and files of the shared folder (/share/files), both as files of the
// session's tree. No React, no machine.

import type { Fs } from '../../fs/index.ts';
import { bytes as inBytes } from '../parts/numbers.ts';
import { diskName } from './devices.ts';
import { Store } from './store.ts';

/** Where each kind lies. */
export const PLACES = { disk: '/disk', file: '/share/files' } as const;
export type StoredKind = keyof typeof PLACES;

/** What is not kept, but makes disks. */
const CTL = 'ctl';
/** So much is read or written at once. */
const PIECE = 1 << 20;
/** Room that is left to the browser beside an image. */
const SPARE = 1 << 20;

export interface Stored {
  readonly name: string;
  readonly bytes: number;
}

export interface StorageState {
  readonly disks: readonly Stored[];
  readonly files: readonly Stored[];
  /** Bytes that are used, and that the browser gives; undefined where it does not say. */
  readonly room: { readonly used: number; readonly total: number } | undefined;
  /** Whether the browser has promised to keep them; undefined until it was asked. */
  readonly isPromised: boolean | undefined;
}

/** What the browser's refusal to keep data means. */
export const UNPROMISED =
  'The browser has not promised to keep disks and files: it may delete them when the computer runs short of room, so download what you cannot lose.';

const quoted = (name: string) => name.replace(/[^\w.-]+/g, '-').replace(/^-+/, '') || 'file';

/** `a.img` as `a-2.img`. */
function numbered(name: string, number: number): string {
  const dot = name.lastIndexOf('.');
  return dot > 0 ? `${name.slice(0, dot)}-${number}${name.slice(dot)}` : `${name}-${number}`;
}

/** The name, or the first of its numbered sisters that is free. */
export function freeName(name: string, taken: readonly string[]): string {
  let free = name;
  for (let number = 2; taken.includes(free); number++) free = numbered(name, number);
  return free;
}

export class PageStorage {
  readonly state = new Store<StorageState>({
    disks: [],
    files: [],
    room: undefined,
    isPromised: undefined,
  });
  readonly #fs: () => Fs | undefined;

  /** `fs` gives the session's tree, once there is one. */
  constructor(fs: () => Fs | undefined) {
    this.#fs = fs;
  }

  get #tree(): Fs {
    const fs = this.#fs();
    if (!fs) throw new Error('Files and disks can be kept as soon as the machine has been made.');
    return fs;
  }

  /** Looks at what is there. */
  async refresh(): Promise<void> {
    if (!this.#fs()) return;
    const [disks, files] = await Promise.all([this.#list('disk'), this.#list('file')]);
    const { usage, quota } = (await navigator.storage?.estimate?.().catch(() => undefined)) ?? {};
    const room = usage === undefined || quota === undefined ? undefined : { used: usage, total: quota };
    const isPromised = await navigator.storage?.persisted?.().catch(() => false);
    const { isPromised: before } = this.state.get();
    this.state.patch({ disks, files, room, isPromised: isPromised || before });
  }

  async #list(kind: StoredKind): Promise<Stored[]> {
    const place = PLACES[kind];
    const entries = await this.#tree.readdir(place).catch(() => []);
    const files = entries.filter(
      ({ name, isDirectory }) => !isDirectory && !(kind === 'disk' && name === CTL),
    );
    const found = files.map(async ({ name }) => {
      const { size } = await this.#tree.stat(`${place}/${name}`);
      return { name, bytes: size };
    });
    return (await Promise.allSettled(found)).flatMap((one) =>
      one.status === 'fulfilled' ? [one.value] : [],
    );
  }

  /** Asks the browser, once, not to delete what is kept; what is to be said of its refusal. */
  async persist(): Promise<string | undefined> {
    if (this.state.get().isPromised !== undefined) return undefined;
    const isPromised = (await navigator.storage?.persist?.().catch(() => false)) ?? false;
    this.state.patch({ isPromised });
    return isPromised ? undefined : UNPROMISED;
  }

  /**
   * Keeps a disk image; one of this name and size that is kept already is taken for the same, with what was changed of it.
   * Gives the disk's name. Rejects with one sentence when there is no room: then nothing of it is kept.
   */
  async keepImage(
    image: File,
    onProgress: (done: number) => void,
  ): Promise<{ readonly name: string; readonly isNew: boolean }> {
    await this.refresh();
    const { disks, room } = this.state.get();
    const wanted = diskName(image.name);
    if (disks.some(({ name, bytes }) => name === wanted && bytes === image.size))
      return { name: wanted, isNew: false };
    if (room && image.size > room.total - room.used - SPARE)
      throw new Error(
        `${image.name} has ${inBytes(image.size)} and the browser gives this page ${inBytes(Math.max(room.total - room.used, 0))} more: delete disks or files that it keeps, or give the image by a URL.`,
      );
    const names = disks.map(({ name }) => name);
    const name = freeName(wanted, names);
    await this.#put('disk', name, image, onProgress);
    return { name, isNew: true };
  }

  /** Makes a disk of so many zeroes, or over an image behind a URL; gives its name. Rejects with one sentence. */
  async makeDisk(wanted: string, content: { bytes: number } | { url: string }): Promise<string> {
    await this.refresh();
    const name = freeName(
      wanted,
      this.state.get().disks.map((disk) => disk.name),
    );
    const word = 'url' in content ? `url=${content.url}` : `bytes=${content.bytes}`;
    await this.#tree.writeFile(`${PLACES.disk}/${CTL}`, `name=${name} ${word}\n`);
    await this.refresh();
    return name;
  }

  /** Puts a file into the shared folder; gives its name there. Rejects with one sentence. */
  async shareFile(file: File): Promise<string> {
    await this.refresh();
    const taken = await this.#tree.readdir(PLACES.file);
    const name = freeName(
      quoted(file.name),
      taken.map((entry) => entry.name),
    );
    await this.#put('file', name, file, () => {});
    return name;
  }

  async #put(kind: StoredKind, name: string, from: File, onProgress: (done: number) => void): Promise<void> {
    const path = `${PLACES[kind]}/${name}`;
    const file = await this.#tree.open(path, 'wx');
    try {
      for (let done = 0; done < from.size; done += PIECE) {
        const piece = from.slice(done, done + PIECE);
        await file.write(new Uint8Array(await piece.arrayBuffer()));
        onProgress(Math.min(done + PIECE, from.size));
      }
      await file.sync();
      await file.close();
    } catch (error) {
      await file.close().catch(() => {});
      // A disk that was not written whole is none by itself.
      await this.#tree.unlink(path).catch(() => {});
      throw error;
    } finally {
      await this.refresh();
    }
  }

  /** The bytes of a disk or a file as it stands. Rejects with one sentence, e.g. while its machine runs. */
  async read(kind: StoredKind, name: string, onProgress: (done: number, of: number) => void): Promise<Blob> {
    const file = await this.#tree.open(`${PLACES[kind]}/${name}`);
    try {
      const { size } = await file.stat();
      // A blob of blobs: the browser keeps them where it has room, not in this page's memory.
      const pieces: Blob[] = [];
      for (let done = 0; ; ) {
        const piece = await file.read(PIECE, done);
        if (piece.length === 0) break;
        pieces.push(new Blob([piece as Uint8Array<ArrayBuffer>]));
        done += piece.length;
        onProgress(done, size);
      }
      return new Blob(pieces, { type: 'application/octet-stream' });
    } finally {
      await file.close();
    }
  }

  /** Deletes it. Rejects with one sentence. */
  async remove(kind: StoredKind, name: string): Promise<void> {
    await this.#tree.unlink(`${PLACES[kind]}/${name}`);
    await this.refresh();
  }
}
