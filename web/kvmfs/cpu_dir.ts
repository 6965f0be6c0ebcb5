// cpu/: the vCPUs of a VM, a directory each. What reads or writes registers stops the vCPU for that moment.

import { VCPU_RUN } from '../../assembly/abi/map.ts';
import {
  V_STAT_BLOCKS,
  V_STAT_EXITS,
  V_STAT_FAULTS,
  V_STAT_INTERRUPTS,
  V_STAT_TLB_MISSES,
} from '../../assembly/abi/vcpu_page.ts';
import {
  boolean,
  bytesFile,
  type DirNode,
  decimal,
  directory,
  eventFile,
  type FileNode,
  hex,
  one,
  parseInteger,
  type Row,
  readiness,
  valueFile,
} from '../fs/index.ts';
import { exitCounts, exitOf, KvmError, retired, signalMask, type Vcpu, vcpuArea } from '../kvm/index.ts';
import { answerExit } from './answer.ts';
import { debuggerCommand, debuggerText } from './debugger.ts';
import { lastEvent, lastExit } from './exit_text.ts';
import { goOn, stepOn } from './go_on.ts';
import { indexOf } from './memory_dir.ts';
import { memoryFile } from './memory_file.ts';
import { parseRegister, REGISTERS } from './registers.ts';
import { tiersDir } from './tiers_dir.ts';
import { structRows } from './vcpu_structs.ts';
import type { VmEntry } from './vm_entry.ts';
import { onTick, onWord } from './words.ts';

const encoder = new TextEncoder();
/** How often who waits for a dirty ring looks, in ms: a vCPU that lists a page wakes nobody. */
const RING_MS = 20;

/** The event file: a read takes the next event, waiting for it. */
function nextEvent(entry: VmEntry, id: number): FileNode {
  return eventFile({
    mode: 0o444,
    open: () => {
      const { machine } = entry;
      const own = machine.vcpuWords(id);
      return {
        take() {
          if (!entry.has(id)) return new Uint8Array(0);
          return own.takeEvent()
            ? encoder.encode(`${lastEvent(machine, id, entry.deathOf(id))}\n`)
            : undefined;
        },
        poll: () => readiness(!entry.has(id) || own.hasEvent),
        onReady: entry.orGone(onWord(entry.vm.memory, own.eventOffset)),
      };
    },
  });
}

function registerDir(entry: VmEntry, id: number): DirNode {
  return directory(
    REGISTERS.map(({ name, bits, get, set }): Row => {
      const make = () =>
        valueFile({
          format: (value: bigint) => `0x${value.toString(16)}`,
          parse: (text) => parseRegister(text, bits),
          get: () => entry.standing(id, get),
          set: (value) => entry.standing(id, (vcpu) => set(vcpu, value)),
        });
      return [name, make];
    }),
  );
}

function msrDir(entry: VmEntry, id: number): DirNode {
  const file = (index: number): FileNode =>
    valueFile({
      ...hex(),
      get: () =>
        entry.standing(id, (vcpu) => {
          const [found] = vcpu.getMsrs([index]);
          if (!found) throw new KvmError('EINVAL', `MSR 0x${index.toString(16)} does not exist`);
          return found.data;
        }),
      set: (data) =>
        entry.standing(id, (vcpu) => {
          if (vcpu.setMsrs([{ index, data }]) === 0)
            throw new KvmError('EINVAL', `MSR 0x${index.toString(16)} does not exist or refuses this value`);
        }),
    });
  const rows = entry.host.kvm
    .getMsrIndexList()
    .map((index): Row => [`0x${index.toString(16)}`, () => file(index)]);
  return directory(rows, {
    find: (name) => (/^0x[0-9a-f]{1,8}$/i.test(name) ? file(Number(name)) : undefined),
  });
}

function translateDir(entry: VmEntry, id: number): DirNode {
  return directory([], {
    find: (name) => {
      if (!/^0x[0-9a-f]{1,16}$/i.test(name)) return undefined;
      return valueFile({
        get: () =>
          entry.standing(id, (vcpu) => {
            const found = vcpu.translate(parseInteger(name));
            if (!found.valid) return 'unmapped';
            const gpa = `0x${found.physical_address.toString(16)}`;
            return `gpa=${gpa} writeable=${found.writeable} usermode=${found.usermode}`;
          }),
      });
    },
  });
}

function statsText(entry: VmEntry, id: number): string {
  const { memory } = entry.vm;
  const { page } = entry.machine.vcpu(id);
  const counts: [string, bigint | number][] = [
    ['instructions', retired(memory, page)],
    ['exits', memory.u64(page + V_STAT_EXITS)],
    ['interrupts', memory.u64(page + V_STAT_INTERRUPTS)],
    ['faults', memory.u64(page + V_STAT_FAULTS)],
    ['tlb_misses', memory.u64(page + V_STAT_TLB_MISSES)],
    ['blocks_decoded', memory.u64(page + V_STAT_BLOCKS)],
    ...[...exitCounts(memory, id)].map(([reason, count]): [string, number] => [
      exitOf(reason).name.toLowerCase(),
      count,
    ]),
  ];
  return counts.map(([name, count]) => `${name}=${count}`).join('\n');
}

/** The pages that this vCPU has listed since the last read; a write makes room in all rings (KVM_RESET_DIRTY_RINGS). */
function dirtyRingFile(entry: VmEntry, id: number): FileNode {
  return eventFile({
    mode: 0o644,
    open: () => {
      const ring = entry.machine.vcpu(id).dirtyRing;
      if (ring === undefined)
        throw new KvmError('ENXIO', 'no dirty rings: write dirty_ring=64K to ctl before the first vCPU');
      return {
        take() {
          if (!entry.has(id)) return new Uint8Array(0);
          const pages = ring.harvest();
          if (pages.length === 0) return undefined;
          return encoder.encode(pages.map(({ slot, page }) => `slot=${slot} offset=${page}\n`).join(''));
        },
        put(bytes) {
          entry.vm.resetDirtyRings();
          return bytes.length;
        },
        poll: () => readiness(!entry.has(id) || ring.isDirty, true),
        onReady: entry.orGone(onTick(RING_MS)),
      };
    },
  });
}

const maskText = (mask: bigint | undefined): string =>
  mask === undefined ? 'none' : `0x${mask.toString(16)}`;

/** The 8 bytes of KVM_SET_SIGNAL_MASK; undefined for `none`. EINVAL. */
function parseMask(text: string): Uint8Array | undefined {
  if (text === 'none') return undefined;
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, hex().parse(text), true);
  return bytes;
}

function vcpuRows(entry: VmEntry, id: number): Row[] {
  const { vm } = entry;
  const vcpu = () => entry.machine.vcpu(id);
  const held = <T>(body: (vcpu: Vcpu) => T) => entry.standing(id, body);
  const structs = structRows(entry.host.kvm.getMsrIndexList()).flatMap((row): Row[] => [
    [
      row.name,
      () =>
        bytesFile({
          mode: 0o644,
          ...(row.size === undefined ? {} : { size: row.size }),
          get: () => held(row.get),
          set: (bytes) => held((one) => row.set(one, bytes)),
        }),
    ],
    [
      `${row.name}.txt`,
      () =>
        valueFile({
          get: () => held(row.text),
          set: (text) => held((one) => row.setText(one, text)),
        }),
    ],
  ]);
  return [
    [
      'paused',
      valueFile({
        ...boolean,
        get: () => vcpu().paused,
        set: (on) => (on ? entry.runner.pause(id) : goOn(entry, id)),
      }),
    ],
    ['event', nextEvent(entry, id)],
    ['exit', valueFile({ get: () => held(() => lastExit(vcpu())) })],
    [
      'answer',
      valueFile({
        set: (text) => {
          if (!vcpu().paused) throw new KvmError('EBUSY', `vCPU ${id} runs: it waits for no answer`);
          answerExit(vcpu(), text);
        },
      }),
    ],
    ['step', valueFile({ ...decimal(1, 1_000_000), set: (count) => stepOn(entry, id, count) })],
    [
      'debugger',
      valueFile({
        get: () => debuggerText(vm.memory, vcpu()),
        set: (text) => held((one) => debuggerCommand(vm.memory, one, text)),
      }),
    ],
    ['irq', valueFile({ ...decimal(0, 255), set: (vector) => vcpu().interrupt(vector) })],
    ['nmi', valueFile({ ...one, set: () => vcpu().nmi() })],
    ['smi', valueFile({ ...one, set: () => vcpu().smi() })],
    ['reg', () => registerDir(entry, id)],
    ...structs,
    ['msr', () => msrDir(entry, id)],
    ['translate', () => translateDir(entry, id)],
    [
      'run',
      memoryFile(0o644, () => ({
        size: entry.host.kvm.getVcpuMmapSize(),
        bytes: (offset, length) => vm.memory.bytes(vcpuArea(vm.memory, id) + VCPU_RUN + offset, length),
      })),
    ],
    ['run.txt', valueFile({ get: () => held(() => lastExit(vcpu())) })],
    ['dirty_ring', dirtyRingFile(entry, id)],
    [
      'signal_mask',
      valueFile({
        get: () => maskText(signalMask(vm.memory, id)),
        set: (text) => vcpu().setSignalMask(parseMask(text)),
      }),
    ],
    ['stats', valueFile({ get: () => statsText(entry, id) })],
    ['stats_fd', bytesFile({ get: () => vcpu().getStats() })],
    ['tiers', () => tiersDir(entry, id)],
  ];
}

/** cpu/: mkdir is KVM_CREATE_VCPU, paused; rmdir takes a paused vCPU away. */
export function cpuDir(entry: VmEntry): DirNode {
  return directory(
    () => entry.vm.vcpuIds().map((id) => [String(id), () => directory(vcpuRows(entry, id))] as const),
    {
      mkdir: (name) => entry.createVcpu(indexOf(name, entry.vm.maxVcpus, 'vCPU of this VM')),
      rmdir(name) {
        const id = indexOf(name, entry.vm.maxVcpus, 'vCPU of this VM');
        if (!entry.has(id)) throw new KvmError('ENOENT', `there is no vCPU ${id}`);
        return entry.removeVcpu(id);
      },
      watch: (listener) =>
        entry.news.on(({ dir, kind, name }) => {
          if (dir === 'cpu') listener({ kind, name });
        }),
    },
  );
}
