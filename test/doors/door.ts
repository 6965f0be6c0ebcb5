// What the property test asks of a door to KVM: to perform a call and say what came of it, in words that doors share.

import { exitOf, isKvmError, KVM_CAP } from '../../web/kvm/index.ts';
import type { Call } from './calls.ts';

/** A refused call's errno, or what it gave, as text. */
export type Answer = string;

export interface Door {
  readonly name: string;
  /** Two fresh VMs, each with RAM full of HLT and no slot. */
  begin(): void | Promise<void>;
  perform(call: Call): Answer | Promise<Answer>;
  /** The VMs go. */
  end(): void | Promise<void>;
}

/** A value as text: numbers in hexadecimal however wide they are, bytes, arrays and structs by their fields' names. */
export function textOf(value: unknown): string {
  if (value === undefined || value === null) return 'done';
  if (typeof value === 'number' || typeof value === 'bigint')
    return BigInt.asUintN(64, BigInt(value)).toString(16);
  if (value instanceof Uint8Array)
    return [...value].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  if (Array.isArray(value)) return `[${value.map(textOf).join(' ')}]`;
  if (typeof value === 'object') {
    const fields = Object.entries(value)
      .filter(([, field]) => field !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${fields.map(([name, field]) => `${name}:${textOf(field)}`).join(' ')}}`;
  }
  return String(value);
}

/** What `act` gives, or its errno. What is no KvmError is a fault of the door and is thrown on. */
export function answerOf(act: () => unknown): Answer {
  try {
    return textOf(act());
  } catch (error) {
    if (isKvmError(error)) return error.code;
    throw error;
  }
}

/** An exit reason as the event file names it: `hlt`, `internal_error`. */
export function exitWord(reason: number): string {
  return exitOf(reason).name.replace('KVM_EXIT_', '').toLowerCase();
}

const VCPU_COUNTS: number[] = [KVM_CAP.NR_VCPUS, KVM_CAP.MAX_VCPUS, KVM_CAP.MAX_VCPU_ID];

/** A process says of vCPUs how many its memory has room for, which is two here; the system says what is possible. */
export function asReserved(cap: number, answer: number): number {
  return VCPU_COUNTS.includes(cap) ? Math.min(answer, 2) : answer;
}
