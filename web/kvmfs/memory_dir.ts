// memory/: the slots of a VM, a directory each, and alias/: ranges of addresses that mean another range.

import {
  bytesFile,
  commandFile,
  type DirNode,
  decimal,
  directory,
  hex,
  type Row,
  size,
  valueFile,
  words,
} from '../fs/index.ts';
import {
  checkSlotId,
  dirtyPages,
  KVM_MEM_LOG_DIRTY_PAGES,
  KVM_MEM_READONLY,
  KvmError,
  type Slot,
  slotWritten,
} from '../kvm/index.ts';
import { memoryFile } from './memory_file.ts';
import type { VmEntry } from './vm_entry.ts';

type Flag = 'log_dirty' | 'readonly';
const FLAGS: Readonly<Record<Flag, number>> = {
  log_dirty: KVM_MEM_LOG_DIRTY_PAGES,
  readonly: KVM_MEM_READONLY,
};
const flagWords = words<Flag>('log_dirty', 'readonly');
const PAGE = 4096;
const ALIASES = 4;

const namesOf = (flags: number): Flag[] =>
  (Object.keys(FLAGS) as Flag[]).filter((name) => (flags & FLAGS[name]) !== 0);
const bitsOf = (names: readonly Flag[]): number => names.reduce((bits, name) => bits | FLAGS[name], 0);

/** Numbers as ranges, one a line: `3`, `7-9`. */
export function rangesText(numbers: readonly number[]): string {
  const ranges: [number, number][] = [];
  for (const number of numbers) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === number - 1) last[1] = number;
    else ranges.push([number, number]);
  }
  return ranges.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join('\n');
}

/** The number that a directory of this name has. EINVAL. */
export function indexOf(name: string, limit: number, what: string): number {
  const index = /^(0|[1-9]\d*)$/.test(name) ? Number(name) : Number.NaN;
  if (index < limit) return index;
  throw new KvmError('EINVAL', `'${name}' is no ${what}: they are 0 to ${limit - 1}`);
}

interface SlotRequest {
  readonly gpa?: bigint | undefined;
  readonly size?: bigint | undefined;
  readonly offset?: bigint | undefined;
  readonly flags?: readonly Flag[] | undefined;
}

/** KVM_SET_USER_MEMORY_REGION with what the request leaves out taken from the slot as it is. Size 0 deletes it. */
function setSlot(entry: VmEntry, id: number, request: SlotRequest): void {
  const { vm } = entry;
  const old = vm.slot(id);
  if (request.gpa !== undefined || request.size !== undefined || request.offset !== undefined)
    refuseShared(entry, id);
  const bytes = request.size ?? (old && BigInt(old.size));
  if (bytes === undefined || (request.gpa ?? old?.gpa) === undefined) {
    throw new KvmError('EINVAL', 'a new slot needs gpa= and size=: gpa=0x100000 size=4M flags=log_dirty');
  }
  if (old && request.offset === undefined && bytes > 0n && bytes !== BigInt(old.size))
    throw new KvmError(
      'EINVAL',
      `slot ${id} has ${old.size} bytes, and KVM resizes no slot: write size=0 first, which deletes it`,
    );
  const given = request.offset ?? (old && BigInt(old.hva));
  if (given === undefined && bytes > BigInt(entry.settings.limit))
    throw new KvmError(
      'ENOMEM',
      `the memory of this VM grows to ${size.format(BigInt(entry.settings.limit))} at most`,
    );
  const taken = given === undefined && bytes > 0n ? entry.ram.take(Number(bytes)) : undefined;
  try {
    vm.setUserMemoryRegion({
      slot: id,
      flags: request.flags === undefined ? (old?.flags ?? 0) : bitsOf(request.flags),
      guest_phys_addr: request.gpa ?? old?.gpa ?? 0n,
      memory_size: bytes,
      userspace_addr: given ?? taken ?? 0,
    });
  } catch (error) {
    if (taken !== undefined) entry.ram.give(taken, Number(bytes));
    throw error;
  }
  if (bytes === 0n) giveRam(entry, id);
  if (taken !== undefined) entry.slotRam.set(id, { offset: taken, size: Number(bytes) });
  entry.news.emit({ dir: 'memory', kind: 'changed', name: String(id) });
}

/** EPERM for a slot that is a region of an address space; whether its pages are logged is the VM's own choice. */
function refuseShared(entry: VmEntry, id: number): void {
  const { vas } = entry;
  if (vas?.slot(id) === undefined) return;
  throw new KvmError(
    'EPERM',
    `slot ${id} is a region of /vas/${vas.name}: change it there, or unbind the VM`,
  );
}

function removeSlot(entry: VmEntry, id: number): void {
  refuseShared(entry, id);
  if (entry.vm.slot(id) === undefined) return;
  entry.vm.setUserMemoryRegion({ slot: id, memory_size: 0 });
  giveRam(entry, id);
}

/** The memory that was taken for a slot is free again. */
function giveRam(entry: VmEntry, id: number): void {
  const ram = entry.slotRam.get(id);
  entry.slotRam.delete(id);
  if (ram !== undefined) entry.ram.give(ram.offset, ram.size);
}

function present(entry: VmEntry, id: number): Slot {
  const slot = entry.vm.slot(id);
  if (slot) return slot;
  throw new KvmError('ENXIO', `slot ${id} is not set yet: echo "gpa=0x100000 size=4M" > ctl`);
}

function slotRows(entry: VmEntry, id: number): Row[] {
  const { vm } = entry;
  const now = () => vm.slot(id);
  return [
    ['gpa', valueFile({ ...hex(), get: () => now()?.gpa ?? 0n, set: (gpa) => setSlot(entry, id, { gpa }) })],
    ['size', valueFile({ get: () => String(now()?.size ?? 0) })],
    ['offset', valueFile({ ...hex(), get: () => BigInt(now()?.hva ?? 0) })],
    [
      'flags',
      valueFile({
        ...flagWords,
        get: () => namesOf(now()?.flags ?? 0),
        set: (flags) => {
          present(entry, id);
          setSlot(entry, id, { flags });
        },
      }),
    ],
    [
      'ctl',
      commandFile({
        keys: { gpa: hex(), size, offset: hex(), flags: flagWords },
        get: () => {
          const slot = now();
          if (!slot) return {};
          const { gpa, hva, flags } = slot;
          return { gpa, size: BigInt(slot.size), offset: BigInt(hva), flags: namesOf(flags) };
        },
        set: (request) => setSlot(entry, id, request),
      }),
    ],
    [
      'mem',
      memoryFile(0o644, () => {
        const slot = present(entry, id);
        return {
          size: slot.size,
          bytes: (offset, length) => vm.memory.bytes(slot.hva + offset, length),
          written: (offset, length) => slotWritten(vm.memory, slot, offset, length),
        };
      }),
    ],
    ['dirty_bitmap', bytesFile({ readChanges: true, get: () => vm.getDirtyLog(id) })],
    ['dirty', valueFile({ get: () => rangesText(dirtyPages(vm.peekDirtyLog(id))) })],
    [
      'clear_dirty',
      commandFile({
        keys: { first: hex(), pages: decimal(0, 2 ** 32) },
        set: ({ first = 0n, pages }) => {
          const num_pages = pages ?? Math.ceil(present(entry, id).size / PAGE) - Number(first);
          const dirty_bitmap = new Uint8Array(Math.ceil(Math.max(0, num_pages) / 64) * 8).fill(0xff);
          vm.clearDirtyLog({ slot: id, first_page: first, num_pages, dirty_bitmap });
        },
      }),
    ],
  ];
}

/** The slot that a directory of this name is: KVM's number, with the address space in bits 16 up. EINVAL. */
function slotId(name: string): number {
  const id = indexOf(name, 2 ** 31, 'slot');
  checkSlotId(id);
  return id;
}

/** memory/: mkdir declares a slot, a write to its ctl sets it, rmdir deletes it. */
export function memoryDir(entry: VmEntry): DirNode {
  const { vm } = entry;
  const ids = () =>
    [...new Set([...entry.declared, ...[...vm.slots(), ...vm.slots(1)].map(({ id }) => id)])].sort(
      (a, b) => a - b,
    );
  return directory(() => ids().map((id) => [String(id), () => directory(slotRows(entry, id))] as const), {
    mkdir(name) {
      const id = slotId(name);
      if (ids().includes(id)) throw new KvmError('EEXIST', `slot ${id} is there already`);
      entry.declared.add(id);
      entry.news.emit({ dir: 'memory', kind: 'made', name });
    },
    rmdir(name) {
      const id = slotId(name);
      if (!ids().includes(id)) throw new KvmError('ENOENT', `there is no slot ${id}`);
      removeSlot(entry, id);
      entry.declared.delete(id);
      entry.news.emit({ dir: 'memory', kind: 'removed', name });
    },
    watch: (listener) =>
      entry.news.on(({ dir, kind, name }) => {
        if (dir === 'memory') listener({ kind, name });
      }),
  });
}

/** alias/: four files, one for each alias; size=0 takes it away. */
export function aliasDir(entry: VmEntry): DirNode {
  const { vm } = entry;
  return directory(
    Array.from({ length: ALIASES }, (_, id): Row => {
      const file = commandFile({
        keys: { gpa: hex(), size, target: hex() },
        get: () => {
          const { guest_phys_addr, memory_size, target_phys_addr } = vm.getMemoryAlias(id);
          return { gpa: guest_phys_addr, size: memory_size, target: target_phys_addr };
        },
        set: ({ gpa, size: bytes, target }) => {
          const old = vm.getMemoryAlias(id);
          vm.setMemoryAlias({
            slot: id,
            guest_phys_addr: gpa ?? old.guest_phys_addr,
            memory_size: bytes ?? old.memory_size,
            target_phys_addr: target ?? old.target_phys_addr,
          });
        },
      });
      return [String(id), file];
    }),
  );
}
