// Where the Memory panel looks, kept while panels come and go. It reads nothing.

import { Store } from './store.ts';

/** gva: linear addresses through the selected vCPU's paging. gpa: guest-physical ones. */
export type AddressKind = 'gva' | 'gpa';

export interface HexPlace {
  readonly kind: AddressKind;
  /** Address of the first row; undefined until somebody has looked anywhere. */
  readonly top: bigint | undefined;
  /** The byte that keys act on. */
  readonly cursor: bigint;
}

export const hexPlace = new Store<HexPlace>({ kind: 'gva', top: undefined, cursor: 0n });

const LAST = 2n ** 64n - 1n;

/** An address inside of 64 bits. */
export const clamped = (address: bigint): bigint => (address < 0n ? 0n : address > LAST ? LAST : address);

/** The start of the row of `width` bytes that an address is in. */
export const rowOf = (address: bigint, width: number): bigint => address - (address % BigInt(width));

/** The first row so that `cursor` is in sight: as it was where that will do. */
export function topFor(cursor: bigint, top: bigint, rows: number, width: number): bigint {
  const row = rowOf(cursor, width);
  const first = rowOf(top, width);
  if (row < first) return row;
  const last = first + BigInt((rows - 1) * width);
  return row > last ? clamped(row - BigInt((rows - 1) * width)) : first;
}

/** What a key of the panel does to the cursor; undefined for a key that moves nothing. */
export function movedCursor(key: string, cursor: bigint, rows: number, width: number): bigint | undefined {
  const page = BigInt(rows * width);
  switch (key) {
    case 'ArrowLeft':
      return clamped(cursor - 1n);
    case 'ArrowRight':
      return clamped(cursor + 1n);
    case 'ArrowUp':
      return cursor < BigInt(width) ? cursor : cursor - BigInt(width);
    case 'ArrowDown':
      return clamped(cursor + BigInt(width));
    case 'PageUp':
      return cursor < page ? cursor % BigInt(width) : cursor - page;
    case 'PageDown':
      return clamped(cursor + page);
    case 'Home':
      return rowOf(cursor, width);
    case 'End':
      return clamped(rowOf(cursor, width) + BigInt(width - 1));
    default:
      return undefined;
  }
}
