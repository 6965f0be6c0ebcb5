// The interface of a module that blocks, over a mailbox: a guest elsewhere whose calls answer at once, because this thread
// sleeps until they have. The calls and their answers are those of a window.

import { ERRNO, type ErrnoName, KvmError } from '../../kvm/abi/errno.ts';
import type {
  AttachmentRecord,
  BlockingDoorbell,
  Gpa,
  InterruptOptions,
  IoeventOptions,
  ScatterEntry,
  SyncGuestInterface,
  SyncGuestMap,
  SyncGuestScatter,
  SyncInterrupt,
} from '../guest_interface.ts';
import { MAIL_MAX, type Mailbox } from './mailbox.ts';
import { levelRefused, type WindowCall, type WindowCalls } from './messages.ts';

type Call = <Name extends WindowCall>(call: Name, argument: WindowCalls[Name][0]) => WindowCalls[Name][1];

/** A shadow of mapped memory. */
class BlockingMap implements SyncGuestMap {
  readonly gpa: bigint;
  readonly bytes: Uint8Array;
  readonly #call: Call;
  readonly #id: number;
  #stale = false;

  constructor(call: Call, id: number, gpa: bigint, bytes: Uint8Array) {
    this.#call = call;
    this.#id = id;
    this.gpa = gpa;
    this.bytes = bytes;
  }

  get length(): number {
    return this.bytes.length;
  }

  get stale(): boolean {
    return this.#stale;
  }

  sync(offset = 0, length = this.length - offset): void {
    const { bytes, stale } = this.#call('mapRead', { id: this.#id, offset, length });
    this.bytes.set(bytes, offset);
    this.#stale = stale;
  }

  written(offset = 0, length = this.length - offset): void {
    const bytes = this.bytes.slice(offset, offset + length);
    this.#stale = this.#call('mapWrite', { id: this.#id, offset, bytes });
  }

  #word(offset: number): DataView {
    if ((this.gpa + BigInt(offset)) % 4n !== 0n || offset < 0 || offset + 4 > this.length) {
      throw new KvmError('EINVAL', `there is no aligned 32-bit word at ${offset} of this mapping.`);
    }
    return new DataView(this.bytes.buffer, this.bytes.byteOffset + offset, 4);
  }

  load(offset: number): number {
    return this.#word(offset).getUint32(0, true);
  }

  store(offset: number, value: number): void {
    this.#word(offset).setInt32(0, value | 0, true);
    this.written(offset, 4);
  }

  release(): void {
    this.#call('release', { id: this.#id });
  }
}

/** A guest behind a mailbox. `post` sends a call to the thread that serves it. */
export class BlockingWindow implements SyncGuestInterface {
  readonly answersAtOnce = true;
  readonly #mailbox: Mailbox;
  readonly #post: (message: unknown) => void;
  #next = 1;
  #references = 1;

  constructor(mailbox: Mailbox, post: (message: unknown) => void) {
    this.#mailbox = mailbox;
    this.#post = post;
  }

  readonly #call: Call = (call, argument) => {
    const answer = this.#mailbox.ask(() => this.#post({ id: this.#next++, call, argument }));
    if ('code' in answer) {
      const code = Object.hasOwn(ERRNO, answer.code) ? (answer.code as ErrnoName) : 'EIO';
      throw new KvmError(code, answer.sentence);
    }
    return answer.value as never;
  };

  copyTo(gpa: Gpa, bytes: Uint8Array): number {
    for (let done = 0; done < bytes.length; done += MAIL_MAX) {
      // A copy of its own: what travels may be memory of a Wasm module.
      const piece = new Uint8Array(bytes.subarray(done, done + MAIL_MAX));
      const left = this.#call('copyTo', { gpa: BigInt(gpa) + BigInt(done), bytes: piece });
      if (left > 0) return bytes.length - done - piece.length + left;
    }
    return 0;
  }

  copyFrom(gpa: Gpa, bytes: Uint8Array): number {
    for (let done = 0; done < bytes.length; done += MAIL_MAX) {
      const length = Math.min(MAIL_MAX, bytes.length - done);
      const piece = this.#call('copyFrom', { gpa: BigInt(gpa) + BigInt(done), length });
      bytes.set(piece, done);
      if (piece.length < length) return bytes.length - done - piece.length;
    }
    return 0;
  }

  vmap(gpa: Gpa, length: number): SyncGuestMap {
    const address = BigInt(gpa);
    const { id, bytes } = this.#call('vmap', { gpa: address, length });
    return new BlockingMap(this.#call, id, address, bytes);
  }

  sgmap(entries: readonly ScatterEntry[]): SyncGuestScatter {
    const call = this.#call;
    const list = entries.map(({ gpa, length }) => ({ gpa: BigInt(gpa), length }));
    const { id, parts } = call('sgmap', { entries: list });
    return {
      parts,
      length: parts.reduce((sum, part) => sum + part.length, 0),
      sync: () => {
        call('sgRead', { id }).forEach((bytes, n) => {
          parts[n]?.set(bytes);
        });
      },
      written: () => call('sgWrite', { id, parts }),
      release: () => call('release', { id }),
    };
  }

  ioevent(address: Gpa, length: number, options: IoeventOptions = {}): BlockingDoorbell {
    const at = BigInt(address);
    const id = this.#call('ioevent', { address: at, length, options });
    const mailbox = this.#mailbox;
    let fresh = false;
    return {
      address: at,
      length,
      pio: options.pio === true,
      read: () => {
        const rings = mailbox.takeRings(id);
        fresh ||= rings > 0;
        return rings > 0 ? BigInt(rings) : undefined;
      },
      // The last one only: a mailbox has one word for each bell.
      values: () => {
        const values = fresh ? [mailbox.valueOf(id)] : [];
        fresh = false;
        return values;
      },
      ready: async () => {
        while (!mailbox.wait(id, Number.POSITIVE_INFINITY));
      },
      wait: (ms) => mailbox.wait(id, ms),
      release: () => this.#call('release', { id }),
    };
  }

  irqfd(gsi: number, { level = false }: InterruptOptions = {}): SyncInterrupt {
    if (level) throw levelRefused();
    const call = this.#call;
    const id = call('irqfd', { gsi });
    return { gsi, raise: () => call('raise', { id }), release: () => call('release', { id }) };
  }

  save(): AttachmentRecord[] {
    return this.#call('save', undefined);
  }

  get(): void {
    this.#references++;
  }

  put(): void {
    if (--this.#references !== 0) return;
    try {
      this.#call('put', undefined);
    } catch {
      // The answer to the last put is that nobody is there any more.
    }
  }
}
