// A module in plain Wasm (c/vitrine_module.h): gives it its imports over a guest that answers at once, and lets it block.
// It compiles nothing: whoever starts it gives the compiled module as option `module`.

import type { BlockingDoorbell, GuestInterface, SyncGuestMap, SyncInterrupt } from '../xinterface/index.ts';
import { isKvmError, KvmError, type SyncGuestInterface } from '../xinterface/index.ts';
import type { Module, ModuleContext } from './module.ts';

const STOP = -1;
/** A stop is heard at least this often, in ms. */
const LOOK_MS = 100;
const EIO = 5;

type Attached = SyncGuestMap | BlockingDoorbell | SyncInterrupt;

interface ModuleExports {
  readonly memory: WebAssembly.Memory;
  module_run(): void;
}

function isSync(guest: GuestInterface): guest is SyncGuestInterface {
  return 'answersAtOnce' in guest;
}

/** The imports of one instance. */
class Imports {
  readonly #context: ModuleContext;
  readonly #guest: SyncGuestInterface;
  readonly #ready: () => void;
  readonly #objects = new Map<number, Attached>();
  readonly #values = new Map<number, bigint>();
  readonly #output: Uint8Array | undefined;
  memory: WebAssembly.Memory | undefined;
  #next = 0;

  constructor(context: ModuleContext, guest: SyncGuestInterface, ready: () => void) {
    this.#context = context;
    this.#guest = guest;
    this.#ready = ready;
    const { output } = context.options;
    if (output instanceof SharedArrayBuffer) this.#output = new Uint8Array(output);
  }

  /** Bytes of the module's own memory; a RangeError ends a module that names others. */
  #bytes(at: number, length: number): Uint8Array {
    return new Uint8Array((this.memory as WebAssembly.Memory).buffer, at >>> 0, length >>> 0);
  }

  #text(at: number, length: number): string {
    return new TextDecoder().decode(this.#bytes(at, length).slice());
  }

  /** Text up to a zero byte. */
  #string(at: number): string {
    const all = new Uint8Array((this.memory as WebAssembly.Memory).buffer);
    return this.#text(at, all.indexOf(0, at >>> 0) - (at >>> 0));
  }

  /** What `body` gives, or -errno. */
  #refused(body: () => number | undefined): number {
    try {
      return body() ?? 0;
    } catch (error) {
      return isKvmError(error) ? -error.errno : -EIO;
    }
  }

  #attach(make: () => Attached): number {
    return this.#refused(() => {
      this.#objects.set(this.#next, make());
      return this.#next++;
    });
  }

  #find<T extends Attached>(id: number, method: keyof T): T {
    const object = this.#objects.get(id);
    if (object && method in object) return object as T;
    throw new KvmError('EBADF', `the module holds no ${id} of this kind.`);
  }

  /** Sleeps for the bell in short pieces, so that a stop is heard. */
  #wait(id: number, ms: number): number {
    const bell = this.#find<BlockingDoorbell>(id, 'wait');
    const end = performance.now() + (ms >>> 0);
    for (;;) {
      if (Atomics.load(this.#context.stopWord, 0) !== 0) return STOP;
      const rings = bell.read();
      if (rings !== undefined) {
        const value = bell.values().at(-1);
        if (value !== undefined) this.#values.set(id, value);
        return Number(rings > 0x7fff_ffffn ? 0x7fff_ffffn : rings);
      }
      const left = end - performance.now();
      if (left <= 0) return 0;
      bell.wait(Math.min(left, LOOK_MS));
    }
  }

  #write(offset: number, bytes: Uint8Array): number {
    const output = this.#output;
    if (output === undefined || (offset >>> 0) + bytes.length > output.length) {
      throw new KvmError('EFAULT', 'option output is no SharedArrayBuffer of this size.');
    }
    output.set(bytes, offset >>> 0);
    return 0;
  }

  /** One function for each line of the header. */
  get functions(): Record<string, (...args: never[]) => unknown> {
    const guest = this.#guest;
    const { options, report } = this.#context;
    const gpaOf = (value: bigint): bigint => BigInt.asUintN(64, value);
    return {
      copy_to: (gpa: bigint, from: number, length: number) =>
        guest.copyTo(gpaOf(gpa), this.#bytes(from, length)),
      copy_from: (to: number, gpa: bigint, length: number) =>
        guest.copyFrom(gpaOf(gpa), this.#bytes(to, length)),
      vmap: (gpa: bigint, length: number) => this.#attach(() => guest.vmap(gpaOf(gpa), length >>> 0)),
      vmap_read: (id: number, offset: number, to: number, length: number) =>
        this.#refused(() => {
          const map = this.#find<SyncGuestMap>(id, 'sync');
          map.sync(offset >>> 0, length >>> 0);
          const bytes = map.bytes.subarray(offset >>> 0, (offset >>> 0) + (length >>> 0));
          if (bytes.length !== length >>> 0) throw new KvmError('EINVAL', 'the range lies outside the map.');
          this.#bytes(to, length).set(bytes);
          return 0;
        }),
      vmap_write: (id: number, offset: number, from: number, length: number) =>
        this.#refused(() => {
          const map = this.#find<SyncGuestMap>(id, 'sync');
          if ((offset >>> 0) + (length >>> 0) > map.length)
            throw new KvmError('EINVAL', 'the range lies outside the map.');
          map.bytes.set(this.#bytes(from, length), offset >>> 0);
          map.written(offset >>> 0, length >>> 0);
          return 0;
        }),
      vmap_load: (id: number, offset: number) =>
        this.#refused(() => {
          const map = this.#find<SyncGuestMap>(id, 'sync');
          map.sync(offset >>> 0, 4);
          return map.load(offset >>> 0) | 0;
        }),
      vmap_store: (id: number, offset: number, value: number) =>
        this.#refused(() => {
          this.#find<SyncGuestMap>(id, 'sync').store(offset >>> 0, value);
          return 0;
        }),
      ioevent: (address: bigint, length: number, flags: number) =>
        this.#attach(() => guest.ioevent(gpaOf(address), length, { pio: (flags & 1) !== 0 })),
      wait_event: (id: number, ms: number) => this.#wait(id, ms),
      event_value: (id: number) => BigInt.asIntN(64, this.#values.get(id) ?? 0n),
      irqfd: (gsi: number) => this.#attach(() => guest.irqfd(gsi >>> 0)),
      raise: (id: number) =>
        this.#refused(() => {
          this.#find<SyncInterrupt>(id, 'raise').raise();
          return 0;
        }),
      release: (id: number) =>
        this.#refused(() => {
          this.#find(id, 'release').release();
          this.#objects.delete(id);
          return 0;
        }),
      option: (name: number, fallback: bigint) => {
        const value = options[this.#string(name)];
        if (typeof value === 'boolean') return value ? 1n : 0n;
        if (typeof value === 'bigint') return BigInt.asIntN(64, value);
        return typeof value === 'number' && Number.isSafeInteger(value) ? BigInt(value) : fallback;
      },
      output: (offset: number, from: number, length: number) =>
        this.#refused(() => this.#write(offset, this.#bytes(from, length))),
      output_word: (offset: number, value: number) =>
        this.#refused(() => {
          const output = this.#output;
          if (output === undefined || offset % 4 !== 0 || (offset >>> 0) + 4 > output.length)
            throw new KvmError('EFAULT', 'option output is no SharedArrayBuffer with this word.');
          const words = new Int32Array(output.buffer);
          Atomics.store(words, offset >>> 2, value);
          Atomics.notify(words, offset >>> 2);
          return 0;
        }),
      random_bytes: (to: number, length: number) => {
        const bytes = this.#bytes(to, length);
        const most = 65536;
        for (let at = 0; at < bytes.length; at += most) {
          crypto.getRandomValues(bytes.subarray(at, at + most));
        }
      },
      ready: () => this.#ready(),
      report: (text: number, length: number) => report(this.#text(text, length)),
      fail: (text: number, length: number) => {
        throw new KvmError('EINVAL', this.#text(text, length));
      },
    };
  }
}

export const wasmModule: Module = {
  kind: 'wasm',
  async run(context, ready) {
    const { guest } = context;
    if (!isSync(guest)) {
      throw new KvmError(
        'EOPNOTSUPP',
        'a module in Wasm cannot await; its host gives it a guest that answers at once.',
      );
    }
    const { module } = context.options;
    if (!(module instanceof WebAssembly.Module)) {
      throw new KvmError('EINVAL', 'option module is no compiled Wasm; give a WebAssembly.Module.');
    }
    const imports = new Imports(context, guest, ready);
    const instance = new WebAssembly.Instance(module, {
      vitrine: imports.functions as WebAssembly.Imports[string],
    });
    const { memory, module_run: run } = instance.exports as unknown as ModuleExports;
    if (typeof run !== 'function' || !(memory instanceof WebAssembly.Memory)) {
      throw new KvmError('EINVAL', 'the Wasm exports no module_run and memory; see vitrine_module.h.');
    }
    imports.memory = memory;
    run();
    return undefined;
  },
};
