// The byte ring of the consoles.
import { expect, test } from 'vitest';
import { RING_HEADER, Ring } from '../../../web/devices/index.ts';
import { inThread } from './parts.ts';

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const bytes = (value: string): Uint8Array => new TextEncoder().encode(value);

function ring(capacity = 8): Ring {
  return Ring.create(new SharedArrayBuffer(RING_HEADER + capacity), 0, capacity);
}

function putAll(target: Ring, value: string): void {
  for (const byte of bytes(value)) target.put(byte);
}

test('bytes come out in the order in which they went in', () => {
  const r = ring();
  putAll(r, 'abc');
  expect([r.length, text(r.read(2)), r.take(), r.take()]).toEqual([3, 'ab', 99, -1]);
});

test('two views of one ring see the same bytes', () => {
  const buffer = new SharedArrayBuffer(1024);
  putAll(Ring.create(buffer, 64, 16), 'hello');
  expect(text(Ring.at(buffer, 64).read())).toBe('hello');
});

test('bytes wrap round the end of the data', () => {
  const r = ring();
  putAll(r, 'abcdef');
  r.read();
  expect(r.offer(bytes('ghijkl'))).toBe(6);
  expect(text(r.read())).toBe('ghijkl');
});

test('an offer takes what fits and never drops', () => {
  const r = ring();
  expect([r.offer(bytes('0123456789')), r.offer(bytes('x'))]).toEqual([8, 0]);
  expect([text(r.read()), r.dropped]).toEqual(['01234567', 0]);
});

test('without a reader the oldest bytes go and are counted', () => {
  const r = ring();
  putAll(r, '0123456789');
  expect([r.dropped, text(r.read()), r.written]).toEqual([2, '23456789', 10]);
});

test('a reader that takes nothing costs the writer one bounded wait, not one a byte', () => {
  const r = ring();
  r.attach();
  const start = performance.now();
  putAll(r, '0123456789abcdef');
  expect(performance.now() - start).toBeLessThan(3000);
  expect([r.dropped, text(r.read())]).toEqual([8, '89abcdef']);
});

test('recent bytes are there for a view that joins late, read or not', () => {
  const r = ring();
  putAll(r, '0123456789');
  r.read();
  expect([text(r.recent()), text(r.recent(3))]).toEqual(['23456789', '789']);
});

test('a size that is no power of two is refused', () => {
  expect(() => ring(12)).toThrow('12 is not one');
  expect(() => Ring.at(new SharedArrayBuffer(128), 0)).toThrow('create it first');
});

test('a waiting reader is woken by a byte', async () => {
  const r = ring();
  const woken = r.waitAsync(5000);
  r.put(1);
  expect(await woken).toBe(true);
  expect(r.wait(0)).toBe(true);
});

// A host that stops this thread for RING_PATIENCE_MS makes it a reader that takes nothing: then once more.
test('a reader that lives gets every byte of a fast writer', { retry: 2 }, async () => {
  const buffer = new SharedArrayBuffer(RING_HEADER + 64);
  const r = Ring.create(buffer, 0, 64);
  r.attach();
  const code = `const ring = Ring.at(workerData, 0);
    for (let i = 0; i < 50000; i++) ring.put(i & 0xff);`;
  const ended = inThread('ring.ts', code, buffer);
  let count = 0;
  let inOrder = true;
  while (count < 50000 && r.wait(5000))
    for (const byte of r.read()) if (byte !== (count++ & 0xff)) inOrder = false;
  await ended;
  expect([count, inOrder, r.dropped]).toEqual([50000, true, 0]);
});
