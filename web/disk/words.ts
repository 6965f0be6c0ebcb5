// A disk in words that fit on a line (text, numbers, truth values), as a command line or a form says it: which options they
// mean. Nothing is opened here.

import { KvmError } from '../kvm/abi/errno.ts';
import type { BlobLike } from './blob_store.ts';
import type { DiskOptions } from './options.ts';

/** Where the content is: one of `file`, `opfs`, `url`, `blob`; without any, `bytes` zeroes. */
export interface DiskWords {
  /** Node: a raw image. */
  readonly file?: string;
  /** Browser: a raw image in the page's private files; `bytes` makes it when there is none. */
  readonly opfs?: string;
  /** An image behind a URL whose server sends ranges. */
  readonly url?: string;
  /** Browser: a file that was chosen or dropped. It is no word: it travels by postMessage only. */
  readonly blob?: BlobLike;
  readonly bytes?: number;
  readonly readonly?: boolean;
  /** Copy on write: changes are kept there, a file in Node, a private file in a page. */
  readonly changes?: string;
  /** The image is the one that the changes were made on, though it was copied or moved since. */
  readonly trust?: boolean;
  /** Copy on write: changes are forgotten with the machine. So it is for what cannot be written, when nothing is said. */
  readonly snapshot?: boolean;
}

function contentOf(words: DiskWords): DiskOptions {
  const { file, opfs, url, blob, bytes } = words;
  const given = [file, opfs, url, blob].filter((word) => word !== undefined);
  if (given.length > 1)
    throw new KvmError('EINVAL', 'a disk has one content: give one of file, opfs, url and blob');
  const readonly = words.readonly ?? false;
  if (file !== undefined) return { kind: 'file', path: file, readonly };
  if (opfs !== undefined)
    return { kind: 'opfs', name: opfs, readonly, ...(bytes !== undefined && { bytes }) };
  if (url !== undefined) return { kind: 'http', url };
  if (blob !== undefined) return { kind: 'blob', blob };
  if (bytes === undefined || !Number.isSafeInteger(bytes) || bytes < 512)
    throw new KvmError('EINVAL', 'a disk without an image needs its size: give bytes, at least 512');
  return { kind: 'empty', bytes };
}

/** The options that `words` mean. EINVAL when they contradict each other. */
export function diskOf(words: DiskWords): DiskOptions {
  const { changes, snapshot = false, readonly = false } = words;
  const base = contentOf(words);
  if (readonly && (snapshot || changes !== undefined))
    throw new KvmError('EINVAL', 'a disk that is read only has no changes: leave out one of the two');
  if (snapshot && changes !== undefined)
    throw new KvmError('EINVAL', 'changes are kept or forgotten: give one of changes and snapshot');
  if (changes !== undefined)
    return {
      kind: 'overlay',
      base,
      upper: { kind: 'kept', name: changes },
      ...(words.trust && { trust: true }),
    };
  const isInPlace = base.kind === 'file' || base.kind === 'opfs';
  if (readonly || (isInPlace && !snapshot)) return base;
  return { kind: 'overlay', base, upper: { kind: 'memory' } };
}
