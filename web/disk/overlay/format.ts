// The bytes of an overlay file: its header and the blocks of its journal. README.md draws the file; no file is read here.

import { crc32 } from './crc32.ts';

/** Bytes of a cluster of the disk, and of a slot of the file, which holds one. */
export const CLUSTER = 4096;
/** The version of this format; another one is refused. */
export const VERSION = 1;
/** Bytes of a header and of a journal block: what disks write as a whole. */
export const BLOCK = 512;
/** Slots of a journal segment, which lie beside each other. */
export const SEGMENT_SLOTS = 16;
/** Blocks of a journal segment. */
export const SEGMENT_BLOCKS = (SEGMENT_SLOTS * CLUSTER) / BLOCK;
/** Runs that one block holds. */
export const RUNS = 40;

/** Slots 0 and 1 hold the two headers, so their numbers are free to say where else a cluster is: in the base. */
export const IN_BASE = 0;
/** The cluster reads as zeroes. */
export const ZEROES = 1;
/** The first slot of clusters and of the journal. */
export const FIRST_SLOT = 2;

export const MAGIC: Uint8Array = new TextEncoder().encode('VITRDISK');
const IDENTITY_MAX = 448;

/** What a file says about itself. The one with the higher sequence of two is true. */
export interface Header {
  readonly version: number;
  readonly cluster: number;
  /** The disk's size. */
  readonly bytes: number;
  readonly sequence: number;
  /** The journal's first segment: its first slot. */
  readonly journal: number;
  /** The base's identity, as far as 448 bytes go. */
  readonly identity: string;
}

/** `count` clusters from `cluster` on lie in as many slots from `slot` on, or all in the base, or are all zeroes. */
export interface Run {
  readonly cluster: number;
  readonly count: number;
  readonly slot: number;
}

/** One block of the journal. */
export interface JournalBlock {
  /** The checksum of the block before it; of the header for the first. */
  readonly previous: number;
  /** The random number of the writer that opened the file: so no two writers make the same block. */
  readonly life: bigint;
  /** The first slot of the segment in which the journal goes on; 0: in the next block of this one. */
  readonly next: number;
  readonly runs: readonly Run[];
}

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** As much of an identity as a header holds. */
export function shortIdentity(identity: string): string {
  const bytes = new TextEncoder().encode(identity);
  if (bytes.length <= IDENTITY_MAX) return identity;
  return new TextDecoder().decode(bytes.subarray(0, IDENTITY_MAX - 3)).replace(/\ufffd+$/, '');
}

export function encodeHeader(header: Header): Uint8Array {
  const bytes = new Uint8Array(BLOCK);
  const view = viewOf(bytes);
  bytes.set(MAGIC);
  view.setUint32(8, header.version, true);
  view.setUint32(12, header.cluster, true);
  view.setBigUint64(16, BigInt(header.bytes), true);
  view.setBigUint64(24, BigInt(header.sequence), true);
  view.setUint32(32, header.journal, true);
  const identity = new TextEncoder().encode(header.identity);
  view.setUint32(36, identity.length, true);
  bytes.set(identity, 40);
  view.setUint32(BLOCK - 4, crc32(bytes.subarray(0, BLOCK - 4)), true);
  return bytes;
}

/** The checksum of a header: what its journal's first block names. */
export const headerChecksum = (bytes: Uint8Array): number => viewOf(bytes).getUint32(BLOCK - 4, true);

/** The header in `bytes`, or undefined when they are none, or a torn one. */
export function decodeHeader(bytes: Uint8Array): Header | undefined {
  const view = viewOf(bytes);
  if (MAGIC.some((byte, index) => bytes[index] !== byte)) return undefined;
  if (headerChecksum(bytes) !== crc32(bytes.subarray(0, BLOCK - 4))) return undefined;
  return {
    version: view.getUint32(8, true),
    cluster: view.getUint32(12, true),
    bytes: Number(view.getBigUint64(16, true)),
    sequence: Number(view.getBigUint64(24, true)),
    journal: view.getUint32(32, true),
    identity: new TextDecoder().decode(
      bytes.subarray(40, 40 + Math.min(view.getUint32(36, true), IDENTITY_MAX)),
    ),
  };
}

export function encodeBlock(block: JournalBlock, into: Uint8Array): void {
  const view = viewOf(into.fill(0));
  view.setUint32(4, block.previous, true);
  view.setBigUint64(8, block.life, true);
  view.setUint32(16, block.runs.length, true);
  view.setUint32(20, block.next, true);
  block.runs.forEach((run, index) => {
    view.setUint32(24 + index * 12, run.cluster, true);
    view.setUint32(28 + index * 12, run.count, true);
    view.setUint32(32 + index * 12, run.slot, true);
  });
  view.setUint32(0, crc32(into.subarray(4)), true);
}

/** A block's checksum: what the next one names. */
export const blockChecksum = (bytes: Uint8Array): number => viewOf(bytes).getUint32(0, true);

/** The block in `bytes` if it was written whole and follows the one with checksum `previous`. */
export function decodeBlock(bytes: Uint8Array, previous: number): JournalBlock | undefined {
  const view = viewOf(bytes);
  if (view.getUint32(4, true) !== previous || blockChecksum(bytes) !== crc32(bytes.subarray(4)))
    return undefined;
  const runs: Run[] = [];
  const count = Math.min(view.getUint32(16, true), RUNS);
  for (let index = 0; index < count; index++) {
    runs.push({
      cluster: view.getUint32(24 + index * 12, true),
      count: view.getUint32(28 + index * 12, true),
      slot: view.getUint32(32 + index * 12, true),
    });
  }
  return { previous, life: view.getBigUint64(8, true), next: view.getUint32(20, true), runs };
}
