// Serial console on stdin and stdout: a raw terminal that is put back, a reader that may be slow or leave. Knows no machine.

/** Ctrl-A x ends the program, as in QEMU's console; Ctrl-A Ctrl-A sends one Ctrl-A. */
const ESCAPE = 0x01;
const ETX = 0x03;
const LOWER_X = 0x78;

/** Reads what a pipe or file on stdin holds, until its end or at most `milliseconds`. */
export async function readAhead(milliseconds: number): Promise<Uint8Array> {
  const { stdin } = process;
  const parts: Buffer[] = [];
  const onData = (data: Buffer): void => {
    parts.push(data);
  };
  let timer: ReturnType<typeof setTimeout> | undefined;
  stdin.on('data', onData);
  await new Promise<void>((resolve) => {
    stdin.once('end', resolve);
    stdin.once('error', () => resolve());
    timer = setTimeout(resolve, milliseconds);
  });
  clearTimeout(timer);
  stdin.off('data', onData);
  stdin.pause();
  return Buffer.concat(parts);
}

/**
 * Gives bytes of stdin to `input` until the result is called. A terminal is raw meanwhile: keys go to the guest, but
 * Ctrl-C and Ctrl-A x call `leave`. The end of a pipe ends nothing: a serial line has no end.
 */
export function connectInput(input: (bytes: Uint8Array) => void, leave: () => void): () => void {
  const { stdin } = process;
  let escaped = false;
  const fromKeys = (data: Buffer): void => {
    const bytes: number[] = [];
    for (const byte of data) {
      if (byte === ETX || (escaped && byte === LOWER_X)) {
        leave();
        return;
      }
      if (escaped && byte !== ESCAPE) bytes.push(ESCAPE);
      if (escaped || byte !== ESCAPE) bytes.push(byte);
      escaped = !escaped && byte === ESCAPE;
    }
    if (bytes.length > 0) input(Uint8Array.from(bytes));
  };
  const onData = stdin.isTTY ? fromKeys : (data: Buffer): void => input(new Uint8Array(data));
  const onError = (): void => {};
  const restore = (): void => {
    stdin.off('data', onData);
    process.off('exit', restore);
    if (stdin.isTTY) stdin.setRawMode(false);
    stdin.pause();
  };
  if (stdin.isTTY) stdin.setRawMode(true);
  stdin.on('data', onData);
  stdin.on('error', onError);
  stdin.resume();
  // However the program ends, the user's terminal is as before.
  process.on('exit', restore);
  return restore;
}

/** Stdout that says when it is busy, and when nobody reads it any more. */
export class Output {
  #busy = false;
  #gone = false;

  /** `onBusy` is told of every change; `onGone` once, when the reader has closed its end. */
  constructor(onBusy: (busy: boolean) => void, onGone: () => void) {
    process.stdout.on('drain', () => {
      this.#busy = false;
      onBusy(false);
    });
    process.stdout.on('error', () => {
      if (this.#gone) return;
      this.#gone = true;
      onGone();
    });
    this.#onBusy = onBusy;
  }

  readonly #onBusy: (busy: boolean) => void;

  write(bytes: Uint8Array): void {
    if (this.#gone || process.stdout.write(bytes) || this.#busy) return;
    this.#busy = true;
    this.#onBusy(true);
  }

  /** Resolves when all has been taken, or nobody will take it. */
  flush(): Promise<void> {
    if (this.#gone) return Promise.resolve();
    return new Promise((resolve) => {
      process.stdout.once('error', () => resolve());
      process.stdout.write('', () => resolve());
    });
  }
}
