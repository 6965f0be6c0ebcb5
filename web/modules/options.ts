// Options of modules, taken one by one: a wrong one is refused with a sentence before anything is attached.

import { KvmError } from '../xinterface/index.ts';
import type { ModuleOptions } from './module.ts';

function wrong(name: string, value: unknown, what: string): KvmError {
  return new KvmError(
    'EINVAL',
    `option ${name} ${value === undefined ? 'is missing' : `is ${String(value)}`}; give ${what}.`,
  );
}

/** A whole number from 0 to `most`; `fallback` where it is left out. */
export function numberOption(options: ModuleOptions, name: string, most: number, fallback?: number): number {
  const value = options[name] ?? fallback;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= most) return value;
  throw wrong(name, value, `a whole number from 0 to ${most}`);
}

/** A guest-physical address. */
export function addressOption(options: ModuleOptions, name: string): bigint {
  const value = options[name];
  if (typeof value === 'bigint' && value >= 0n && value < 1n << 52n) return value;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return BigInt(value);
  throw wrong(name, value, 'a guest-physical address');
}

/** Shared memory for the module's output. */
export function bufferOption(options: ModuleOptions, name: string, bytes: number): SharedArrayBuffer {
  const value = options[name];
  if (value instanceof SharedArrayBuffer && value.byteLength >= bytes) return value;
  throw wrong(name, value, `a SharedArrayBuffer of at least ${bytes} bytes`);
}

/** Where a doorbell is: a port (`pio`) or an address outside RAM. */
export interface BellOption {
  readonly address: bigint;
  readonly pio: boolean;
}

/** Options `doorbell` (an address) and `pio` (true for a port). */
export function bellOption(options: ModuleOptions): BellOption {
  return { address: addressOption(options, 'doorbell'), pio: options.pio === true };
}
