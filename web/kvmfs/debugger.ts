// cpu/N/debugger: breakpoints and single steps as text. What is set lies in the vCPU page (KVM_SET_GUEST_DEBUG), so the
// file shows it whoever has set it.

import {
  KVM_GUESTDBG_ENABLE,
  KVM_GUESTDBG_SINGLESTEP,
  KVM_GUESTDBG_USE_HW_BP,
} from '../../assembly/abi/kvm_run.ts';
import { V_DEBUG_CONTROL, V_DEBUG_DR } from '../../assembly/abi/vcpu_page.ts';
import { parseInteger } from '../fs/index.ts';
import { KvmError, type MachineMemory, type Vcpu } from '../kvm/index.ts';

/** RW field of DR7 (SDM vol. 3, 18.2.4). */
const KINDS = { x: 0, w: 1, rw: 3 } as const;
type Kind = keyof typeof KINDS;
/** LEN field of DR7 by bytes. */
const LENGTHS: Readonly<Record<number, number>> = { 1: 0, 2: 1, 4: 3, 8: 2 };
const POINTS = 4;
const HELP = 'write singlestep=1, break=ADDRESS, watch=ADDRESS,BYTES,w (or rw), clear=ADDRESS, off';

/** One of the four debug registers that are in use. */
interface Point {
  readonly address: bigint;
  readonly kind: Kind;
  readonly length: number;
}

interface Debugging {
  readonly singlestep: boolean;
  readonly points: readonly Point[];
}

function read(memory: MachineMemory, vcpu: Vcpu): Debugging {
  const control = memory.u32(vcpu.page + V_DEBUG_CONTROL);
  const dr7 = memory.u32(vcpu.page + V_DEBUG_DR + 7 * 8);
  const points = Array.from({ length: POINTS }, (_, n) => n)
    .filter((n) => control & KVM_GUESTDBG_USE_HW_BP && (dr7 >>> (n * 2)) & 3)
    .map((n): Point => {
      const rw = (dr7 >>> (16 + n * 4)) & 3;
      const len = (dr7 >>> (18 + n * 4)) & 3;
      return {
        address: memory.u64(vcpu.page + V_DEBUG_DR + n * 8),
        kind: rw === KINDS.x ? 'x' : rw === KINDS.w ? 'w' : 'rw',
        length: Number(Object.keys(LENGTHS).find((bytes) => LENGTHS[Number(bytes)] === len)),
      };
    });
  return { singlestep: (control & KVM_GUESTDBG_SINGLESTEP) !== 0, points };
}

function write(vcpu: Vcpu, { singlestep, points }: Debugging): void {
  if (!singlestep && points.length === 0) {
    vcpu.setGuestDebug({ control: 0, arch: { debugreg: [0, 0, 0, 0, 0, 0, 0, 0] } });
    return;
  }
  const dr7 = points.reduce((bits, { kind, length }, n) => {
    const field = KINDS[kind] | ((LENGTHS[length] ?? 0) << 2);
    return bits | (1 << (n * 2)) | (field << (16 + n * 4));
  }, 0);
  const control =
    KVM_GUESTDBG_ENABLE |
    (singlestep ? KVM_GUESTDBG_SINGLESTEP : 0) |
    (points.length > 0 ? KVM_GUESTDBG_USE_HW_BP : 0);
  const addresses = Array.from({ length: POINTS }, (_, n) => points[n]?.address ?? 0n);
  vcpu.setGuestDebug({ control, arch: { debugreg: [...addresses, 0, 0, 0, dr7 >>> 0] } });
}

const pointText = ({ address, kind, length }: Point): string =>
  kind === 'x' ? `break=0x${address.toString(16)}` : `watch=0x${address.toString(16)},${length},${kind}`;

/** What is set, in lines that can be written back. */
export function debuggerText(memory: MachineMemory, vcpu: Vcpu): string {
  const { singlestep, points } = read(memory, vcpu);
  return [`singlestep=${singlestep ? 1 : 0}`, ...points.map(pointText)].join('\n');
}

function watchOf(text: string): Point {
  const [address = '', bytes = '1', kind = 'w'] = text.split(',');
  const length = Number(bytes);
  if (LENGTHS[length] === undefined || (kind !== 'w' && kind !== 'rw'))
    throw new KvmError('EINVAL', `'${text}' is no watchpoint: write ADDRESS,BYTES,w with 1, 2, 4 or 8 bytes`);
  const at = BigInt.asUintN(64, parseInteger(address));
  if (at % BigInt(length) !== 0n)
    throw new KvmError('EINVAL', `'${text}': the processor watches aligned addresses only`);
  return { address: at, kind, length };
}

function added(debugging: Debugging, point: Point): Debugging {
  const others = debugging.points.filter((each) => pointText(each) !== pointText(point));
  if (others.length >= POINTS)
    throw new KvmError('ENOSPC', `a processor has ${POINTS} breakpoints and watchpoints; clear one`);
  return { ...debugging, points: [...others, point] };
}

function applied(debugging: Debugging, word: string): Debugging {
  const [, key = '', value = ''] = /^([a-z]+)(?:=(.*))?$/.exec(word) ?? [];
  switch (key) {
    case 'off':
      return { singlestep: false, points: [] };
    case 'singlestep':
      if (value !== '0' && value !== '1') break;
      return { ...debugging, singlestep: value === '1' };
    case 'break':
      return added(debugging, { address: BigInt.asUintN(64, parseInteger(value)), kind: 'x', length: 1 });
    case 'watch':
      return added(debugging, watchOf(value));
    case 'clear': {
      const address = BigInt.asUintN(64, parseInteger(value));
      const points = debugging.points.filter((each) => each.address !== address);
      if (points.length === debugging.points.length)
        throw new KvmError('ENOENT', `there is no breakpoint at ${value}`);
      return { ...debugging, points };
    }
    default:
  }
  throw new KvmError('EINVAL', `'${word}': ${HELP}`);
}

/** Carries out the words of one write; all of them, or none. EINVAL, ENOENT, ENOSPC. */
export function debuggerCommand(memory: MachineMemory, vcpu: Vcpu, text: string): void {
  const words = text.split(/\s+/).filter((word) => word !== '');
  if (words.length === 0) throw new KvmError('EINVAL', HELP);
  write(vcpu, words.reduce(applied, read(memory, vcpu)));
}

/** Whether the vCPU stands at a breakpoint of the debugger: going on must pass it. */
export function standsAtBreakpoint(memory: MachineMemory, vcpu: Vcpu, linearRip: bigint): boolean {
  return read(memory, vcpu).points.some(({ kind, address }) => kind === 'x' && address === linearRip);
}
