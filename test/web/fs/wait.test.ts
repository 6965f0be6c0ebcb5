// Waiting: who listens, who has left, and what a host sees of it.
import { expect, test, vi } from 'vitest';
import { Emitter, interruptible, waitUntil } from '../../../web/fs/index.ts';

test('many waits put one listener on a signal, and leave none behind them', async () => {
  const controller = new AbortController();
  const added = vi.spyOn(controller.signal, 'addEventListener');
  const changed = new Emitter();
  const waits = Array.from({ length: 50 }, () => waitUntil(() => false, changed.on, controller.signal));
  expect(added).toHaveBeenCalledTimes(1);
  controller.abort();
  const ends = await Promise.allSettled(waits);
  expect(ends.every(({ status }) => status === 'rejected')).toBe(true);
  expect(changed.size).toBe(0);
});

test('what becomes ready while it is subscribed to is not missed', async () => {
  let isReady = false;
  const subscribe = () => {
    isReady = true;
    return () => {};
  };
  expect(await waitUntil(() => isReady, subscribe, new AbortController().signal)).toBe(true);
});

test('a look that calls back looks once', async () => {
  const changed = new Emitter();
  let looks = 0;
  const look = () => {
    if (++looks < 3) changed.emit();
    return looks === 3;
  };
  const wait = waitUntil(look, changed.on, new AbortController().signal);
  expect(looks).toBe(2);
  changed.emit();
  expect(await wait).toBe(true);
});

test('a listener that left during the news does not hear it', () => {
  const emitter = new Emitter();
  const second = vi.fn();
  emitter.on(() => leave());
  const leave = emitter.on(second);
  emitter.emit();
  expect(second).not.toHaveBeenCalled();
});

test('a wait that cannot be called off ends with EINTR all the same', async () => {
  const controller = new AbortController();
  const wait = interruptible(new Promise(() => {}), controller.signal);
  controller.abort();
  await expect(wait).rejects.toThrow('EINTR');
});
