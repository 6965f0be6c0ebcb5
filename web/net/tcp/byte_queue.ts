// Bytes that wait in order, in blocks of one size: put in behind, read at any place, dropped in front. Each is copied once.

const BLOCK = 32768;

/** A queue of bytes. */
export class ByteQueue {
  #blocks: Uint8Array[] = [];
  /** Place of the first byte in the first block. */
  #head = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  append(bytes: Uint8Array): void {
    let from = 0;
    while (from < bytes.length) {
      const at = (this.#head + this.#length) % BLOCK;
      if (this.#head + this.#length === this.#blocks.length * BLOCK) this.#blocks.push(new Uint8Array(BLOCK));
      const count = Math.min(BLOCK - at, bytes.length - from);
      this.#blocks.at(-1)?.set(bytes.subarray(from, from + count), at);
      this.#length += count;
      from += count;
    }
  }

  /** A copy of `count` bytes from the `offset`th on, all of which must be there. */
  copy(offset: number, count: number): Uint8Array {
    const bytes = new Uint8Array(count);
    let done = 0;
    while (done < count) {
      const place = this.#head + offset + done;
      const at = place % BLOCK;
      const part = Math.min(BLOCK - at, count - done);
      bytes.set((this.#blocks[(place - at) / BLOCK] as Uint8Array).subarray(at, at + part), done);
      done += part;
    }
    return bytes;
  }

  /** Takes the first `count` bytes away. */
  drop(count: number): void {
    this.#head += count;
    this.#length -= count;
    while (this.#head >= BLOCK) {
      this.#blocks.shift();
      this.#head -= BLOCK;
    }
    if (this.#length > 0) return;
    this.#blocks = [];
    this.#head = 0;
  }
}
