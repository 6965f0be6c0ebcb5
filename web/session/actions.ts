// What each button of a page does, as operations on files, and the same operations as words of a shell. It knows paths
// and text; a session carries them out, and a shell that is given the text does the same.
import type { Fs } from '../fs/index.ts';
import { DEFAULT_LINE, lineOf, type MachineLine, optionsText } from './options_text.ts';
import type { MachineOptions } from './types.ts';

/** The page's own VM in the tree, and where its files wait. */
export const VM = '/kvm/vm0';
/** Where a program waits for its machine. */
export const BOOT = `${VM}/boot`;
const HOME = '/home';

/** One operation on the tree. */
export type FileOperation =
  /** A line of text as the whole value. */
  | { readonly kind: 'write'; readonly path: string; readonly text: string }
  /** A few bytes as the whole value. */
  | { readonly kind: 'bytes'; readonly path: string; readonly bytes: Uint8Array }
  /** Bytes that only the page has, put where a shell finds them. */
  | { readonly kind: 'upload'; readonly path: string; readonly bytes: Uint8Array }
  /** A few bytes at a place in the file, which keeps the others. */
  | { readonly kind: 'patch'; readonly path: string; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly kind: 'copy'; readonly from: string; readonly to: string }
  /** Removes the files of a directory. */
  | { readonly kind: 'clear'; readonly path: string }
  /** Takes a directory away. */
  | { readonly kind: 'remove'; readonly path: string }
  /** Reads bytes: the result of the action. */
  | { readonly kind: 'read'; readonly path: string };

export type Action = readonly FileOperation[];

/** More bytes than these are not spelled out in a command. */
const SPELLED_BYTES = 256;

/** The bytes of `path`: spelled out if they are few, else put into /home and copied. */
function put(path: string, bytes: Uint8Array): FileOperation[] {
  if (bytes.length <= SPELLED_BYTES) return [{ kind: 'bytes', path, bytes }];
  const from = `${HOME}/${path.slice(path.lastIndexOf('/') + 1)}`;
  return [
    { kind: 'upload', path: from, bytes },
    { kind: 'copy', from, to: path },
  ];
}

function programOf({ program, input }: MachineOptions): FileOperation[] {
  const ahead = input === undefined ? [] : put(`${BOOT}/input`, input);
  if (program.kind === 'flat') return [...put(`${BOOT}/image`, program.image), ...ahead];
  const { kernel, initrd, append } = program;
  return [
    ...put(`${BOOT}/kernel`, kernel),
    ...(initrd === undefined ? [] : put(`${BOOT}/initrd`, initrd)),
    ...(append === undefined ? [] : [{ kind: 'write' as const, path: `${BOOT}/append`, text: append }]),
    ...ahead,
  ];
}

const write = (path: string, text: string): Action => [{ kind: 'write', path, text }];

const memoryOfSlot = (slot: number) => `${VM}/memory/${slot}/mem`;

/** A line of the shell that shows bytes of a slot: looking is no action. */
export const dumpText = (slot: number, offset: number, length: number): string =>
  `xxd -s 0x${offset.toString(16)} -l ${length} -g 1 ${memoryOfSlot(slot)}`;

/** What the next machine is made of. */
export const optionsAction = (line: Partial<MachineLine>): Action =>
  write(`${VM}/options`, optionsText({ ...DEFAULT_LINE, ...line }));

/** Every change that a page makes to its machine. */
export const ACTIONS = {
  /** A machine of these options with this program, made anew. */
  make: (options: MachineOptions): Action => [
    ...optionsAction(lineOf(options)),
    { kind: 'clear', path: BOOT },
    ...programOf(options),
    ...ACTIONS.reset(),
  ],
  run: () => write(`${VM}/paused`, '0'),
  pause: () => write(`${VM}/paused`, '1'),
  step: (vcpu: number) => write(`${VM}/cpu/${vcpu}/step`, '1'),
  reset: () => write(`${VM}/reset`, '1'),
  /** Breakpoints and watchpoints of a vCPU; the words are those of its `debugger` file. */
  debug: (vcpu: number, words: string) => write(`${VM}/cpu/${vcpu}/debugger`, words),
  /** Bytes into a slot's memory. */
  poke: (slot: number, offset: number, bytes: Uint8Array): Action => [
    { kind: 'patch', path: memoryOfSlot(slot), offset, bytes },
  ],
  /** Gives the bitmap and clears it, as KVM_GET_DIRTY_LOG. */
  harvest: (slot: number): Action => [{ kind: 'read', path: `${VM}/memory/${slot}/dirty_bitmap` }],
  /** Asks the guest to have so many MiB in its balloon. */
  balloon: (mib: number) => write(`${VM}/balloon`, mib === 0 ? '0' : `${mib}M`),
  /** Lets a module of /modules end, or ends its thread: then it holds nothing any more. */
  signal: (module: string, how: 'stop' | 'kill') => write(`/modules/${module}/signal`, how),
  /** Compiles blocks after so many entries, or none, in the machine at hand and in the next one. */
  jit: (entries: number | 'off'): Action => [
    ...write(`${VM}/options`, `jit=${entries}`),
    ...write(`${VM}/jit`, String(entries)),
  ],
  /** Forgets a compiled region of a vCPU; it is made anew when it is hot. */
  forget: (vcpu: number, region: number): Action => [
    { kind: 'remove', path: `${VM}/cpu/${vcpu}/tiers/region/${region}` },
  ],
  input: (bytes: Uint8Array): Action => [{ kind: 'bytes', path: `${VM}/console`, bytes }],
};

/** Carries an action out; gives what its last `read` has read. The first refused operation ends it with its KvmError. */
export async function perform(fs: Fs, action: Action): Promise<Uint8Array> {
  let result: Uint8Array = new Uint8Array();
  for (const operation of action) {
    switch (operation.kind) {
      case 'write':
        await fs.writeFile(operation.path, `${operation.text}\n`);
        break;
      case 'bytes':
      case 'upload':
        await fs.writeFile(operation.path, operation.bytes);
        break;
      case 'patch': {
        const file = await fs.open(operation.path, 'r+');
        try {
          await file.write(operation.bytes, operation.offset);
        } finally {
          await file.close();
        }
        break;
      }
      case 'copy':
        await fs.writeFile(operation.to, await fs.readFile(operation.from));
        break;
      case 'clear':
        for (const { name } of await fs.readdir(operation.path)) await fs.unlink(`${operation.path}/${name}`);
        break;
      case 'remove':
        await fs.rmdir(operation.path);
        break;
      case 'read':
        result = await fs.readFile(operation.path);
    }
  }
  return result;
}

const quoted = (text: string): string =>
  /^[\w./=:,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;

const ESCAPES: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\\': '\\\\', '%': '%%' };

/** The format of a printf(1) that prints `bytes`. */
function printfFormat(bytes: Uint8Array): string {
  const text = Array.from(bytes, (byte) => {
    const letter = String.fromCharCode(byte);
    if (ESCAPES[letter] !== undefined) return ESCAPES[letter];
    return byte >= 0x20 && byte < 0x7f ? letter : `\\${byte.toString(8).padStart(3, '0')}`;
  }).join('');
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function commandOf(operation: FileOperation): string {
  switch (operation.kind) {
    case 'write':
      return `echo ${quoted(operation.text)} > ${operation.path}`;
    case 'bytes':
      return `printf ${printfFormat(operation.bytes)} > ${operation.path}`;
    case 'upload':
      return `# ${operation.path}: ${operation.bytes.length} bytes, put there by the page`;
    case 'patch': {
      const place = `bs=1 seek=$((0x${operation.offset.toString(16)})) conv=notrunc status=none`;
      return `printf ${printfFormat(operation.bytes)} | dd of=${operation.path} ${place}`;
    }
    case 'copy':
      return `cp ${operation.from} ${operation.to}`;
    case 'clear':
      return `rm -f ${operation.path}/*`;
    case 'remove':
      return `rmdir ${operation.path}`;
    case 'read':
      return `xxd -a ${operation.path}`;
  }
}

/** The lines that do the same in a shell. */
export function shellText(action: Action): string {
  return action.map(commandOf).join('\n');
}
