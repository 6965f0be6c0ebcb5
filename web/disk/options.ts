// Disks as plain data: what a machine's options say, and what travels to the worker that opens them. Nothing is opened here.

import type { BlobLike } from './blob_store.ts';

/** Where the changes of an overlay are kept. */
export type UpperOptions =
  /** Node: a file of its own, made when there is none. */
  | { readonly kind: 'file'; readonly path: string }
  /** Browser: a file in the page's private files, made when there is none. */
  | { readonly kind: 'opfs'; readonly name: string }
  /** Whichever of the two this host has. */
  | { readonly kind: 'kept'; readonly name: string }
  /** In memory: forgotten with the machine. */
  | { readonly kind: 'memory' };

/** A disk. Each can be structured-cloned; all but `blob` can be JSON too, if a `memory` disk is given by its size. */
export type DiskOptions =
  /** Node: a raw image, written in place. */
  | { readonly kind: 'file'; readonly path: string; readonly readonly?: boolean }
  /** Browser: a raw image in the page's private files; `bytes` makes it when there is none. */
  | { readonly kind: 'opfs'; readonly name: string; readonly bytes?: number; readonly readonly?: boolean }
  /** An image behind a URL whose server sends ranges; read only. */
  | { readonly kind: 'http'; readonly url: string; readonly cacheBytes?: number }
  /** Browser: an image that a user chose or dropped; read only. */
  | { readonly kind: 'blob'; readonly blob: BlobLike }
  /** Bytes in memory; a number makes so many zeroes. */
  | { readonly kind: 'memory'; readonly image: Uint8Array | number; readonly readonly?: boolean }
  /** So many zeroes that take no room; read only, the base of an overlay that begins empty. */
  | { readonly kind: 'empty'; readonly bytes: number }
  /** `base`, which is only read, and what was changed of it. */
  | {
      readonly kind: 'overlay';
      readonly base: DiskOptions;
      readonly upper: UpperOptions;
      /** The base is the right one though its identity is another: see OverlayOptions. */
      readonly trust?: boolean;
    };
