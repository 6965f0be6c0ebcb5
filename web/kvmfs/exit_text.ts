// An exit as one line of text: what a read of `event` gives, and a line of the trace. It handles no exit.

import {
  decode,
  exitOf,
  KVM_EXIT,
  kvm_run_arms,
  type Struct,
  type ValueOf,
  type Vcpu,
} from '../kvm/index.ts';
import type { Machine } from '../vmm/index.ts';
import { structText } from './struct_text.ts';

const hex = (value: number | bigint): string => `0x${value.toString(16)}`;
const hexBytes = (bytes: ArrayLike<number>): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

/** The largest arm of the exit union. */
const UNION_BYTES = 256;

function armOf<T>(struct: Struct<T>, union: Uint8Array): T {
  const bytes = new Uint8Array(Math.max(UNION_BYTES, struct.size));
  bytes.set(union.subarray(0, bytes.length));
  return decode(struct, bytes.subarray(0, struct.size));
}

function ioText(union: Uint8Array, data: Uint8Array): string {
  const { direction, port, size, count } = armOf(kvm_run_arms.io, union);
  const access = `port=${hex(port)} size=${size} count=${count}`;
  return direction === 1 ? `io out ${access} data=${hexBytes(data)}` : `io in ${access}`;
}

function mmioText(union: Uint8Array): string {
  const { phys_addr, data, len, is_write } = armOf(kvm_run_arms.mmio, union);
  const access = `gpa=${hex(phys_addr)} len=${len}`;
  return is_write ? `mmio write ${access} data=${hexBytes(data.subarray(0, len))}` : `mmio read ${access}`;
}

function debugText(union: Uint8Array): string {
  const { exception, pc, dr6, dr7 } = armOf(kvm_run_arms.debug, union).arch as ValueOf<
    typeof kvm_run_arms.debug
  >['arch'];
  return `debug exception=${exception} pc=${hex(pc)} dr6=${hex(dr6)} dr7=${hex(dr7)}`;
}

/** `reason` with what it tells: the bytes of the exit union, and for a port access the bytes of its data page. */
export function exitText(reason: number, union: Uint8Array, ioData: Uint8Array): string {
  switch (reason) {
    case KVM_EXIT.IO:
      return ioText(union, ioData);
    case KVM_EXIT.MMIO:
      return mmioText(union);
    case KVM_EXIT.DEBUG:
      return debugText(union);
    case KVM_EXIT.X86_RDMSR:
      return `rdmsr index=${hex(armOf(kvm_run_arms.msr, union).index)}`;
    case KVM_EXIT.X86_WRMSR: {
      const { index, data } = armOf(kvm_run_arms.msr, union);
      return `wrmsr index=${hex(index)} data=${hex(data)}`;
    }
    default: {
      const { name, arm } = exitOf(reason);
      const word = name.replace('KVM_EXIT_', '').toLowerCase();
      if (arm === undefined) return word;
      const struct = kvm_run_arms[arm] as Struct<unknown>;
      const bytes = new Uint8Array(struct.size);
      bytes.set(union.subarray(0, struct.size));
      return `${word} ${structText(struct, bytes).replaceAll('\n', ' ')}`;
    }
  }
}

/** The exit that stands in a vCPU's run page. */
export function lastExit(vcpu: Vcpu): string {
  const { kvmRun } = vcpu;
  const data = kvmRun.exitReason === KVM_EXIT.IO ? kvmRun.io.data.slice() : new Uint8Array(0);
  return exitText(kvmRun.exitReason, kvmRun.union, data);
}

/** The vCPU's last event: the exit it parked on, the machine's end, or the death of its worker. */
export function lastEvent(machine: Machine, id: number, death: string | undefined): string {
  const own = machine.vcpuWords(id);
  switch (own.cause) {
    case 'ended': {
      const { ending } = machine.words;
      return `ended ${ending?.reason ?? 'error'} status=${ending?.status ?? 1}`;
    }
    case 'died':
      return `died ${death ?? 'its worker is gone'}`;
    case 'exit':
      return lastExit(own.vcpu);
    default:
      return 'none';
  }
}
