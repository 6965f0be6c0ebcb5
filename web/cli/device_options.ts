// The devices that `vitrine run` is asked for: options in words to a session's requests, each refusal one sentence.
import { basename, resolve } from 'node:path';
import type { DiskWords } from '../disk/index.ts';
import { type NetworkOptions, parseNetOption } from '../net/index.ts';
import { type FolderRequest, SHARES } from '../session/folders/request.ts';
import type { GivenOptions } from '../session/given.ts';
import type { MachineOptions } from '../session/types.ts';
import type { BlkRequest, DeviceRequest, NetRequest } from '../virtio/index.ts';
import { parseSize } from './numbers.ts';
import { UsageError } from './usage_error.ts';

/** The options with the words that describe them. */
export const DEVICE_ARGS = {
  balloon: {
    type: 'string',
    description:
      'A virtio balloon that asks the guest for this much of its memory, such as 64M; 0 to begin with none',
  },
  console: {
    type: 'string',
    description: 'hvc0: stdin and stdout are a virtio console, and the serial port prints on stderr',
  },
  disk: {
    type: 'string',
    multiple: true,
    description:
      'A virtio disk: an image or a URL, or size=1G; then ,ro or ,changes=FILE (copy on write) or ,snapshot (forget them)',
  },
  rng: { type: 'boolean', description: 'A virtio source of entropy' },
  net: {
    type: 'string',
    multiple: true,
    description:
      'A network card: user or switch=NAME, with forward=HOST:GUEST, host-loopback, no-gateway, mac=MAC',
  },
  share: {
    type: 'string',
    multiple: true,
    description: 'A folder as a 9p share, DIR[,TAG][,ro]; the tag is the name of the folder when left out',
  },
  export: {
    type: 'string',
    multiple: true,
    description: 'A directory of the file tree as a 9p share, PATH[,TAG], such as /kvm',
  },
  transport: { type: 'string', description: 'How virtio devices are reached: pci (when left out) or mmio' },
} as const;

/** What is said of devices. */
export interface DeviceValues {
  readonly balloon?: string;
  readonly console?: string;
  readonly disk?: readonly string[];
  readonly rng?: boolean;
  readonly net?: string[];
  readonly share?: string[];
  readonly export?: string[];
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
  for (const { device } of disksOf(values)) devices.push(device);
  if (values.console !== undefined) devices.push(consoleOf(values));
  if (values.rng) devices.push(rngOf(values));
  if (values.balloon !== undefined) devices.push({ kind: 'balloon', target: parseSize(values.balloon) });
  devices.push(...netsOf(values).map(({ device }) => device));
  for (const { name } of folderOptions(values))
    devices.push({ kind: '9p', tag: name, path: `${SHARES}/${name}` });
  for (const text of values.export ?? []) {
    const [path = '', tag = basename(path), ...more] = text.split(',');
    if (!path.startsWith('/') || tag === '' || more.length > 0)
      throw new UsageError(`--export is "${text}"; write a path of the tree and a tag, such as /kvm,kvm.`);
    devices.push({ kind: '9p', tag, path });
  }
  return { ...transportOf(values.transport), ...(devices.length > 0 && { devices }) };
}

/** A disk such as `debian.img,changes=mine.overlay`, and the serial number that its guest reads. UsageError. */
export function diskOfText(text: string): { words: DiskWords; serial?: string } {
  const [content = '', ...rest] = text.split(',');
  const words: { -readonly [K in keyof DiskWords]?: DiskWords[K] } = {};
  let serial: string | undefined;
  if (content.startsWith('size=')) words.bytes = parseSize(content.slice(5));
  else if (/^https?:\/\//.test(content)) words.url = content;
  else words.file = content;
  for (const word of rest) {
    const [, name = '', value = ''] = /^(\w+)(?:=(.+))?$/.exec(word) ?? [];
    if (name === 'ro' && value === '') words.readonly = true;
    else if (name === 'trust' && value === '') words.trust = true;
    else if (name === 'snapshot' && value === '') words.snapshot = true;
    else if (name === 'changes' && value !== '') words.changes = value;
    else if (name === 'serial' && value !== '') serial = value;
    else
      throw new UsageError(
        `--disk has "${word}"; it takes ro, snapshot, changes=FILE, trust and serial=NAME.`,
      );
  }
  if (content === '') throw new UsageError('--disk names no image; give a file, a URL, or size=1G.');
  return { words, ...(serial !== undefined && { serial }) };
}

/** The disks in the order of the command line. UsageError. */
function disksOf({ disk = [] }: DeviceValues): { device: BlkRequest; words: DiskWords }[] {
  return disk.map((text, n) => {
    const { words, ...rest } = diskOfText(text);
    return { device: { kind: 'blk', disk: `disk${n}`, ...rest }, words };
  });
}

/** What the machine may have of the host. UsageError. */
export function givenOptions(values: DeviceValues): GivenOptions {
  const nets = netsOf(values);
  return {
    disks: Object.fromEntries(disksOf(values).map(({ device, words }) => [device.disk, words])),
    folders: folderOptions(values),
    networks: Object.fromEntries(nets.map(({ device, network }) => [device.network, network])),
  };
}

/** The network cards and the networks that they are plugged into. Two of one name must be the same. UsageError. */
function netsOf({ net = [] }: DeviceValues): { device: NetRequest; network: NetworkOptions }[] {
  const nets = net.map((text) => {
    try {
      const { mac, network } = parseNetOption(text);
      const device: NetRequest = { kind: 'net', network: network.name ?? 'user', ...(mac && { mac }) };
      return { device, network };
    } catch (error) {
      throw new UsageError(`--net: ${(error as Error).message.replace(/^\w+: /, '')}`);
    }
  });
  for (const { device, network } of nets) {
    const other = nets.find((one) => one.device.network === device.network);
    if (other && JSON.stringify(other.network) !== JSON.stringify(network))
      throw new UsageError(`Two cards on the network ${device.network} must say the same about it.`);
  }
  return nets;
}

/** The folders to be shared, each under its tag. UsageError. */
export function folderOptions({ share = [] }: DeviceValues): FolderRequest[] {
  const folders = share.map((text): FolderRequest => {
    const [folder = '', ...words] = text.split(',');
    const isReadOnly = words.at(-1) === 'ro';
    if (isReadOnly) words.pop();
    const [name = basename(resolve(folder)), ...more] = words;
    if (folder === '' || name === '' || name.includes('/') || more.length > 0)
      throw new UsageError(`--share is "${text}"; write DIR, DIR,TAG or DIR,TAG,ro.`);
    return { name, folder: resolve(folder), ...(isReadOnly && { readOnly: true }) };
  });
  const twice = folders.find(({ name }, n) => folders.findIndex((other) => other.name === name) < n);
  if (twice)
    throw new UsageError(`Two shares have the tag ${twice.name}; give one another: --share DIR,TAG.`);
  return folders;
}

function consoleOf({ console: name }: DeviceValues): DeviceRequest {
  if (name !== 'hvc0') throw new UsageError(`--console is "${name}"; it is hvc0.`);
  return { kind: 'console' };
}

/** A deterministic machine's entropy is a part of the run. */
function rngOf({ engine, seed }: DeviceValues): DeviceRequest {
  return { kind: 'rng', ...(engine === 'deterministic' && { seed: Number(seed ?? 1) }) };
}
