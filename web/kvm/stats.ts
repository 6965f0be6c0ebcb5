// KVM_GET_STATS_FD: the counters of a VM or vCPU as one self-describing file: header, id, descriptors, data. Reading it
// stops nobody.

import {
  STAT_BUS_LOCKS,
  STAT_EXIT_REASONS,
  STAT_HALT_WAKEUPS,
  STAT_HALTS,
  STAT_HYPERCALLS,
  STAT_NMIS,
  STAT_POLL_FAIL_NS,
  STAT_POLL_SUCCESS_NS,
  STAT_POLLS,
  STAT_POLLS_WON,
  STAT_REASONS,
  STAT_TLB_FLUSHES,
  STAT_WAIT_NS,
} from '../../assembly/abi/calls.ts';
import { VCPU_MSRS } from '../../assembly/abi/map.ts';
import {
  V_STAT_BLOCKS,
  V_STAT_EXITS,
  V_STAT_FAULTS,
  V_STAT_INTERRUPTS,
  V_STAT_TLB_MISSES,
} from '../../assembly/abi/vcpu_page.ts';
import { encode, KVM_EXIT, kvm_stats_desc, kvm_stats_header } from './abi/index.ts';
import type { MachineMemory } from './memory.ts';
import { allSlots } from './slots.ts';
import { readTiers } from './tiers.ts';
import { retired, vcpuArea, vcpuIds, vcpuPage } from './vm_page.ts';

/** KVM_STATS_TYPE_*: how a value moves. */
export const KVM_STATS_TYPE = { CUMULATIVE: 0, INSTANT: 1, PEAK: 2, LINEAR_HIST: 3, LOG_HIST: 4 } as const;
/** Of a descriptor's flags: the value is a time, in seconds by its exponent. */
const KVM_STATS_UNIT_SECONDS = 2 << 4;
/** KVM_STATS_NAME_SIZE: bytes of each name, and of the id. */
const NAME_SIZE = 48;

/** One counter: its name (KVM's where KVM has it), how it moves, and its values, all of them u64. */
export interface Stat {
  /** It counts nanoseconds: KVM_STATS_UNIT_SECONDS, exponent -9. */
  readonly isTime?: boolean;
  readonly name: string;
  readonly type: number;
  readonly values: readonly bigint[];
}

const one = (name: string, value: bigint | number, type: number = KVM_STATS_TYPE.CUMULATIVE): Stat => ({
  name,
  type,
  values: [BigInt(value)],
});

/** Counts a KVM_RUN that ended with EINTR; the core counts the other exits. */
export function countSignalExit(memory: MachineMemory, id: number): void {
  const at = vcpuArea(memory, id) + VCPU_MSRS + STAT_EXIT_REASONS + KVM_EXIT.INTR * 8;
  memory.setU64(at, memory.u64(at) + 1n);
}

/** How often vCPU `id` has exited for each reason that occurred. */
export function exitCounts(memory: MachineMemory, id: number): Map<number, number> {
  const counts = new Map<number, number>();
  const first = vcpuArea(memory, id) + VCPU_MSRS + STAT_EXIT_REASONS;
  for (let reason = 0; reason < STAT_REASONS; reason++) {
    const count = Number(memory.u64(first + reason * 8));
    if (count > 0) counts.set(reason, count);
  }
  return counts;
}

/** The counters of a vCPU. */
export function vcpuStats(memory: MachineMemory, id: number): Stat[] {
  const v = vcpuPage(memory, id);
  const counters = vcpuArea(memory, id) + VCPU_MSRS;
  const exits = Array.from({ length: STAT_REASONS }, (_, n) =>
    memory.u64(counters + STAT_EXIT_REASONS + n * 8),
  );
  const tiers = readTiers(memory.wasm.buffer, vcpuArea(memory, id));
  const of = (reason: number): bigint => exits[reason] ?? 0n;
  return [
    one('exits', memory.u64(v + V_STAT_EXITS)),
    one('io_exits', of(KVM_EXIT.IO)),
    one('mmio_exits', of(KVM_EXIT.MMIO)),
    one('signal_exits', of(KVM_EXIT.INTR)),
    one('irq_window_exits', of(KVM_EXIT.IRQ_WINDOW_OPEN)),
    one('halt_exits', memory.u64(counters + STAT_HALTS)),
    one('halt_wakeup', memory.u64(counters + STAT_HALT_WAKEUPS)),
    one('halt_attempted_poll', memory.u64(counters + STAT_POLLS)),
    one('halt_successful_poll', memory.u64(counters + STAT_POLLS_WON)),
    { ...one('halt_poll_success_ns', memory.u64(counters + STAT_POLL_SUCCESS_NS)), isTime: true },
    { ...one('halt_poll_fail_ns', memory.u64(counters + STAT_POLL_FAIL_NS)), isTime: true },
    { ...one('halt_wait_ns', memory.u64(counters + STAT_WAIT_NS)), isTime: true },
    one('hypercalls', memory.u64(counters + STAT_HYPERCALLS)),
    one('irq_injections', memory.u64(v + V_STAT_INTERRUPTS) - memory.u64(counters + STAT_NMIS)),
    one('nmi_injections', memory.u64(counters + STAT_NMIS)),
    one('tlb_flush', memory.u64(counters + STAT_TLB_FLUSHES)),
    one('bus_locks', memory.u64(counters + STAT_BUS_LOCKS)),
    one('instructions', retired(memory, v)),
    one('exceptions', memory.u64(v + V_STAT_FAULTS)),
    one('tlb_misses', memory.u64(v + V_STAT_TLB_MISSES)),
    one('blocks_decoded', memory.u64(v + V_STAT_BLOCKS)),
    one('instructions_compiled', tiers.compiled),
    one('regions_made', tiers.made),
    { name: 'exits_by_reason', type: KVM_STATS_TYPE.CUMULATIVE, values: exits },
  ];
}

/** The counters of a VM: what it has, and sums over its vCPUs. */
export function vmStats(memory: MachineMemory): Stat[] {
  const all = vcpuIds(memory).map((id) => vcpuStats(memory, id));
  const sum = (name: string): bigint =>
    all.reduce((total, stats) => total + (stats.find((stat) => stat.name === name)?.values[0] ?? 0n), 0n);
  return [
    one('vcpus', all.length, KVM_STATS_TYPE.INSTANT),
    one('memory_slots', allSlots(memory).length, KVM_STATS_TYPE.INSTANT),
    one('exits', sum('exits')),
    one('instructions', sum('instructions')),
    one('tlb_flush', sum('tlb_flush')),
  ];
}

/** The file that a stats fd reads: `id` says whose counters these are. */
export function statsFile(id: string, stats: readonly Stat[]): Uint8Array {
  const descriptor = kvm_stats_desc.size + NAME_SIZE;
  const id_offset = kvm_stats_header.size;
  const desc_offset = id_offset + NAME_SIZE;
  const data_offset = desc_offset + stats.length * descriptor;
  const total = stats.reduce((size, { values }) => size + values.length * 8, data_offset);
  const file = new Uint8Array(total);
  const view = new DataView(file.buffer);
  const header = {
    flags: 0,
    name_size: NAME_SIZE,
    num_desc: stats.length,
    id_offset,
    desc_offset,
    data_offset,
  };
  const text = (value: string): Uint8Array => new TextEncoder().encode(value).subarray(0, NAME_SIZE - 1);
  file.set(encode(kvm_stats_header, header));
  file.set(text(id), id_offset);
  let at = data_offset;
  stats.forEach(({ name, type, values, isTime }, n) => {
    const place = desc_offset + n * descriptor;
    const flags = isTime ? type | KVM_STATS_UNIT_SECONDS : type;
    const desc = {
      flags,
      exponent: isTime ? -9 : 0,
      size: values.length,
      offset: at - data_offset,
      bucket_size: 0,
    };
    file.set(encode(kvm_stats_desc, { ...desc, name: [] }), place);
    file.set(text(name), place + kvm_stats_desc.size);
    for (const value of values) {
      view.setBigUint64(at, BigInt.asUintN(64, value), true);
      at += 8;
    }
  });
  return file;
}
