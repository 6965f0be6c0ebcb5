// The eventfds that a VM's directory holds, by name. The files over them are eventfd_dir.ts.

import { type Change, Emitter } from '../fs/index.ts';
import { type Eventfd, KvmError, type Vm } from '../kvm/index.ts';

export class Eventfds {
  readonly #vm: () => Vm;
  readonly #held = new Map<string, Eventfd>();
  readonly #changes = new Emitter<Change>();
  /** Calls back when one comes or goes: who waits for it must look again. */
  readonly watch = this.#changes.on;

  constructor(vm: () => Vm) {
    this.#vm = vm;
  }

  get names(): string[] {
    return [...this.#held.keys()];
  }

  get(name: string): Eventfd | undefined {
    return this.#held.get(name);
  }

  /** The eventfd of this name. EBADF, as of a number that is no open file. */
  need(name: string): Eventfd {
    const found = this.#held.get(name);
    if (found) return found;
    throw new KvmError('EBADF', `there is no eventfd '${name}': make it with touch eventfd/${name}`);
  }

  /** The name of the one whose record lies at `offset`. */
  nameAt(offset: number): string | undefined {
    return this.names.find((name) => this.#held.get(name)?.placeIn(this.#vm()) === offset);
  }

  /** eventfd(2): one whose counter is 0. EINVAL for the name, ENFILE. */
  create(name: string): Eventfd {
    if (!/^\w[\w.-]{0,31}$/.test(name))
      throw new KvmError('EINVAL', `'${name}' cannot name an eventfd: letters, digits, - . _, at most 32`);
    const eventfd = this.#vm().createEventfd();
    this.#held.set(name, eventfd);
    this.#changes.emit({ kind: 'made', name });
    return eventfd;
  }

  /** close(2): ends its irqfd; its ioeventfds stay, as on Linux. ENOENT. */
  close(name: string): void {
    const found = this.#held.get(name);
    if (!found) throw new KvmError('ENOENT', `there is no eventfd '${name}'`);
    this.#held.delete(name);
    found.close();
    this.#changes.emit({ kind: 'removed', name });
  }

  /** They are gone with the memory in which they lay. */
  forget(): void {
    const { names } = this;
    this.#held.clear();
    for (const name of names) this.#changes.emit({ kind: 'removed', name });
  }
}
