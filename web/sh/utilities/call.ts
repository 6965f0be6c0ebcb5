// One call of a utility: its arguments, environment and descriptors, with buffered output and errors in the way of the
// coreutils. A utility sees the world through this and nothing else.

import type { Fs, OpenFlags } from '../../fs/fs.ts';
import { isKvmError } from '../../kvm/abi/errno.ts';
import { concatBytes, decodeText, encodeText, fromBytes, toBytes } from '../bytes.ts';
import type { Description, Descriptors, Stream } from '../run/descriptors.ts';
import type { Pace } from '../run/pace.ts';
import { Killed, type Process, SIGPIPE } from '../run/process.ts';

/** What runs a utility for `call`. */
export interface CallHost {
  readonly fs: Fs;
  readonly cwd: string;
  readonly umask: number;
  readonly environment: Map<string, string>;
  readonly fds: Descriptors;
  readonly process: Process;
  readonly pace: Pace;
  /** Opens a path, also /dev/fd/N and the like. */
  open(path: string, flags: OpenFlags): Promise<Description>;
  /** Runs another command in a process of its own; its exit status. */
  execute(argv: readonly string[], changes?: ExecuteChanges): Promise<number>;
}

/** What a command run by a command has otherwise than that one. */
export interface ExecuteChanges {
  environment?: Map<string, string>;
  stdin?: Stream;
  stdout?: Stream;
}

export interface Utility {
  readonly name: string;
  /** How it is called, as `help` shows it. */
  readonly usage: string;
  /** The exit status. */
  run(call: Call): Promise<number> | number;
}

/** Ends a utility with a message; `status` is its exit status. */
export class UtilityError extends Error {
  readonly status: number;

  constructor(message: string, status = 1) {
    super(message);
    this.status = status;
  }
}

/** How much is read at a time, and written at most, in bytes. */
export const BLOCK = 65536;
/** How long output waits for more when the input has nothing yet, in ms. */
const LINGER_MS = 4;

/** What is said of an error: its errno and sentence. */
export function sentenceOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

export class Call {
  readonly name: string;
  readonly args: readonly string[];
  readonly host: CallHost;
  #output: string[] = [];
  #size = 0;
  /** The status so far: 1 once something has failed and the utility has gone on. */
  status = 0;

  constructor(host: CallHost, argv: readonly string[]) {
    this.host = host;
    this.name = argv[0] ?? '';
    this.args = argv.slice(1);
  }

  get fs(): Fs {
    return this.host.fs;
  }

  get signal(): AbortSignal {
    return this.host.process.signal;
  }

  /** An absolute path in the tree's own (Unicode) names. */
  path(path: string): string {
    return decodeText(path.startsWith('/') ? path : `${this.host.cwd}/${path}`);
  }

  /** Between two pieces of work: lets others run, and ends here if a signal has come. */
  async breathe(): Promise<void> {
    const pause = this.host.pace.breathe();
    if (pause) await pause;
    this.host.process.check();
  }

  /** Appends to the output. Written when 64 KiB are there, at the end, or while the input makes us wait. */
  async out(text: string): Promise<void> {
    this.#output.push(text);
    this.#size += text.length;
    if (this.#size >= BLOCK) await this.flush();
  }

  async flush(): Promise<void> {
    if (this.#size === 0) return;
    const text = this.#output.join('');
    this.#output = [];
    this.#size = 0;
    await this.writeBytes(toBytes(text));
  }

  /** Writes bytes to standard output in one call, at once. */
  async writeBytes(bytes: Uint8Array, fd = 1): Promise<void> {
    await this.flush();
    await this.breathe();
    const description = this.host.fds.get(fd);
    if (!description) throw new UtilityError('write error: EBADF: standard output is closed.');
    try {
      await description.write(bytes, { signal: this.signal });
    } catch (error) {
      if (isKvmError(error, 'EPIPE')) this.host.process.deliver(SIGPIPE);
      this.host.process.check();
      throw new UtilityError(`write error: ${sentenceOf(error)}`);
    }
  }

  /** A message on standard error; the status becomes 1. `text` is Unicode if it is not ours to judge. */
  async warn(text: string, status = 1): Promise<void> {
    this.status = status;
    await this.complain(`${decodeText(this.name)}: ${text}\n`);
  }

  /** Text on standard error as it is. */
  async complain(text: string): Promise<void> {
    await this.flush();
    await this.host.fds.get(2)?.write(toBytes(encodeText(text)), { signal: this.signal });
  }

  /** A message about a file that failed. A signal goes on as what it is. */
  async warnOf(name: string, error: unknown, status = 1): Promise<void> {
    if (error instanceof Killed || error instanceof UtilityError) throw error;
    this.host.process.check();
    await this.warn(`${decodeText(name)}: ${sentenceOf(error)}`, status);
  }

  /** An input: `-` is standard input. */
  async open(name: string, flags: OpenFlags = 'r'): Promise<Description> {
    if (name !== '-') return await this.host.open(name, flags);
    const description = this.host.fds.get(0);
    if (!description) throw new UtilityError('EBADF: standard input is closed.');
    return description.share();
  }

  /** Up to `length` bytes; empty at the end. Output that waits is written when the input has nothing yet. */
  async read(input: Description, length = BLOCK): Promise<Uint8Array> {
    await this.breathe();
    const reading = input.read(length, { signal: this.signal });
    try {
      if (this.#size > 0 && !(await soon(reading))) {
        reading.catch(() => {});
        await this.flush();
      }
      return await reading;
    } catch (error) {
      this.host.process.check();
      throw error;
    }
  }

  /** Chunks of a file, which is closed in the end. */
  async *chunks(name: string): AsyncGenerator<string> {
    const input = await this.open(name);
    try {
      for (;;) {
        const bytes = await this.read(input);
        if (bytes.length === 0) return;
        yield fromBytes(bytes);
      }
    } finally {
      await input.release();
    }
  }

  /** A file's lines with their newlines; the last may have none. Given in bunches, as they come. */
  async *lines(name: string, end = '\n'): AsyncGenerator<string[]> {
    let rest: string[] = [];
    for await (const chunk of this.chunks(name)) {
      const last = chunk.lastIndexOf(end);
      if (last < 0) {
        rest.push(chunk);
        continue;
      }
      const text = rest.join('') + chunk.slice(0, last + 1);
      rest = [chunk.slice(last + 1)];
      yield splitLines(text, end);
    }
    const text = rest.join('');
    if (text !== '') yield [text];
  }

  /** A whole file. */
  async text(name: string): Promise<string> {
    const parts: string[] = [];
    for await (const chunk of this.chunks(name)) parts.push(chunk);
    return parts.join('');
  }

  /** A whole file's bytes. */
  async bytes(name: string): Promise<Uint8Array> {
    const input = await this.open(name);
    const parts: Uint8Array[] = [];
    try {
      for (;;) {
        const bytes = await this.read(input);
        if (bytes.length === 0) return concatBytes(parts);
        parts.push(bytes);
      }
    } finally {
      await input.release();
    }
  }

  /** Does the same with each file; one that fails is told of, and the others go on. */
  async eachFile(names: readonly string[], work: (name: string) => Promise<void>, status = 1): Promise<void> {
    for (const name of names.length > 0 ? names : ['-']) {
      try {
        await work(name);
      } catch (error) {
        await this.warnOf(name, error, status);
      }
    }
  }

  /** Waits, or ends with the signal that comes first. */
  async sleep(milliseconds: number): Promise<void> {
    const { signal } = this;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      const abort = (): void => {
        clearTimeout(timer);
        resolve();
      };
      if (signal.aborted) abort();
      else signal.addEventListener('abort', abort, { once: true });
    });
    this.host.process.check();
  }
}

/** Cuts a text behind each `end`. */
export function splitLines(text: string, end = '\n'): string[] {
  const lines: string[] = [];
  let from = 0;
  for (let at = text.indexOf(end); at >= 0; at = text.indexOf(end, from)) {
    lines.push(text.slice(from, at + end.length));
    from = at + end.length;
  }
  if (from < text.length) lines.push(text.slice(from));
  return lines;
}

/** Whether a read has ended after a moment. */
function soon(reading: Promise<unknown>): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(false), LINGER_MS);
    reading.then(
      () => {
        clearTimeout(timer);
        resolve(true);
      },
      (error: unknown) => {
        clearTimeout(timer);
        reject(error);
      },
    );
  });
}

/** A stream that gives these bytes. */
export function bytesStream(bytes: Uint8Array): Stream {
  let at = 0;
  return {
    async read(length) {
      const some = bytes.subarray(at, at + length);
      at += some.length;
      return some;
    },
  };
}
