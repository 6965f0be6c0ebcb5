// How a request of ioctl is carried out: rows of a table by fd class, and the helpers they are written with. No row is here.

import {
  type ErrnoName,
  type Input,
  type IoctlName,
  KVM,
  KvmError,
  type Struct,
  viewOf,
} from '../abi/index.ts';
import type { AddressSpace } from './address_space.ts';
import { type Argument, pointerOf } from './argument.ts';
import type { OpenFile } from './fd_table.ts';

/** One ioctl under way. */
export interface Call<F extends OpenFile> {
  /** What the fd stands for. */
  readonly file: F;
  readonly argument: Argument;
  readonly space: AddressSpace;
  /** Opens an fd for a file that the call has made. EMFILE. */
  open(file: OpenFile): number;
  /** The file behind another fd of this process. EBADF. */
  get(fd: number): OpenFile;
}

/** Carries out a request: a number is what ioctl returns, anything else is 0; a KvmError is its errno. */
export type Handler<F extends OpenFile> = (call: Call<F>) => unknown;

/** The requests of one fd class by name. */
export type Requests<F extends OpenFile> = Readonly<Partial<Record<IoctlName, Handler<F>>>>;

/** A request with a struct that the caller gives (W). */
export function takes<F extends OpenFile, T>(
  struct: Struct<T>,
  act: (file: F, value: T, call: Call<F>) => unknown,
): Handler<F> {
  return (call) => act(call.file, call.argument.read(struct), call);
}

/** A request that fills a struct (R). */
export function gives<F extends OpenFile, T>(struct: Struct<T>, make: (file: F) => Input<T>): Handler<F> {
  // The pointer comes first: a call that cannot answer shall change nothing.
  return (call) => {
    call.argument.bytes(struct.size);
    call.argument.write(struct, make(call.file));
  };
}

/** A request that reads a struct and stores some of its fields anew (WR); a number as answer is ioctl's result too. */
export function changes<F extends OpenFile, T>(
  struct: Struct<T>,
  make: (file: F, value: T, call: Call<F>) => Input<T>,
): Handler<F> {
  return (call) => {
    const value = make(call.file, call.argument.read(struct), call);
    call.argument.update(struct, value);
  };
}

/** A request without an argument, which must then be 0. EINVAL. */
export function bare<F extends OpenFile>(act: (file: F, call: Call<F>) => unknown): Handler<F> {
  return (call) => {
    if (call.argument.value !== 0) throw new KvmError('EINVAL', 'this request takes no argument; give 0.');
    return act(call.file, call);
  };
}

/** A device attribute's value: a u64 at `addr`. EFAULT when the process may not touch it. */
export function attributeAt(space: AddressSpace, addr: bigint): DataView {
  return viewOf(space.bytes(pointerOf(addr), 8));
}

/** A request that this machine has no use for: KVM's errno where it lacks the same, and why. */
export function refused<F extends OpenFile>(code: ErrnoName, why: string): Handler<F> {
  return () => {
    throw new KvmError(code, why);
  };
}

/** A table of requests by their encoded numbers, with what an unknown one answers in this fd class. */
export class Dispatcher<F extends OpenFile> {
  readonly #rows: ReadonlyMap<number, Handler<F>>;
  readonly #unknown: ErrnoName;

  /** `compat`: numbers of requests whose struct is another one in a 32-bit process. */
  constructor(requests: Requests<F>, unknown: ErrnoName, compat: readonly [number, Handler<F>][] = []) {
    const rows = Object.entries(requests) as [IoctlName, Handler<F>][];
    this.#rows = new Map([...rows.map(([name, handler]) => [KVM[name], handler] as const), ...compat]);
    this.#unknown = unknown;
  }

  /** Carries out `request`; what ioctl returns. KvmError. */
  dispatch(request: number, call: Call<F>): number {
    const handler = this.#rows.get(request >>> 0);
    if (!handler) {
      const number = `0x${(request >>> 0).toString(16)}`;
      throw new KvmError(this.#unknown, `request ${number} does not exist for this kind of fd.`);
    }
    const result = handler(call);
    return typeof result === 'number' ? result : 0;
  }
}
