// Breakpoints and watchpoints of a vCPU, as KVM_SET_GUEST_DEBUG has left them in its page. It sets none.

import { KVM_GUESTDBG_SINGLESTEP, KVM_GUESTDBG_USE_HW_BP } from '../../../assembly/abi/kvm_run.ts';
import { V_DEBUG_CONTROL, V_DEBUG_DR } from '../../../assembly/abi/vcpu_page.ts';
import { type MachineMemory, readU32, readU64, vcpuPage } from './memory.ts';

/** x: before the instruction at the address is executed. w, rw: after a store, or a load or store, of these bytes. */
export type PointKind = 'x' | 'w' | 'rw';

/** One of the four address registers of a processor's debugger (SDM vol. 3, 18.2). */
export interface DebugPoint {
  readonly kind: PointKind;
  /** Linear address. */
  readonly address: bigint;
  /** Bytes that are watched. */
  readonly length: number;
}

export interface Debugging {
  /** Each instruction stops. */
  readonly singlestep: boolean;
  readonly points: readonly DebugPoint[];
}

const POINTS = 4;
/** RW field of DR7; 2 is for ports, which the processor watches with CR4.DE only. */
const KINDS: readonly PointKind[] = ['x', 'w', 'rw', 'rw'];
/** LEN field of DR7. */
const LENGTHS = [1, 2, 8, 4] as const;

/** What is set, in the order of the debug registers. */
export function readDebugging(memory: MachineMemory, vcpu: number): Debugging {
  const page = vcpuPage(vcpu);
  const control = readU32(memory, page + V_DEBUG_CONTROL);
  const dr7 = readU32(memory, page + V_DEBUG_DR + 7 * 8);
  const isOn = (n: number) => (control & KVM_GUESTDBG_USE_HW_BP) !== 0 && ((dr7 >>> (n * 2)) & 3) !== 0;
  const points = Array.from({ length: POINTS }, (_, n) => n)
    .filter(isOn)
    .map((n) => ({
      kind: KINDS[(dr7 >>> (16 + n * 4)) & 3] ?? 'x',
      address: readU64(memory, page + V_DEBUG_DR + n * 8),
      length: LENGTHS[(dr7 >>> (18 + n * 4)) & 3] ?? 1,
    }));
  return { singlestep: (control & KVM_GUESTDBG_SINGLESTEP) !== 0, points };
}

/** The words of the `debugger` file that set a point, and those that clear it. */
export const setWords = ({ kind, address, length }: DebugPoint): string =>
  kind === 'x' ? `break=0x${address.toString(16)}` : `watch=0x${address.toString(16)},${length},${kind}`;
export const clearWords = ({ address }: Pick<DebugPoint, 'address'>): string =>
  `clear=0x${address.toString(16)}`;
