// Byte-range locks as fcntl(2) has them: a table of who holds which range of which file. Nobody waits here.

import { KvmError } from '../kvm/abi/errno.ts';

/** Bytes `start` to `end` (not included) of a file, locked for reading or for writing. */
interface Held {
  readonly file: bigint;
  readonly owner: string;
  readonly isWrite: boolean;
  readonly start: bigint;
  readonly end: bigint;
  /** The fid through which it was taken: it goes with it. */
  readonly through: object;
  readonly process: number;
  readonly client: string;
}

/** A lock that is asked for. */
export interface LockRequest {
  readonly file: bigint;
  readonly isWrite: boolean;
  readonly start: bigint;
  /** Bytes; 0n means to the end of any file. */
  readonly length: bigint;
  /** The client's process and node, which own it. */
  readonly process: number;
  readonly client: string;
}

/** All ranges of a server. */
const LOCKS_MAX = 4096;

const endOf = ({ start, length }: LockRequest) => (length === 0n ? 1n << 64n : start + length);

/** The locks of a server: those of all its sessions, so that two guests that share a folder see each other's. */
export class Locks {
  #held: Held[] = [];

  /** The lock of another owner that stands in the way, if any. */
  conflict(request: LockRequest, session: string): Held | undefined {
    const end = endOf(request);
    const owner = ownerOf(request, session);
    return this.#held.find(
      (held) =>
        held.file === request.file &&
        held.owner !== owner &&
        held.start < end &&
        held.end > request.start &&
        (held.isWrite || request.isWrite),
    );
  }

  /** Takes the lock; what the owner held of the range before is replaced. False when one stands in the way. ENOLCK. */
  take(request: LockRequest, session: string, through: object): boolean {
    if (this.conflict(request, session)) return false;
    const rest = this.#without(request, session);
    const { file, isWrite, start, process, client } = request;
    const owner = ownerOf(request, session);
    this.#set([...rest, { file, owner, isWrite, start, end: endOf(request), through, process, client }]);
    return true;
  }

  /** Gives up what the owner holds of the range. ENOLCK when what is left would be too many pieces. */
  release(request: LockRequest, session: string): void {
    this.#set(this.#without(request, session));
  }

  #set(held: Held[]): void {
    if (held.length > LOCKS_MAX && held.length > this.#held.length) {
      throw new KvmError('ENOLCK', `${LOCKS_MAX} ranges are locked: unlock some`);
    }
    this.#held = held;
  }

  /** The table without what the owner holds of the range. */
  #without(request: LockRequest, session: string): Held[] {
    const owner = ownerOf(request, session);
    const { file, start } = request;
    const end = endOf(request);
    return this.#held.flatMap((held) => {
      if (held.file !== file || held.owner !== owner || held.start >= end || held.end <= start) return [held];
      const left = held.start < start ? [{ ...held, end: start }] : [];
      const right = held.end > end ? [{ ...held, start: end }] : [];
      return [...left, ...right];
    });
  }

  /** Gives up all that was taken through a fid. */
  drop(through: object): void {
    this.#held = this.#held.filter((held) => held.through !== through);
  }
}

const ownerOf = ({ process, client }: LockRequest, session: string) => `${session} ${process} ${client}`;
