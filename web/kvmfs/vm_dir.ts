// The directory of one VM: rows over its entry. What a file does stands in the file of its directory.

import {
  boolean,
  bytesFile,
  commandFile,
  type DirNode,
  decimal,
  directory,
  eventFile,
  type FileNode,
  one,
  parseInteger,
  type Row,
  readiness,
  size,
  textFile,
  valueFile,
  word,
} from '../fs/index.ts';
import {
  type CapName,
  decode,
  dirtyRingEntries,
  encode,
  forgetCode,
  KVM_CAP,
  KvmError,
  kvm_clock_data,
  kvm_dirty_gfn,
  type Stat,
  vcpuArea,
} from '../kvm/index.ts';
import { balloonMarks, balloonText } from './balloon_text.ts';
import { bootDir } from './boot_dir.ts';
import { consoleFile } from './console_file.ts';
import { cpuDir } from './cpu_dir.ts';
import { devDir } from './dev_dir.ts';
import { eventfdDir, ioeventfdFile, irqfdFile } from './eventfd_dir.ts';
import { lastEvent } from './exit_text.ts';
import { goOnAll } from './go_on.ts';
import { VM_README } from './help.ts';
import { irqchipDir } from './irqchip_dir.ts';
import { aliasDir, memoryDir } from './memory_dir.ts';
import { pinText } from './pin_text.ts';
import { resetVm } from './reset.ts';
import { snapshotFile } from './snapshot.ts';
import { structFromText, structText } from './struct_text.ts';
import { traceFile, tracePipe } from './trace_file.ts';
import type { VmEntry } from './vm_entry.ts';
import { onAny, onWord } from './words.ts';

const encoder = new TextEncoder();

function stateText(entry: VmEntry): string {
  const { state, ending } = entry.machine.words;
  return ending === undefined ? state : `${state} ${ending.reason} status=${ending.status}`;
}

/** The next event of any vCPU: `cpu 1 hlt`. */
function nextEvent(entry: VmEntry) {
  return eventFile({
    mode: 0o444,
    open: () => {
      const { machine, vm } = entry;
      const all = () => vm.vcpuIds().map((id) => ({ id, own: machine.vcpuWords(id) }));
      return {
        take() {
          if (!entry.isAlive) return new Uint8Array(0);
          const found = all().find(({ own }) => own.takeEvent());
          if (!found) return undefined;
          return encoder.encode(`cpu ${found.id} ${lastEvent(machine, found.id, entry.deathOf(found.id))}\n`);
        },
        poll: () => readiness(!entry.isAlive || all().some(({ own }) => own.hasEvent)),
        onReady: entry.orGone((listener) =>
          onAny(...all().map(({ own }) => onWord(vm.memory, own.eventOffset)))(listener),
        ),
      };
    },
  });
}

/** A line `name=value` for each counter. */
const statsText = (stats: readonly Stat[]): string =>
  stats.map(({ name, values }) => `${name}=${values.join(',')}`).join('\n');

function capOf(name: string): number {
  const found = KVM_CAP[name.replace(/^KVM_CAP_/, '') as CapName] as number | undefined;
  return found ?? Number(parseInteger(name));
}

/** From now on blocks are compiled after so many entries, or never: what is decoded and compiled already is forgotten. */
function setJit(entry: VmEntry, entries: number | undefined): Promise<void> {
  const { vm } = entry;
  const { memory } = vm;
  const ids = vm.vcpuIds();
  return entry.runner.hold(ids, () => {
    vm.compileAfter(entries);
    for (const id of ids) forgetCode(memory.wasm.buffer, vcpuArea(memory, id));
  });
}

/** Nodes that know more than their entry does: one of each a VM, whoever looks. */
interface Lasting {
  readonly boot: DirNode;
  readonly console: FileNode;
}

function rowsOf(entry: VmEntry, { boot, console }: Lasting): Row[] {
  const clock = () => encode(kvm_clock_data, entry.vm.getClock());
  const balloon = (): Row[] =>
    balloonMarks(entry) ? [['balloon_pages', valueFile({ get: () => balloonText(entry) })]] : [];
  const irqchip = (): Row[] => (entry.vm.hasIrqchip ? [['irqchip', () => irqchipDir(entry)]] : []);
  const setClock = (bytes: Uint8Array) => entry.vm.setClock({ clock: decode(kvm_clock_data, bytes).clock });
  return [
    ['README', textFile(VM_README)],
    [
      'ctl',
      commandFile({
        keys: {
          engine: word('parallel', 'deterministic'),
          seed: decimal(),
          limit: size,
          vcpus: decimal(1, 32),
          dirty_ring: size,
        },
        get: () => {
          const { engine, seed, limit, vcpus } = entry.settings;
          const ring = dirtyRingEntries(entry.vm.memory) * kvm_dirty_gfn.size;
          return {
            engine,
            ...(seed === undefined ? {} : { seed }),
            ...{ limit: BigInt(limit), vcpus },
            ...(ring === 0 ? {} : { dirty_ring: BigInt(ring) }),
          };
        },
        set: ({ limit, dirty_ring: ring, ...rest }) =>
          entry.configure({
            ...rest,
            ...(limit === undefined ? {} : { limit: Number(limit) }),
            ...(ring === undefined ? {} : { dirtyRing: Number(ring) }),
          }),
      }),
    ],
    ['state', valueFile({ get: () => stateText(entry) })],
    [
      'paused',
      valueFile({
        ...boolean,
        get: () => entry.machine.words.state !== 'running',
        set: (on) => (on ? entry.runner.pauseAll() : goOnAll(entry)),
      }),
    ],
    ['event', nextEvent(entry)],
    ['vas', valueFile({ get: () => entry.vas?.name ?? 'none' })],
    ['memory', memoryDir(entry)],
    ['alias', aliasDir(entry)],
    ['cpu', cpuDir(entry)],
    ...irqchip(),
    ['eventfd', eventfdDir(entry)],
    ['ioeventfd', ioeventfdFile(entry)],
    ['irqfd', irqfdFile(entry)],
    ['dev', devDir(entry)],
    ['console', console],
    ['boot', boot],
    ['reset', valueFile({ ...one, set: () => resetVm(entry) })],
    ['clock', bytesFile({ mode: 0o644, size: kvm_clock_data.size, get: clock, set: setClock })],
    [
      'clock.txt',
      valueFile({
        get: () => structText(kvm_clock_data, clock()),
        set: (text) => setClock(structFromText(kvm_clock_data, clock(), text)),
      }),
    ],
    [
      'tsc_khz',
      valueFile({
        ...decimal(),
        get: () => entry.vm.getTscKhz(),
        set: (khz) => entry.vm.setTscKhz(khz),
      }),
    ],
    [
      'enable_cap',
      commandFile({
        keys: { cap: { format: String, parse: capOf }, args: { format: String, parse: (text) => text } },
        set: ({ cap = 0, args = '' }) =>
          entry.vm.enableCap({ cap, args: args === '' ? [] : args.split(',').map(parseInteger) }),
      }),
    ],
    [
      'jit',
      valueFile({
        format: (entries: number | undefined) => (entries === undefined ? 'off' : String(entries)),
        parse: entriesOf,
        get: () => entry.vm.compilesAfter,
        set: (entries) => setJit(entry, entries),
      }),
    ],
    ['stats', valueFile({ get: () => statsText(entry.vm.stats()) })],
    ['stats_fd', bytesFile({ get: () => entry.vm.getStats() })],
    ['trace', traceFile(entry)],
    ['trace_pipe', tracePipe(entry)],
    ['snapshot', snapshotFile(entry)],
    ...balloon(),
    ['pins', valueFile({ get: () => entry.vm.pins().map(pinText).join('\n') })],
  ];
}

/** After how many entries blocks are compiled, undefined for never. EINVAL. */
function entriesOf(text: string): number | undefined {
  if (text === 'off') return undefined;
  if (!/^(0x[0-9a-f]+|[0-9]+)$/i.test(text))
    throw new KvmError('EINVAL', `'${text}' is neither off nor a number of entries, such as 2000`);
  return Number(text);
}

/** The directory of `entry`. */
export async function vmDir(entry: VmEntry): Promise<DirNode> {
  const lasting = { boot: await bootDir(entry), console: consoleFile(entry) };
  return directory(() => rowsOf(entry, lasting), {
    mkdir(name) {
      if (name !== 'irqchip') throw new KvmError('EPERM', "only 'irqchip' can be made here");
      entry.vm.createIrqchip();
    },
    watch: (listener) => {
      const { words, vm } = entry.machine;
      return onWord(vm.memory, words.eventOffset)(() => listener({ kind: 'changed', name: 'state' }));
    },
  });
}
