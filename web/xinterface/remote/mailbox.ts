// A window for a thread that cannot await: its calls go to another thread of this process as messages, and the answers
// come back through shared memory, on which the caller sleeps. The other thread serves it with a WindowServer.

import { KvmError } from '../../kvm/abi/errno.ts';
import type { AnswerMessage, EndMessage, RingMessage, WindowPort } from './messages.ts';

/** Bytes of a mailbox, and the most that an answer brings. */
const MAILBOX_SIZE = 1 << 20;
export const MAIL_MAX = 1 << 19;

// Words of the mailbox.
/** 0 = nothing, 1 = an answer lies there, 2 = the other side has let go for good. */
const STATE = 0;
const ANSWERED = 1;
const ENDED = 2;
/** Bytes of the answer's text, behind which its bytes lie. */
const TEXT_LENGTH = 1;
/** Bumped with every ring. */
const RINGS = 2;
/** Rings of each bell since the reader has taken them, and the last value, by the bell's number modulo BELLS. */
const BELL_WORDS = 16;
const BELLS = 256;
const VALUE_BYTES = (BELL_WORDS + BELLS) * 4;
const DATA = VALUE_BYTES + BELLS * 8;

type Answer = AnswerMessage | EndMessage | RingMessage;

/** Text for everything but bytes, which stay as they are and are named by their place. */
function encode(value: unknown, bytes: Uint8Array[]): string {
  return JSON.stringify(value, (_, each: unknown) => {
    if (typeof each === 'bigint') return { big: String(each) };
    if (!(each instanceof Uint8Array)) return each;
    bytes.push(each);
    return { bytes: each.length };
  });
}

/** The value behind a text, with bytes copied from `data` one after the other. */
function decode(text: string, data: Uint8Array): unknown {
  let at = 0;
  return JSON.parse(text, (_, each: unknown) => {
    if (typeof each !== 'object' || each === null) return each;
    const { big, bytes } = each as { big?: string; bytes?: unknown };
    if (typeof big === 'string') return BigInt(big);
    if (typeof bytes !== 'number') return each;
    at += bytes;
    return data.slice(at - bytes, at);
  });
}

/** The serving side's channel: answers go into the mailbox. `deliver` is called with each call that has come in. */
export function mailboxPort(mailbox: SharedArrayBuffer): WindowPort & { deliver(message: unknown): void } {
  const words = new Int32Array(mailbox);
  const values = new BigInt64Array(mailbox, VALUE_BYTES, BELLS);
  let receive: (message: unknown) => void = () => {};
  const set = (word: number, value: number): void => {
    Atomics.store(words, word, value);
    Atomics.notify(words, word);
  };
  const answer = (message: AnswerMessage): void => {
    const parts: Uint8Array[] = [];
    let text = new TextEncoder().encode(encode(message, parts));
    const size = parts.reduce((sum, part) => sum + part.length, text.length);
    if (DATA + size > mailbox.byteLength) {
      const sentence = 'the answer is too large for a thread that blocks; ask for less at once.';
      text = new TextEncoder().encode(encode({ id: message.id, code: 'ENOMEM', sentence }, []));
      parts.length = 0;
    }
    const data = new Uint8Array(mailbox, DATA);
    data.set(text);
    let at = text.length;
    for (const part of parts) {
      data.set(part, at);
      at += part.length;
    }
    Atomics.store(words, TEXT_LENGTH, text.length);
    set(STATE, ANSWERED);
  };
  return {
    deliver: (message) => receive(message),
    listen: (onMessage) => {
      receive = onMessage;
    },
    post: (message) => {
      const said = message as Answer;
      if ('ended' in said) {
        set(STATE, ENDED);
        return;
      }
      if (!('bell' in said)) {
        answer(said);
        return;
      }
      const bell = said.bell % BELLS;
      const value = said.values.at(-1);
      if (value !== undefined) Atomics.store(values, bell, BigInt.asIntN(64, value));
      Atomics.add(words, BELL_WORDS + bell, Number(said.rings));
      Atomics.add(words, RINGS, 1);
      Atomics.notify(words, RINGS);
    },
    close: () => {},
  };
}

/** The blocking side: one call at a time. */
export class Mailbox {
  /** What the serving side gets. */
  readonly buffer: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #values: BigInt64Array;

  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(MAILBOX_SIZE)) {
    this.buffer = buffer;
    this.#words = new Int32Array(buffer);
    this.#values = new BigInt64Array(buffer, VALUE_BYTES, BELLS);
  }

  /** Sleeps for the answer to the call that `send` sends. ENODEV when there is nobody any more to give one. */
  ask(send: () => void): AnswerMessage {
    if (Atomics.load(this.#words, STATE) === ENDED) throw ended();
    // Only an answer is taken away: the end may come at any time.
    Atomics.compareExchange(this.#words, STATE, ANSWERED, 0);
    send();
    Atomics.wait(this.#words, STATE, 0);
    if (Atomics.load(this.#words, STATE) === ENDED) throw ended();
    const length = Atomics.load(this.#words, TEXT_LENGTH);
    const data = new Uint8Array(this.buffer, DATA);
    const text = new TextDecoder().decode(data.slice(0, length));
    return decode(text, data.subarray(length)) as AnswerMessage;
  }

  /** Rings of a bell since the last call. */
  takeRings(bell: number): number {
    return Atomics.exchange(this.#words, BELL_WORDS + (bell % BELLS), 0) >>> 0;
  }

  /** What was written to a bell last. */
  valueOf(bell: number): bigint {
    return BigInt.asUintN(64, Atomics.load(this.#values, bell % BELLS));
  }

  /** Sleeps until some bell rings or everything ends, at most `ms`; whether this bell has rung. */
  wait(bell: number, ms: number): boolean {
    const word = BELL_WORDS + (bell % BELLS);
    const rings = Atomics.load(this.#words, RINGS);
    if (Atomics.load(this.#words, word) === 0) Atomics.wait(this.#words, RINGS, rings, ms);
    return Atomics.load(this.#words, word) !== 0;
  }
}

function ended(): KvmError {
  return new KvmError('ENODEV', 'the window to this guest is closed; open another.');
}
