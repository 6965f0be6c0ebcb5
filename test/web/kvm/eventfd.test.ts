// eventfd(2)'s rules, in one thread and in several.
import { expect, test } from 'vitest';
import { Eventfd, type EventfdOptions } from '../../../web/kvm/index.ts';
import { kvm, refuses } from './support.ts';
import { thread } from './thread.ts';

const vm = () => kvm.createVm();

const kinds = [
  ['of its own', (options: EventfdOptions = {}) => Eventfd.create(options)],
  ["in a VM's memory", (options: EventfdOptions = {}) => vm().createEventfd(options)],
] as const;

for (const [where, make] of kinds) {
  test(`an eventfd ${where} counts signals, and a read takes them all`, () => {
    const eventfd = make({ initial: 2 });
    eventfd.signal();
    eventfd.signal(40n);
    expect([eventfd.readable, eventfd.read(), eventfd.read()]).toEqual([true, 43n, undefined]);
  });

  test(`a semaphore ${where} gives one at a time`, () => {
    const eventfd = make({ initial: 2, semaphore: true });
    expect([eventfd.read(), eventfd.read(), eventfd.read()]).toEqual([1n, 1n, undefined]);
  });

  test(`a full counter ${where} is EAGAIN and keeps its value`, () => {
    const eventfd = make();
    eventfd.signal(0xffff_ffff_ffff_fffen);
    expect(eventfd.writable).toBe(false);
    refuses('EAGAIN', () => eventfd.signal());
    expect(eventfd.read()).toBe(0xffff_ffff_ffff_fffen);
    refuses('EINVAL', () => eventfd.signal(0xffff_ffff_ffff_ffffn));
  });

  test(`a closed eventfd ${where} is EBADF`, () => {
    const eventfd = make();
    const { handle } = eventfd;
    eventfd.close();
    refuses('EBADF', () => eventfd.signal());
    refuses('EBADF', () => eventfd.read());
    refuses('EBADF', () => Eventfd.attach(handle));
  });

  test(`ready ${where} resolves with a signal, and an abort gives it up`, async () => {
    const eventfd = make();
    const ready = eventfd.ready();
    eventfd.signal();
    await ready;
    eventfd.read();
    const abort = new AbortController();
    const wait = eventfd.ready(abort.signal);
    abort.abort();
    await expect(wait).rejects.toMatchObject({ code: 'EINTR' });
  });

  test(`two threads ring one eventfd ${where} and nothing is lost`, async () => {
    const eventfd = make();
    const rings = 20_000;
    const body =
      'const e = kvm.Eventfd.attach(data.handle); for (let n = 0; n < data.rings; n++) e.signal();';
    const done = [1, 2].map(() => thread(body, { handle: eventfd.handle, rings }));
    let sum = 0n;
    while (sum < 2 * rings) {
      await eventfd.ready();
      sum += eventfd.read() ?? 0n;
    }
    await Promise.all(done);
    expect([sum, eventfd.read()]).toEqual([BigInt(2 * rings), undefined]);
  });
}

test('a wait ends with its time', () => {
  expect(Eventfd.create().wait(5)).toBe(false);
  expect(Eventfd.create({ initial: 1 }).wait()).toBe(true);
});

test("a VM's eventfds come to an end, and a closed one is free again", () => {
  const machine = vm();
  const all = Array.from({ length: 256 }, () => machine.createEventfd());
  refuses('ENFILE', () => machine.createEventfd());
  const { handle } = all[7] as Eventfd;
  all[7]?.close();
  machine.createEventfd({ initial: 3 });
  refuses('EBADF', () => Eventfd.attach(handle));
});

test('one that moves into a VM keeps its counter; those who hold the old place are told', () => {
  const eventfd = Eventfd.create({ initial: 5 });
  const other = Eventfd.attach(eventfd.handle);
  const machine = vm();
  expect(eventfd.placeIn(machine)).toBe(eventfd.placeIn(machine));
  refuses('EBADF', () => other.signal());
  expect(Eventfd.attach(eventfd.handle).read()).toBe(5n);
  refuses('EXDEV', () => eventfd.placeIn(vm()));
});
