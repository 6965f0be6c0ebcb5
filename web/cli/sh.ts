// `vitrine sh`: the shell over the file tree, for a script, a text, standard input, or somebody at a terminal.
import fs from 'node:fs';
import path from 'node:path';
import { defineCommand } from 'citty';
import type { Fs } from '../fs/index.ts';
import type { FolderRequest } from '../session/folders/request.ts';
import { openTree } from '../session/tree_client.ts';
import { InteractiveShell, type RunOptions, Shell } from '../sh/index.ts';
import { readCore } from './core_file.ts';
import { folderOptions } from './device_options.ts';
import { hostInput, hostOutput } from './host_streams.ts';
import { nodeThreads } from './threads/node_threads.ts';

/** Statuses of a shell that cannot begin, as dash has them. */
const STATUS = { usage: 2, notFound: 127 } as const;

/** The width of a terminal that does not say it. */
const DEFAULT_COLUMNS = 80;

/** The command line in words. */
interface ShellRequest {
  /** What stands in /share. */
  folders: readonly FolderRequest[];
  /** Letters of `set`. */
  letters: string;
  /** The text of -c. */
  text: string | undefined;
  /** The script's path on the host. */
  script: string | undefined;
  args: string[];
}

function readArguments(rawArgs: readonly string[]): ShellRequest {
  const args = [...rawArgs];
  const share: string[] = [];
  while (args[0] === '--share') {
    const [, text] = args.splice(0, 2);
    if (text === undefined)
      throw new Error('--share needs a folder behind it: DIR, DIR,NAME or DIR,NAME,ro.');
    share.push(text);
  }
  const folders = folderOptions({ share });
  let letters = '';
  while (args[0] !== undefined && /^-[a-zA-Z]+$/.test(args[0])) letters += (args.shift() as string).slice(1);
  if (args[0] === '--') args.shift();
  if (!letters.includes('c')) {
    const script = letters.includes('s') ? undefined : args.shift();
    return { folders, letters: letters.replace('s', ''), text: undefined, script, args };
  }
  const text = args.shift();
  if (text === undefined) throw new Error('-c needs the text of the commands behind it.');
  return { folders, letters: letters.replace('c', ''), text, script: undefined, args };
}

/** The file tree that the shell is over: a machine worker's /kvm, /tmp, /dev, /share, and /host with the script in it. */
async function machineTree(script: string | undefined, folders: readonly FolderRequest[]): Promise<Fs> {
  const host =
    script === undefined
      ? []
      : [{ name: path.basename(script), bytes: new Uint8Array(fs.readFileSync(script)) }];
  return await openTree(nodeThreads.spawn('machine'), {
    core: readCore(),
    share: true,
    host,
    folders,
  });
}

/** A prompt on a raw terminal, until `exit` or ^D. */
async function runInteractive(shell: Shell): Promise<number> {
  const { stdin, stdout } = process;
  const interactive = new InteractiveShell({
    shell,
    output: (bytes) => {
      stdout.write(bytes);
    },
    columns: stdout.columns || DEFAULT_COLUMNS,
  });
  const restore = (): void => {
    stdin.setRawMode(false);
  };
  // However the program ends, the user's terminal is as before.
  process.on('exit', restore);
  stdin.setRawMode(true);
  stdin.on('data', (data: Buffer) => interactive.input(new Uint8Array(data)));
  stdin.on('end', () => process.exit(0));
  stdout.on('resize', () => interactive.resize(stdout.columns || DEFAULT_COLUMNS));
  return await interactive.run();
}

async function runShell({ folders, letters, text, script, args }: ShellRequest): Promise<number> {
  let source: Uint8Array | undefined;
  try {
    if (script !== undefined) source = fs.readFileSync(script);
  } catch (error) {
    console.error(`vitrine sh: cannot open ${script} (${(error as NodeJS.ErrnoException).code}).`);
    return STATUS.notFound;
  }
  const shell = new Shell({
    fs: await machineTree(script, folders),
    cwd: '/tmp',
    env: { HOME: '/tmp', TERM: process.env.TERM ?? 'dumb' },
  });
  const streams: RunOptions = {
    letters,
    stdin: hostInput(),
    stdout: hostOutput(process.stdout),
    stderr: hostOutput(process.stderr),
  };
  for (const signal of ['INT', 'TERM', 'HUP']) process.on(`SIG${signal}`, () => shell.kill(signal));
  if (source) return await shell.run(source, { ...streams, name: script ?? 'sh', args });
  if (text !== undefined)
    return await shell.run(text, { ...streams, name: args[0] ?? 'sh', args: args.slice(1) });
  if (process.stdin.isTTY) return await runInteractive(shell);
  return await shell.runInput({ ...streams, name: 'sh', args });
}

export const shCommand = defineCommand({
  meta: {
    name: 'sh',
    description: 'Run the shell over the file tree: a script, -c text, standard input, or a prompt',
  },
  args: {
    script: {
      type: 'positional',
      description: 'A script on the host; its arguments follow',
      required: false,
    },
    c: { type: 'string', description: 'The commands themselves' },
    share: {
      type: 'string',
      description: 'A folder to stand in /share, DIR[,NAME][,ro]; before all else, as often as wanted',
    },
  },
  async run({ rawArgs }) {
    try {
      process.exit(await runShell(readArguments(rawArgs)));
    } catch (error) {
      console.error(`vitrine sh: ${(error as Error).message}`);
      process.exit(STATUS.usage);
    }
  },
});
