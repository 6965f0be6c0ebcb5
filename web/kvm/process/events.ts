// eventfd(2), read(2), write(2) and poll(2) of a process's eventfds, and reads of its counters. What rings an eventfd is
// KVM's or another thread's business.

import { isKvmError, KvmError } from '../abi/index.ts';
import { Eventfd } from '../eventfd.ts';
import type { AddressSpace } from './address_space.ts';
import type { OpenFile } from './fd_table.ts';
import { EventFile, StatsFile } from './files.ts';

/** Flags of eventfd(2) on x86. */
const EFD_SEMAPHORE = 0x1;
const EFD_NONBLOCK = 0x800;
const EFD_CLOEXEC = 0x80000;
/** Events of poll(2) on x86. */
const POLLIN = 0x1;
const POLLOUT = 0x4;
const POLLNVAL = 0x20;
/** struct pollfd: fd at 0, events at 4, revents at 6. */
const POLLFD_SIZE = 8;
/** How long a thread sleeps between two looks where nothing can wake it, in ms. */
const LOOK_MS = 1;

/** eventfd(2). EINVAL for unknown flags. */
export function createEventFile(initial: number, flags: number): EventFile {
  if (flags & ~(EFD_SEMAPHORE | EFD_NONBLOCK | EFD_CLOEXEC)) {
    throw new KvmError('EINVAL', 'eventfd takes EFD_SEMAPHORE, EFD_NONBLOCK and EFD_CLOEXEC.');
  }
  const semaphore = (flags & EFD_SEMAPHORE) !== 0;
  return new EventFile(Eventfd.create({ initial: initial >>> 0, semaphore }), (flags & EFD_NONBLOCK) !== 0);
}

/** The eventfd behind a file. EINVAL: nothing else of a process can be read or written. */
function eventFile(file: OpenFile): EventFile {
  if (file instanceof EventFile) return file;
  throw new KvmError('EINVAL', 'this kind of file is not read or written; eventfds are.');
}

function counter(space: AddressSpace, pointer: number, length: number): DataView {
  if (length < 8) throw new KvmError('EINVAL', 'an eventfd is read and written in 8 bytes.');
  const bytes = space.bytes(pointer, 8);
  return new DataView(bytes.buffer, bytes.byteOffset, 8);
}

/** pread(2) of counters: how many bytes there were. ESPIPE: nothing else of a process has positions. */
export function readStats(
  file: OpenFile,
  space: AddressSpace,
  pointer: number,
  length: number,
  position: number,
): number {
  if (!(file instanceof StatsFile)) throw new KvmError('ESPIPE', 'this kind of file has no positions.');
  const part = file.bytes().subarray(position, position + length);
  space.bytes(pointer, part.length).set(part);
  return part.length;
}

/** read(2): 8 bytes of an eventfd, once its counter is not 0; counters from where the last read ended. EAGAIN. */
export function readFile(file: OpenFile, space: AddressSpace, pointer: number, length: number): number {
  if (file instanceof StatsFile) {
    const done = readStats(file, space, pointer, length, file.position);
    file.position += done;
    return done;
  }
  const { eventfd, isNonblocking } = eventFile(file);
  const view = counter(space, pointer, length);
  for (;;) {
    const value = eventfd.read();
    if (value !== undefined) {
      view.setBigUint64(0, value, true);
      return 8;
    }
    if (isNonblocking) throw new KvmError('EAGAIN', 'nobody has signalled this eventfd.');
    eventfd.wait();
  }
}

function sleep(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

/** write(2): adds 8 bytes to the counter, once they fit. EAGAIN from one that does not block. */
export function writeEvents(file: OpenFile, space: AddressSpace, pointer: number, length: number): number {
  const { eventfd, isNonblocking } = eventFile(file);
  const value = counter(space, pointer, length).getBigUint64(0, true);
  for (;;) {
    try {
      eventfd.signal(value);
      return 8;
    } catch (error) {
      if (isNonblocking || !isKvmError(error, 'EAGAIN')) throw error;
      sleep(LOOK_MS);
    }
  }
}

function eventsOf(file: OpenFile | undefined): number {
  if (!file) return POLLNVAL;
  // As of every file on Linux that has no poll of its own.
  if (!(file instanceof EventFile)) return POLLIN | POLLOUT;
  return (file.eventfd.readable ? POLLIN : 0) | (file.eventfd.writable ? POLLOUT : 0);
}

/**
 * poll(2) over `count` structs pollfd: how many have events. `find` gives the file of an fd. `milliseconds` below 0
 * waits for ever.
 */
export function pollEvents(
  space: AddressSpace,
  pointer: number,
  count: number,
  milliseconds: number,
  find: (fd: number) => OpenFile | undefined,
): number {
  const bytes = space.bytes(pointer, count * POLLFD_SIZE);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const end = performance.now() + (milliseconds < 0 ? Number.POSITIVE_INFINITY : milliseconds);
  for (;;) {
    let ready = 0;
    for (let at = 0; at < bytes.length; at += POLLFD_SIZE) {
      const fd = view.getInt32(at, true);
      const asked = view.getUint16(at + 4, true) | POLLNVAL;
      const events = fd < 0 ? 0 : eventsOf(find(fd)) & asked;
      view.setUint16(at + 6, events, true);
      if (events !== 0) ready++;
    }
    const left = end - performance.now();
    if (ready > 0 || left <= 0) return ready;
    sleep(Math.min(left, LOOK_MS));
  }
}
