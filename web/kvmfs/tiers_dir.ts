// cpu/N/tiers/: how much the interpreter and compiled regions have executed, and the regions themselves. Reading stops nobody.

import { bytesFile, type DirNode, directory, type Row, valueFile } from '../fs/index.ts';
import {
  DROP_REASONS,
  forgetRegion,
  KvmError,
  type Region,
  type RegionPlace,
  readRegion,
  readRegions,
  readText,
  readTierEvents,
  readTiers,
  type TierEvent,
  vcpuArea,
} from '../kvm/index.ts';
import { indexOf } from './memory_dir.ts';
import type { VmEntry } from './vm_entry.ts';

const REGIONS = 2048;
const hex = (value: bigint | number): string => `0x${value.toString(16)}`;
const words = (values: Record<string, string | number | bigint>): string =>
  Object.entries(values)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');

function regionText({ number, rip, code, blocks, pages, instructions, bytes, executed }: Region): string {
  return words({ region: number, rip: hex(rip), code, blocks, pages, instructions, bytes, executed });
}

function eventText({ at, what, region, rip, executed }: TierEvent): string {
  if (what === 'made') return `made ${words({ at, region, rip: hex(rip) })}`;
  return `dropped ${words({ at, region, rip: hex(rip), reason: what, executed })}`;
}

function placeText(rip: bigint, { offset, kind, delta, code }: RegionPlace): string {
  const at = BigInt.asUintN(64, rip + BigInt(delta));
  if (kind === 'instruction') return words({ offset: hex(offset), instruction: hex(at), bytes: code.length });
  return kind === 'loop'
    ? words({ offset: hex(offset), loop: hex(at) })
    : `${words({ offset: hex(offset) })} ${kind}`;
}

const digits = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

/** tiers/ of vCPU `id`. */
export function tiersDir(entry: VmEntry, id: number): DirNode {
  const { vm } = entry;
  const place = (): [ArrayBufferLike, number] => [vm.memory.wasm.buffer, vcpuArea(vm.memory, id)];
  const stats = (): string => {
    const { dropped, madeBytes, instructions, compiled, ...counts } = readTiers(...place());
    return Object.entries({
      instructions,
      interpreted: Math.max(0, instructions - compiled),
      compiled,
      ...counts,
      made_bytes: madeBytes,
      regions: readRegions(...place()).length,
      ...Object.fromEntries(DROP_REASONS.map((reason) => [`dropped_${reason}`, dropped[reason]])),
    })
      .map(([name, value]) => `${name}=${value}`)
      .join('\n');
  };
  const lines = <T>(all: readonly T[], text: (each: T) => string): string => all.map(text).join('\n');
  return directory([
    ['stats', valueFile({ get: stats })],
    ['regions', valueFile({ get: () => lines(readRegions(...place()), regionText) })],
    ['events', valueFile({ get: () => lines(readTierEvents(...place()), eventText) })],
    ['region', () => regionsDir(entry, id, place)],
  ]);
}

/** region/: a directory for each region; rmdir forgets it. */
function regionsDir(entry: VmEntry, id: number, place: () => [ArrayBufferLike, number]): DirNode {
  const known = (number: number): Region => {
    const region = readRegion(...place(), number);
    if (!region)
      throw new KvmError('ENOENT', `vCPU ${id} has no region ${number} any more: see tiers/regions`);
    return region;
  };
  const text = (number: number) => {
    known(number);
    const found = readText(...place(), number);
    if (!found)
      throw new KvmError(
        'ENOENT',
        `the module of region ${number} was kept until newer ones took its room; rmdir it and it is made anew when it is hot`,
      );
    return found;
  };
  const rows = (number: number): Row[] => [
    ['about', valueFile({ get: () => regionText(known(number)) })],
    ['code', valueFile({ get: () => codeText(number) })],
    ['wasm', bytesFile({ get: () => text(number).module })],
    [
      'places',
      valueFile({
        get: () => {
          const { rip } = known(number);
          return text(number)
            .places.map((each) => placeText(rip, each))
            .join('\n');
        },
      }),
    ],
  ];
  const codeText = (number: number): string => {
    const { rip } = known(number);
    const all = new Map(
      text(number)
        .places.filter(({ kind }) => kind === 'instruction')
        .map(({ delta, code }) => [delta, code] as const),
    );
    return [...all]
      .sort(([a], [b]) => a - b)
      .map(([delta, code]) => `${hex(BigInt.asUintN(64, rip + BigInt(delta)))} ${digits(code)}`)
      .join('\n');
  };
  return directory(
    () => readRegions(...place()).map(({ number }): Row => [String(number), () => directory(rows(number))]),
    {
      rmdir: (name) => {
        const number = indexOf(name, REGIONS, 'region of this vCPU');
        known(number);
        return entry.standing(id, () => forgetRegion(...place(), number));
      },
    },
  );
}
