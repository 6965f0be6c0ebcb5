// The turns of the event loop, where timers come late as in a tab that nobody looks at.
import { afterEach, expect, test, vi } from 'vitest';
import { Pace } from '../../../web/sh/run/pace.ts';

afterEach(() => vi.unstubAllGlobals());

test('timers that are held back are waited for once, then messages give the turns', async () => {
  const late: (() => void)[] = [];
  let now = 0;
  vi.stubGlobal('performance', { now: () => now });
  vi.stubGlobal('setTimeout', (done: () => void) => void late.push(done));
  const pace = new Pace();
  const turn = async () => {
    now += 5;
    await pace.breathe();
  };
  const first = turn();
  now += 1000;
  late.shift()?.();
  await first;
  for (let n = 0; n < 20; n++) await turn();
  // One timer asks all the while whether timers come again.
  expect(late.length).toBe(1);
  now += 500;
  late.shift()?.();
  await turn();
  expect(late.length).toBe(1);
  // This one is prompt: the turns are timers' once more.
  late.shift()?.();
  const next = turn();
  expect(late.length).toBe(1);
  late.shift()?.();
  await next;
});

test('there is no turn before the slice is used', () => {
  vi.stubGlobal('performance', { now: () => 0 });
  expect(new Pace().breathe()).toBeUndefined();
});
