// Shell: the door for who runs scripts. It puts the parts together; what a script means is in run/ and builtins/.

import type { Fs } from '../fs/fs.ts';
import { runInput } from './builtins/places.ts';
import { makeBuiltins } from './builtins/registry.ts';
import { encodeText, fromBytes, toBytes } from './bytes.ts';
import { becomeScript, runCommand } from './run/command.ts';
import { Description, Descriptors, type Stream } from './run/descriptors.ts';
import { type Commands, Interpreter } from './run/interpreter.ts';
import { Pace } from './run/pace.ts';
import { Processes, SIGINT, signalNumber } from './run/process.ts';
import { type Kernel, State } from './run/state.ts';
import { bytesStream } from './utilities/call.ts';
import { UTILITIES } from './utilities/registry.ts';

export interface ShellOptions {
  fs: Fs;
  /** Exported variables at the start. */
  env?: Record<string, string>;
  /** Where it begins; '/' when left out. */
  cwd?: string;
}

/** Where a script's input and output go. What is left out is empty, or thrown away. */
export interface RunOptions {
  /** Bytes, Unicode text, or something to read from. */
  stdin?: Stream | Uint8Array | string;
  stdout?: Stream;
  stderr?: Stream;
  /** Gives the run up, as Ctrl-C does: the status is 130. */
  signal?: AbortSignal;
  /** $0 and $1, $2, ... */
  name?: string;
  args?: readonly string[];
  /** Letters of `set`, as in `sh -eu`. */
  letters?: string;
}

const NOTHING: Stream = {
  read: async () => new Uint8Array(0),
  write: async (bytes) => bytes.length,
};

const DEFAULTS: Record<string, string> = {
  HOME: '/',
  PATH: '/bin',
  PWD: '/',
  OPTIND: '1',
  IFS: ' \t\n',
  PS1: '$ ',
  PS2: '> ',
  PS4: '+ ',
};
const EXPORTED = ['HOME', 'PATH', 'PWD'];

function streamOf(input: RunOptions['stdin']): Stream {
  if (input === undefined) return NOTHING;
  if (typeof input === 'string') return bytesStream(toBytes(encodeText(input)));
  return input instanceof Uint8Array ? bytesStream(input) : input;
}

/** A POSIX shell over a file tree. Variables, functions, the working directory and jobs live as long as it does. */
export class Shell {
  readonly interpreter: Interpreter;

  constructor({ fs, env = {}, cwd = '/' }: ShellOptions) {
    const kernel: Kernel = {
      fs,
      processes: new Processes(),
      pace: new Pace(),
      utilities: UTILITIES,
      history: [],
      columns: 80,
    };
    const process = kernel.processes.spawn();
    kernel.processes.foreground = process.group;
    const state = new State(kernel, process, new Descriptors());
    const commands: Commands = { builtins: makeBuiltins(UTILITIES), run: runCommand };
    this.interpreter = new Interpreter(state, commands);
    state.cwd = encodeText(cwd);
    const { variables } = state;
    for (const [name, value] of Object.entries({ ...DEFAULTS, PWD: cwd, ...env })) {
      variables.set(name, encodeText(value));
      if (EXPORTED.includes(name) || Object.hasOwn(env, name)) variables.mark(name, 'isExported');
    }
  }

  /**
   * Runs a script to its end and gives its exit status. An EXIT trap runs when it ends; what the script has changed
   * (variables, functions, the directory) is there for the next one. One run at a time.
   */
  async run(script: string | Uint8Array, options: RunOptions = {}): Promise<number> {
    const text = typeof script === 'string' ? encodeText(script) : fromBytes(script);
    return await this.#run(options, () => this.interpreter.runText(text));
  }

  /** Runs the commands that come on `stdin`, line by line; the commands read from the same input. */
  async runInput(options: RunOptions = {}): Promise<number> {
    return await this.#run(options, () => runInput(this.interpreter));
  }

  /** Sends a signal, by its name without SIG, to all that runs here: the script's traps see it. */
  kill(name: string): void {
    this.interpreter.kernel.processes.signalAll(signalNumber(name) ?? SIGINT);
  }

  async #run(options: RunOptions, work: () => Promise<number>): Promise<number> {
    const { interpreter } = this;
    const { state, kernel, process } = interpreter;
    if (options.name !== undefined)
      becomeScript(interpreter, encodeText(options.name), (options.args ?? []).map(encodeText));
    const streams = [streamOf(options.stdin), options.stdout ?? NOTHING, options.stderr ?? NOTHING];
    for (const [fd, stream] of streams.entries())
      state.fds.replace(fd, new Description(withoutClose(stream)));
    const abort = (): void => kernel.processes.signalAll(SIGINT);
    if (options.signal?.aborted) abort();
    options.signal?.addEventListener('abort', abort, { once: true });
    try {
      state.status = await interpreter.statusOf(async () => {
        if (options.letters) await interpreter.runText(`set -${encodeText(options.letters)}`);
        return await work();
      });
      if (process.killedBy === 0) state.status = await interpreter.statusOf(() => interpreter.leave());
      return state.status;
    } finally {
      options.signal?.removeEventListener('abort', abort);
      process.revive();
      await state.fds.closeAll();
    }
  }
}

/** The caller's streams are the caller's to close. */
function withoutClose(stream: Stream): Stream {
  return {
    ...(stream.read ? { read: stream.read.bind(stream) } : {}),
    ...(stream.write ? { write: stream.write.bind(stream) } : {}),
    ...(stream.isTerminal ? { isTerminal: true } : {}),
  };
}
