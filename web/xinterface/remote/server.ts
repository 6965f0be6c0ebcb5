// The guest's side of a window: answers the calls that come over a channel with those of an interface. The other side is
// not trusted: what it sends is looked at before it is used.

import { isKvmError, KvmError } from '../../kvm/abi/errno.ts';
import type { Doorbell, GuestInterface, GuestMap, GuestScatter, Interrupt } from '../guest_interface.ts';
import {
  CALL_MAX,
  type CallMessage,
  type WindowCall,
  type WindowCalls,
  type WindowPort,
} from './messages.ts';

/** Things that the other side may hold at once. */
const OBJECTS_MAX = 256;

type Handlers = { [Call in WindowCall]: (argument: never) => Promise<WindowCalls[Call][1]> };

function refuse(what: string): KvmError {
  return new KvmError('EINVAL', `${what} is not what this call takes.`);
}

function wholeNumber(value: unknown, most: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= most) return value;
  throw refuse(String(value));
}

function address(value: unknown): bigint {
  if (typeof value === 'bigint' && value >= 0n && value < 1n << 64n) return value;
  throw refuse(String(value));
}

function bytesOf(value: unknown): Uint8Array {
  if (value instanceof Uint8Array && value.length <= CALL_MAX) return value;
  throw refuse('a value that is no array of bytes');
}

/** Serves one interface to one channel. It holds the interface until the other side puts it, or the channel ends. */
export class WindowServer {
  readonly #guest: GuestInterface;
  readonly #port: WindowPort;
  readonly #maps = new Map<number, GuestMap>();
  readonly #scatters = new Map<number, GuestScatter>();
  readonly #bells = new Map<number, Doorbell>();
  readonly #interrupts = new Map<number, Interrupt>();
  readonly #end = new AbortController();
  readonly #calls: Handlers;
  #next = 1;

  constructor(guest: GuestInterface, port: WindowPort) {
    this.#guest = guest;
    this.#port = port;
    this.#calls = this.#handlers();
    port.listen(
      (message) => void this.#answer(message as CallMessage),
      () => void this.close(),
    );
  }

  /** Lets go of the guest and of all that the other side has attached, and says so to it. */
  async close(): Promise<void> {
    if (this.#end.signal.aborted) return;
    this.#end.abort();
    await this.#guest.put();
    this.#port.post({ ended: true });
    this.#port.close();
  }

  async #answer(message: CallMessage): Promise<void> {
    const { id, call, argument } = message;
    if (this.#end.signal.aborted) return;
    try {
      if (!Object.hasOwn(this.#calls, call)) throw new KvmError('ENOSYS', `a window has no call ${call}.`);
      const value = await this.#calls[call]((argument ?? {}) as never);
      this.#port.post({ id, value });
    } catch (error) {
      const known = isKvmError(error) ? error : new KvmError('EIO', String(error));
      this.#port.post({ id, code: known.code, sentence: known.message.slice(known.code.length + 2) });
    }
  }

  #add<T>(table: Map<number, T>, object: T): number {
    const id = this.#next++;
    table.set(id, object);
    return id;
  }

  #checkRoom(): void {
    const all = [this.#maps, this.#scatters, this.#bells, this.#interrupts];
    if (all.reduce((sum, table) => sum + table.size, 0) < OBJECTS_MAX) return;
    throw new KvmError('ENOSPC', `a window holds ${OBJECTS_MAX} things at most; release one.`);
  }

  /** Tells the other side of each ring, until the bell is released. */
  async #forward(id: number, bell: Doorbell): Promise<void> {
    while (this.#bells.has(id)) {
      await bell.ready(this.#end.signal);
      const rings = bell.read();
      if (rings !== undefined) this.#port.post({ bell: id, rings, values: bell.values() });
    }
  }

  #handlers(): Handlers {
    const guest = this.#guest;
    const find = <T>(table: Map<number, T>, id: unknown): T => {
      const found = table.get(id as number);
      if (found === undefined) throw new KvmError('EBADF', `this window holds no ${id} of this kind.`);
      return found;
    };
    return {
      copyTo: async ({ gpa, bytes }: WindowCalls['copyTo'][0]) => guest.copyTo(address(gpa), bytesOf(bytes)),
      copyFrom: async ({ gpa, length }: WindowCalls['copyFrom'][0]) => {
        const bytes = new Uint8Array(wholeNumber(length, CALL_MAX));
        const left = await guest.copyFrom(address(gpa), bytes);
        return bytes.slice(0, bytes.length - left);
      },
      vmap: async ({ gpa, length }: WindowCalls['vmap'][0]) => {
        this.#checkRoom();
        const map = await guest.vmap(address(gpa), wholeNumber(length, CALL_MAX));
        await map.sync();
        return { id: this.#add(this.#maps, map), bytes: map.bytes.slice() };
      },
      mapRead: async ({ id, offset, length }: WindowCalls['mapRead'][0]) => {
        const map = find(this.#maps, id);
        const from = wholeNumber(offset, map.length);
        const count = wholeNumber(length, map.length - from);
        await map.sync(from, count);
        return { bytes: map.bytes.slice(from, from + count), stale: map.stale };
      },
      mapWrite: async ({ id, offset, bytes }: WindowCalls['mapWrite'][0]) => {
        const map = find(this.#maps, id);
        const count = bytesOf(bytes).length;
        const from = wholeNumber(offset, map.length - count);
        // A word is stored at once, as the side that wrote it meant it.
        if (count === 4 && from % 4 === 0) {
          await map.store(from, new DataView(bytes.buffer, bytes.byteOffset).getInt32(0, true));
        } else {
          map.bytes.set(bytes, from);
          await map.written(from, count);
        }
        return map.stale;
      },
      sgmap: async ({ entries }: WindowCalls['sgmap'][0]) => {
        this.#checkRoom();
        if (!Array.isArray(entries) || entries.length > OBJECTS_MAX) throw refuse('the list of entries');
        const list = entries.map(({ gpa, length }) => ({
          gpa: address(typeof gpa === 'number' && Number.isSafeInteger(gpa) ? BigInt(gpa) : gpa),
          length: wholeNumber(length, CALL_MAX),
        }));
        const scatter = await guest.sgmap(list);
        await scatter.sync();
        return { id: this.#add(this.#scatters, scatter), parts: scatter.parts.map((part) => part.slice()) };
      },
      sgRead: async ({ id }: WindowCalls['sgRead'][0]) => {
        const scatter = find(this.#scatters, id);
        await scatter.sync();
        return scatter.parts.map((part) => part.slice());
      },
      sgWrite: async ({ id, parts }: WindowCalls['sgWrite'][0]) => {
        const scatter = find(this.#scatters, id);
        scatter.parts.forEach((part, n) => {
          const bytes = bytesOf(parts[n]);
          if (bytes.length !== part.length) throw refuse(`part ${n} of ${bytes.length} bytes`);
          part.set(bytes);
        });
        await scatter.written();
        return undefined;
      },
      ioevent: async ({ address: at, length, options }: WindowCalls['ioevent'][0]) => {
        this.#checkRoom();
        const { pio, datamatch } = options;
        const match = datamatch === undefined ? {} : { datamatch: address(BigInt(datamatch)) };
        const bell = await guest.ioevent(address(at), wholeNumber(length, 8), {
          pio: pio === true,
          ...match,
        });
        const id = this.#add(this.#bells, bell);
        // Ends with the bell or the channel.
        this.#forward(id, bell).catch(() => {});
        return id;
      },
      irqfd: async ({ gsi }: WindowCalls['irqfd'][0]) => {
        this.#checkRoom();
        return this.#add(this.#interrupts, await guest.irqfd(wholeNumber(gsi, 0xffff_ffff)));
      },
      raise: async ({ id }: WindowCalls['raise'][0]) => {
        await find(this.#interrupts, id).raise();
        return undefined;
      },
      release: async ({ id }: WindowCalls['release'][0]) => {
        for (const table of [this.#maps, this.#scatters, this.#bells, this.#interrupts]) {
          const object = table.get(id);
          table.delete(id);
          await object?.release();
        }
        return undefined;
      },
      save: async () => guest.save(),
      put: async () => {
        await this.close();
        return undefined;
      },
    };
  }
}
