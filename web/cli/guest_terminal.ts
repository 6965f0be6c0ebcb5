// The terminal of a machine's virtio console on this process's own: what the guest prints, what is typed, and the size of
// the window. It starts no machine.
import type { Session } from '../session/types.ts';
import type { Terminal } from '../virtio/index.ts';

/** How often the guest's output is looked for, in ms. */
const LOOK_MS = 8;

export class GuestTerminal {
  readonly #session: Session;
  readonly #print: (bytes: Uint8Array) => void;
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #resized = (): void => this.#resize();
  #typed: Uint8Array[] = [];
  /** A reset of the guest brings another one. */
  #terminal: Terminal | undefined;
  #memory: ArrayBufferLike | undefined;

  constructor(session: Session, print: (bytes: Uint8Array) => void) {
    this.#session = session;
    this.#print = print;
    this.#timer = setInterval(() => this.look(), LOOK_MS);
    process.stdout.on('resize', this.#resized);
    this.look();
  }

  #follow(): Terminal | undefined {
    const memory = this.#session.memory();
    if (memory !== this.#memory) {
      this.#memory = memory;
      this.#terminal = this.#session.terminal();
      this.#terminal?.output.attach();
      this.#resize();
    }
    return this.#terminal;
  }

  #resize(): void {
    const { columns, rows } = process.stdout;
    if (process.stdout.isTTY && columns > 0 && rows > 0) this.#terminal?.resize({ columns, rows });
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
    process.stdout.off('resize', this.#resized);
    this.look();
    this.#terminal?.output.detach();
  }
}
