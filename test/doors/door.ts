// What the property test asks of a door to KVM: to perform a call and say what came of it, in words that doors share.

import { isKvmError } from '../../web/kvm/index.ts';
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
