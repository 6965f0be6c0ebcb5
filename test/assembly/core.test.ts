// The built core as a Wasm module: what every instance on one memory relies on. Instructions are tested elsewhere.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { VM_PAGE } from '../../assembly/abi/map.ts';

const bytes = readFileSync('build/core.wasm');
const core = new WebAssembly.Module(bytes);

/** Reads one LEB128 number; `value` wraps to 32 bits as Wasm's i32 does. */
function readLeb(at: number): { value: number; next: number } {
  let value = 0;
  let shift = 0;
  for (let next = at; ; shift += 7) {
    const byte = bytes[next++] ?? 0;
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return { value: value >>> 0, next };
  }
}

/** The module's sections: id, first byte and end. */
function sections(): { id: number; start: number; end: number }[] {
  const all = [];
  for (let at = 8; at < bytes.length; ) {
    const size = readLeb(at + 1);
    all.push({ id: bytes[at] ?? 0, start: size.next, end: size.next + size.value });
    at = size.next + size.value;
  }
  return all;
}

/** Address just past each active data segment. */
function dataEnds(): number[] {
  const section = sections().find(({ id }) => id === 11);
  if (!section) return [];
  const count = readLeb(section.start);
  const ends = [];
  let at = count.next;
  for (let index = 0; index < count.value; index += 1) {
    const offset = readLeb(at + 2); // flags 0, i32.const, offset, end
    const length = readLeb(offset.next + 1);
    ends.push(offset.value + length.value);
    at = length.next + length.value;
  }
  return ends;
}

test('the core takes its memory from outside and exports functions', () => {
  expect(WebAssembly.Module.exports(core).some((entry) => entry.kind === 'function')).toBe(true);
  expect(WebAssembly.Module.exports(core).some((entry) => entry.kind === 'memory')).toBe(false);
});

test('a new instance runs no code of its own', () => {
  expect(sections().some(({ id }) => id === 8)).toBe(false);
});

test('read-only data ends before the first page of machine state', () => {
  expect(dataEnds().filter((end) => end > VM_PAGE)).toEqual([]);
});

test('the core sleeps in one place, with nothing behind it that a clobbered local could harm', () => {
  const code = sections().find(({ id }) => id === 10) ?? { start: 0, end: 0 };
  const waits = [];
  // memory.atomic.wait32 align=2 offset=0
  for (let at = code.start; at < code.end; at++) {
    if (bytes.readUInt32BE(at) === 0xfe010200) waits.push(bytes.toString('hex', at + 4, at + 6));
  }
  // drop, end of the function
  expect(waits).toEqual(['1a0b']);
});
