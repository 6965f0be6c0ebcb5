// `vitrine run`: one machine with its serial console on stdin and stdout, to its end. Options are in run_options.ts.
import fs from 'node:fs';
import { defineCommand } from 'citty';
import { SessionClient } from '../session/client.ts';
import { GuestTerminal } from '../session/guest_terminal.ts';
import type { Ending, MachineOptions, SessionStatus } from '../session/types.ts';
import { readCore } from './core_file.ts';
import { RUN_ARGS, type RunRequest, runRequest, STDERR } from './run_options.ts';
import { RunStatistics, statisticsText } from './statistics.ts';
import { connectInput, Output, readAhead } from './terminal.ts';
import { nodeThreads } from './threads/node_threads.ts';

/** Exit statuses; even where a guest could not have chosen them, since an exit port gives odd ones. */
const STATUS = { done: 0, refused: 2, crashed: 4, failed: 6, timeout: 124 } as const;
/** Statuses as a shell reports signals. */
const SIGNALS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;
const SIGPIPE_STATUS = 141;
/** How long a deterministic run waits for the end of its input before it starts, in ms. */
const READ_AHEAD_MS = 1000;
/** How long a machine that was told to stop, or a reader that was left, may take, in ms. */
const PATIENCE_MS = 2000;

function statusOf({ reason, status }: Ending): number {
  if (reason === 'exit') return status;
  return reason === 'shutdown' || reason === 'error' ? STATUS.crashed : STATUS.done;
}

/** What comes first: the promise, or `milliseconds`. */
async function within(promise: Promise<unknown>, milliseconds: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, milliseconds);
  });
  await Promise.race([promise.then(() => {}).catch(() => {}), late]);
  clearTimeout(timer);
}

/** What a status of the machine means for the program: its exit status, or undefined while it goes on. */
function endedWith(now: SessionStatus): number | undefined {
  if (now.error !== undefined) {
    console.error(`vitrine: ${now.error}`);
    return STATUS.failed;
  }
  if (now.state === 'ended' && now.ending !== undefined) {
    const { reason, sentence } = now.ending;
    if (reason !== 'exit' && reason !== 'poweroff') console.error(`vitrine: ${sentence}`);
    return statusOf(now.ending);
  }
  if (now.state === 'paused' && now.parked !== undefined) {
    console.error(`vitrine: ${now.parked.sentence}`);
    return STATUS.crashed;
  }
  return undefined;
}

/** Input that belongs to a deterministic run: all of stdin, unless somebody types it. */
async function inputAhead({ engine }: MachineOptions): Promise<Uint8Array | undefined> {
  if (engine !== 'deterministic' || process.stdin.isTTY) return undefined;
  return readAhead(READ_AHEAD_MS);
}

/** Runs the machine to its end; the process's exit status. */
async function runMachine({ machine, isVirtioConsole, given, timeout, stats }: RunRequest): Promise<number> {
  let leave: (status: number) => void = () => {};
  /** Set when the run was left before the guest had ended. */
  let left: number | undefined;
  const ended = new Promise<number>((resolve) => {
    leave = resolve;
  });
  const interrupt = (status: number) => (): void => {
    left ??= status;
    leave(status);
  };
  // From the first moment: reading ahead and starting a machine take their time.
  for (const [signal, status] of Object.entries(SIGNALS)) process.on(signal, interrupt(status));
  const input = await inputAhead(machine);
  const options = input === undefined || isVirtioConsole ? machine : { ...machine, input };
  const session = await SessionClient.start(
    nodeThreads.spawn('machine'),
    options.engine,
    readCore(),
    options,
    undefined,
    given,
  );
  const counting = stats === undefined ? undefined : new RunStatistics(session);
  const output = new Output((busy) => session.holdConsole(busy), interrupt(SIGPIPE_STATUS));
  const terminal = isVirtioConsole ? new GuestTerminal(session, (bytes) => output.write(bytes)) : undefined;
  const resize = (): void => {
    const { columns, rows } = process.stdout;
    if (process.stdout.isTTY && columns > 0 && rows > 0) terminal?.resize({ columns, rows });
  };
  resize();
  process.stdout.on('resize', resize);
  session.onConsole((bytes) => (terminal ? process.stderr.write(bytes) : output.write(bytes)));
  const type = (bytes: Uint8Array): void => (terminal ? terminal.type(bytes) : session.input(bytes));
  if (terminal && input) terminal.type(input);
  const restore = connectInput(type, interrupt(SIGNALS.SIGINT));
  let trouble: string | undefined;
  session.onStatus((now) => {
    if (now.trouble !== undefined && now.trouble !== trouble) console.error(`vitrine: ${now.trouble}`);
    trouble = now.trouble;
    const status = endedWith(now);
    if (status !== undefined) leave(status);
  });
  let timer: ReturnType<typeof setTimeout> | undefined;
  if (timeout !== undefined) {
    timer = setTimeout(() => {
      console.error(`vitrine: the guest did not end within ${timeout} s (--timeout).`);
      interrupt(STATUS.timeout)();
    }, timeout * 1000);
  }
  session.run().catch((error: Error) => {
    console.error(`vitrine: ${error.message}`);
    leave(STATUS.failed);
  });
  const status = await ended;
  clearTimeout(timer);
  await within(session.pause(), PATIENCE_MS);
  if (stats !== undefined && counting !== undefined) {
    const counted = counting.finish();
    // What a screen has read of its ring is in the hash too.
    terminal?.look();
    if (stats === STDERR) {
      console.error(statisticsText(counted));
    } else {
      const sha256 =
        options.engine === 'deterministic' && left === undefined ? { sha256: await session.hash() } : {};
      fs.writeFileSync(stats, `${JSON.stringify({ ...counted, ...sha256 }, null, 2)}\n`);
    }
  }
  process.stdout.off('resize', resize);
  terminal?.close();
  await session.close();
  // A reader that is slow gets all of it, unless the user leaves meanwhile.
  const flushed = output.flush();
  if (left === undefined) {
    const interrupted = new Promise<void>((resolve) => {
      for (const signal of Object.keys(SIGNALS)) process.on(signal, () => resolve());
    });
    await Promise.race([flushed, interrupted]);
  } else {
    await within(flushed, PATIENCE_MS);
  }
  restore();
  return left ?? status;
}

export const runCommand = defineCommand({
  meta: { name: 'run', description: 'Run a machine with its serial console on stdin and stdout' },
  args: RUN_ARGS,
  async run({ rawArgs }) {
    try {
      process.exit(await runMachine(runRequest(rawArgs)));
    } catch (error) {
      console.error(`vitrine run: ${(error as Error).message}`);
      process.exit(STATUS.refused);
    }
  },
});
