// What a shell knows: variables, functions, options, traps, jobs, its place in the tree. A subshell is a copy of it.

import type { Fs } from '../../fs/fs.ts';
import type { Node } from '../syntax/ast.ts';
import type { Utility } from '../utilities/call.ts';
import type { Descriptors } from './descriptors.ts';
import type { Pace } from './pace.ts';
import type { Process, Processes } from './process.ts';
import { Variables } from './variables.ts';

/** What all shells of one tree of processes share. */
export interface Kernel {
  readonly fs: Fs;
  readonly processes: Processes;
  readonly pace: Pace;
  readonly utilities: ReadonlyMap<string, Utility>;
  /** Lines typed at the prompt, oldest first. */
  readonly history: string[];
  /** Width of the terminal in characters. */
  columns: number;
}

/** A command that runs beside the shell. */
export interface Job {
  readonly id: number;
  readonly process: Process;
  readonly text: string;
  /** Undefined while it runs. */
  status: number | undefined;
  readonly ended: Promise<number>;
}

/** `set -X`: letters and names. */
export const OPTIONS: Readonly<Record<string, string>> = {
  a: 'allexport',
  C: 'noclobber',
  e: 'errexit',
  f: 'noglob',
  i: 'interactive',
  m: 'monitor',
  n: 'noexec',
  u: 'nounset',
  v: 'verbose',
  x: 'xtrace',
};

export class State {
  variables = new Variables();
  functions = new Map<string, Node>();
  aliases = new Map<string, string>();
  /** Letters of `set`. */
  options = new Set<string>();
  positional: string[] = [];
  /** $0. */
  name = 'sh';
  /** $?. */
  status = 0;
  /** $? as it was before the trap that runs now: what `exit` without a number leaves with there. */
  trapStatus: number | undefined;
  /** $!. */
  lastBackground: number | undefined;
  /** $$: a subshell keeps its parent's. */
  mainPid: number;
  /** Actions by signal number; 0 is EXIT. */
  traps = new Map<number, string>();
  jobs: Job[] = [];
  cwd = '/';
  umask = 0o022;
  line = 0;
  /** Loops and functions around what runs now, and files that `.` reads. */
  loops = 0;
  calls = 0;
  readonly kernel: Kernel;
  readonly process: Process;
  readonly fds: Descriptors;

  constructor(kernel: Kernel, process: Process, fds: Descriptors) {
    this.kernel = kernel;
    this.process = process;
    this.fds = fds;
    this.mainPid = process.pid;
  }

  /** A subshell's state: a copy, in which traps are gone and jobs are somebody else's. */
  fork(process: Process): State {
    const copy = new State(this.kernel, process, this.fds.clone());
    copy.variables = this.variables.clone();
    copy.functions = new Map(this.functions);
    copy.aliases = new Map(this.aliases);
    copy.options = new Set(this.options);
    copy.options.delete('i');
    copy.positional = this.positional;
    copy.name = this.name;
    copy.status = this.status;
    copy.lastBackground = this.lastBackground;
    copy.mainPid = this.mainPid;
    copy.cwd = this.cwd;
    copy.umask = this.umask;
    copy.line = this.line;
    copy.loops = this.loops;
    copy.calls = this.calls;
    for (const [signal, action] of this.traps) if (action === '') copy.traps.set(signal, action);
    return copy;
  }

  /** A variable, positional or special parameter; undefined when it is unset. */
  parameter(name: string): string | undefined {
    switch (name) {
      case '?':
        return String(this.status);
      case '#':
        return String(this.positional.length);
      case '$':
        return String(this.mainPid);
      case '!':
        return this.lastBackground?.toString();
      case '-':
        return [...this.options].join('');
      case '0':
        return this.name;
      case 'LINENO':
        return this.variables.get(name) ?? String(this.line);
      case 'PPID':
        return '1';
      default:
        return /^[0-9]/.test(name) ? this.positional[Number(name) - 1] : this.variables.get(name);
    }
  }

  /** An absolute path, with `.` and `..` taken out. */
  resolve(path: string): string {
    const parts: string[] = [];
    for (const part of (path.startsWith('/') ? path : `${this.cwd}/${path}`).split('/')) {
      if (part === '..') parts.pop();
      else if (part !== '' && part !== '.') parts.push(part);
    }
    return `/${parts.join('/')}`;
  }
}
