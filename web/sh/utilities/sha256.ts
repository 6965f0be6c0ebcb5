// SHA-256 (FIPS 180-4), piece by piece. The host's own digest wants all bytes at once and is missing on insecure pages.

import { concatBytes } from '../bytes.ts';

/** The first 32 bits of the fractional part of `root(prime)`, for the first primes. */
function constants(count: number, root: (value: number) => number): Uint32Array {
  const words = new Uint32Array(count);
  let found = 0;
  for (let candidate = 2; found < count; candidate++) {
    let isPrime = true;
    for (let divisor = 2; divisor * divisor <= candidate; divisor++)
      if (candidate % divisor === 0) isPrime = false;
    if (isPrime) words[found++] = (root(candidate) % 1) * 2 ** 32;
  }
  return words;
}

const START = constants(8, Math.sqrt);
const ROUNDS = constants(64, Math.cbrt);

const rotate = (word: number, count: number): number => (word >>> count) | (word << (32 - count));

function addBlock(state: Uint32Array, words: Uint32Array): void {
  for (let at = 16; at < 64; at++) {
    const [old = 0, late = 0] = [words[at - 15], words[at - 2]];
    const small = rotate(old, 7) ^ rotate(old, 18) ^ (old >>> 3);
    const large = rotate(late, 17) ^ rotate(late, 19) ^ (late >>> 10);
    words[at] = (words[at - 16] as number) + small + (words[at - 7] as number) + large;
  }
  let [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = state;
  for (let at = 0; at < 64; at++) {
    const sum = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
    const one = (h + sum + ((e & f) ^ (~e & g)) + (ROUNDS[at] as number) + (words[at] as number)) | 0;
    const other = ((rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    [h, g, f, e, d, c, b, a] = [g, f, e, (d + one) | 0, c, b, a, (one + other) | 0];
  }
  for (const [index, word] of [a, b, c, d, e, f, g, h].entries())
    state[index] = (state[index] as number) + word;
}

/** A digest of bytes that come in pieces. */
export class Sha256 {
  readonly #state = START.slice();
  readonly #words = new Uint32Array(64);
  #rest: Uint8Array = new Uint8Array(0);
  #length = 0;

  add(bytes: Uint8Array): void {
    this.#length += bytes.length;
    this.#addBlocks(concatBytes([this.#rest, bytes]));
  }

  #addBlocks(bytes: Uint8Array): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    let at = 0;
    for (; at + 64 <= bytes.length; at += 64) {
      for (let index = 0; index < 16; index++) this.#words[index] = view.getUint32(at + index * 4);
      addBlock(this.#state, this.#words);
    }
    this.#rest = bytes.slice(at);
  }

  /** The digest in hexadecimal digits. Nothing may be added after it. */
  digest(): string {
    const padding = new Uint8Array(((this.#rest.length + 9 + 63) & ~63) - this.#rest.length);
    padding[0] = 0x80;
    new DataView(padding.buffer).setBigUint64(padding.length - 8, BigInt(this.#length) * 8n);
    this.#addBlocks(concatBytes([this.#rest, padding]));
    return [...this.#state].map((word) => word.toString(16).padStart(8, '0')).join('');
  }
}
