// /modules: the modules of a supervisor, a directory each. It starts no thread itself: its owner gives it the host.

import {
  boolean,
  bytesFile,
  type Change,
  commandFile,
  type DirNode,
  decimal,
  directory,
  Emitter,
  hex,
  type Row,
  textFile,
  valueFile,
  word,
} from '../fs/index.ts';
import { KvmError, type Vm } from '../kvm/index.ts';
import { frameBytes, MODULES, type ModuleHost, type ModuleKind } from '../modules/index.ts';
import { handleOf } from '../xinterface/index.ts';

const README = `Modules serve guests from threads of their own and see guest-physical addresses only.

mkdir rng0 ; echo "kind=random vm=vm0 request=0x3000 doorbell=0x510 pio=1 gsi=5" > rng0/ctl
state        declared, starting, running, ended, failed WHY, killed
report       what it has told last, as JSON
signal       stop lets it end, kill ends its thread; both release what it held
frames       of a framebuffer: what it shows
rmdir NAME   of one that is over

What a module holds of a VM stands in /kvm/VM/pins.
`;

/** The kinds that need nothing but words: a Wasm module would need its program. */
const KINDS = Object.keys(MODULES).filter((kind) => kind !== 'wasm') as [ModuleKind, ...ModuleKind[]];

const OPTIONS = {
  request: hex(),
  ring: hex(),
  pixels: hex(),
  doorbell: hex(),
  pio: boolean,
  gsi: decimal(0, 23),
  count: decimal(),
  width: decimal(),
  height: decimal(),
} as const;

const KEYS = {
  kind: word(...KINDS),
  vm: { format: String, parse: (text: string) => text },
  ...OPTIONS,
} as const;

/** What a directory stands for. */
interface Place {
  /** What a framebuffer draws into. */
  frames?: SharedArrayBuffer;
}

/** The tree of `host`'s modules. `find` gives the VM of a name. */
export function modulesTree(host: ModuleHost, find: (vm: string) => Vm | undefined): DirNode {
  const places = new Map<string, Place>();
  const changes = new Emitter<Change>();

  const start = async (name: string, place: Place, settings: Parameters<typeof request>[0]) => {
    const { frames, ...rest } = request(settings);
    await host.start({ ...rest, name, options: { ...rest.options, ...(frames && { frames }) } });
    if (frames) place.frames = frames;
  };

  const request = ({
    kind,
    vm = '',
    ...options
  }: {
    kind?: ModuleKind;
    vm?: string;
    [key: string]: unknown;
  }) => {
    const found = find(vm);
    if (kind === undefined) throw new KvmError('EINVAL', `write kind=${KINDS.join('|')}`);
    if (found === undefined) throw new KvmError('ENOENT', `there is no VM '${vm}': write vm=NAME`);
    const { width, height } = options;
    const frames =
      kind === 'framebuffer' && typeof width === 'number' && typeof height === 'number'
        ? new SharedArrayBuffer(frameBytes(width, height))
        : undefined;
    return { kind, guest: handleOf(found), options, frames };
  };

  const rows = (name: string, place: Place): Row[] => [
    ['ctl', commandFile({ keys: KEYS, set: (settings) => start(name, place, settings) })],
    [
      'state',
      valueFile({
        get: () => {
          const { state = 'declared', why } = host.get(name) ?? {};
          return why === undefined ? state : `${state} ${why}`;
        },
      }),
    ],
    ['report', valueFile({ get: () => JSON.stringify(host.get(name)?.report ?? null) })],
    [
      'signal',
      valueFile({
        ...word('stop', 'kill'),
        set: async (how) => {
          await (how === 'kill' ? host.kill(name) : host.stop(name));
        },
      }),
    ],
    ...(place.frames ? [['frames', framesFile(place.frames)] as const] : []),
  ];

  return directory(
    () => [
      ['README', textFile(README)],
      ...[...places].map(([name, place]) => [name, () => directory(rows(name, place))] as const),
    ],
    {
      mkdir(name) {
        if (places.has(name) || name === 'README')
          throw new KvmError('EEXIST', `'${name}' is there already; take another name`);
        if (!/^\w[\w.-]{0,31}$/.test(name))
          throw new KvmError('EINVAL', `'${name}' cannot name a module: letters, digits, - . _, at most 32`);
        places.set(name, {});
        changes.emit({ kind: 'made', name });
      },
      rmdir(name) {
        if (!places.has(name)) throw new KvmError('ENOENT', `there is no module '${name}'`);
        if (host.get(name) !== undefined) host.remove(name);
        places.delete(name);
        changes.emit({ kind: 'removed', name });
      },
      watch: changes.on,
    },
  );
}

const framesFile = (frames: SharedArrayBuffer) =>
  bytesFile({ mode: 0o444, size: frames.byteLength, get: () => new Uint8Array(frames).slice() });
