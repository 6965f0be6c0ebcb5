// eventfds of a VMM process: eventfd, read, write and poll with Linux's numbers.

import { describe, expect, test } from 'vitest';
import { ERRNO } from '../../../../web/kvm/index.ts';
import { allocate, newProcess, openAll } from './support.ts';

const EFD_SEMAPHORE = 1;
const EFD_NONBLOCK = 0x800;
const POLLIN = 1;
const POLLOUT = 4;
const POLLNVAL = 0x20;

const { process, vm } = openAll();
const at = allocate(process);
const view = new DataView(process.memory.buffer, at, 64);

function write(fd: number, value: bigint): number {
  view.setBigUint64(0, value, true);
  return process.write(fd, at, 8);
}

/** What a read gives: the counter, or the negative errno. */
function read(fd: number): bigint | number {
  const done = process.read(fd, at, 8);
  return done === 8 ? view.getBigUint64(0, true) : done;
}

describe('an eventfd', () => {
  test('adds up what is written and gives all of it to one read', () => {
    const fd = process.eventfd(3, EFD_NONBLOCK);
    expect([write(fd, 4n), read(fd), read(fd)]).toEqual([8, 7n, -ERRNO.EAGAIN]);
  });

  test('that is a semaphore gives one at a time', () => {
    const fd = process.eventfd(2, EFD_NONBLOCK | EFD_SEMAPHORE);
    expect([read(fd), read(fd), read(fd)]).toEqual([1n, 1n, -ERRNO.EAGAIN]);
  });

  test('holds 2^64 - 2 at most', () => {
    const fd = process.eventfd(1, EFD_NONBLOCK);
    expect([write(fd, 2n ** 64n - 2n), write(fd, 2n ** 64n - 1n)]).toEqual([-ERRNO.EAGAIN, -ERRNO.EINVAL]);
  });

  test('is read and written in 8 bytes that are the process’s own', () => {
    const fd = process.eventfd(1, 0);
    expect([process.read(fd, at, 4), process.read(fd, 16, 8), process.write(fd, at, 7)]).toEqual([
      -22, -14, -22,
    ]);
  });

  test('with unknown flags is EINVAL, and a VM is not read', () => {
    expect([process.eventfd(0, 2), process.read(vm, at, 8)]).toEqual([-ERRNO.EINVAL, -ERRNO.EINVAL]);
  });

  test('is closed with its last fd', () => {
    const fd = process.eventfd(1, 0);
    const other = process.dup(fd);
    process.close(fd);
    expect([read(other), process.close(other), read(other)]).toEqual([1n, 0, -ERRNO.EBADF]);
  });
});

describe('poll', () => {
  /** Polls [fd, events] pairs; what it returns, and the revents. */
  function poll(...asked: [number, number][]): number[] {
    const table = allocate(process);
    const pairs = new DataView(process.memory.buffer, table, asked.length * 8);
    asked.forEach(([fd, events], n) => {
      pairs.setInt32(n * 8, fd, true);
      pairs.setUint16(n * 8 + 4, events, true);
    });
    const ready = process.poll(table, asked.length, 0);
    return [ready, ...asked.map((_, n) => pairs.getUint16(n * 8 + 6, true))];
  }

  test('tells what can be read and written, and fds that are not open', () => {
    const [empty, full] = [process.eventfd(0, 0), process.eventfd(1, 0)];
    expect(poll([empty, POLLIN], [full, POLLIN | POLLOUT], [99, 0], [-1, POLLIN])).toEqual([
      2,
      0,
      POLLIN | POLLOUT,
      POLLNVAL,
      0,
    ]);
  });

  test('ends after its time, and wants a table of the process', () => {
    const fd = process.eventfd(0, 0);
    expect([poll([fd, POLLIN]), process.poll(8, 1, 0)]).toEqual([[0, 0], -ERRNO.EFAULT]);
  });
});

test('processes have their own fds', () => {
  expect(newProcess().eventfd(0, 0)).toBe(3);
});
