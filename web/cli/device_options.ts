// The devices that `vitrine run` is asked for: options in words to a session's requests, each refusal one sentence.
import type { MachineOptions } from '../session/types.ts';
import type { BlkRequest, DeviceRequest } from '../virtio/index.ts';
import { parseSize } from './numbers.ts';
import { UsageError } from './usage_error.ts';

/** The options with the words that describe them. */
export const DEVICE_ARGS = {
  disk: {
    type: 'string',
    multiple: true,
    description:
      'A virtio disk: an image or a URL, or size=1G; then ,ro or ,changes=FILE (copy on write) or ,snapshot (forget them)',
  },
  rng: { type: 'boolean', description: 'A virtio source of entropy' },
  transport: { type: 'string', description: 'How virtio devices are reached: pci (when left out) or mmio' },
} as const;

/** What is said of devices. */
export interface DeviceValues {
  readonly disk?: readonly string[];
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
  for (const text of values.disk ?? []) devices.push(diskOfText(text));
  if (values.rng) devices.push(rngOf(values));
  return { ...transportOf(values.transport), ...(devices.length > 0 && { devices }) };
}

/** A disk such as `debian.img,changes=mine.overlay`. UsageError. */
export function diskOfText(text: string): BlkRequest {
  const [content = '', ...rest] = text.split(',');
  const words: { -readonly [K in keyof BlkRequest]?: BlkRequest[K] } = {};
  if (content.startsWith('size=')) words.bytes = parseSize(content.slice(5));
  else if (/^https?:\/\//.test(content)) words.url = content;
  else words.file = content;
  for (const word of rest) {
    const [, name = '', value = ''] = /^(\w+)(?:=(.+))?$/.exec(word) ?? [];
    if (name === 'ro' && value === '') words.readonly = true;
    else if (name === 'snapshot' && value === '') words.snapshot = true;
    else if (name === 'changes' && value !== '') words.changes = value;
    else if (name === 'serial' && value !== '') words.serial = value;
    else throw new UsageError(`--disk has "${word}"; it takes ro, snapshot, changes=FILE and serial=NAME.`);
  }
  if (content === '') throw new UsageError('--disk names no image; give a file, a URL, or size=1G.');
  return { kind: 'blk', ...words };
}

/** A deterministic machine's entropy is a part of the run. */
function rngOf({ engine, seed }: DeviceValues): DeviceRequest {
  return { kind: 'rng', ...(engine === 'deterministic' && { seed: Number(seed ?? 1) }) };
}
