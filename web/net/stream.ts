// A stream of bytes in both directions, as a TCP connection and a host's socket both are, and two of them joined.

/** What a stream says to its holder. Nothing comes after `closed`. */
export interface StreamEvents {
  /** Bytes have arrived; they are never altered later, so they may be kept. */
  data(bytes: Uint8Array): void;
  /** The other side sends no more; it may still receive. */
  end(): void;
  /** A `write` that returned false has found its way out. */
  drain(): void;
  /** It is over in both directions; `error` says why when it did not end by two `end`s. */
  closed(error?: string): void;
}

/** One end of a stream. Who makes it calls `listen` before anything can arrive. */
export interface ByteStream {
  listen(events: StreamEvents): void;
  /** Sends bytes; false means that the holder should wait for `drain` before it sends more. None are lost. */
  write(bytes: Uint8Array): boolean;
  /** Sends no more, as shutdown(SHUT_WR). */
  end(): void;
  /** Ends both directions at once; the other side sees a reset. */
  reset(): void;
  /** Holds back what arrives; the other side is slowed down by its window. */
  pause(): void;
  resume(): void;
}

/** Joins two streams: bytes, half closes, resets and back pressure of each go to the other. Calls back when both are over. */
export function joinStreams(a: ByteStream, b: ByteStream, over: () => void): void {
  let open = 2;
  const pass = (from: ByteStream, to: ByteStream) =>
    from.listen({
      data(bytes) {
        if (!to.write(bytes)) from.pause();
      },
      end: () => to.end(),
      drain: () => to.resume(),
      closed(error) {
        if (error !== undefined) to.reset();
        open -= 1;
        if (open === 0) over();
      },
    });
  pass(a, b);
  pass(b, a);
}
