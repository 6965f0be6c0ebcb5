// Which pages of a machine's RAM its balloon holds, and which its guest has reported free: two bitmaps in the machine's
// memory, by guest frame number. The back end alone writes them; whoever has the memory reads them.

const PAGE = 4096;
const WORDS = PAGE / 4;

// Words of the device's state (Device.state): where the bitmaps lie in the memory, 0 = nowhere, and the pages that they cover.
const MARKS_AT = 16;
const MARKS_PAGES = 20;

/** Bytes of one bitmap: whole u64, as KVM_GET_DIRTY_LOG has them. */
const bitmapBytes = (pages: number): number => Math.ceil(pages / 64) * 8;

/** Where a machine keeps its marks. */
export interface MarksPlace {
  /** Offset in the memory. */
  readonly offset: number;
  /** Pages of RAM, from guest frame 0 on. */
  readonly pages: number;
}

export class BalloonMarks {
  /** Pages that are covered; others cannot be marked. */
  readonly pages: number;
  /** Where the bitmaps lie: that of the pages held, and behind it that of the pages reported. */
  readonly offset: number;
  /** A bit for each page that is in the balloon: the guest may not use it before it has deflated. */
  readonly held: Uint8Array;
  /** A bit for each page that was reported free. The guest takes it back without a word. */
  readonly reported: Uint8Array;

  private constructor(buffer: ArrayBufferLike, { offset, pages }: MarksPlace) {
    const bytes = bitmapBytes(pages);
    this.pages = pages;
    this.offset = offset;
    this.held = new Uint8Array(buffer, offset, bytes);
    this.reported = new Uint8Array(buffer, offset + bytes, bytes);
  }

  /** Bytes of memory that the marks of so many pages take. */
  static bytes(pages: number): number {
    return 2 * bitmapBytes(pages);
  }

  /** Notes in the state of a fresh balloon where its marks lie; the memory is zero there. */
  static place(state: Uint8Array, { offset, pages }: MarksPlace): void {
    const view = new DataView(state.buffer, state.byteOffset, state.length);
    view.setUint32(MARKS_AT, offset, true);
    view.setUint32(MARKS_PAGES, pages, true);
  }

  /** The marks of the balloon with this state; undefined where it was given none, or where they lie outside this copy. */
  static of(state: Uint8Array): BalloonMarks | undefined {
    const view = new DataView(state.buffer, state.byteOffset, state.length);
    const place = { offset: view.getUint32(MARKS_AT, true), pages: view.getUint32(MARKS_PAGES, true) };
    const end = place.offset + BalloonMarks.bytes(place.pages);
    if (place.offset === 0 || end > state.buffer.byteLength) return undefined;
    return new BalloonMarks(state.buffer, place);
  }

  /** The page goes into the balloon, or comes out of it and is in use; either ends what was reported of it. */
  hold(frame: number, on: boolean): void {
    this.#mark(this.held, frame, on);
    this.#mark(this.reported, frame, false);
  }

  /** All whole pages of these guest-physical bytes are reported free. */
  report(gpa: bigint, length: number): void {
    const first = (gpa + BigInt(PAGE - 1)) / BigInt(PAGE);
    const end = (gpa + BigInt(length)) / BigInt(PAGE);
    for (let frame = first; frame < end && frame < BigInt(this.pages); frame++)
      this.#mark(this.reported, Number(frame), true);
  }

  /** The driver is gone, and all that it has said. */
  clear(): void {
    this.held.fill(0);
    this.reported.fill(0);
  }

  #mark(bitmap: Uint8Array, frame: number, on: boolean): void {
    if (frame >= this.pages) return;
    const bit = 1 << (frame & 7);
    const byte = bitmap[frame >> 3] as number;
    bitmap[frame >> 3] = on ? byte | bit : byte & ~bit;
  }
}

/** Whether a page of the memory, at an offset, holds nothing but zeroes: a page reported free does until it is used. */
export function isZeroPage(words: Int32Array, offset: number): boolean {
  const first = offset >>> 2;
  for (let n = first; n < first + WORDS; n += 2)
    if (((words[n] as number) | (words[n + 1] as number)) !== 0) return false;
  return true;
}
