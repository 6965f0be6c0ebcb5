// The exit trace: the last TRACE_ENTRIES exits of all vCPUs, read from the ring in memory. It handles no exit.

import { STAT_EXIT_REASONS, STAT_REASONS } from '../../../assembly/abi/calls.ts';
import { RUN_EXIT_REASON } from '../../../assembly/abi/kvm_run.ts';
import {
  TRACE_ENTRIES,
  TRACE_ENTRY_SIZE,
  TRACE_HEADER,
  TRACE_RING,
  VCPU_MSRS,
  VCPU_RUN,
} from '../../../assembly/abi/map.ts';
import {
  EXITS,
  type ExitArm,
  exitOf,
  INTERNAL_ERRORS,
  KVM_EXIT,
  KVM_EXIT_IO_OUT,
  KVM_RUN_UNION,
  readArm,
  SYSTEM_EVENTS,
} from '../../kvm/abi/index.ts';
import { type MachineMemory, readCounter, readU32, vcpuArea, vcpuIds } from './memory.ts';

// An entry of the ring.
const AT_TIME = 0;
const AT_VCPU = 8;
const AT_REASON = 12;
const AT_UNION = 16;
const UNION_BYTES = 40;
/** Bytes of the whole union in kvm_run. */
const UNION_MAX = 256;
const AT_CLAIMED = 56;
const AT_REPEATS = 60;

/** One value of an exit, by the name it has in kvm_run. */
export interface ExitField {
  readonly name: string;
  readonly value: string;
}

/** One exit with everything that a row shows. */
export interface TracedExit {
  /** Counts from 0 since the machine started. */
  readonly number: number;
  /** Machine time in ns. */
  readonly time: number;
  readonly vcpu: number;
  readonly reason: number;
  /** E.g. `KVM_EXIT_IO`. */
  readonly name: string;
  readonly fields: readonly ExitField[];
  /** One line in the grammar of /kvm's event file, e.g. `io out port=0x3f8 size=1 count=1`. */
  readonly line: string;
  /** What a VMM does with such an exit, one sentence. */
  readonly sentence: string;
  /** False: no device claimed it, so the vCPU was parked. */
  readonly claimed: boolean;
  /** How many equal exits in a row this entry stands for, at least 1. */
  readonly repeats: number;
}

/** Entries written since the machine started. */
export function traceHead(memory: MachineMemory): number {
  return readU32(memory, TRACE_RING);
}

/** A number that changes whenever the trace does, merged repeats included. */
export function traceStamp(memory: MachineMemory): number {
  const head = traceHead(memory);
  return head === 0 ? 0 : head * 2 ** 21 + (readU32(memory, entryOf(head - 1) + AT_REPEATS) & 0x1fffff);
}

/** Numbers of the entries that the ring still holds, oldest first, of these reasons (all when undefined). */
export function traceNumbers(memory: MachineMemory, reasons?: ReadonlySet<number>): number[] {
  const head = traceHead(memory);
  const numbers: number[] = [];
  for (let number = Math.max(0, head - TRACE_ENTRIES); number < head; number++) {
    if (!reasons || reasons.has(readU32(memory, entryOf(number) + AT_REASON))) numbers.push(number);
  }
  return numbers;
}

/** Exits of all vCPUs by reason since the machine started, in the order of the reasons' numbers. */
export function exitTotals(memory: MachineMemory): Map<number, number> {
  const totals = new Map<number, number>();
  for (const id of vcpuIds(memory)) {
    for (let reason = 0; reason < STAT_REASONS; reason++) {
      const exits = readCounter(memory, vcpuArea(id) + VCPU_MSRS + STAT_EXIT_REASONS + reason * 8);
      if (exits > 0) totals.set(reason, (totals.get(reason) ?? 0) + exits);
    }
  }
  return totals;
}

/** One entry of the ring; it must be one of `traceNumbers`. */
export function readExit(memory: MachineMemory, number: number): TracedExit {
  const entry = entryOf(number);
  const reason = readU32(memory, entry + AT_REASON);
  const exit = exitOf(reason);
  // The codec reads whole arms; what the ring did not keep reads as zero.
  const runPage = new Uint8Array(KVM_RUN_UNION + UNION_MAX);
  runPage.set(memory.bytes.slice(entry + AT_UNION, entry + AT_UNION + UNION_BYTES), KVM_RUN_UNION);
  const claimed = readU32(memory, entry + AT_CLAIMED) !== 0;
  const fields = exit.arm ? fieldsOf(runPage, exit.arm) : [];
  return {
    number,
    time: readCounter(memory, entry + AT_TIME),
    vcpu: readU32(memory, entry + AT_VCPU),
    reason,
    name: exit.name,
    fields,
    line: lineOf(exit.name, fields),
    sentence: exit.meaning,
    claimed,
    repeats: repeatsOf(memory, number),
  };
}

/** The exit that stands in a vCPU's run page, in the grammar of `line`. */
export function runPageLine(memory: MachineMemory, vcpu: number): string {
  const page = vcpuArea(vcpu) + VCPU_RUN;
  const runPage = memory.bytes.slice(page, page + KVM_RUN_UNION + UNION_MAX);
  const { name, arm } = exitOf(readU32(memory, page + RUN_EXIT_REASON));
  if (arm === 'io') {
    const { size, count, data_offset } = readArm(runPage, 'io');
    const data = page + Number(data_offset);
    runPage.set(memory.bytes.slice(data, data + Math.min(8, size * count)), KVM_RUN_UNION + IO_ARM);
  }
  return lineOf(name, arm ? fieldsOf(runPage, arm) : []);
}

function entryOf(number: number): number {
  return TRACE_RING + TRACE_HEADER + (number % TRACE_ENTRIES) * TRACE_ENTRY_SIZE;
}

function repeatsOf(memory: MachineMemory, number: number): number {
  return Math.max(1, readU32(memory, entryOf(number) + AT_REPEATS));
}

/** Bytes of the IO arm; the trace puts the data behind it. */
const IO_ARM = 16;

/** Bytes as hex, first byte first. */
function dataOf(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

const hex = (value: number | bigint) => `0x${value.toString(16)}`;

/** What a person wants to see of an arm: the fields that mean something, in the header's words. */
function fieldsOf(runPage: Uint8Array, arm: ExitArm): ExitField[] {
  const field = (name: string, value: string | number | bigint) => ({ name, value: String(value) });
  switch (arm) {
    case 'io': {
      const io = readArm(runPage, 'io');
      const direction = io.direction === KVM_EXIT_IO_OUT ? 'out' : 'in';
      return [
        field('direction', direction),
        field('port', hex(io.port)),
        field('size', io.size),
        field('count', io.count),
        field(
          'data',
          dataOf(
            runPage.subarray(
              KVM_RUN_UNION + IO_ARM,
              KVM_RUN_UNION + IO_ARM + Math.min(8, io.size * io.count),
            ),
          ),
        ),
      ];
    }
    case 'mmio': {
      const mmio = readArm(runPage, 'mmio');
      const place = [
        field('is_write', mmio.is_write),
        field('phys_addr', hex(mmio.phys_addr)),
        field('len', mmio.len),
      ];
      if (!mmio.is_write) return place;
      const data = [...mmio.data].slice(0, mmio.len).map((byte) => byte.toString(16).padStart(2, '0'));
      return [...place, field('data', data.join(' '))];
    }
    case 'internal': {
      const { suberror } = readArm(runPage, 'internal');
      return [field('suberror', INTERNAL_ERRORS[suberror] ?? suberror)];
    }
    case 'system_event': {
      const { type } = readArm(runPage, 'system_event');
      return [field('type', SYSTEM_EVENTS[type] ?? type)];
    }
    case 'fail_entry':
      return [
        field(
          'hardware_entry_failure_reason',
          hex(readArm(runPage, 'fail_entry').hardware_entry_failure_reason),
        ),
      ];
    case 'debug': {
      const { arch } = readArm(runPage, 'debug');
      return [field('exception', arch.exception), field('pc', hex(arch.pc)), field('dr6', hex(arch.dr6))];
    }
    case 'msr': {
      const msr = readArm(runPage, 'msr');
      return [field('index', hex(msr.index)), field('data', hex(msr.data)), field('reason', msr.reason)];
    }
    case 'hypercall':
      return [field('nr', hex(readArm(runPage, 'hypercall').nr))];
    case 'eoi':
      return [field('vector', hex(readArm(runPage, 'eoi').vector))];
    case 'ex':
      return [field('exception', readArm(runPage, 'ex').exception)];
    case 'tpr_access':
      return [field('rip', hex(readArm(runPage, 'tpr_access').rip))];
    case 'notify':
      return [field('flags', hex(readArm(runPage, 'notify').flags))];
    case 'hw':
      return [field('hardware_exit_reason', hex(readArm(runPage, 'hw').hardware_exit_reason))];
    default:
      return [];
  }
}

function lineOf(name: string, fields: readonly ExitField[]): string {
  const kind = name.replace('KVM_EXIT_', '').toLowerCase();
  const words = fields.map(({ name, value }) => {
    if (name === 'direction') return value;
    if (name === 'is_write') return value === '1' ? 'write' : 'read';
    return `${name}=${value}`;
  });
  return [kind, ...words].join(' ');
}

/** A reason's name without its prefix, such as `IO`. */
export function nameOfExit(reason: number): string {
  return exitOf(reason).name.replace('KVM_EXIT_', '');
}

/** Exit reasons that an x86 machine can have, for the filter. */
export const EXIT_REASONS = EXITS.filter((exit) => !exit.foreign);

/** KVM_EXIT_* numbers by their name without the prefix. */
export { KVM_EXIT };
