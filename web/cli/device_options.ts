// The devices that `vitrine run` is asked for: options in words to a session's requests, each refusal one sentence.
import type { MachineOptions } from '../session/types.ts';
import type { DeviceRequest } from '../virtio/index.ts';
import { UsageError } from './usage_error.ts';

/** The options with the words that describe them. */
export const DEVICE_ARGS = {
  rng: { type: 'boolean', description: 'A virtio source of entropy' },
  transport: { type: 'string', description: 'How virtio devices are reached: pci (when left out) or mmio' },
} as const;

/** What is said of devices. */
export interface DeviceValues {
  readonly rng?: boolean;
  readonly transport?: string;
  readonly engine?: string;
  readonly seed?: string;
}

type DeviceOptions = Pick<MachineOptions, 'devices' | 'transport'>;

function transportOf(text: string | undefined): Pick<DeviceOptions, 'transport'> {
  if (text === undefined) return {};
  if (text === 'pci' || text === 'mmio') return { transport: text };
  throw new UsageError(`--transport is "${text}"; it is pci or mmio.`);
}

/** The devices of the machine, in the order in which a guest finds them. UsageError. */
export function deviceOptions(values: DeviceValues): DeviceOptions {
  const devices: DeviceRequest[] = [];
  if (values.rng) devices.push(rngOf(values));
  return { ...transportOf(values.transport), ...(devices.length > 0 && { devices }) };
}

/** A deterministic machine's entropy is a part of the run. */
function rngOf({ engine, seed }: DeviceValues): DeviceRequest {
  return { kind: 'rng', ...(engine === 'deterministic' && { seed: Number(seed ?? 1) }) };
}
