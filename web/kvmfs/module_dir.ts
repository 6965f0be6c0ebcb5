// The directory of one module: how it is started, how it stands, what it is bound to and what it holds there.

import {
  boolean,
  bytesFile,
  commandFile,
  type DirNode,
  decimal,
  directory,
  type FileNode,
  type Format,
  hex,
  parseInteger,
  type Settings,
  size,
  text,
  valueFile,
  word,
} from '../fs/index.ts';
import { KvmError, type PinInfo, type Vm } from '../kvm/index.ts';
import { frameBytes, MODULES, type ModuleHost, type ModuleInfo, type ModuleKind } from '../modules/index.ts';
import { type GuestHandle, handleOf, pinOf, type Vas } from '../xinterface/index.ts';
import { attachmentText, pinCounts } from './pin_text.ts';

/** What modules can be bound to, and where their programs come from. */
export interface ModuleGuests {
  vm(name: string): Vm | undefined;
  vas(name: string): Vas | undefined;
  /** A file of the tree in which /modules stands. */
  read(path: string): Promise<Uint8Array>;
}

const KINDS = Object.keys(MODULES) as [ModuleKind, ...ModuleKind[]];
/** A module in Wasm gets no more memory for its output, in bytes. */
const OUTPUT_MAX = 1n << 28n;

/** Options of a program of one's own: `base:0x3000,count:4`. */
const numbers: Format<Readonly<Record<string, bigint>>> = {
  format: (given) =>
    Object.entries(given)
      .map(([name, value]) => `${name}:0x${value.toString(16)}`)
      .join(','),
  parse: (given) =>
    Object.fromEntries(
      given.split(',').map((pair) => {
        const [name = '', value] = pair.split(':');
        if (name === '' || value === undefined)
          throw new KvmError('EINVAL', `'${pair}' is no option: write args=NAME:NUMBER,NAME:NUMBER`);
        return [name, parseInteger(value)];
      }),
    ),
};

const KEYS = {
  kind: word(...KINDS),
  vm: text,
  vas: text,
  program: text,
  request: hex(),
  ring: hex(),
  pixels: hex(),
  doorbell: hex(),
  pio: boolean,
  gsi: decimal(0, 23),
  count: decimal(),
  width: decimal(),
  height: decimal(),
  output: size,
  args: numbers,
} as const;
type Line = Settings<typeof KEYS>;

/** What a module's directory stands for. */
export class ModulePlace {
  readonly name: string;
  readonly host: ModuleHost | undefined;
  readonly guests: ModuleGuests;
  /** The line that has started it last. */
  line: Line = {};
  /** The file in which its output shows, and the memory that it writes. */
  output: { readonly file: 'frames' | 'output'; readonly bytes: SharedArrayBuffer } | undefined;

  constructor(name: string, host: ModuleHost | undefined, guests: ModuleGuests) {
    this.name = name;
    this.host = host;
    this.guests = guests;
  }

  get info(): ModuleInfo | undefined {
    return this.host?.get(this.name);
  }

  /** What it holds of its guest now. */
  get pin(): PinInfo | undefined {
    const bound = this.info?.bound;
    return bound && pinOf(bound);
  }

  /** What it was bound to last: `vm NAME` or `vas NAME`. */
  get guest(): string {
    const { vm, vas } = this.line;
    return vm !== undefined ? `vm ${vm}` : vas !== undefined ? `vas ${vas}` : 'none';
  }

  async start(line: Line): Promise<void> {
    const { host, name } = this;
    if (host === undefined) {
      throw new KvmError(
        'EOPNOTSUPP',
        'modules need threads that share memory, and this page is not cross-origin isolated',
      );
    }
    const { kind, vm, vas, program, output, args, ...plain } = line;
    if (kind === undefined) throw new KvmError('EINVAL', `write kind=${KINDS.join('|')}`);
    const guest = guestOf(this.guests, vm, vas);
    const frames =
      kind === 'framebuffer' && plain.width !== undefined && plain.height !== undefined
        ? new SharedArrayBuffer(frameBytes(plain.width, plain.height))
        : undefined;
    if (kind !== 'wasm' && (program ?? output ?? args) !== undefined)
      throw new KvmError('EINVAL', 'program=, output= and args= are of kind=wasm');
    const own = kind === 'wasm' ? await programOf(this.guests, program, output) : undefined;
    const state = this.info?.state;
    if (state === 'starting' || state === 'running')
      throw new KvmError('EEXIST', `module ${name} runs already: write kill to its signal first`);
    this.line = line;
    await host.start({
      kind,
      name,
      guest,
      options: { ...plain, ...args, ...own, ...(frames && { frames }) },
    });
    if (frames) this.output = { file: 'frames', bytes: frames };
    else this.output = own?.output && { file: 'output', bytes: own.output };
  }
}

function guestOf(guests: ModuleGuests, vm: string | undefined, vas: string | undefined): GuestHandle {
  if ((vm === undefined) === (vas === undefined))
    throw new KvmError('EINVAL', 'a module is bound to one guest: write vm=NAME or vas=NAME');
  const found = vm === undefined ? guests.vas(vas ?? '')?.handle : handleOfVm(guests.vm(vm));
  if (found) return found;
  throw new KvmError(
    'ENOENT',
    vm === undefined ? `there is no address space '${vas}'` : `there is no VM '${vm}'`,
  );
}

const handleOfVm = (vm: Vm | undefined): GuestHandle | undefined => vm && handleOf(vm);

/** The compiled program of a Wasm module, and memory for its output. ENOEXEC for what is no Wasm. */
async function programOf(guests: ModuleGuests, program: string | undefined, output: bigint | undefined) {
  if (program === undefined)
    throw new KvmError('EINVAL', 'a module in Wasm needs its program: program=/tmp/NAME.wasm');
  if (output !== undefined && (output === 0n || output > OUTPUT_MAX || output % 4n !== 0n))
    throw new KvmError('EINVAL', 'output= is a multiple of 4, at most 256M');
  const bytes = await guests.read(program);
  let module: WebAssembly.Module;
  try {
    module = await WebAssembly.compile(new Uint8Array(bytes));
  } catch (error) {
    throw new KvmError(
      'ENOEXEC',
      `${program} is no WebAssembly that can be compiled: ${(error as Error).message}`,
    );
  }
  return { module, ...(output !== undefined && { output: new SharedArrayBuffer(Number(output)) }) };
}

/** One line of `bound`: what a living module is bound to, and how much. */
export function boundLine(place: ModulePlace): string | undefined {
  const { info, pin, name } = place;
  return info && pin && `${name} ${info.kind} ${info.state} ${place.guest} ${pinCounts(pin)}`;
}

const bufferFile = (bytes: SharedArrayBuffer): FileNode =>
  bytesFile({ mode: 0o444, size: bytes.byteLength, get: () => new Uint8Array(bytes).slice() });

/** NAME/. */
export function moduleDir(place: ModulePlace): DirNode {
  const { host, name } = place;
  return directory(
    () => [
      ['ctl', commandFile({ keys: KEYS, get: () => place.line, set: (line) => place.start(line) })],
      [
        'state',
        valueFile({
          get: () => {
            const { state = 'declared', why } = place.info ?? {};
            return why === undefined ? state : `${state} ${why}`;
          },
        }),
      ],
      ['guest', valueFile({ get: () => place.guest })],
      ['pin', valueFile({ get: () => (place.pin ? pinCounts(place.pin) : 'none') })],
      ['attached', valueFile({ get: () => (place.pin?.attachments ?? []).map(attachmentText).join('\n') })],
      ['report', valueFile({ get: () => JSON.stringify(place.info?.report ?? null) })],
      [
        'signal',
        valueFile({
          ...word('stop', 'kill'),
          set: async (how) => {
            if (host === undefined || host.get(name) === undefined)
              throw new KvmError('ESRCH', `module ${name} was never started: write to its ctl first`);
            await (how === 'kill' ? host.kill(name) : host.stop(name));
          },
        }),
      ],
      ...(place.output ? [[place.output.file, bufferFile(place.output.bytes)] as const] : []),
    ],
    {
      watch: (listener) => {
        const off = host?.onChange((info) => {
          if (info.name === name) listener({ kind: 'changed', name: 'state' });
        });
        return () => off?.();
      },
    },
  );
}
