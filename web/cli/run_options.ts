// What `vitrine run` is asked for: options in words to a session's options, each refusal one sentence. Runs nothing.
import fs from 'node:fs';
import { parseArgs } from 'node:util';
import type { GivenOptions } from '../session/given.ts';
import type { EntryMode, MachineOptions, Program } from '../session/types.ts';
import { DEVICE_ARGS, deviceOptions, givenOptions } from './device_options.ts';
import { parseNumber, parseSize } from './numbers.ts';
import { realGuest } from './real_guest.ts';
import { UsageError } from './usage_error.ts';

/** The options with the words that describe them; a value follows those that are strings. */
export const RUN_ARGS = {
  guest: {
    type: 'string',
    description:
      'A guest of "npm run guests" with its command line, memory and CPUs; --append adds to the line',
  },
  kernel: { type: 'string', description: 'bzImage, ELF with PVH note, or Multiboot 1 kernel' },
  initrd: { type: 'string', description: 'Initial RAM disk, or the Multiboot module (--kernel)' },
  append: { type: 'string', description: 'Kernel command line (--kernel)' },
  flat: { type: 'string', description: 'Flat image, entered at --at' },
  at: { type: 'string', description: 'Guest-physical address of the flat image' },
  mode: { type: 'string', description: 'real, protected or long (--flat)' },
  memory: { type: 'string', description: 'Guest memory, such as 64M; 128M when left out' },
  cpus: { type: 'string', description: 'Number of vCPUs, 1 to 32; 1 when left out' },
  engine: { type: 'string', description: 'parallel (when left out) or deterministic' },
  seed: { type: 'string', description: 'Seed of the deterministic schedule' },
  'log-dirty': {
    type: 'string',
    description: 'yes or no (when left out): log the dirty pages of guest memory (KVM_MEM_LOG_DIRTY_PAGES)',
  },
  jit: {
    type: 'string',
    description:
      'After how many entries a block of code is compiled, 2000 when left out; off: all is interpreted',
  },
  'jit-memory': {
    type: 'string',
    description:
      'How much compiled code a vCPU may have, such as 8M (when left out); the least used goes first',
  },
  'exit-port': {
    type: 'string',
    description: 'Port whose write ends the machine with status (value << 1) | 1',
  },
  'no-reboot': { type: 'boolean', description: "End at a guest's reset or triple fault (--kernel)" },
  ...DEVICE_ARGS,
  timeout: { type: 'string', description: 'Give up after so many seconds, with status 124' },
  stats: {
    type: 'string',
    description:
      'Write instructions and exits by reason, in all and a second, to this file as JSON (- is a table on stderr); SHA-256 of the memory too (deterministic)',
  },
} as const;

/** What stands for stderr in place of a file. */
export const STDERR = '-';

type Values = {
  [K in keyof typeof RUN_ARGS]?: (typeof RUN_ARGS)[K] extends { multiple: true }
    ? string[]
    : (typeof RUN_ARGS)[K]['type'] extends 'boolean'
      ? boolean
      : string;
};

/** All that a run needs to know. */
export interface RunRequest {
  readonly machine: MachineOptions;
  /** stdin and stdout are the virtio console. */
  readonly isVirtioConsole: boolean;
  /** What it may have of the host. */
  readonly given: GivenOptions;
  /** Seconds. */
  readonly timeout: number | undefined;
  /** File of the statistics; it can be written. STDERR for a table there. */
  readonly stats: string | undefined;
}

/** Splits a command line; unknown options, lone words and missing values are refused. */
export function parseRunArgs(args: string[]): Values {
  const options = Object.fromEntries(
    Object.entries(RUN_ARGS).map(([name, row]) => [name, { type: row.type, multiple: 'multiple' in row }]),
  );
  try {
    return parseArgs({ args, options, allowPositionals: false }).values as Values;
  } catch (error) {
    const { code, message } = error as Error & { code?: string };
    const [named] = /'[^']*'/.exec(message) ?? ['that'];
    const known = Object.keys(RUN_ARGS).map((name) => `--${name}`);
    if (code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION')
      throw new UsageError(`There is no option ${named}; use ${known.join(', ')}.`);
    if (code === 'ERR_PARSE_ARGS_UNEXPECTED_POSITIONAL')
      throw new UsageError(`${named} belongs to no option; name a file with --kernel or --flat.`);
    throw new UsageError(
      `Option ${named} needs a value; write one that begins with a dash as --option=value.`,
    );
  }
}

function readFile(name: string, what: string): Uint8Array {
  try {
    return new Uint8Array(fs.readFileSync(name));
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'EIO';
    throw new UsageError(`${what} "${name}" cannot be read (${code}); check its path.`);
  }
}

function modeOf(text: string): EntryMode {
  if (text === 'real' || text === 'protected' || text === 'long') return text;
  throw new UsageError(`--mode is "${text}"; it is real, protected or long.`);
}

/** Options that mean nothing beside the chosen program are refused: they would be silently lost. */
function refuseBeside(program: 'kernel' | 'flat', args: Values, names: readonly (keyof Values)[]): void {
  const other = program === 'kernel' ? 'flat' : 'kernel';
  for (const name of names) {
    if (args[name] !== undefined)
      throw new UsageError(`--${name} means nothing with --${program}; it goes with --${other}.`);
  }
}

function programOf(args: Values): Program {
  if (args.kernel !== undefined && args.flat !== undefined)
    throw new UsageError('Give either --kernel or --flat, not both.');
  if (args.flat !== undefined) {
    refuseBeside('flat', args, ['initrd', 'append', 'no-reboot']);
    const mode = modeOf(args.mode ?? 'real');
    return {
      kind: 'flat',
      image: readFile(args.flat, 'The flat image'),
      at: parseNumber(args.at ?? (mode === 'real' ? '0x7c00' : '0x100000'), '--at'),
      mode,
    };
  }
  if (args.kernel === undefined)
    throw new UsageError('Nothing to run was named; give --kernel FILE, --flat FILE or --guest NAME.');
  refuseBeside('kernel', args, ['at', 'mode']);
  return {
    kind: 'kernel',
    kernel: readFile(args.kernel, 'The kernel'),
    ...(args.initrd === undefined ? {} : { initrd: readFile(args.initrd, 'The initrd') }),
    ...(args.append === undefined ? {} : { append: args.append }),
  };
}

/** The options with those of the named guest filled in, where the command line does not say otherwise. */
function withGuest(args: Values): Values {
  const { guest: name, ...own } = args;
  if (name === undefined) return own;
  for (const other of ['kernel', 'initrd', 'flat'] as const) {
    if (own[other] !== undefined)
      throw new UsageError(`--${other} means nothing with --guest; the guest has files of its own.`);
  }
  const guest = realGuest(name);
  return {
    ...guest,
    ...own,
    append: own.append === undefined ? guest.append : `${guest.append} ${own.append}`,
  };
}

function isYes(text: string | undefined): boolean {
  if (text === undefined || text === 'no') return false;
  if (text === 'yes') return true;
  throw new UsageError(`--log-dirty is "${text}"; it is yes or no.`);
}

function machineOf(args: Values): MachineOptions {
  const engine = args.engine ?? 'parallel';
  if (engine !== 'parallel' && engine !== 'deterministic')
    throw new UsageError(`--engine is "${engine}"; it is parallel or deterministic.`);
  return {
    memory: parseSize(args.memory ?? '128M'),
    cpus: parseNumber(args.cpus ?? '1', '--cpus'),
    engine,
    ...(args.seed === undefined ? {} : { seed: parseNumber(args.seed, '--seed') }),
    ...(isYes(args['log-dirty']) ? { logDirty: true } : {}),
    ...(args.jit === undefined ? {} : { jit: args.jit === 'off' ? 'off' : parseNumber(args.jit, '--jit') }),
    ...(args['jit-memory'] === undefined ? {} : { jitMemory: parseSize(args['jit-memory']) }),
    ...(args['exit-port'] === undefined ? {} : { exitPort: parseNumber(args['exit-port'], '--exit-port') }),
    ...(args['no-reboot'] ? { reboot: false } : {}),
    ...deviceOptions(args),
    program: programOf(args),
  };
}

/** The request that a command line makes; throws UsageError. */
export function runRequest(args: string[]): RunRequest {
  const values = withGuest(parseRunArgs(args));
  const timeout = values.timeout === undefined ? undefined : Number(values.timeout);
  if (timeout !== undefined && !(timeout > 0 && timeout < 2 ** 31 / 1000))
    throw new UsageError(`--timeout is "${values.timeout}"; give seconds, such as 300.`);
  const machine = machineOf(values);
  const { stats } = values;
  if (stats !== undefined && stats !== STDERR) {
    // Now, not after an hour of running.
    try {
      fs.closeSync(fs.openSync(stats, 'a'));
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? 'EIO';
      throw new UsageError(`The statistics cannot be written to "${stats}" (${code}); name another file.`);
    }
  }
  return {
    machine,
    isVirtioConsole: values.console !== undefined,
    given: givenOptions(values),
    timeout,
    stats,
  };
}
