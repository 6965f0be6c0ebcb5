// How a shell at work shares its thread: after a few ms the event loop has its turn. It knows no process.

/** How long work may go on before the event loop has its turn, in ms. */
const SLICE_MS = 4;
/** A timer that comes so late is held back by the host: a page that nobody looks at has one turn of timers a second. */
const LATE_MS = 200;

/** Lets the event loop have its turn: a shell at work never holds its thread for long. */
export class Pace {
  #last = performance.now();
  #pause: Promise<void> | undefined;
  #isHeldBack = false;
  #isProbing = false;

  /** Undefined while there is time left; else what to wait for. All who run beside each other share one pause. */
  breathe(): Promise<void> | undefined {
    if (this.#pause || performance.now() - this.#last < SLICE_MS) return this.#pause;
    this.#pause = new Promise((resolve) => {
      this.#turn(() => {
        this.#last = performance.now();
        this.#pause = undefined;
        resolve();
      });
    });
    return this.#pause;
  }

  /** A turn of a timer lets a page draw; while timers are held back it is one of a message, which is not. */
  #turn(done: () => void): void {
    if (!this.#isHeldBack) {
      this.#timer(done);
      return;
    }
    if (!this.#isProbing) this.#timer(() => {});
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      done();
    };
    port2.postMessage(undefined);
  }

  #timer(done: () => void): void {
    const from = performance.now();
    this.#isProbing = true;
    setTimeout(() => {
      this.#isProbing = false;
      this.#isHeldBack = performance.now() - from > LATE_MS;
      done();
    }, 0);
  }
}
