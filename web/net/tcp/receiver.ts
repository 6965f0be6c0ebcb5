// The receiving half of a TCP connection: what may come, what has come out of order, and the window. It sends nothing.
import { ByteQueue } from './byte_queue.ts';
import { advance, distance } from './sequence.ts';

/** Pieces out of order that are kept; more are dropped, and the peer sends them again. */
const MAX_PIECES = 512;

interface Piece {
  sequence: number;
  data: Uint8Array;
  isLast: boolean;
}

/** What `accept` did with a segment. */
export interface Accepted {
  /** The peer has sent all: its FIN is in order. Said once. */
  ended: boolean;
  /** It was not the next in order, or it closed a gap: the peer must hear of it at once. */
  isUrgent: boolean;
}

/** The receiving half. */
export class Receiver {
  /** The next byte that is missing, RCV.NXT. */
  next: number;
  readonly #capacity: number;
  readonly #take: (bytes: Uint8Array) => void;
  #pieces: Piece[] = [];
  /** What has arrived in order and waits, while the holder takes nothing. */
  readonly #held = new ByteQueue();
  #isHolding = false;
  hasEnded = false;

  /** `capacity` bytes may be here that nobody has taken; `take` gets what is in order. */
  constructor(next: number, capacity: number, take: (bytes: Uint8Array) => void) {
    this.next = next;
    this.#capacity = capacity;
    this.#take = take;
  }

  /** Bytes that the peer may send from `next` on. */
  get window(): number {
    return this.#capacity - this.#held.length;
  }

  /** Whether bytes wait for the holder. */
  get isHeld(): boolean {
    return this.#held.length > 0;
  }

  /** True when a segment of `length` (its FIN counts) has anything to do with the window: RFC 9293, 3.10.7.4, first. */
  isAcceptable(sequence: number, length: number): boolean {
    const start = distance(sequence, this.next);
    // A closed window lets the next number in too: what it acknowledges counts, and so does a FIN.
    return start < Math.max(1, this.window) && (length === 0 ? start >= 0 : start + length > 0);
  }

  /** Takes a segment's data and FIN as far as they fit the window. */
  accept(sequence: number, data: Uint8Array, isLast: boolean): Accepted {
    const before = Math.max(0, -distance(sequence, this.next));
    const room = this.window - Math.max(0, distance(sequence, this.next));
    const fresh = data.subarray(before, before + Math.max(0, room));
    const piece = {
      sequence: advance(sequence, before),
      data: fresh,
      isLast: isLast && before + fresh.length === data.length,
    };
    if (this.hasEnded || (piece.data.length === 0 && !piece.isLast)) return { ended: false, isUrgent: true };
    const isUrgent = piece.sequence !== this.next || this.#pieces.length > 0;
    if (piece.sequence === this.next) this.#append(piece);
    else this.#keep(piece);
    this.#fillGaps();
    return { ended: this.hasEnded, isUrgent };
  }

  hold(): void {
    this.#isHolding = true;
  }

  /** Gives what waits to the holder, until it holds again. */
  release(): void {
    this.#isHolding = false;
    while (!this.#isHolding && this.#held.length > 0) {
      const bytes = this.#held.copy(0, Math.min(16384, this.#held.length));
      this.#held.drop(bytes.length);
      this.#take(bytes);
    }
  }

  #append(piece: Piece): void {
    this.next = advance(this.next, piece.data.length + (piece.isLast ? 1 : 0));
    this.hasEnded = piece.isLast;
    if (piece.data.length === 0) return;
    if (this.#isHolding || this.#held.length > 0) this.#held.append(piece.data);
    else this.#take(piece.data);
  }

  #keep(piece: Piece): void {
    if (this.#pieces.length >= MAX_PIECES) return;
    const behind = this.#pieces.findIndex((other) => distance(other.sequence, piece.sequence) > 0);
    this.#pieces.splice(behind < 0 ? this.#pieces.length : behind, 0, piece);
  }

  #fillGaps(): void {
    let piece = this.#pieces[0];
    while (piece && !this.hasEnded && distance(piece.sequence, this.next) <= 0) {
      this.#pieces.shift();
      const known = -distance(piece.sequence, this.next);
      if (known < piece.data.length || (piece.isLast && known === piece.data.length))
        this.#append({ sequence: this.next, data: piece.data.subarray(known), isLast: piece.isLast });
      piece = this.#pieces[0];
    }
    if (this.hasEnded) this.#pieces = [];
  }
}
