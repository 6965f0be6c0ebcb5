// A disk as a new image: all its bytes in order, or copied into another store. It makes no files.

import type { BlockStore } from './block_store.ts';

/** Bytes of a piece. */
const PIECE = 1 << 20;

/** What `store` reads as now, in pieces of 1 MiB, e.g. for a download. Nobody may write meanwhile. */
export async function* imagePieces(store: BlockStore): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  for (let offset = 0; offset < store.bytes; offset += PIECE) {
    const piece = new Uint8Array(Math.min(PIECE, store.bytes - offset));
    await store.read(offset, piece);
    yield piece;
  }
}

/**
 * Commits `from`, an overlay for instance, to the new image `to`, which is at least as large and reads as zeroes: pieces of
 * zeroes are left out, so that a file with holes keeps them. It is on the medium at the end; `from` stays as it is.
 */
export async function copyImage(
  from: BlockStore,
  to: BlockStore,
  onProgress: (bytes: number) => void = () => {},
): Promise<void> {
  let offset = 0;
  for await (const piece of imagePieces(from)) {
    if (piece.some((byte) => byte !== 0)) await to.write(offset, piece);
    offset += piece.length;
    onProgress(offset);
  }
  await to.flush();
}
