// A window onto a guest in another tab, process or machine: the interface of a module over a channel. No KVM, no shared
// memory: copies are messages, and a mapping is a shadow that `sync` and `written` keep up to date.

import { ERRNO, type ErrnoName, KvmError } from '../../kvm/abi/errno.ts';
import type {
  AttachmentRecord,
  Doorbell,
  Gpa,
  GuestInterface,
  GuestMap,
  GuestScatter,
  Interrupt,
  InterruptOptions,
  IoeventOptions,
  ScatterEntry,
} from '../guest_interface.ts';
import {
  type AnswerMessage,
  CALL_MAX,
  type Caller,
  type EndMessage,
  levelRefused,
  type RingMessage,
  type WindowPort,
} from './messages.ts';
import { RemoteDoorbell, RemoteMap, RemoteScatter } from './objects.ts';

interface Waiting {
  resolve(value: unknown): void;
  reject(error: KvmError): void;
}

function ended(): KvmError {
  return new KvmError('ENODEV', 'the window to this guest is closed; open another.');
}

/** The far end of a WindowServer. Every call answers later. */
export class RemoteWindow implements GuestInterface {
  readonly #port: WindowPort;
  readonly #waiting = new Map<number, Waiting>();
  readonly #bells = new Map<number, RemoteDoorbell>();
  /** Rings of bells whose number this side has not heard yet. */
  readonly #early: RingMessage[] = [];
  #next = 1;
  #references = 1;

  constructor(port: WindowPort) {
    this.#port = port;
    port.listen(
      (message) => this.#receive(message as AnswerMessage | RingMessage | EndMessage),
      () => this.#close(),
    );
  }

  readonly #call: Caller = (call, argument) => {
    if (this.#references === 0) return Promise.reject(ended());
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
      this.#port.post({ id, call, argument });
    });
  };

  #receive(message: AnswerMessage | RingMessage | EndMessage): void {
    if ('ended' in message) {
      this.#close();
      return;
    }
    if ('bell' in message) {
      const bell = this.#bells.get(message.bell);
      if (bell) bell.rung(message.rings, message.values);
      else this.#early.push(message);
      return;
    }
    const waiting = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    if ('code' in message) {
      const code = Object.hasOwn(ERRNO, message.code) ? (message.code as ErrnoName) : 'EIO';
      waiting?.reject(new KvmError(code, message.sentence));
    } else waiting?.resolve(message.value);
  }

  #close(): void {
    this.#references = 0;
    for (const { reject } of this.#waiting.values()) reject(ended());
    this.#waiting.clear();
    for (const bell of this.#bells.values()) bell.end();
    this.#port.close();
  }

  async copyTo(gpa: Gpa, bytes: Uint8Array): Promise<number> {
    for (let done = 0; done < bytes.length; done += CALL_MAX) {
      const piece = bytes.slice(done, done + CALL_MAX);
      const left = await this.#call('copyTo', { gpa: BigInt(gpa) + BigInt(done), bytes: piece });
      if (left > 0) return bytes.length - done - piece.length + left;
    }
    return 0;
  }

  async copyFrom(gpa: Gpa, bytes: Uint8Array): Promise<number> {
    for (let done = 0; done < bytes.length; done += CALL_MAX) {
      const length = Math.min(CALL_MAX, bytes.length - done);
      const piece = await this.#call('copyFrom', { gpa: BigInt(gpa) + BigInt(done), length });
      bytes.set(piece.subarray(0, length), done);
      if (piece.length < length) return bytes.length - done - piece.length;
    }
    return 0;
  }

  async vmap(gpa: Gpa, length: number): Promise<GuestMap> {
    const address = BigInt(gpa);
    const { id, bytes } = await this.#call('vmap', { gpa: address, length });
    return new RemoteMap(this.#call, id, address, bytes);
  }

  async sgmap(entries: readonly ScatterEntry[]): Promise<GuestScatter> {
    const list = entries.map(({ gpa, length }) => ({ gpa: BigInt(gpa), length }));
    const { id, parts } = await this.#call('sgmap', { entries: list });
    return new RemoteScatter(this.#call, id, parts);
  }

  async ioevent(address: Gpa, length: number, options: IoeventOptions = {}): Promise<Doorbell> {
    const at = BigInt(address);
    const id = await this.#call('ioevent', { address: at, length, options });
    const bell = new RemoteDoorbell(at, length, options.pio === true, async () => {
      this.#bells.delete(id);
      await this.#call('release', { id });
    });
    this.#bells.set(id, bell);
    for (const early of this.#early.splice(0)) this.#receive(early);
    return bell;
  }

  async irqfd(gsi: number, { level = false }: InterruptOptions = {}): Promise<Interrupt> {
    if (level) throw levelRefused();
    const id = await this.#call('irqfd', { gsi });
    const call = this.#call;
    return {
      gsi,
      raise: () => call('raise', { id }),
      release: () => call('release', { id }),
    };
  }

  save(): Promise<AttachmentRecord[]> {
    return this.#call('save', undefined);
  }

  get(): void {
    if (this.#references === 0) throw ended();
    this.#references++;
  }

  async put(): Promise<void> {
    if (this.#references === 0) return;
    // The answer is the end of the channel, which fails every call that waits, this one too.
    if (this.#references === 1) await this.#call('put', undefined).catch(() => {});
    else this.#references--;
  }
}
