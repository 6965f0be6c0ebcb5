// What a client gives of its host by name: a machine's options name it and can have no more, since whoever has the tree
// may write them.
import type { DiskWords } from '../disk/index.ts';
import { KvmError } from '../kvm/abi/errno.ts';
import type { NetworkOptions } from '../net/index.ts';
import type { FolderRequest } from './folders/request.ts';

/** What a client gives of its host. */
export interface GivenOptions {
  /** Disks, by name. */
  readonly disks?: Readonly<Record<string, DiskWords>>;
  /** Networks that machines may be plugged into, by name. */
  readonly networks?: Readonly<Record<string, NetworkOptions>>;
  /** What stands in /share. */
  readonly folders?: readonly FolderRequest[];
}

/** Things of one kind by name. */
export class Given<T> {
  readonly #kind: string;
  readonly #things = new Map<string, T>();

  /** `kind` is what one of them is called. */
  constructor(kind: string) {
    this.#kind = kind;
  }

  /** More of them; one of a name that is there replaces it. */
  add(things: Readonly<Record<string, T>>): void {
    for (const [name, thing] of Object.entries(things)) this.#things.set(name, thing);
  }

  /** The one of this name, if there is one. */
  find(name: string): T | undefined {
    return this.#things.get(name);
  }

  /** The one of this name. ENOENT says which there are. */
  get(name: string): T {
    const thing = this.#things.get(name);
    if (thing !== undefined) return thing;
    const names = [...this.#things.keys()].join(', ') || 'none';
    throw new KvmError('ENOENT', `there is no ${this.#kind} ${name}; this session has ${names}`);
  }
}
