// The terminal as commands see it while they run: lines with echo and erasing (termios' canonical mode), an end of file
// by ^D, and output in which every newline also returns the carriage.

import { KvmError } from '../../kvm/abi/errno.ts';
import { fromBytes, toBytes } from '../bytes.ts';
import type { Stream } from '../run/descriptors.ts';
import { isContinuation } from './line_buffer.ts';

export class Terminal {
  /** Lines that were typed and not read yet; an empty one is an end of file. */
  #lines: string[] = [];
  #line = '';
  readonly #waiting = new Set<() => void>();
  readonly #show: (text: string) => void;
  /** What commands have as descriptors 0, 1 and 2. */
  readonly stream: Stream;

  constructor(show: (text: string) => void) {
    this.#show = show;
    this.stream = {
      isTerminal: true,
      read: (length, _position, cancel) => this.#read(length, cancel?.signal),
      write: async (bytes) => {
        show(fromBytes(bytes).replace(/\r?\n/g, '\r\n'));
        return bytes.length;
      },
    };
  }

  /** Typed bytes while a command runs. ^C is not among them. */
  type(bytes: string): void {
    for (const char of bytes) {
      if (char === '\r' || char === '\n') {
        this.#show('\r\n');
        this.#end(`${this.#line}\n`);
      } else if (char === '\x04') this.#end(this.#line);
      else if (char === '\x7f' || char === '\b') this.#erase();
      else if (char === '\x15') while (this.#line !== '') this.#erase();
      else {
        this.#line += char;
        this.#show(char < ' ' && char !== '\t' ? `^${String.fromCharCode(char.charCodeAt(0) + 64)}` : char);
      }
    }
  }

  /** Forgets what was typed for the command that has ended, and gives it to the prompt, each ^D too. */
  takeTyped(): string {
    const typed =
      this.#lines.map((line) => (line.endsWith('\n') ? line : `${line}\x04`)).join('') + this.#line;
    this.#lines = [];
    this.#line = '';
    return typed;
  }

  #erase(): void {
    if (this.#line === '') return;
    let last = this.#line.length - 1;
    while (last > 0 && isContinuation(this.#line[last])) last--;
    this.#line = this.#line.slice(0, last);
    this.#show('\b \b');
  }

  #end(line: string): void {
    this.#lines.push(line);
    this.#line = '';
    for (const wake of [...this.#waiting]) wake();
  }

  async #read(length: number, signal: AbortSignal | undefined): Promise<Uint8Array> {
    while (this.#lines.length === 0) {
      await new Promise<void>((resolve, reject) => {
        const done = (): void => {
          this.#waiting.delete(done);
          signal?.removeEventListener('abort', abort);
          resolve();
        };
        const abort = (): void => {
          this.#waiting.delete(done);
          reject(new KvmError('EINTR', 'a signal came while the terminal was read; read again.'));
        };
        if (signal?.aborted) abort();
        else signal?.addEventListener('abort', abort, { once: true });
        this.#waiting.add(done);
      });
    }
    const line = this.#lines.shift() ?? '';
    if (line.length > length) this.#lines.unshift(line.slice(length));
    return toBytes(line.slice(0, length));
  }
}
