// Processes and signals. All of a shell's commands run in one thread; a process here is who a signal is for: it says
// whether one has come, and gives blocking calls an AbortSignal. It executes nothing.

/** Signals by name with Linux's numbers on x86, as far as a shell's users name them. */
export const SIGNALS: Readonly<Record<string, number>> = {
  HUP: 1,
  INT: 2,
  QUIT: 3,
  ILL: 4,
  TRAP: 5,
  ABRT: 6,
  BUS: 7,
  FPE: 8,
  KILL: 9,
  USR1: 10,
  SEGV: 11,
  USR2: 12,
  PIPE: 13,
  ALRM: 14,
  TERM: 15,
  STKFLT: 16,
  CHLD: 17,
  CONT: 18,
  STOP: 19,
  TSTP: 20,
  TTIN: 21,
  TTOU: 22,
  URG: 23,
  XCPU: 24,
  XFSZ: 25,
  VTALRM: 26,
  PROF: 27,
  WINCH: 28,
  IO: 29,
  PWR: 30,
  SYS: 31,
};

const { INT = 2, KILL = 9, PIPE = 13 } = SIGNALS;
export const SIGINT = INT;
export const SIGPIPE = PIPE;

/** Signals that do nothing to who has not asked for them; there is no stopping here. */
const HARMLESS = new Set([17, 18, 19, 20, 21, 22, 23, 28]);
/** Signals that an interactive shell takes no notice of. */
const SHRUGGED = new Set([3, 15]);

/** The number of a signal's name or number, with or without SIG; undefined for none. */
export function signalNumber(text: string): number | undefined {
  if (/^[0-9]+$/.test(text)) return Number(text) <= 64 ? Number(text) : undefined;
  const name = text.toUpperCase().replace(/^SIG/, '');
  return Object.hasOwn(SIGNALS, name) ? SIGNALS[name] : undefined;
}

/** A signal's name without SIG, or its number. */
export function signalName(signal: number): string {
  return Object.keys(SIGNALS).find((name) => SIGNALS[name] === signal) ?? String(signal);
}

/** Thrown in a process that a signal ends; its status is 128 and the number. */
export class Killed {
  readonly signal: number;

  constructor(signal: number) {
    this.signal = signal;
  }
}

export class Process {
  readonly pid: number;
  /** Ctrl-C and `kill %1` go to all processes of a group. */
  readonly group: number;
  /** Signals with a trap: they wait in `pending` until the shell runs it. */
  readonly caught = new Set<number>();
  readonly ignored: Set<number>;
  readonly pending: number[] = [];
  /** Who it waits for in the foreground: a signal that ends it ends them. */
  readonly children = new Set<Process>();
  /** An interactive shell lives on after SIGINT; what it was doing ends. */
  isInteractive = false;
  #killedBy = 0;
  #controller: AbortController | undefined;

  constructor(pid: number, group: number, ignored: Iterable<number> = []) {
    this.pid = pid;
    this.group = group;
    this.ignored = new Set(ignored);
  }

  /** Aborted by the next signal that is not ignored: for calls that block. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#killedBy > 0) this.#controller.abort();
    return this.#controller.signal;
  }

  /** Sends it a signal. */
  deliver(signal: number): void {
    if (signal === 0 || this.#killedBy > 0) return;
    if (signal !== KILL) {
      if (this.ignored.has(signal)) return;
      if (this.caught.has(signal)) {
        if (!this.pending.includes(signal)) this.pending.push(signal);
        this.#controller?.abort();
        this.#controller = undefined;
        return;
      }
      if (HARMLESS.has(signal) || (this.isInteractive && SHRUGGED.has(signal))) return;
    }
    this.#killedBy = signal;
    this.#controller?.abort();
    for (const child of this.children) child.deliver(signal);
  }

  /** Throws Killed once a signal has ended the process. */
  check(): void {
    if (this.#killedBy > 0) throw new Killed(this.#killedBy);
  }

  /** The signal that has ended it, or 0. */
  get killedBy(): number {
    return this.#killedBy;
  }

  /** An interactive shell is at its prompt again. */
  revive(): void {
    this.#killedBy = 0;
    this.#controller = undefined;
  }
}

/** All processes of one shell and its children. */
export class Processes {
  readonly #all = new Map<number, Process>();
  #next = 100;
  /** The group that the terminal's keys go to. */
  foreground = 0;

  /** A new process: in its parent's group, or, without one, in its own. */
  spawn(parent?: Process): Process {
    const pid = this.#next++;
    const process = new Process(pid, parent?.group ?? pid, parent?.ignored);
    this.#all.set(pid, process);
    return process;
  }

  /** A new process in a group of its own. */
  spawnGroup(parent: Process): Process {
    const pid = this.#next++;
    const process = new Process(pid, pid, parent.ignored);
    this.#all.set(pid, process);
    return process;
  }

  end(process: Process): void {
    this.#all.delete(process.pid);
  }

  find(pid: number): Process | undefined {
    return this.#all.get(pid);
  }

  /** Sends a signal to every process of a group; false when there is none. */
  signalGroup(group: number, signal: number): boolean {
    const members = [...this.#all.values()].filter((process) => process.group === group);
    for (const process of members) process.deliver(signal);
    return members.length > 0;
  }

  /** Sends a signal to everybody: the shell is given up. */
  signalAll(signal: number): void {
    for (const process of this.#all.values()) process.deliver(signal);
  }
}
