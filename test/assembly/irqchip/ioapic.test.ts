// The IOAPIC, the routing table and MSIs. No processor runs here.
import { describe, expect, test } from 'vitest';
import { IOAPIC_PAGE } from '../../../assembly/abi/map.ts';
import { V_NMI_PENDING } from '../../../assembly/abi/vcpu_page.ts';
import { Machine } from './machine.ts';

const LEVEL = 0x8000;
const REMOTE_IRR = 0x4000;
const EOI = 0xb0;

/** Enabled APICs, and PICs that are masked as after an operating system's change to the IOAPIC. */
function machine(vcpus = 1): Machine {
  const m = new Machine(vcpus);
  m.setUpPics([]);
  for (let id = 0; id < vcpus; id++) m.enableApic(id);
  return m;
}

describe('registers', () => {
  test('it has 24 masked pins, version 0x11 and a writable ID', () => {
    const m = machine();
    expect(m.ioapic(1)).toBe(0x170011);
    expect(m.ioapic(0x10)).toBe(0x10000);
    expect(m.ioapic(0x3e)).toBe(0x10000);
    m.setIoapic(0, 0x05000000);
    expect([m.ioapic(0), m.ioapic(2)]).toEqual([0x05000000, 0x05000000]);
  });

  test('the page holds struct kvm_ioapic_state', () => {
    const m = machine();
    m.route(3, 0x33, 1);
    m.line(3, 1);
    expect(m.memory.getBigUint64(IOAPIC_PAGE, true)).toBe(0xfec00000n);
    expect(m.memory.getUint32(IOAPIC_PAGE + 16, true)).toBe(8);
    expect(m.memory.getBigUint64(IOAPIC_PAGE + 24 + 3 * 8, true)).toBe(0x0100000000000033n);
  });

  test('delivery status and remote IRR cannot be written', () => {
    const m = machine();
    m.setIoapic(0x10, 0x1d033);
    expect(m.ioapic(0x10)).toBe(0x18033);
  });
});

describe('edge-triggered pins', () => {
  test('a rising edge sends one message, a standing level none', () => {
    const m = machine();
    m.route(4, 0x34);
    m.line(4, 1);
    m.line(4, 1);
    expect(m.take()).toBe(0x34);
    m.setApic(0, EOI, 0);
    expect(m.take()).toBe(-1);
    m.line(4, 0);
    m.line(4, 1);
    expect(m.take()).toBe(0x34);
  });

  test('an edge behind the mask is lost', () => {
    const m = machine();
    m.pulse(4);
    m.route(4, 0x34);
    expect(m.take()).toBe(-1);
  });
});

describe('level-triggered pins', () => {
  test('remote IRR holds until the EOI, which sends again while the line is high', () => {
    const m = machine();
    m.route(16, LEVEL | 0x40);
    m.line(16, 1);
    expect(m.ioapic(0x30)).toBe(LEVEL | REMOTE_IRR | 0x40);
    expect(m.take()).toBe(0x40);
    m.setApic(0, EOI, 0);
    expect(m.take()).toBe(0x40);
    m.line(16, 0);
    m.setApic(0, EOI, 0);
    expect(m.take()).toBe(-1);
    expect(m.ioapic(0x30)).toBe(LEVEL | 0x40);
  });

  test('opening the mask sends what the line asks for', () => {
    const m = machine();
    m.line(16, 1);
    m.route(16, LEVEL | 0x40);
    expect(m.take()).toBe(0x40);
  });

  test('turning a stuck pin to edge and back clears remote IRR', () => {
    const m = machine();
    m.route(16, LEVEL | 0x40);
    m.line(16, 1);
    m.line(16, 0);
    m.setIoapic(0x30, 0x10040);
    m.setIoapic(0x30, LEVEL | 0x40);
    expect(m.ioapic(0x30)).toBe(LEVEL | 0x40);
  });

  test('two sources share a line: it stays high until both have left', () => {
    const m = machine();
    m.route(10, LEVEL | 0x4a);
    m.call('irq_source_line', 0, 10, 1);
    m.call('irq_source_line', 2, 10, 1);
    m.call('irq_source_line', 0, 10, 0);
    expect(m.take()).toBe(0x4a);
    m.setApic(0, EOI, 0);
    expect(m.take()).toBe(0x4a);
    m.call('irq_source_line', 2, 10, 0);
    m.setApic(0, EOI, 0);
    expect(m.take()).toBe(-1);
  });
});

describe('destinations', () => {
  test('a logical destination reaches each member, lowest priority one of them', () => {
    const m = machine(2);
    for (const id of [0, 1]) m.setApic(id, 0xd0, 0x01000000 << id);
    m.route(5, 0x835, 3);
    m.pulse(5);
    expect([m.take(0), m.take(1)]).toEqual([0x35, 0x35]);
    m.route(6, 0x956, 3);
    m.pulse(6);
    expect([m.take(0), m.take(1)].sort()).toEqual([-1, 0x56]);
  });

  test('NMI delivery ignores the vector', () => {
    const m = machine(2);
    m.route(5, 0x400, 1);
    m.pulse(5);
    expect([m.word(0, V_NMI_PENDING), m.word(1, V_NMI_PENDING)]).toEqual([0, 1]);
  });

  test('ExtINT delivery lets the receiver take the vector of the PIC', () => {
    const m = machine(2);
    m.setUpPics([5]);
    m.setApic(0, 0x350, 0x10000);
    m.route(5, 0x700, 1);
    m.pulse(5);
    expect([m.take(0), m.take(1)]).toEqual([-1, 0x25]);
  });
});

describe('routing', () => {
  test('GSI 0 to 15 reach PIC and IOAPIC, the timer on pin 2, and 16 to 23 only the IOAPIC', () => {
    const m = machine();
    m.setUpPics([0]);
    m.setApic(0, 0x350, 0x10000);
    m.route(2, 0x32);
    m.pulse(0);
    expect(m.take()).toBe(0x32);
    expect(m.call('pic_pending')).toBe(1);
    m.route(23, 0x57);
    m.pulse(23);
    expect(m.take()).toBe(0x57);
  });

  test('a new table moves a GSI, and an MSI route sends a message on each raise', () => {
    const m = machine(2);
    m.setRoutes([
      [30, 1, 2, 7, 0],
      [31, 2, 0xfee01000, 0, 0x61],
    ]);
    m.route(7, 0x37);
    m.pulse(30);
    m.pulse(31);
    expect([m.take(0), m.take(1)]).toEqual([0x37, 0x61]);
  });

  test('a line tells to how many it went, whether it was coalesced, or that nobody heard it', () => {
    const m = machine();
    m.setUpPics([]);
    m.route(10, 0x4a);
    expect([m.call('irq_line', 10, 1), m.call('irq_line', 10, 1), m.call('irq_line', 10, 0)]).toEqual([
      1, 0, 1,
    ]);
    expect([m.call('irq_line', 11, 1), m.call('irq_line', 500, 1), m.call('irq_line', 5000, 1)]).toEqual([
      -1, -1, -1,
    ]);
    m.setUpPics([3]);
    expect([m.call('irq_line', 3, 1), m.call('irq_line', 3, 0), m.call('irq_line', 3, 1)]).toEqual([1, 2, 0]);
  });

  test('an MSI with the redirection hint goes to one of those that it names', () => {
    const m = machine(2);
    for (const id of [0, 1]) m.setApic(id, 0xd0, 0x01000000 << id);
    expect(m.call('msi_send', 0xfee0300cn, 0x61)).toBe(1);
    expect([m.take(0), m.take(1)].sort()).toEqual([-1, 0x61]);
    expect(m.call('msi_send', 0xfee03004n, 0x62)).toBe(2);
  });

  test('an MSI tells how many took it', () => {
    const m = new Machine(2);
    m.enableApic(1);
    expect(m.call('msi_send', 0xfee01000n, 0x61)).toBe(1);
    expect(m.take(1)).toBe(0x61);
    m.setApic(1, 0xf0, 0xff);
    expect(m.call('msi_send', 0xfee01000n, 0x61)).toBe(0);
    expect(m.call('msi_send', 0xfee07000n, 0x61)).toBe(-1);
  });
});
