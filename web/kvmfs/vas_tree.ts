// /vas: address spaces without a VM, a directory each: regions of memory, the VMs that share them, who holds them.

import {
  type Change,
  commandFile,
  type DirNode,
  directory,
  Emitter,
  hex,
  type Row,
  size,
  textFile,
  valueFile,
  words,
} from '../fs/index.ts';
import { KVM_MEM_READONLY, type Kvm, KvmError, MAX_SLOTS } from '../kvm/index.ts';
import { type Vas, VasRegistry } from '../xinterface/index.ts';
import { VAS_README } from './help.ts';
import { indexOf } from './memory_dir.ts';
import { memoryFile } from './memory_file.ts';
import { pinText } from './pin_text.ts';
import { FreePieces } from './ram_pieces.ts';
import type { Home, VmEntry } from './vm_entry.ts';

/** The VMs that can be bound. */
export interface VasGuests {
  find(name: string): VmEntry | undefined;
  entries(): VmEntry[];
}

const flagWords = words<'readonly'>('readonly');
const namesOf = (flags: number): readonly 'readonly'[] => (flags & KVM_MEM_READONLY ? ['readonly'] : []);

/** What a directory stands for. */
interface Place extends Home {
  /** Regions whose directory was made and that are not set yet. */
  readonly declared: Set<number>;
  readonly changes: Emitter<Change>;
}

interface RegionRequest {
  readonly gpa?: bigint | undefined;
  readonly size?: bigint | undefined;
  readonly flags?: readonly 'readonly'[] | undefined;
}

/** One atomic set of a region, here and in every bound VM. */
function setRegion({ vas, changes }: Place, id: number, request: RegionRequest): void {
  const old = vas.slot(id);
  const gpa = request.gpa ?? old?.gpa;
  const bytes = request.size ?? (old && BigInt(old.size));
  if (gpa === undefined || bytes === undefined)
    throw new KvmError('EINVAL', 'a new region needs gpa= and size=: gpa=0x100000 size=4M');
  const flags =
    request.flags === undefined ? (old?.flags ?? 0) : request.flags.length > 0 ? KVM_MEM_READONLY : 0;
  vas.set({ id, gpa, size: Number(bytes), flags });
  changes.emit({ kind: 'changed', name: String(id) });
}

function regionRows(place: Place, id: number): Row[] {
  const now = () => place.vas.slot(id);
  return [
    [
      'gpa',
      valueFile({ ...hex(), get: () => now()?.gpa ?? 0n, set: (gpa) => setRegion(place, id, { gpa }) }),
    ],
    ['size', valueFile({ get: () => String(now()?.size ?? 0) })],
    ['offset', valueFile({ ...hex(), get: () => BigInt(now()?.hva ?? 0) })],
    ['flags', valueFile({ ...flagWords, get: () => namesOf(now()?.flags ?? 0) })],
    [
      'ctl',
      commandFile({
        keys: { gpa: hex(), size, flags: flagWords },
        get: () => {
          const slot = now();
          return slot ? { gpa: slot.gpa, size: BigInt(slot.size), flags: namesOf(slot.flags) } : {};
        },
        set: (request) => setRegion(place, id, request),
      }),
    ],
    [
      'mem',
      memoryFile(0o644, () => {
        const slot = now();
        if (!slot)
          throw new KvmError('ENXIO', `region ${id} is not set yet: echo "gpa=0x100000 size=4M" > ctl`);
        return {
          size: slot.size,
          bytes: (offset, length) => place.vas.memory.bytes(slot.hva + offset, length),
          written: (offset, length) => place.vas.written(slot.gpa + BigInt(offset), length),
        };
      }),
    ],
  ];
}

/** memory/: as that of a VM; what is set here all bound VMs have. */
function regionsDir(place: Place): DirNode {
  const { vas, declared, changes } = place;
  const ids = () => [...new Set([...declared, ...vas.regions().map(({ id }) => id)])].sort((a, b) => a - b);
  return directory(() => ids().map((id) => [String(id), () => directory(regionRows(place, id))] as const), {
    mkdir(name) {
      const id = indexOf(name, MAX_SLOTS, 'region');
      if (ids().includes(id)) throw new KvmError('EEXIST', `region ${id} is there already`);
      declared.add(id);
      changes.emit({ kind: 'made', name });
    },
    rmdir(name) {
      const id = indexOf(name, MAX_SLOTS, 'region');
      if (!ids().includes(id)) throw new KvmError('ENOENT', `there is no region ${id}`);
      if (vas.slot(id)) setRegion(place, id, { size: 0n });
      declared.delete(id);
      changes.emit({ kind: 'removed', name });
    },
    watch: changes.on,
  });
}

function vasRows(place: Place, guests: VasGuests): Row[] {
  const need = (name: string): VmEntry => {
    const entry = guests.find(name);
    if (entry) return entry;
    throw new KvmError('ENOENT', `there is no VM '${name}': write a name of /kvm`);
  };
  const bound = () => guests.entries().filter(({ vas }) => vas === place.vas);
  return [
    ['memory', regionsDir(place)],
    [
      'bind',
      valueFile({
        get: () =>
          bound()
            .map(({ name }) => name)
            .join('\n'),
        set: (name) => need(name).bindTo(place),
      }),
    ],
    ['unbind', valueFile({ set: (name) => need(name).unbindFrom(place) })],
    ['pins', valueFile({ get: () => place.vas.pins().map(pinText).join('\n') })],
  ];
}

/** The address spaces of one owner, by name. */
export class VasTree {
  /** What is mounted as /vas. */
  readonly root: DirNode;
  readonly #spaces: VasRegistry;
  readonly #places = new Map<string, Place>();
  readonly #changes = new Emitter<Change>();
  readonly #guests: VasGuests;

  constructor(kvm: Kvm, guests: VasGuests) {
    this.#spaces = new VasRegistry(kvm);
    this.#guests = guests;
    this.root = directory(
      () => [
        ['README', textFile(VAS_README)],
        ...[...this.#places].map(([name, place]) => [name, () => directory(vasRows(place, guests))] as const),
      ],
      {
        mkdir: (name) => this.#create(name),
        rmdir: (name) => this.#remove(name),
        watch: this.#changes.on,
      },
    );
  }

  /** The address space of this name. */
  find(name: string): Vas | undefined {
    return this.#places.get(name)?.vas;
  }

  #create(name: string): void {
    if (name === 'README') throw new KvmError('EEXIST', `'${name}' is there already; take another name`);
    if (!/^\w[\w.-]{0,31}$/.test(name))
      throw new KvmError(
        'EINVAL',
        `'${name}' cannot name an address space: letters, digits, - . _, at most 32`,
      );
    const vas = this.#spaces.create(name);
    this.#places.set(name, { vas, free: new FreePieces(), declared: new Set(), changes: new Emitter() });
    this.#changes.emit({ kind: 'made', name });
  }

  #remove(name: string): void {
    const place = this.#places.get(name);
    if (!place) throw new KvmError('ENOENT', `there is no address space '${name}'`);
    const within = this.#guests.entries().filter(({ vm }) => vm.memory.wasm === place.vas.memory.wasm);
    if (within.length > 0) {
      const names = within.map(
        (entry) => `${entry.name}${entry.vas ? '' : ' (unbound, its memory is here)'}`,
      );
      throw new KvmError('EBUSY', `${name} is shared by VM ${names.join(', ')}: unbind or remove them first`);
    }
    this.#spaces.remove(name);
    this.#places.delete(name);
    this.#changes.emit({ kind: 'removed', name });
  }
}
