// The terminal of a machine's virtio console at a screen of this thread: what the guest prints, what is typed, and the
// screen's size, over the resets of the machine. It draws nothing and starts no machine.
import type { Terminal, TerminalSize } from '../virtio/terminal.ts';
import type { Session } from './types.ts';

/** How often the guest's output is looked for, in ms. */
const LOOK_MS = 8;

export class GuestTerminal {
  readonly #session: Session;
  readonly #print: (bytes: Uint8Array) => void;
  readonly #timer: ReturnType<typeof setInterval>;
  #typed: Uint8Array[] = [];
  /** A reset of the guest brings another one. */
  #terminal: Terminal | undefined;
  #memory: ArrayBufferLike | undefined;
  #size: TerminalSize | undefined;

  constructor(session: Session, print: (bytes: Uint8Array) => void) {
    this.#session = session;
    this.#print = print;
    this.#timer = setInterval(() => this.look(), LOOK_MS);
    this.look();
  }

  #follow(): Terminal | undefined {
    const memory = this.#session.memory();
    if (memory !== this.#memory) {
      this.#memory = memory;
      this.#terminal = this.#session.terminal();
      this.#terminal?.output.attach();
      if (this.#size) this.#terminal?.resize(this.#size);
    }
    return this.#terminal;
  }

  /** The screen has this size, for this machine and those after it. */
  resize(size: TerminalSize): void {
    this.#size = size;
    this.#terminal?.resize(size);
  }

  /** Keys for the guest; what has no room yet waits. */
  type(bytes: Uint8Array): void {
    this.#typed.push(bytes);
    this.look();
  }

  /** Prints what has come, and types what waits. */
  look(): void {
    const terminal = this.#follow();
    if (terminal === undefined) return;
    if (terminal.output.length > 0) this.#print(terminal.output.read());
    for (let first = this.#typed[0]; first !== undefined; first = this.#typed[0]) {
      const taken = terminal.type(first);
      if (taken < first.length) {
        this.#typed[0] = first.subarray(taken);
        return;
      }
      this.#typed.shift();
    }
  }

  close(): void {
    clearInterval(this.#timer);
    this.look();
    this.#terminal?.output.detach();
  }
}
