// Locked instructions whose operand no single atomic reaches: misaligned, across pages, or 16 bytes wide.
import { expect, test } from 'vitest';
import { Machine } from './machine.ts';

const machine = new Machine('long');
const view = new DataView(machine.ram.buffer, machine.ram.byteOffset, machine.ram.byteLength);
const CROSSING = 0x20ffe;

test.each([0x20000, 0x20001, CROSSING])('LOCK XADD adds once at %i', (at) => {
  view.setUint32(at, 40, true);
  const got = machine.run('f00fc103', { rbx: at, rax: 2 });
  expect([view.getUint32(at, true), got.rax]).toEqual([42, 40n]);
});

test.each([0x20000, 0x20001, CROSSING])(
  'LOCK CMPXCHG exchanges what is equal and tells what is not at %i',
  (at) => {
    view.setUint32(at, 7, true);
    const equal = machine.run('f00fb10b', { rbx: at, rax: 7, rcx: 8 });
    expect([view.getUint32(at, true), equal.rax, equal.rflags & 0x40n]).toEqual([8, 7n, 0x40n]);
    const other = machine.run('f00fb10b', { rbx: at, rax: 7, rcx: 9 });
    expect([view.getUint32(at, true), other.rax, other.rflags & 0x40n]).toEqual([8, 8n, 0n]);
  },
);

test('LOCK BTS reaches a bit of an operand in two pages', () => {
  view.setUint32(CROSSING, 0, true);
  const got = machine.run('f00fab03', { rbx: CROSSING, rax: 31 });
  expect([view.getUint32(CROSSING, true), got.rflags & 1n]).toEqual([0x80000000, 0n]);
});

test.each(['', 'f0'])('CMPXCHG16B (prefix "%s") exchanges 16 aligned bytes', (lock) => {
  view.setBigUint64(0x20010, 1n, true);
  view.setBigUint64(0x20018, 2n, true);
  const got = machine.run(`${lock}480fc70e`, { rsi: 0x20010, rax: 1, rdx: 2, rbx: 3, rcx: 4 });
  expect([view.getBigUint64(0x20010, true), view.getBigUint64(0x20018, true)]).toEqual([3n, 4n]);
  expect(got.rflags & 0x40n).toBe(0x40n);
});

test.each([0x20008, 0x20ff8])('CMPXCHG16B faults at %i, which is no multiple of 16', (rsi) => {
  expect(machine.faults('480fc70e', { rsi })).toBe(true);
});

test('near RET in 64-bit code pops eight bytes, with an operand-size prefix too', () => {
  view.setBigUint64(0x7000, 0x1002n, true);
  expect(machine.run('66c3').rsp).toBe(0x7008n);
});
