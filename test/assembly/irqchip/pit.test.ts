// The 8254 and port 0x61 by their ports, as firmware, memtest86+ and Linux use them. No processor runs here.
import { describe, expect, test } from 'vitest';
import { KVM_PIT_FLAGS_HPET_LEGACY, PIT_BACKLOG, PIT_FLAGS } from '../../../assembly/abi/irqchip.ts';
import { PIT_PAGE } from '../../../assembly/abi/map.ts';
import { V_NMI_PENDING } from '../../../assembly/abi/vcpu_page.ts';
import { Machine } from './machine.ts';

/** ns of a number of clocks, rounded up as the PIT does. */
const clocks = (n: number) => (BigInt(n) * 1_000_000_000n + 1_193_181n) / 1_193_182n;
const EOI = 0x20;

/** Programs a channel: control word with both bytes, then the count. */
function program(m: Machine, channel: number, mode: number, count: number): void {
  m.outb(0x43, (channel << 6) | 0x30 | (mode << 1));
  m.outb(0x40 + channel, count & 0xff);
  m.outb(0x40 + channel, count >> 8);
}

/** A latched read of 16 bits. */
function readCount(m: Machine, channel: number): number {
  m.outb(0x43, channel << 6);
  return m.inb(0x40 + channel) | (m.inb(0x40 + channel) << 8);
}

const out2 = (m: Machine) => (m.inb(0x61) >> 5) & 1;

/** A machine that takes IRQ 0 from the PIC. */
function withPics(): Machine {
  const m = new Machine();
  m.setUpPics([0]);
  return m;
}

/** Takes every timer interrupt that is there, each with its EOI; how many. */
function takeTicks(m: Machine): number {
  let ticks = 0;
  for (; m.take() === 0x20; ticks++) m.outb(0x20, EOI);
  return ticks;
}

describe('counting', () => {
  test('mode 2 counts down and starts again', () => {
    const m = new Machine();
    program(m, 0, 2, 1000);
    m.now += clocks(300);
    expect(readCount(m, 0)).toBe(700);
    m.now = clocks(1001);
    expect(readCount(m, 0)).toBe(999);
  });

  test('mode 3 counts down by two', () => {
    const m = new Machine();
    program(m, 0, 3, 1000);
    m.now += clocks(100);
    expect(readCount(m, 0)).toBe(800);
    m.now = clocks(600);
    expect(readCount(m, 0)).toBe(800);
  });

  test('mode 0 counts on below zero', () => {
    const m = new Machine();
    program(m, 0, 0, 10);
    m.now += clocks(12);
    expect(readCount(m, 0)).toBe(0xfffe);
  });

  test('a count of 0 is 65536', () => {
    const m = new Machine();
    program(m, 0, 2, 0);
    m.now += clocks(1);
    expect(readCount(m, 0)).toBe(0xffff);
  });

  test('BCD counts in decades', () => {
    const m = new Machine();
    m.outb(0x43, 0x35);
    m.outb(0x40, 0x00);
    m.outb(0x40, 0x10);
    m.now += clocks(1);
    expect(readCount(m, 0)).toBe(0x0999);
  });

  test('a latched count stands until it is read, then the counter shows', () => {
    const m = new Machine();
    program(m, 0, 2, 1000);
    m.now = clocks(100);
    m.outb(0x43, 0x00);
    m.now = clocks(200);
    m.outb(0x43, 0x00);
    expect([m.inb(0x40), m.inb(0x40)]).toEqual([900 & 0xff, 900 >> 8]);
    expect([m.inb(0x40), m.inb(0x40)]).toEqual([800 & 0xff, 800 >> 8]);
  });

  test('access by one byte reads and writes that byte only', () => {
    const m = new Machine();
    m.outb(0x43, 0x14);
    m.outb(0x40, 0x80);
    m.now = clocks(1);
    expect([m.inb(0x40), m.inb(0x40)]).toEqual([0x7f, 0x7f]);
    m.outb(0x43, 0x24);
    m.outb(0x40, 0x02);
    expect(m.inb(0x40)).toBe(2);
  });

  test('the read-back command latches status and count of several channels', () => {
    const m = new Machine();
    program(m, 0, 2, 1000);
    m.now = clocks(10);
    m.outb(0x43, 0xc2);
    expect(m.inb(0x40)).toBe(0xb4);
    expect(m.inb(0x40) | (m.inb(0x40) << 8)).toBe(990);
  });

  test('a day of machine time is counted exactly', () => {
    const m = new Machine();
    program(m, 0, 2, 0x8000);
    m.now = 86_400_000_000_000n;
    expect(readCount(m, 0)).toBe(0x8000 - ((86_400 * 1_193_182) % 0x8000));
  });
});

describe('channel 2 and port 0x61', () => {
  test('the calibration of memtest86+ and Linux: mode 0, gate open, output rises at the end', () => {
    const m = new Machine();
    m.outb(0x61, (m.inb(0x61) & ~2) | 1);
    program(m, 2, 0, 59659); // 50 ms
    expect(out2(m)).toBe(0);
    m.now = 49_999_000n;
    expect(out2(m)).toBe(0);
    m.now = 50_001_000n;
    expect(out2(m)).toBe(1);
  });

  test('a closed gate holds the counter and an open one lets it count on', () => {
    const m = new Machine();
    m.outb(0x61, 0);
    program(m, 2, 0, 1000);
    m.now = clocks(5000);
    expect(out2(m)).toBe(0);
    expect(readCount(m, 2)).toBe(1000);
    m.outb(0x61, 1);
    m.now += clocks(600);
    m.outb(0x61, 0);
    m.now += clocks(600);
    expect(out2(m)).toBe(0);
    m.outb(0x61, 1);
    m.now += clocks(401);
    expect(out2(m)).toBe(1);
  });

  test('mode 1 waits for the rising gate', () => {
    const m = new Machine();
    program(m, 2, 1, 100);
    expect(out2(m)).toBe(1);
    m.outb(0x61, 1);
    expect(out2(m)).toBe(0);
    m.now += clocks(100);
    expect(out2(m)).toBe(1);
  });

  test('a rising gate starts the one-shot of mode 1 anew', () => {
    const m = new Machine();
    program(m, 2, 1, 100);
    m.outb(0x61, 1);
    m.now += clocks(60);
    m.outb(0x61, 0);
    m.outb(0x61, 1);
    m.now += clocks(60);
    expect(out2(m)).toBe(0);
    m.now += clocks(41);
    expect(out2(m)).toBe(1);
  });

  test.each([2, 3])(
    'in mode %i a low gate lifts the output at once, a rising one begins a period',
    (mode) => {
      const m = new Machine();
      m.outb(0x61, 1);
      program(m, 2, mode, 100);
      m.now += clocks(99);
      expect(out2(m)).toBe(0);
      m.outb(0x61, 0);
      expect(out2(m)).toBe(1);
      m.now += clocks(1000);
      m.outb(0x61, 1);
      expect(readCount(m, 2)).toBe(100);
    },
  );

  test.each([
    [4, 'from its count on'],
    [5, 'from the rising gate on'],
  ])('mode %i strobes for one clock, counted %s', (mode) => {
    const m = new Machine();
    if (mode === 4) m.outb(0x61, 1);
    program(m, 2, mode, 100);
    if (mode === 5) {
      m.now += clocks(1000);
      m.outb(0x61, 1);
    }
    const start = m.now;
    const outputs = [0, 99, 100, 101, 500].map((n) => {
      m.now = start + clocks(n);
      return out2(m);
    });
    expect(outputs).toEqual([1, 1, 0, 1, 1]);
  });

  test('modes 6 and 7 are 2 and 3, as the status tells', () => {
    const m = new Machine();
    m.outb(0x43, 0xbd);
    m.outb(0x43, 0xe8);
    expect(m.inb(0x42) & 0x3f).toBe(0x35);
  });

  test('the output of mode 3 is a square wave', () => {
    const m = new Machine();
    m.outb(0x61, 1);
    program(m, 2, 3, 100);
    const wave = [0, 49, 50, 99, 100].map((n) => {
      m.now = clocks(n);
      return out2(m);
    });
    expect(wave).toEqual([1, 1, 0, 0, 1]);
  });

  test('the speaker and gate bits read back, and the refresh bit toggles', () => {
    const m = new Machine();
    m.outb(0x61, 3);
    expect(m.inb(0x61) & 0x13).toBe(3);
    m.now += 16384n;
    expect(m.inb(0x61) & 0x13).toBe(0x13);
  });
});

describe('channel 0 and IRQ 0', () => {
  test('mode 2 ticks each period', () => {
    const m = withPics();
    program(m, 0, 2, 11932); // 100 Hz
    expect(m.call('timers_next')).toBe(clocks(11932));
    m.pass(clocks(11932) - 1n);
    expect(takeTicks(m)).toBe(0);
    m.pass(1);
    expect(takeTicks(m)).toBe(1);
    m.pass(clocks(11932));
    expect(takeTicks(m)).toBe(1);
  });

  test('mode 0 ticks once', () => {
    const m = withPics();
    program(m, 0, 0, 1000);
    m.pass(clocks(1000));
    expect(takeTicks(m)).toBe(1);
    expect(m.call('timers_next')).toBe(0n);
  });

  test('no tick is lost when the guest is late: each EOI brings the next', () => {
    const m = withPics();
    program(m, 0, 2, 11932);
    m.pass(1_005_000_000n);
    expect(takeTicks(m)).toBe(100);
  });

  test('a guest that masks the line in its handler loses no tick either', () => {
    const m = withPics();
    program(m, 0, 2, 11932);
    m.pass(105_000_000n);
    let ticks = 0;
    for (; m.take() === 0x20; ticks++) {
      m.outb(0x21, 0xff);
      m.outb(0x20, 0x60);
      m.outb(0x21, 0xfe);
    }
    expect(ticks).toBe(10);
  });

  test('through the IOAPIC the EOI of the local APIC brings the next tick', () => {
    const m = new Machine();
    m.setUpPics([]);
    m.enableApic(0);
    m.route(2, 0x30);
    program(m, 0, 2, 11932);
    m.pass(55_000_000n);
    let ticks = 0;
    for (; m.take() === 0x30; ticks++) m.setApic(0, 0xb0, 0);
    expect(ticks).toBe(5);
  });

  test('behind masks no backlog grows, and the first tick after opening them comes', () => {
    const m = new Machine();
    m.setUpPics([]);
    program(m, 0, 2, 11932);
    m.pass(1_000_000_000n);
    expect(m.memory.getUint32(PIT_PAGE + PIT_BACKLOG, true)).toBe(0);
    m.outb(0x21, 0xfe);
    expect(takeTicks(m)).toBe(1);
    m.pass(10_000_000n);
    expect(takeTicks(m)).toBe(1);
  });

  test('a change from PIC to IOAPIC with a tick under way keeps ticking', () => {
    const m = withPics();
    m.enableApic(0);
    m.setApic(0, 0x350, 0x10000);
    program(m, 0, 2, 11932);
    m.pass(100_000_000n);
    m.route(2, 0x30);
    m.outb(0x21, 0xff);
    m.pass(10_001_000n);
    expect(m.take()).toBe(0x30);
  });

  test('a PIC that is set up anew under a tick that waits, with its masks open, keeps ticking', () => {
    const m = withPics();
    program(m, 0, 2, 11932);
    m.pass(10_001_000n);
    for (const [port, value] of [
      [0x20, 0x11],
      [0x21, 0x40],
      [0x21, 4],
      [0x21, 1],
    ] as const)
      m.outb(port, value);
    m.pass(10_001_000n);
    expect(m.take()).toBe(0x40);
  });

  test('local APICs whose LINT0 is in NMI mode get each tick as an NMI', () => {
    const m = new Machine(2);
    for (const id of [0, 1]) m.enableApic(id);
    m.setApic(0, 0x350, 0x10000);
    m.setApic(1, 0x350, 0x400);
    m.setUpPics([0]);
    program(m, 0, 2, 11932);
    m.pass(10_001_000n);
    expect([m.word(0, V_NMI_PENDING), m.word(1, V_NMI_PENDING)]).toEqual([0, 1]);
  });

  test('without reinjection late ticks are lost', () => {
    const m = withPics();
    m.call('pit_set_reinject', 0);
    program(m, 0, 2, 11932);
    m.pass(1_005_000_000n);
    expect(takeTicks(m)).toBe(1);
  });

  test('a control word stops the ticks until a count comes', () => {
    const m = withPics();
    program(m, 0, 2, 11932);
    m.outb(0x43, 0x34);
    expect(m.call('timers_next')).toBe(0n);
  });

  test('with HPET legacy replacement channel 0 is silent', () => {
    const m = withPics();
    m.memory.setUint32(PIT_PAGE + PIT_FLAGS, KVM_PIT_FLAGS_HPET_LEGACY, true);
    program(m, 0, 2, 11932);
    expect(m.call('timers_next')).toBe(0n);
  });

  test('a tiny count ticks at most 5,000 times a second', () => {
    const m = withPics();
    program(m, 0, 2, 1);
    m.pass(1_000_000_000n);
    expect(takeTicks(m)).toBeLessThanOrEqual(5000);
  });

  test('registers that KVM_SET_PIT2 copied in tick from now', () => {
    const from = withPics();
    program(from, 0, 2, 11932);
    const to = withPics();
    for (let i = 0; i < 112; i++) to.memory.setUint8(PIT_PAGE + i, from.memory.getUint8(PIT_PAGE + i));
    to.now = 7_000_000n;
    to.call('pit_loaded');
    expect(to.call('timers_next')).toBe(7_000_000n + clocks(11932));
  });
});

describe('reset', () => {
  test('a machine reset silences timer and lines', () => {
    const m = withPics();
    program(m, 0, 2, 11932);
    m.line(4, 1);
    m.call('irqchip_reset');
    expect(m.call('timers_next')).toBe(0n);
    m.setUpPics([4]);
    m.line(4, 1);
    expect(m.take()).toBe(0x24);
  });

  test('kvmclock runs on from what was set', () => {
    const m = new Machine();
    m.now = 100n;
    m.call('clock_set', 5_000n);
    m.now = 300n;
    expect(m.call('clock_now')).toBe(5_200n);
  });
});
