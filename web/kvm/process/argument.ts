// The third argument of an ioctl: a number, or a pointer at a C struct. It knows no request.

import { decode, encode, encodeInto, type Input, KvmError, type Struct, tailOf } from '../abi/index.ts';
import type { AddressSpace } from './address_space.ts';

/** What a caller passes: a number (a value, or a pointer into the process's memory), or bytes that stand for a pointer. */
export type IoctlValue = number | bigint | Uint8Array;

/** A 32-bit process has 32-bit pointers: what lies above them in a __u64 is not looked at (compat ioctls of Linux). */
export function pointerOf(value: bigint | number): number {
  return Number(BigInt.asUintN(32, BigInt(value)));
}

/** The argument of one call. */
export class Argument {
  readonly #space: AddressSpace;
  readonly #given: IoctlValue;

  constructor(space: AddressSpace, given: IoctlValue) {
    this.#space = space;
    this.#given = given;
  }

  /** The argument as an unsigned long. EINVAL when bytes were given where a number belongs. */
  get value(): number {
    if (typeof this.#given === 'object') {
      throw new KvmError('EINVAL', 'this request takes a number, not a struct.');
    }
    return Number(BigInt.asUintN(64, BigInt(this.#given)));
  }

  /** True for the pointer 0. */
  get isNull(): boolean {
    return typeof this.#given !== 'object' && this.value === 0;
  }

  /** `length` bytes from `offset` on, shared with the caller. EFAULT when they are not all the caller's. */
  bytes(length: number, offset = 0): Uint8Array {
    if (typeof this.#given !== 'object') return this.#space.bytes(pointerOf(this.#given) + offset, length);
    if (offset + length > this.#given.byteLength) {
      throw new KvmError(
        'EFAULT',
        `the struct ends after ${this.#given.byteLength} bytes; ${offset + length} are needed.`,
      );
    }
    return this.#given.subarray(offset, offset + length);
  }

  /** The struct pointed at, copied; of a flexible array `count` elements. EFAULT. */
  read<T>(struct: Struct<T>, count = 0): T {
    return decode(struct, this.bytes(struct.size + count * elementSize(struct)));
  }

  /** Stores `value` where the argument points; of a flexible array as many elements as `value` has. EFAULT. */
  write<T>(struct: Struct<T>, value: Input<T>): void {
    const data = encode(struct, value);
    this.bytes(data.length).set(data);
  }

  /** Stores the fields that `value` names and leaves the others as they are. EFAULT. */
  update<T>(struct: Struct<T>, value: Input<T>): void {
    encodeInto(struct, this.bytes(struct.size), value);
  }
}

/** Bytes of one element of the flexible array that ends `struct`, 0 without one. */
function elementSize(struct: Struct<unknown>): number {
  return tailOf(struct)?.type.element?.size ?? 0;
}
