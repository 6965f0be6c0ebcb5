// /kvm: the root of the tree and its VMs. It makes no worker itself: its owner gives it a pool.

import { type Change, type DirNode, directory, Emitter, textFile, valueFile } from '../fs/index.ts';
import { KvmError } from '../kvm/index.ts';
import { ROOT_HELP, ROOT_README } from './help.ts';
import { vmDir } from './vm_dir.ts';
import { type OwnMachine, VmEntry, type VmHost } from './vm_entry.ts';

const FIXED = ['README', 'help', 'version', 'extensions'];

interface Place {
  readonly entry: VmEntry;
  readonly dir: DirNode;
}

export class KvmTree {
  /** What is mounted as /kvm. */
  readonly root: DirNode;
  readonly #host: VmHost;
  readonly #vms = new Map<string, Place>();
  /** Names of VMs that are being made. */
  readonly #coming = new Set<string>();
  readonly #changes = new Emitter<Change>();

  constructor(host: VmHost) {
    this.#host = host;
    const { kvm } = host;
    this.root = directory(
      () => [
        ['README', textFile(ROOT_README)],
        ['help', textFile(ROOT_HELP)],
        ['version', valueFile({ get: () => String(kvm.apiVersion()) })],
        [
          'extensions',
          directory(
            [...kvm.extensions()].map(([name, value]) => [
              name,
              () => valueFile({ get: () => String(value) }),
            ]),
          ),
        ],
        ...[...this.#vms].map(([name, { dir }]) => [name, dir] as const),
      ],
      {
        mkdir: (name) => this.create(name),
        rmdir: (name) => this.remove(name),
        watch: this.#changes.on,
      },
    );
  }

  #checkName(name: string): void {
    if (this.#vms.has(name) || this.#coming.has(name) || FIXED.includes(name))
      throw new KvmError('EEXIST', `'${name}' is there already; take another name`);
    if (!/^[\w][\w.-]{0,63}$/.test(name))
      throw new KvmError('EINVAL', `'${name}' cannot name a VM: use letters, digits, - . _, at most 64`);
  }

  async #add(name: string, own?: OwnMachine): Promise<VmEntry> {
    this.#checkName(name);
    // Its directory takes a moment, in which nobody else may have the name.
    this.#coming.add(name);
    let entry: VmEntry;
    try {
      entry = new VmEntry(name, this.#host, own);
      this.#vms.set(name, { entry, dir: await vmDir(entry) });
    } finally {
      this.#coming.delete(name);
    }
    this.#changes.emit({ kind: 'made', name });
    return entry;
  }

  /** mkdir /kvm/NAME: a bare VM. EEXIST, EINVAL, ENOMEM. */
  async create(name: string): Promise<void> {
    await this.#add(name);
  }

  /** Shows a machine that its owner has made and runs. EEXIST. */
  adopt(name: string, own: OwnMachine): Promise<VmEntry> {
    return this.#add(name, own);
  }

  /** Takes a machine out of the tree that its owner ends by himself. */
  forget(name: string): void {
    const place = this.#vms.get(name);
    if (place === undefined) return;
    this.#vms.delete(name);
    place.entry.left();
    this.#changes.emit({ kind: 'removed', name });
  }

  /** rmdir /kvm/NAME. ENOENT, EBUSY with what holds it. */
  async remove(name: string): Promise<void> {
    const place = this.#vms.get(name);
    if (place === undefined) {
      if (FIXED.includes(name)) throw new KvmError('EPERM', `'${name}' stays: it belongs to the tree`);
      throw new KvmError('ENOENT', `there is no VM '${name}'`);
    }
    await place.entry.destroy();
    this.#vms.delete(name);
    this.#changes.emit({ kind: 'removed', name });
  }

  /** The VM of this name. */
  find(name: string): VmEntry | undefined {
    return this.#vms.get(name)?.entry;
  }

  /** Every VM. */
  entries(): VmEntry[] {
    return [...this.#vms.values()].map(({ entry }) => entry);
  }

  /** Stops every VM; for the end of the session. */
  async close(): Promise<void> {
    for (const { entry } of this.#vms.values()) await entry.runner.close();
  }
}
