// `vitrine run`: one machine with its serial console on stdin and stdout.
import fs from 'node:fs';
import { defineCommand } from 'citty';
import { VM_PAGE, VM_VCPUS } from '../../assembly/abi/map.ts';
import { V_ICOUNT } from '../../assembly/abi/vcpu_page.ts';
import { exitOf, MachineMemory, vcpuPage } from '../kvm/index.ts';
import { SessionClient } from '../session/client.ts';
import type { EntryMode, MachineOptions, Program, Session } from '../session/types.ts';
import { exitCounts } from '../vmm/index.ts';
import { readCore } from './core_file.ts';
import { nodeThreads } from './threads/node_threads.ts';

const TIMEOUT_STATUS = 124;
const USAGE_STATUS = 2;
/** Ctrl-A x ends the program, as in QEMU's console. */
const ESCAPE = 0x01;
const INTERRUPTED_STATUS = 130;

/** A request that cannot be met, in one sentence. */
class UsageError extends Error {}

/** Bytes of a size such as 128M, 1G, 512K or 4096. */
export function parseSize(text: string): number {
  const found = /^(\d+)([kmg]?)(i?b)?$/i.exec(text.trim());
  if (found === null)
    throw new UsageError(`"${text}" is no size; write a number with K, M or G, such as 128M.`);
  const unit = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 }[(found[2] ?? '').toLowerCase()] ?? 1;
  return Number(found[1]) * unit;
}

export function parseNumber(text: string, what: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isSafeInteger(value) || value < 0) {
    throw new UsageError(`${what} is "${text}"; give a whole number such as 0x7c00.`);
  }
  return value;
}

function readFile(name: string, what: string): Uint8Array {
  try {
    return new Uint8Array(fs.readFileSync(name));
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'EIO';
    throw new UsageError(`${what} ${name} cannot be read (${code}); check its path.`);
  }
}

interface RunArgs {
  kernel?: string;
  initrd?: string;
  append?: string;
  flat?: string;
  at?: string;
  mode?: string;
  memory: string;
  cpus: string;
  engine: string;
  seed?: string;
  'log-dirty'?: boolean;
  'exit-port'?: string;
}

function programOf(args: RunArgs): Program {
  if (args.kernel !== undefined && args.flat !== undefined)
    throw new UsageError('Give either --kernel or --flat, not both.');
  if (args.flat !== undefined) {
    const mode = args.mode ?? 'real';
    if (mode !== 'real' && mode !== 'protected' && mode !== 'long') {
      throw new UsageError(`--mode is "${mode}"; it is real, protected or long.`);
    }
    return {
      kind: 'flat',
      image: readFile(args.flat, 'The flat image'),
      at: parseNumber(args.at ?? (mode === 'real' ? '0x7c00' : '0x100000'), '--at'),
      mode: mode as EntryMode,
    };
  }
  if (args.kernel === undefined)
    throw new UsageError('Nothing to run was named; give --kernel FILE or --flat FILE.');
  return {
    kind: 'kernel',
    kernel: readFile(args.kernel, 'The kernel'),
    ...(args.initrd === undefined ? {} : { initrd: readFile(args.initrd, 'The initrd') }),
    ...(args.append === undefined ? {} : { append: args.append }),
  };
}

function optionsOf(args: RunArgs): MachineOptions {
  if (args.engine !== 'parallel' && args.engine !== 'deterministic') {
    throw new UsageError(`--engine is "${args.engine}"; it is parallel or deterministic.`);
  }
  return {
    memory: parseSize(args.memory),
    cpus: parseNumber(args.cpus, '--cpus'),
    engine: args.engine,
    ...(args['log-dirty'] ? { logDirty: true } : {}),
    ...(args.seed === undefined ? {} : { seed: parseNumber(args.seed, '--seed') }),
    ...(args['exit-port'] === undefined ? {} : { exitPort: parseNumber(args['exit-port'], '--exit-port') }),
    program: programOf(args),
  };
}

/** Instructions, seconds, and exits by reason of all vCPUs. */
function statistics(session: Session, seconds: number): object {
  const memory = new MachineMemory({ buffer: session.memory() } as WebAssembly.Memory);
  const made = memory.u32(VM_PAGE + VM_VCPUS);
  let instructions = 0;
  const exits: Record<string, number> = {};
  for (let id = 0; id < 32; id++) {
    if ((made & (1 << id)) === 0) continue;
    instructions += Number(memory.u64(vcpuPage(id) + V_ICOUNT));
    for (const [reason, count] of exitCounts(memory, id)) {
      const { name } = exitOf(reason);
      exits[name] = (exits[name] ?? 0) + count;
    }
  }
  return { instructions, seconds, exits };
}

/** Connects the terminal: raw while the machine runs; returns what puts it back. */
function connectInput(session: Session, leave: () => void): () => void {
  const { stdin } = process;
  let escaped = false;
  const onData = (data: Buffer): void => {
    const bytes: number[] = [];
    for (const byte of data) {
      if (stdin.isTTY && escaped) {
        escaped = false;
        if (byte === 0x78) {
          leave();
          return;
        }
        if (byte !== ESCAPE) bytes.push(ESCAPE);
        bytes.push(byte);
      } else if (stdin.isTTY && byte === ESCAPE) {
        escaped = true;
      } else if (stdin.isTTY && byte === 0x03) {
        leave();
        return;
      } else {
        bytes.push(byte);
      }
    }
    if (bytes.length > 0) session.input(Uint8Array.from(bytes));
  };
  if (stdin.isTTY) stdin.setRawMode(true);
  stdin.on('data', onData);
  stdin.resume();
  return () => {
    stdin.off('data', onData);
    if (stdin.isTTY) stdin.setRawMode(false);
    stdin.pause();
  };
}

/** Runs the machine to its end; the process's exit status. */
async function runMachine(
  options: MachineOptions,
  timeout: number | undefined,
  stats: string | undefined,
): Promise<number> {
  const session = await SessionClient.start(
    nodeThreads.spawn('machine'),
    options.engine,
    readCore(),
    options,
  );
  session.onConsole((bytes) => process.stdout.write(bytes));
  const start = performance.now();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let restore = (): void => {};
  const status = await new Promise<number>((resolve) => {
    session.onStatus((now) => {
      if (now.error !== undefined) {
        console.error(`vitrine: ${now.error}`);
        resolve(1);
      } else if (now.state === 'ended') {
        const { ending } = now;
        if (ending && ending.reason !== 'exit' && ending.reason !== 'poweroff')
          console.error(`vitrine: ${ending.sentence}`);
        resolve(ending?.status ?? 1);
      } else if (now.parked !== undefined && now.state === 'paused') {
        console.error(`vitrine: ${now.parked.sentence}`);
        resolve(1);
      }
    });
    if (timeout !== undefined) {
      timer = setTimeout(() => {
        console.error(`vitrine: the guest did not end within ${timeout} s (--timeout).`);
        resolve(TIMEOUT_STATUS);
      }, timeout * 1000);
    }
    process.once('SIGINT', () => resolve(INTERRUPTED_STATUS));
    process.once('SIGTERM', () => resolve(143));
    restore = connectInput(session, () => resolve(INTERRUPTED_STATUS));
    session.run().catch((error: Error) => {
      console.error(`vitrine: ${error.message}`);
      resolve(1);
    });
  });
  clearTimeout(timer);
  restore();
  await session.pause().catch(() => {});
  const seconds = (performance.now() - start) / 1000;
  if (stats !== undefined)
    fs.writeFileSync(stats, `${JSON.stringify(statistics(session, seconds), null, 2)}\n`);
  await session.close();
  return status;
}

export const runCommand = defineCommand({
  meta: { name: 'run', description: 'Run a machine with its serial console on stdin and stdout' },
  args: {
    kernel: { type: 'string', description: 'bzImage, ELF with PVH note, or Multiboot 1 kernel' },
    initrd: { type: 'string', description: 'Initial RAM disk, or the Multiboot module' },
    append: { type: 'string', description: 'Kernel command line' },
    flat: { type: 'string', description: 'Flat image, entered at --at' },
    at: { type: 'string', description: 'Guest-physical address of the flat image' },
    mode: { type: 'string', description: 'real, protected or long (flat images)' },
    memory: { type: 'string', description: 'Guest memory, such as 128M', default: '128M' },
    cpus: { type: 'string', description: 'Number of vCPUs', default: '1' },
    engine: { type: 'string', description: 'parallel or deterministic', default: 'parallel' },
    seed: { type: 'string', description: 'Seed of the deterministic schedule' },
    'exit-port': {
      type: 'string',
      description: 'Port whose write ends the machine with status (value << 1) | 1',
    },
    timeout: { type: 'string', description: 'Give up after so many seconds, with status 124' },
    stats: {
      type: 'string',
      description: 'Write instructions, seconds and exits by reason to this file as JSON',
    },
  },
  async run({ args }) {
    try {
      const timeout = args.timeout === undefined ? undefined : Number(args.timeout);
      if (timeout !== undefined && !(timeout > 0))
        throw new UsageError(`--timeout is "${args.timeout}"; give seconds.`);
      const status = await runMachine(optionsOf(args as RunArgs), timeout, args.stats);
      process.exit(status);
    } catch (error) {
      const { message } = error as Error;
      console.error(`vitrine run: ${message}`);
      process.exit(error instanceof UsageError ? USAGE_STATUS : 1);
    }
  },
});
