// Bytes that no client would send: each message has one answer, and the server goes on.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Field, pack } from './client.ts';
import { serve } from './tree.ts';

const TYPES = [
  8, 12, 14, 16, 18, 20, 22, 24, 26, 30, 32, 40, 50, 52, 54, 70, 72, 74, 76, 102, 104, 108, 110, 116, 118,
  120, 122,
];

const number = fc.oneof(fc.nat(4), fc.constantFrom(0x7fffffff, 0xffffffff));
const field: fc.Arbitrary<Field> = fc.oneof(
  fc.tuple(fc.constantFrom(1, 2, 4, 8), number) as fc.Arbitrary<Field>,
  fc.constantFrom(
    '',
    '.',
    '..',
    'home',
    'kvm',
    'a',
    'file',
    'vm0',
    'paused',
    'event',
    'x/y',
    'x'.repeat(300),
  ),
  fc.uint8Array({ maxLength: 40 }),
);
const request = fc.oneof(
  fc
    .tuple(fc.constantFrom(...TYPES), fc.nat(7), fc.array(field, { maxLength: 8 }))
    .map(([type, tag, fields]) => pack(type, tag, ...fields)),
  fc.uint8Array({ maxLength: 64 }),
);

/** Requests that fit their type, with any numbers. */
const shaped = fc
  .record({
    type: fc.constantFrom(...TYPES),
    numbers: fc.array(number, { minLength: 4, maxLength: 4 }),
    tag: fc.nat(20),
  })
  .map(({ type, numbers: [a = 0, b = 0, c = 0, d = 0], tag }) => {
    const shapes: Record<number, Field[]> = {
      12: [
        [4, a],
        [4, b],
      ],
      14: [[4, a], 'new', [4, b], [4, c], [4, d]],
      20: [[4, a], [4, b], 'other'],
      24: [
        [4, a],
        [8, b],
      ],
      26: [
        [4, a],
        [4, b],
        [4, c],
        [4, 0],
        [4, 0],
        [8, d],
        [8, 0],
        [8, 0],
        [8, c],
        [8, d],
      ],
      40: [
        [4, a],
        [8, b],
        [4, c],
      ],
      52: [[4, a], [1, b & 3], [4, 0], [8, c], [8, d], [4, 1], 'guest'],
      72: [[4, a], 'dir', [4, b], [4, c]],
      110: [
        [4, a],
        [4, b],
        [2, 2],
        ['home', '..', 'kvm'][c % 3] as string,
        ['a', '..', 'vm0'][d % 3] as string,
      ],
      116: [
        [4, a],
        [8, b],
        [4, c],
      ],
      118: [[4, a], [8, b], [4, 3], new Uint8Array([49, 50, 51])],
      120: [[4, a]],
      122: [[4, a]],
    };
    return pack(
      type,
      tag,
      ...(shapes[type] ?? [
        [4, a],
        [4, b],
        [4, c],
        [4, d],
      ]),
    );
  });

test('every message is answered with its tag, in a shape that the client knows', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.oneof(request, shaped), { maxLength: 60 }), async (messages) => {
      const { client, event } = await serve({ msize: 8192 });
      const check = async (message: Uint8Array) => {
        const bytes = await client.session.answer(message);
        const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
        expect(view.getUint32(0, true)).toBe(bytes.length);
        const type = view.getUint8(4);
        if (message.length >= 7) {
          expect(view.getUint16(5, true)).toBe(
            new DataView(message.buffer, message.byteOffset).getUint16(5, true),
          );
          expect([7, (message[4] as number) + 1]).toContain(type);
        }
        if (type === 7) expect(view.getUint32(7, true)).toBeGreaterThan(0);
      };
      const answers: Promise<void>[] = [];
      for (const message of messages) {
        const answer = check(message);
        answers.push(answer);
        // Some wait for an event; the others are over by then.
        await Promise.race([answer, new Promise((resolve) => setImmediate(resolve))]);
      }
      for (let n = 0; n < 5; n++) event.say('hlt\n');
      await client.session.end();
      await Promise.all(answers);
    }),
    { numRuns: 150 },
  );
});
