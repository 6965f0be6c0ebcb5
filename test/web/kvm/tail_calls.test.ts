// Which form regions begin with, by what the engine can.
import { expect, test } from 'vitest';
import { HAS_TAIL_CALLS, wholeWord } from '../../../web/kvm/tail_calls.ts';

test('Node has tail calls, so regions become whole when they are told to', () => {
  expect(HAS_TAIL_CALLS).toBe(true);
  expect([0, 1000].map((after) => wholeWord(after))).toEqual([0, 1000]);
});

test('an engine without tail calls gets whole regions at once, whatever was asked for', () => {
  expect([0, 1000].map((after) => wholeWord(after, false))).toEqual([0, 0]);
});
