// The switch: who gets a frame, what is dropped, and that there is no way round in a circle.
import { describe, expect, test } from 'vitest';
import { joinLinks } from '../../../web/net/link.ts';
import { type PortKind, Switch, type SwitchOptions } from '../../../web/net/switch.ts';
import { ethernetFrame } from '../../../web/net/wire/ethernet.ts';
import { TestClock } from './helpers.ts';

const ALL = 2 ** 48 - 1;

/** A switch with ports of these kinds; `say` sends a frame and tells which ports got it. */
function hub(kinds: PortKind[], options: SwitchOptions = {}) {
  const clock = new TestClock();
  const node = new Switch({ clock, ...options });
  let got: number[] = [];
  const ports = kinds.map((kind, index) => {
    const port = node.attach(kind);
    port.onFrame(() => got.push(index));
    return port;
  });
  const say = (from: number, source: number, to: number) => {
    got = [];
    ports[from]?.send(ethernetFrame(to, source, 0x0800, 100));
    clock.run(10);
    return got;
  };
  return { clock, node, ports, say };
}

describe('a switch', () => {
  test('floods what it does not know, and sends the answer to one port', () => {
    const { say } = hub(['station', 'station', 'station']);
    expect(say(0, 1, 2)).toEqual([1, 2]);
    expect(say(1, 2, 1)).toEqual([0]);
    expect(say(0, 1, ALL)).toEqual([1, 2]);
  });

  test('follows a machine that has moved, and forgets one that was silent for long', () => {
    const { say, clock } = hub(['station', 'station', 'station'], { age: 1000 });
    say(1, 2, 1);
    say(2, 2, 1);
    expect(say(0, 1, 2)).toEqual([2]);
    clock.run(2000);
    expect(say(0, 1, 2)).toEqual([1, 2]);
  });

  test('remembers only so many addresses', () => {
    const { say } = hub(['station', 'station', 'station'], { addresses: 10 });
    for (let mac = 1; mac <= 11; mac += 1) say(1, mac * 2, ALL);
    expect(say(0, 100, 22)).toEqual([1]);
    expect(say(0, 100, 2)).toEqual([1, 2]);
  });

  test('never takes a group address for a machine', () => {
    const { say } = hub(['station', 'station', 'station']);
    say(1, ALL, 1);
    expect(say(0, 1, ALL)).toEqual([1, 2]);
  });

  test('lets local services and an uplink meet machines only', () => {
    const { say } = hub(['station', 'uplink', 'local', 'local']);
    expect(say(0, 1, ALL)).toEqual([1, 2, 3]);
    expect(say(1, 5, ALL)).toEqual([0]);
    expect(say(2, 6, ALL)).toEqual([0, 3]);
    expect(say(2, 6, 5)).toEqual([]);
  });

  test('has one uplink', () => {
    expect(() => hub(['uplink', 'uplink'])).toThrow('EEXIST');
  });

  test('drops and counts what a full port has no room for', () => {
    const { clock, ports } = hub(['station', 'station'], { queue: 4 });
    for (let n = 0; n < 10; n += 1) ports[0]?.send(ethernetFrame(ALL, 1, 0x0800, 100));
    clock.run(10);
    expect(ports[0]?.counters).toMatchObject({ received: 10 });
    expect(ports[1]?.counters).toMatchObject({ sent: 4, dropped: 6 });
  });

  test('refuses what is no frame', () => {
    const { ports } = hub(['station', 'station']);
    for (const length of [0, 13, 1519]) ports[0]?.send(new Uint8Array(length));
    expect(ports[0]?.counters).toMatchObject({ received: 0, refused: 3 });
  });

  test('sends nothing to a port that was closed', () => {
    const { ports, say } = hub(['station', 'station']);
    say(1, 2, ALL);
    ports[1]?.close();
    expect(say(0, 1, 2)).toEqual([]);
  });

  test('lets timers in between two machines that answer each other for ever', async () => {
    const node = new Switch();
    const ends = [node.attach(), node.attach()];
    for (const end of ends) end.onFrame((frame) => end.send(frame.slice()));
    ends[0]?.send(ethernetFrame(ALL, 1, 0x0800, 100));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(ends[0]?.counters.sent).toBeGreaterThan(100);
    for (const end of ends) end.close();
  });
});

test('three switches on one medium pass a broadcast once to each machine', () => {
  const clock = new TestClock();
  const members: { push(frame: Uint8Array): void }[] = [];
  const seen: number[] = [];
  const stations = [0, 1, 2].map((index) => {
    const node = new Switch({ clock });
    let emit: (frame: Uint8Array) => void = () => {};
    const me = { push: (frame: Uint8Array) => emit(frame) };
    members.push(me);
    joinLinks(node.attach('uplink'), {
      send: (frame) => {
        for (const other of members) if (other !== me) other.push(frame);
      },
      onFrame: (listener) => {
        emit = listener;
        return () => {};
      },
    });
    const station = node.attach();
    station.onFrame(() => seen.push(index));
    return station;
  });
  stations[0]?.send(ethernetFrame(ALL, 1, 0x0800, 100));
  clock.run(1000);
  expect(seen).toEqual([1, 2]);
});
