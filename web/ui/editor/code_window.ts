// Which instructions the disassembly shows: a stretch of code around RIP, steady while RIP stays inside. Pure.

import type { ListingRow } from './toolchain.ts';

/** Instructions shown at once. */
export const WINDOW_ROWS = 48;
/** Bytes read for a window; what does not fit is not shown. */
export const WINDOW_BYTES = 320;
/** Instructions of the listing shown before RIP when a window starts anew. */
const ROWS_BEFORE = 8;
/** A window is kept until fewer rows than this are left behind RIP. */
const ROWS_AFTER = 6;

/** The listing's row that an address belongs to; TIMES makes one row of many instructions. */
export function rowAt(listing: readonly ListingRow[], address: bigint): ListingRow | undefined {
  return listing.find((row) => address >= row.address && address < row.address + BigInt(row.length));
}

/**
 * Where the window around `rip` starts (linear addresses). `shown` are the addresses of the window that is there;
 * it is kept while `rip` is one of them and not near the end. A new window starts some instructions earlier where
 * the listing knows them (x86 code cannot be read backwards), else at `rip` itself.
 */
export function windowStart(shown: readonly bigint[], listing: readonly ListingRow[], rip: bigint): bigint {
  const at = shown.indexOf(rip);
  if (shown[0] !== undefined && at >= 0 && at < shown.length - ROWS_AFTER) return shown[0];
  const rows = listing.filter((row) => row.length > 0);
  const known = rowAt(rows, rip);
  if (!known) return rip;
  const here = rows.indexOf(known);
  let first = here;
  while (first > 0 && here - first < ROWS_BEFORE) {
    const [earlier, later] = [rows[first - 1], rows[first]];
    if (!earlier?.isCode || !later || earlier.address + BigInt(earlier.length) !== later.address) break;
    first--;
  }
  return rows[first]?.address ?? rip;
}
