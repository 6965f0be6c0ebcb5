// The 8259 pair by its ports, as boot code and operating systems drive it. No processor runs here.
import { describe, expect, test } from 'vitest';
import { PIC_PAGE } from '../../../assembly/abi/map.ts';
import { Machine } from './machine.ts';

const EOI = 0x20;

describe('a pair of 8259s', () => {
  test('a line raises INTR and gives its vector', () => {
    const m = new Machine();
    m.setUpPics([0, 1]);
    m.line(1, 1);
    expect(m.call('pic_pending')).toBe(1);
    expect(m.take()).toBe(0x21);
    expect(m.call('pic_pending')).toBe(0);
  });

  test('a masked line waits until its mask is opened', () => {
    const m = new Machine();
    m.setUpPics([1]);
    m.pulse(4);
    expect(m.take()).toBe(-1);
    m.outb(0x21, 0xe7);
    expect(m.take()).toBe(0x24);
  });

  test('a higher line interrupts a lower one, and not the other way', () => {
    const m = new Machine();
    m.setUpPics([1, 3, 4]);
    m.pulse(3);
    expect(m.take()).toBe(0x23);
    m.pulse(4);
    expect(m.take()).toBe(-1);
    m.pulse(1);
    expect(m.take()).toBe(0x21);
    m.outb(0x20, EOI);
    m.outb(0x20, EOI);
    expect(m.take()).toBe(0x24);
  });

  test('a slave line comes through IR2 and needs an EOI at both chips', () => {
    const m = new Machine();
    m.setUpPics([2, 12, 14]);
    m.pulse(14);
    expect(m.take()).toBe(0x2e);
    m.pulse(14);
    m.outb(0xa0, EOI);
    expect(m.take()).toBe(-1);
    m.outb(0x20, EOI);
    expect(m.take()).toBe(0x2e);
  });

  test('with special fully nested mode the slave interrupts itself', () => {
    const m = new Machine();
    m.setUpPics([2, 12, 14], 0x11);
    m.pulse(14);
    expect(m.take()).toBe(0x2e);
    m.pulse(12);
    expect(m.take()).toBe(0x2c);
  });

  test('a request that goes away before INTA gives the spurious vector 7', () => {
    const m = new Machine();
    m.setUpPics([5]);
    m.outb(0x4d0, 0x20);
    m.line(5, 1);
    m.line(5, 0);
    expect(m.call('pic_acknowledge')).toBe(0x27);
    m.outb(0x20, 0x0b);
    expect(m.inb(0x20)).toBe(0);
  });

  test('a slave request that goes away gives the spurious vector 15', () => {
    const m = new Machine();
    m.setUpPics([2, 11]);
    m.outb(0x4d1, 0x08);
    m.line(11, 1);
    m.line(11, 0);
    expect(m.take()).toBe(0x2f);
    m.outb(0x20, 0x0b);
    expect(m.inb(0x20)).toBe(4);
  });

  test('a level-triggered line asks again after its EOI while it is high', () => {
    const m = new Machine();
    m.setUpPics([2, 11]);
    m.outb(0x4d1, 0x08);
    m.line(11, 1);
    expect(m.take()).toBe(0x2b);
    m.outb(0xa0, EOI);
    m.outb(0x20, EOI);
    expect(m.take()).toBe(0x2b);
    m.line(11, 0);
    m.outb(0xa0, EOI);
    m.outb(0x20, EOI);
    expect(m.take()).toBe(-1);
  });

  test('an edge-triggered line that stays high asks once', () => {
    const m = new Machine();
    m.setUpPics([4]);
    m.line(4, 1);
    m.line(4, 1);
    expect(m.take()).toBe(0x24);
    m.outb(0x20, EOI);
    expect(m.take()).toBe(-1);
  });

  test('automatic EOI leaves nothing in service', () => {
    const m = new Machine();
    m.setUpPics([0, 3], 3);
    m.pulse(0);
    expect(m.take()).toBe(0x20);
    m.pulse(3);
    expect(m.take()).toBe(0x23);
  });

  test('rotation in automatic EOI mode makes the served line the last', () => {
    const m = new Machine();
    m.setUpPics([0, 3], 3);
    m.outb(0x20, 0x80);
    m.pulse(0);
    expect(m.take()).toBe(0x20);
    m.pulse(0);
    m.pulse(3);
    expect(m.take()).toBe(0x23);
  });

  test('rotate on specific EOI and set priority move the bottom of the order', () => {
    const m = new Machine();
    m.setUpPics([1, 3, 4]);
    m.outb(0x20, 0xc3); // set priority: 3 is the lowest, 4 the highest
    m.pulse(1);
    m.pulse(4);
    expect(m.take()).toBe(0x24);
    m.outb(0x20, 0xe4); // rotate on specific EOI of 4
    m.pulse(4);
    expect(m.take()).toBe(0x21);
  });

  test('special mask mode lets lower lines in while a masked one is in service', () => {
    const m = new Machine();
    m.setUpPics([1, 4]);
    m.pulse(1);
    expect(m.take()).toBe(0x21);
    m.outb(0x21, 0xef);
    m.outb(0x20, 0x68);
    m.pulse(4);
    expect(m.take()).toBe(0x24);
    m.outb(0x20, 0x61); // specific EOI of the masked line
    m.outb(0x20, 0x0b);
    expect(m.inb(0x20)).toBe(0x10);
  });

  test('a non-specific EOI in special mask mode passes over masked lines', () => {
    const m = new Machine();
    m.setUpPics([1, 4]);
    m.pulse(1);
    m.take();
    m.outb(0x21, 0xef);
    m.outb(0x20, 0x68);
    m.pulse(4);
    m.take();
    m.outb(0x20, EOI);
    m.outb(0x20, 0x0b);
    expect(m.inb(0x20)).toBe(2);
    m.outb(0x20, 0x48); // special mask mode ends
    m.outb(0x20, EOI);
    expect(m.inb(0x20)).toBe(0);
  });

  test('rotate on non-specific EOI makes the line that ended the last', () => {
    const m = new Machine();
    m.setUpPics([1, 4]);
    m.pulse(1);
    m.take();
    m.outb(0x20, 0xa0);
    m.pulse(1);
    m.pulse(4);
    expect(m.take()).toBe(0x24);
  });

  test('ICW1 forgets edges, masks, service, rotation and special mask mode', () => {
    const m = new Machine();
    m.setUpPics([1, 4]);
    m.outb(0x20, 0xc3);
    m.outb(0x20, 0x68);
    m.pulse(1);
    m.take();
    m.pulse(4);
    m.setUpPics([1, 3, 4]);
    expect(m.take()).toBe(-1);
    m.pulse(3);
    expect(m.take()).toBe(0x23);
    m.pulse(4);
    expect(m.take()).toBe(-1);
    m.pulse(1);
    expect(m.take()).toBe(0x21);
  });

  test('OCW3 chooses between IRR and ISR', () => {
    const m = new Machine();
    m.setUpPics([1]);
    m.pulse(1);
    expect(m.inb(0x20)).toBe(2);
    m.take();
    expect(m.inb(0x20)).toBe(0);
    m.outb(0x20, 0x0b);
    expect(m.inb(0x20)).toBe(2);
    m.outb(0x20, 0x0a);
    expect(m.inb(0x20)).toBe(0);
  });

  test('a poll reads the line and takes it into service', () => {
    const m = new Machine();
    m.setUpPics([6]);
    m.outb(0x20, 0x0c);
    expect(m.inb(0x20)).toBe(0);
    m.pulse(6);
    m.outb(0x20, 0x0c);
    expect(m.inb(0x20)).toBe(0x86);
    m.outb(0x20, 0x0b);
    expect(m.inb(0x20)).toBe(0x40);
  });

  test('ELCR keeps the lines of the timer, keyboard, cascade, RTC and coprocessor edge triggered', () => {
    const m = new Machine();
    m.outb(0x4d0, 0xff);
    m.outb(0x4d1, 0xff);
    expect([m.inb(0x4d0), m.inb(0x4d1)]).toEqual([0xf8, 0xde]);
  });

  test('the page holds struct kvm_pic_state of both chips', () => {
    const m = new Machine();
    m.setUpPics([2, 8]);
    m.line(8, 1);
    const bytes = Array.from({ length: 32 }, (_, i) => m.memory.getUint8(PIC_PAGE + i));
    expect(bytes).toEqual([
      ...[0, 4, 0xfb, 0, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0xf8],
      ...[1, 1, 0xfe, 0, 0, 0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0xde],
    ]);
  });

  test('registers that KVM_SET_IRQCHIP copied in raise INTR again', () => {
    const m = new Machine();
    m.setUpPics([3]);
    m.memory.setUint8(PIC_PAGE + 1, 8);
    m.call('irqchip_loaded');
    expect(m.take()).toBe(0x23);
  });

  test('only a vCPU whose LINT0 is in ExtINT mode, or that has no APIC, takes the PIC', () => {
    const m = new Machine(2);
    m.setUpPics([1]);
    m.pulse(1);
    expect(m.take(1)).toBe(-1);
    m.setApic(0, 0x350, 0x10700);
    expect(m.take(0)).toBe(-1);
    m.call('lapic_set_base', m.v(0), 0xfee00100n);
    expect(m.take(0)).toBe(0x21);
  });
});
