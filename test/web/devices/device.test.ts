// The lock that every device's page begins with.
import { expect, test } from 'vitest';
import { lock, locked, unlock } from '../../../web/devices/device.ts';
import { freshPage, inThread } from './parts.ts';

test('the lock is free again after work, also when the work throws', () => {
  const page = freshPage();
  expect(() =>
    locked(page, () => {
      throw new Error('broken');
    }),
  ).toThrow('broken');
  expect(locked(page, () => 7)).toBe(7);
});

test('threads that share a page never lose an update', async () => {
  const page = freshPage();
  const code = `const page = devicePage(workerData, 0);
    for (let i = 0; i < 20000; i++) locked(page, () => { page.i32[16] = page.i32[16] + 1; });`;
  await Promise.all([0, 1, 2].map(() => inThread('device.ts', code, page.i32.buffer)));
  expect(page.i32[16]).toBe(60000);
});

test('a lock whose holder died is taken over after five seconds', () => {
  const page = freshPage();
  lock(page);
  const start = performance.now();
  lock(page);
  expect(performance.now() - start).toBeGreaterThan(4000);
  unlock(page);
  expect(page.i32[0]).toBe(0);
});
