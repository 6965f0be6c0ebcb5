// Guests that others wrote: which there are, how each is started, and which of them a manifest of `npm run guests` says
// to be here. It reads no file: the page fetches the manifest, the command line reads it from the disk.

import catalogue from './real.json';

/** A kernel that Vitrine knows how to start. real.json has the rows; `npm run guests` reads them too. */
export interface RealGuest {
  /** What `vitrine run --guest` calls it. */
  readonly name: string;
  readonly title: string;
  /** One sentence about what it is. */
  readonly sentence: string;
  /** The command that brings it. */
  readonly command: string;
  /** Its command line. */
  readonly append: string;
  /** Guest memory in bytes. */
  readonly memory: number;
  readonly cpus: number;
}

/** A guest whose files are here. */
export interface PresentGuest extends RealGuest {
  /** The version of its package, or of the kernel as `uname -r` says it. */
  readonly version: string;
  /** The names of its files, which lie beside the manifest. */
  readonly kernel: string;
  readonly initrd?: string;
  /** Bytes of both files. */
  readonly bytes: number;
  /** SHA-256 of each file in hexadecimal. */
  readonly sha256: Readonly<Record<string, string>>;
  /** Drivers that our initramfs has for other kernels and that this one was not built with, e.g. `9p`. */
  readonly lacks: readonly string[];
}

/** All guests, in the order of the list. */
export const realGuests: readonly RealGuest[] = catalogue;

/** The guests that a manifest names, with what it says about each; none for what is no manifest. */
export function presentGuests(manifest: unknown): readonly PresentGuest[] {
  const { guests } = (manifest ?? {}) as { guests?: unknown };
  if (!Array.isArray(guests)) return [];
  return (guests as Partial<PresentGuest>[]).filter(
    (row): row is PresentGuest => typeof row?.name === 'string' && typeof row.kernel === 'string',
  );
}

/** The guests that a manifest does not name. */
export function absentGuests(present: readonly PresentGuest[]): readonly RealGuest[] {
  return realGuests.filter(({ name }) => !present.some((guest) => guest.name === name));
}
