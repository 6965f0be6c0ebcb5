// Runs command trees (POSIX XCU 2.9): lists, pipelines, loops, functions, subshells, traps. Simple commands are in
// command.ts; the words of a command are expanded in expand/.

import { pipe } from '../../fs/pipe.ts';
import { encodeText, fromBytes, toBytes } from '../bytes.ts';
import { type ExpansionHost, expandPattern, expandText, expandWords } from '../expand/expand.ts';
import { glob } from '../expand/glob.ts';
import { matchesPattern } from '../expand/pattern.ts';
import type { Node, Redirect, SimpleCommand } from '../syntax/ast.ts';
import { Parser } from '../syntax/parser.ts';
import { SyntaxFault } from '../syntax/words.ts';
import { sentenceOf } from '../utilities/call.ts';
import { Description, type Stream } from './descriptors.ts';
import { Exit, LoopJump, Return } from './flow.ts';
import { Killed, type Process, SIGINT, SIGPIPE } from './process.ts';
import { RedirectFault, Undo } from './redirect.ts';
import type { Job, Kernel, State } from './state.ts';
import { ShellError } from './variables.ts';

/** A command of the shell's own: it may change the shell. Its exit status. */
export interface Builtin {
  readonly usage: string;
  /** POSIX's special ones: assignments before them stay, and their errors end a script. */
  readonly isSpecial?: boolean;
  /** Its arguments may be assignments, which are not split (export, readonly, local). */
  readonly declares?: boolean;
  /** `isTested`: somebody looks at its status, so `set -e` does not. */
  run(shell: Interpreter, argv: readonly string[], isTested: boolean): Promise<number> | number;
}

/** What runs simple commands. */
export interface Commands {
  readonly builtins: ReadonlyMap<string, Builtin>;
  run(shell: Interpreter, node: SimpleCommand, isTested: boolean): Promise<number>;
}

/** What is said of a process that a signal has ended. */
const DEATHS: Record<number, string> = {
  1: 'Hangup',
  3: 'Quit',
  9: 'Killed',
  14: 'Alarm clock',
  15: 'Terminated',
};

/** Nothing to read. */
const EMPTY: Stream = { read: async () => new Uint8Array(0) };

export class Interpreter implements ExpansionHost {
  readonly state: State;
  /** The status of the last `$( )` of the command that is being expanded. */
  substitutionStatus: number | undefined;

  readonly #commands: Commands;

  constructor(state: State, commands: Commands) {
    this.state = state;
    this.#commands = commands;
  }

  get builtins(): ReadonlyMap<string, Builtin> {
    return this.#commands.builtins;
  }

  get kernel(): Kernel {
    return this.state.kernel;
  }

  get process(): Process {
    return this.state.process;
  }

  // What expansion asks for.

  get positional(): readonly string[] {
    return this.state.positional;
  }

  get noGlob(): boolean {
    return this.state.options.has('f');
  }

  get noUnset(): boolean {
    return this.state.options.has('u');
  }

  parameter(name: string): string | undefined {
    return this.state.parameter(name);
  }

  setVariable(name: string, value: string): void {
    this.state.variables.set(name, value);
  }

  async glob(pattern: string): Promise<string[]> {
    return await glob(this.kernel.fs, this.state.cwd, pattern);
  }

  async substitute(body: Node | undefined): Promise<string> {
    if (body === undefined) {
      this.substitutionStatus = 0;
      return '';
    }
    const parts: string[] = [];
    let close: () => void = () => {};
    const closed = new Promise<void>((resolve) => {
      close = resolve;
    });
    const child = this.fork();
    const collector = new Description({
      async write(bytes) {
        parts.push(fromBytes(bytes));
        return bytes.length;
      },
      close,
    });
    const old = child.state.fds.replace(1, collector)?.release();
    if (old) await old;
    this.substitutionStatus = await this.waitFor(child, () => child.execute(body));
    await closed;
    this.process.check();
    return parts.join('').replaceAll('\0', '').replace(/\n+$/, '');
  }

  // Processes.

  /** A subshell in this shell's group, or in one of its own. */
  fork(isOwnGroup = false): Interpreter {
    const { processes } = this.kernel;
    const process = isOwnGroup ? processes.spawnGroup(this.process) : processes.spawn(this.process);
    return new Interpreter(this.state.fork(process), this.#commands);
  }

  /** Runs a subshell in the foreground. */
  async waitFor(child: Interpreter, work: () => Promise<number>): Promise<number> {
    this.process.children.add(child.process);
    try {
      const status = await child.runToEnd(work);
      await this.tellDeath(child.process);
      return status;
    } finally {
      this.process.children.delete(child.process);
    }
  }

  /** Says so when a signal has ended a process, unless everybody knows. */
  async tellDeath({ killedBy }: Process): Promise<void> {
    if (killedBy === 0 || killedBy === SIGINT || killedBy === SIGPIPE) return;
    const text = DEATHS[killedBy] ?? `Signal ${killedBy}`;
    await this.writeError(`${text}\n`);
  }

  /** Runs a process's whole work: its status, its EXIT trap, the end of its descriptors. */
  async runToEnd(work: () => Promise<number>): Promise<number> {
    const { state } = this;
    try {
      state.status = await this.statusOf(work);
      if (this.process.killedBy === 0) state.status = await this.statusOf(() => this.leave());
    } finally {
      await state.fds.closeAll();
      this.kernel.processes.end(this.process);
    }
    return state.status;
  }

  /** The last traps, and the one of EXIT: what a shell does when its work is done. */
  async leave(): Promise<number> {
    const { state } = this;
    // An exit in one of them is no way past the trap of EXIT.
    state.status = await this.statusOf(async () => {
      await this.runTraps();
      return state.status;
    });
    const action = state.traps.get(0);
    if (!action) return state.status;
    state.traps.delete(0);
    state.loops = 0;
    const { status } = state;
    state.trapStatus = status;
    await this.runText(action);
    return status;
  }

  /** The status of work that may end in any of the ways in which a shell can end. */
  async statusOf(work: () => Promise<number>): Promise<number> {
    try {
      return await work();
    } catch (end) {
      if (end instanceof Exit || end instanceof Return) return end.status;
      if (end instanceof LoopJump) return this.state.status;
      if (end instanceof Killed) return 128 + end.signal;
      if (end instanceof ShellError || end instanceof SyntaxFault) {
        await this.complain(end instanceof SyntaxFault ? `Syntax error: ${end.message}` : end.message);
        return end instanceof ShellError ? end.status : 2;
      }
      throw end;
    }
  }

  /** A message of the shell itself on standard error. `text` is Unicode. */
  async complain(text: string): Promise<void> {
    const line = this.state.options.has('i') ? '' : ` ${this.state.line || 1}:`;
    await this.writeError(`${this.state.name}:${line} ${encodeText(text)}\n`);
  }

  async writeError(text: string): Promise<void> {
    try {
      await this.state.fds.get(2)?.write(toBytes(text), {});
    } catch {
      // Nobody is left who could be told.
    }
  }

  /** Runs the actions of signals that have come. $? is as before. */
  async runTraps(): Promise<void> {
    const { state } = this;
    for (
      let signal = this.process.pending.shift();
      signal !== undefined;
      signal = this.process.pending.shift()
    ) {
      const action = state.traps.get(signal);
      if (!action) continue;
      const { status, trapStatus } = state;
      state.trapStatus = status;
      try {
        await this.runText(action);
      } finally {
        state.trapStatus = trapStatus;
      }
      state.status = status;
    }
  }

  /** Runs a script line by line, as `eval` does. The last status. Throws SyntaxFault. */
  async runText(text: string, isTested = false): Promise<number> {
    const parser = new Parser(text, this.state.aliases);
    let status = 0;
    for (let node = parser.nextLine(); node !== undefined; node = parser.nextLine()) {
      if (this.state.options.has('n')) continue;
      status = await this.execute(node, isTested);
    }
    return status;
  }

  // Commands.

  /** Runs a command; its status, which is $? too. `isTested`: somebody looks at it, so `set -e` does not. */
  async execute(node: Node, isTested = false): Promise<number> {
    const pause = this.kernel.pace.breathe();
    if (pause) await pause;
    this.process.check();
    if (this.process.pending.length > 0) await this.runTraps();
    const status = await this.dispatch(node, isTested);
    this.state.status = status;
    return status;
  }

  private async dispatch(node: Node, isTested: boolean): Promise<number> {
    switch (node.kind) {
      case 'command':
        return this.checked(await this.#commands.run(this, node, isTested), isTested);
      case 'sequence': {
        let status = 0;
        for (const item of node.items) status = await this.execute(item, isTested);
        return status;
      }
      case 'and':
      case 'or': {
        const status = await this.execute(node.left, true);
        return (status === 0) === (node.kind === 'and') ? await this.execute(node.right, isTested) : status;
      }
      case 'pipeline':
        if (node.negate) return (await this.pipeline(node.commands, true)) === 0 ? 1 : 0;
        return this.checked(await this.pipeline(node.commands, isTested), isTested);
      case 'background':
        return this.background(node.body, node.text);
      case 'subshell': {
        const child = this.fork();
        return this.checked(await this.waitFor(child, () => child.execute(node.body, isTested)), isTested);
      }
      case 'redirected':
        return this.checked(await this.redirected(node.body, node.redirects, isTested), isTested);
      case 'if':
        if ((await this.execute(node.condition, true)) === 0) return await this.execute(node.then, isTested);
        return node.otherwise ? await this.execute(node.otherwise, isTested) : 0;
      case 'loop':
        return await this.loop(node.until, node.condition, node.body, isTested);
      case 'for': {
        const values = node.words ? await expandWords(this, node.words) : [...this.state.positional];
        return await this.forEach(node.name, values, node.body, isTested);
      }
      case 'case': {
        const subject = await expandText(this, node.subject);
        for (const { patterns, body } of node.items) {
          for (const pattern of patterns) {
            if (!matchesPattern(await expandPattern(this, pattern), subject)) continue;
            return body ? await this.execute(body, isTested) : 0;
          }
        }
        return 0;
      }
      case 'function':
        this.state.functions.set(node.name, node.body);
        return 0;
    }
  }

  /** `set -e`: a failure that nobody looks at ends the shell. */
  private checked(status: number, isTested: boolean): number | Promise<never> {
    this.process.check();
    return status !== 0 && !isTested && this.state.options.has('e') ? this.fail(status) : status;
  }

  /** Ends the shell; the signal that made a command fail has its trap first. */
  private async fail(status: number): Promise<never> {
    this.state.status = status;
    await this.runTraps();
    throw new Exit(status);
  }

  private async pipeline(commands: readonly Node[], isTested: boolean): Promise<number> {
    const [only] = commands;
    if (commands.length === 1 && only) return await this.execute(only, isTested);
    let reader: Stream | undefined;
    const runs = commands.map((command, index) => {
      const child = this.fork();
      const streams: [number, Stream | undefined][] = [[0, reader]];
      if (index < commands.length - 1) {
        const ends = pipe();
        streams.push([1, ends.writer]);
        reader = ends.reader;
      }
      for (const [fd, stream] of streams)
        if (stream) void child.state.fds.replace(fd, new Description(stream))?.release();
      return this.waitFor(child, () => child.execute(command, isTested));
    });
    const statuses = await Promise.all(runs);
    return statuses.at(-1) ?? 0;
  }

  private background(body: Node, text: string): number {
    const { state } = this;
    const child = this.fork(true);
    if (!state.options.has('m')) {
      void child.state.fds.replace(0, new Description(EMPTY))?.release();
      if (!state.options.has('i')) for (const signal of [2, 3]) child.process.ignored.add(signal);
    }
    const job: Job = {
      id: (state.jobs.at(-1)?.id ?? 0) + 1,
      process: child.process,
      text,
      status: undefined,
      // A subshell is the job itself, so that its traps get the signals that $! and %1 are sent.
      ended: child.runToEnd(() => child.execute(body.kind === 'subshell' ? body.body : body)),
    };
    job.ended.then(
      (status) => {
        job.status = status;
      },
      async (error) => {
        job.status = 2;
        await this.complain(sentenceOf(error));
      },
    );
    state.jobs.push(job);
    state.lastBackground = child.process.pid;
    return 0;
  }

  private async redirected(body: Node, redirects: readonly Redirect[], isTested: boolean): Promise<number> {
    const undo = new Undo(this.state);
    try {
      try {
        await this.redirectAll(undo, redirects);
      } catch (error) {
        if (!(error instanceof RedirectFault)) throw error;
        await this.complain(error.message);
        return 2;
      }
      return await this.execute(body, isTested);
    } finally {
      await undo.restore();
    }
  }

  /** Makes redirections, in order. Throws RedirectFault; what was made before it is in `undo`. */
  async redirectAll(undo: Undo, redirects: readonly Redirect[]): Promise<void> {
    for (const redirect of redirects) await undo.redirect(redirect, await expandText(this, redirect.target));
  }

  private async loop(until: boolean, condition: Node, body: Node, isTested: boolean): Promise<number> {
    let status = 0;
    await this.inLoop(async (turn) => {
      for (;;) {
        const more = await turn(async () => {
          if (((await this.execute(condition, true)) === 0) === until) return false;
          status = await this.execute(body, isTested);
          return true;
        });
        if (!more) return;
      }
    });
    return status;
  }

  private async forEach(
    name: string,
    values: readonly string[],
    body: Node,
    isTested: boolean,
  ): Promise<number> {
    let status = 0;
    await this.inLoop(async (turn) => {
      for (const value of values) {
        this.state.variables.set(name, value);
        const more = await turn(async () => {
          status = await this.execute(body, isTested);
          return true;
        });
        if (!more) return;
      }
    });
    return status;
  }

  /** Runs a loop's turns; a turn is false when the loop is over. `break` and `continue` count loops here. */
  private async inLoop(
    run: (turn: (work: () => Promise<boolean>) => Promise<boolean>) => Promise<void>,
  ): Promise<void> {
    const { state } = this;
    const depth = ++state.loops;
    try {
      await run(async (work) => {
        try {
          return await work();
        } catch (jump) {
          if (!(jump instanceof LoopJump)) throw jump;
          if (jump.levels > 1 && depth > 1) {
            jump.levels--;
            throw jump;
          }
          return !jump.isBreak;
        }
      });
    } finally {
      state.loops = depth - 1;
    }
  }

  /** Calls a function. */
  async callFunction(body: Node, args: readonly string[], isTested: boolean): Promise<number> {
    const { state } = this;
    const { positional, loops } = state;
    state.positional = [...args];
    state.loops = 0;
    state.calls++;
    state.variables.enterFunction();
    try {
      return await this.execute(body, isTested);
    } catch (end) {
      if (end instanceof Return) return end.status;
      throw end;
    } finally {
      state.variables.leaveFunction();
      state.calls--;
      state.positional = positional;
      state.loops = loops;
    }
  }
}
