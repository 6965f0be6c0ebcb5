// Local APICs by their registers: priorities, IPIs, start-up of other processors, the timer. No processor runs here.
import { describe, expect, test } from 'vitest';
import { IRQCHIP_SPLIT, V_EOI_EXIT } from '../../../assembly/abi/calls.ts';
import { IOAPIC_EOI_VECTORS, LAPIC_EVENT_INIT, LAPIC_EVENT_SIPI } from '../../../assembly/abi/irqchip.ts';
import { KVM_MP_STATE_HALTED } from '../../../assembly/abi/kvm_run.ts';
import { IOAPIC_PAGE, VM_HAS_IRQCHIP, VM_PAGE } from '../../../assembly/abi/map.ts';
import {
  REQ_EVENTS,
  V_CR8,
  V_MP_STATE,
  V_MSR_VALUE,
  V_NMI_PENDING,
  V_REQUESTS,
  V_SIPI_VECTOR,
  V_TSC_DEADLINE,
  V_WAKE,
} from '../../../assembly/abi/vcpu_page.ts';
import { Machine } from './machine.ts';

const EOI = 0xb0;
const TPR = 0x80;
const PPR = 0xa0;
const ISR = 0x100;
const IRR = 0x200;
const ESR = 0x280;
const ICR = 0x300;
const ICR2 = 0x310;
const LVTT = 0x320;
const LVT1 = 0x360;
const LVTERR = 0x370;
const TMICT = 0x380;
const TMCCT = 0x390;
const TDCR = 0x3e0;

/** A machine whose APICs are software-enabled. */
function enabled(vcpus = 1): Machine {
  const m = new Machine(vcpus);
  for (let id = 0; id < vcpus; id++) m.enableApic(id);
  return m;
}

/** A machine whose APICs are in x2APIC mode and enabled. */
function enabledX2apic(vcpus: number): Machine {
  const m = new Machine(vcpus);
  for (let id = 0; id < vcpus; id++) {
    m.call('lapic_set_base', m.v(id), id === 0 ? 0xfee00d00n : 0xfee00c00n);
    m.call('lapic_msr_write', m.v(id), 0x80f, 0x1ffn);
  }
  return m;
}

function ipi(m: Machine, from: number, destination: number, low: number): void {
  m.setApic(from, ICR2, destination << 24);
  m.setApic(from, ICR, low);
}

/** The value of an x2APIC MSR, or 'fault'. */
function rdmsr(m: Machine, id: number, msr: number): bigint | 'fault' {
  if (!m.call('lapic_msr_read', m.v(id), msr)) return 'fault';
  return m.memory.getBigUint64(m.v(id) + V_MSR_VALUE, true);
}

describe('registers', () => {
  test('reset leaves the state of SDM table 11-1, with LINT0 of the boot CPU open to the PIC', () => {
    const m = new Machine(2);
    expect(m.apic(1, 0x20)).toBe(0x01000000);
    expect(m.apic(0, 0x30)).toBe(0x50014);
    expect(m.apic(0, 0xe0)).toBe(0xffffffff);
    expect(m.apic(0, 0xf0)).toBe(0xff);
    expect([m.apic(0, 0x350), m.apic(1, 0x350)]).toEqual([0x700, 0x10000]);
    expect(m.apicPage(1, 0x30)).toBe(0x50014);
  });

  test('software disable masks the local vector table and keeps it masked', () => {
    const m = enabled();
    m.setApic(0, LVT1, 0x400);
    m.setApic(0, 0xf0, 0xff);
    expect(m.apic(0, LVT1)).toBe(0x10400);
    m.setApic(0, LVT1, 0x400);
    expect(m.apic(0, LVT1)).toBe(0x10400);
  });

  test('an access to a register that does not exist shows in ESR after the next write', () => {
    const m = enabled();
    expect(m.apic(0, 0x40)).toBe(0);
    expect(m.apic(0, ESR)).toBe(0);
    m.setApic(0, ESR, 0);
    expect(m.apic(0, ESR)).toBe(0x80);
    m.setApic(0, ESR, 0);
    expect(m.apic(0, ESR)).toBe(0);
  });

  test('sending a vector below 16 raises the error interrupt', () => {
    const m = enabled();
    m.setApic(0, LVTERR, 0xfe);
    ipi(m, 0, 0, 0x0f);
    expect(m.take()).toBe(0xfe);
    m.setApic(0, ESR, 0);
    expect(m.apic(0, ESR)).toBe(0x20);
  });

  test('errors raise one interrupt until ESR is written', () => {
    const m = enabled();
    m.setApic(0, LVTERR, 0xfe);
    for (const _ of [1, 2]) ipi(m, 0, 0, 0x0f);
    expect(m.take()).toBe(0xfe);
    m.setApic(0, EOI, 0);
    ipi(m, 0, 0, 0x0e);
    expect(m.take()).toBe(-1);
    m.setApic(0, ESR, 0);
    ipi(m, 0, 0, 0x0e);
    expect(m.take()).toBe(0xfe);
  });

  test('a vector below 16 in the timer entry is an illegal vector received', () => {
    const m = enabled();
    m.setApic(0, LVTT, 0x0e);
    m.setApic(0, TMICT, 1000);
    m.pass(2000);
    m.setApic(0, ESR, 0);
    expect([m.apic(0, ESR), m.take()]).toEqual([0x40, -1]);
  });

  test('a byte inside a register can be read, and what lies between registers is 0', () => {
    const m = new Machine(2);
    expect(m.apic(1, 0x23) & 0xff).toBe(1);
    expect(m.apic(1, 0x24)).toBe(0);
  });
});

describe('priorities', () => {
  test('the highest vector comes first and lower classes wait for its EOI', () => {
    const m = enabled();
    for (const vector of [0x41, 0x61, 0x45]) ipi(m, 0, 0, vector);
    expect(m.take()).toBe(0x61);
    expect(m.apic(0, PPR)).toBe(0x60);
    expect(m.take()).toBe(-1);
    m.setApic(0, EOI, 0);
    expect(m.take()).toBe(0x45);
    m.setApic(0, EOI, 0);
    expect(m.take()).toBe(0x41);
  });

  test('IRR and ISR show a vector on its way', () => {
    const m = enabled();
    ipi(m, 0, 0, 0x61);
    expect(m.apic(0, IRR + 0x30)).toBe(2);
    m.take();
    expect([m.apic(0, IRR + 0x30), m.apic(0, ISR + 0x30)]).toEqual([0, 2]);
    m.setApic(0, EOI, 0);
    expect(m.apic(0, ISR + 0x30)).toBe(0);
  });

  test('the task priority holds back its class and all below, and CR8 follows it', () => {
    const m = enabled();
    m.setApic(0, TPR, 0x60);
    ipi(m, 0, 0, 0x6f);
    expect(m.take()).toBe(-1);
    expect(m.word(0, V_CR8)).toBe(6);
    m.setApic(0, TPR, 0x50);
    expect(m.take()).toBe(0x6f);
  });
});

describe('interprocessor interrupts', () => {
  test('a fixed IPI reaches the APIC with the ID, asks it for events and wakes it', () => {
    const m = enabled(3);
    m.memory.setUint32(m.v(2) + V_REQUESTS, 0, true);
    const wake = m.word(2, V_WAKE);
    ipi(m, 0, 2, 0x55);
    expect([m.take(0), m.take(1), m.take(2)]).toEqual([-1, -1, 0x55]);
    expect(m.word(2, V_REQUESTS) & REQ_EVENTS).toBe(REQ_EVENTS);
    expect(m.word(2, V_WAKE)).toBe(wake + 1);
  });

  test('the delivery status never stays busy', () => {
    const m = enabled(2);
    ipi(m, 0, 1, 0x1055);
    expect(m.apic(0, ICR)).toBe(0x55);
  });

  test.each([
    ['self', 0x40000, [-1, 0x50, -1]],
    ['all', 0x80000, [0x50, 0x50, 0x50]],
    ['all others', 0xc0000, [0x50, -1, 0x50]],
  ])('the shorthand "%s" chooses its receivers', (_name, shorthand, taken) => {
    const m = enabled(3);
    ipi(m, 1, 0, shorthand | 0x50);
    expect([0, 1, 2].map((id) => m.take(id))).toEqual(taken);
  });

  test('destination 0xff reaches everybody', () => {
    const m = enabled(3);
    ipi(m, 0, 0xff, 0x50);
    expect([0, 1, 2].map((id) => m.take(id))).toEqual([0x50, 0x50, 0x50]);
  });

  test('flat logical destinations are bit masks', () => {
    const m = enabled(3);
    for (const id of [0, 1, 2]) m.setApic(id, 0xd0, 0x01000000 << id);
    ipi(m, 0, 0b101, 0x850);
    expect([0, 1, 2].map((id) => m.take(id))).toEqual([0x50, -1, 0x50]);
  });

  test('cluster logical destinations are a cluster and a mask', () => {
    const m = enabled(3);
    for (const id of [0, 1, 2]) {
      m.setApic(id, 0xe0, 0x0fffffff);
      m.setApic(id, 0xd0, (id === 2 ? 0x11 : 0x21 << id) << 24);
    }
    ipi(m, 0, 0x23, 0x850);
    expect([0, 1, 2].map((id) => m.take(id))).toEqual([0x50, -1, -1]);
    ipi(m, 0, 0x11, 0x851);
    expect(m.take(2)).toBe(0x51);
  });

  test('lowest priority goes to one receiver, in turn', () => {
    const m = enabled(2);
    for (const id of [0, 1]) m.setApic(id, 0xd0, 0x01000000 << id);
    ipi(m, 0, 3, 0x950);
    ipi(m, 0, 3, 0x951);
    expect([m.take(0), m.take(1)]).toEqual([0x50, 0x51]);
  });

  test('lowest priority to all, or to all but the sender, goes to one receiver', () => {
    const m = enabled(3);
    ipi(m, 0, 0, 0x80150);
    expect([0, 1, 2].map((id) => m.take(id)).sort()).toEqual([-1, -1, 0x50]);
    for (const _ of [1, 2, 3]) ipi(m, 1, 0, 0xc0161);
    expect(m.take(1)).toBe(-1);
    expect([m.take(0), m.take(2)]).toEqual([0x61, 0x61]);
  });

  test('a disabled APIC takes no fixed interrupt, but an NMI', () => {
    const m = new Machine(2);
    m.enableApic(0);
    ipi(m, 0, 1, 0x50);
    ipi(m, 0, 1, 0x400);
    m.enableApic(1);
    expect(m.take(1)).toBe(-1);
    expect(m.word(1, V_NMI_PENDING)).toBe(1);
  });

  test('LINT1 in NMI mode passes an NMI on', () => {
    const m = enabled();
    m.call('lapic_local_interrupt', m.v(0), LVT1);
    expect(m.word(0, V_NMI_PENDING)).toBe(0);
    m.setApic(0, LVT1, 0x400);
    m.call('lapic_local_interrupt', m.v(0), LVT1);
    expect(m.word(0, V_NMI_PENDING)).toBe(1);
  });

  test('INIT and SIPI start another processor: INIT assert, de-assert, SIPI twice', () => {
    const m = new Machine(2);
    m.enableApic(0);
    ipi(m, 0, 1, 0xc500);
    ipi(m, 0, 1, 0x8500);
    expect(m.call('lapic_take_events', m.v(1))).toBe(LAPIC_EVENT_INIT);
    ipi(m, 0, 1, 0x608);
    ipi(m, 0, 1, 0x608);
    expect(m.word(1, V_SIPI_VECTOR)).toBe(8);
    expect(m.call('lapic_take_events', m.v(1))).toBe(LAPIC_EVENT_SIPI);
    expect(m.call('lapic_take_events', m.v(1))).toBe(0);
  });

  test('INIT drops a SIPI that was not taken, and a reset by INIT keeps the ID', () => {
    const m = enabled(2);
    ipi(m, 0, 1, 0x608);
    ipi(m, 0, 1, 0x4500);
    expect(m.call('lapic_take_events', m.v(1))).toBe(LAPIC_EVENT_INIT);
    ipi(m, 0, 1, 0x609);
    m.call('lapic_init', m.v(1));
    expect(m.apic(1, 0xf0)).toBe(0xff);
    expect(m.apic(1, 0x20)).toBe(0x01000000);
    expect(m.call('lapic_take_events', m.v(1))).toBe(LAPIC_EVENT_SIPI);
  });
});

describe('a split irqchip', () => {
  /** Vector 0x61, level triggered, taken and ended under a value of the spurious-interrupt register; the EOI exit's word. */
  function endsLevel(spiv: number): number {
    const m = new Machine();
    m.memory.setUint32(VM_PAGE + VM_HAS_IRQCHIP, IRQCHIP_SPLIT, true);
    m.call('lapic_reset', m.v(0), 0);
    m.setApic(0, 0xf0, spiv);
    m.memory.setUint8(IOAPIC_PAGE + IOAPIC_EOI_VECTORS + (0x61 >> 3), 1 << (0x61 & 7));
    m.call('msi_send', 0xfee00000n, 0xc061);
    m.take();
    m.setApic(0, EOI, 0);
    return m.word(0, V_EOI_EXIT);
  }

  test('tells user space of an EOI, unless the guest ends level interrupts at the IOAPIC itself', () => {
    expect([endsLevel(0x1ff), endsLevel(0x11ff)]).toEqual([0x62, 0]);
  });

  test('the version register offers that; with an IOAPIC in the core, which has no EOI register, it does not', () => {
    const m = new Machine();
    m.setApic(0, 0xf0, 0x11ff);
    expect([m.apic(0, 0x30), m.apic(0, 0xf0)]).toEqual([0x50014, 0x1ff]);
    m.memory.setUint32(VM_PAGE + VM_HAS_IRQCHIP, IRQCHIP_SPLIT, true);
    m.call('lapic_reset', m.v(0), 0);
    m.setApic(0, 0xf0, 0x11ff);
    expect([m.apic(0, 0x30), m.apic(0, 0xf0)]).toEqual([0x1050014, 0x11ff]);
  });
});

describe('x2APIC mode', () => {
  test('the ID is 32 bits wide and the logical ID follows from it', () => {
    const m = enabledX2apic(18);
    expect([rdmsr(m, 17, 0x802), rdmsr(m, 17, 0x80d)]).toEqual([17n, 0x10002n]);
  });

  test('ICR is one register that sends at once', () => {
    const m = enabledX2apic(2);
    expect(m.call('lapic_msr_write', m.v(0), 0x830, 0x0000000100000055n)).toBe(1);
    expect(m.take(1)).toBe(0x55);
    expect(rdmsr(m, 0, 0x830)).toBe(0x0000000100000055n);
  });

  test('a logical destination names a cluster and its members', () => {
    const m = enabledX2apic(18);
    m.call('lapic_msr_write', m.v(0), 0x830, 0x0001000300000855n);
    expect([0, 1, 16, 17].map((id) => m.take(id))).toEqual([-1, -1, 0x55, 0x55]);
  });

  test('0xff is an ID and 0xffffffff everybody', () => {
    const m = enabledX2apic(2);
    m.call('lapic_msr_write', m.v(0), 0x830, 0x000000ff00000055n);
    expect([m.take(0), m.take(1)]).toEqual([-1, -1]);
    m.call('lapic_msr_write', m.v(0), 0x830, 0xffffffff00000055n);
    expect([m.take(0), m.take(1)]).toEqual([0x55, 0x55]);
  });

  test('SELF IPI interrupts the sender', () => {
    const m = enabledX2apic(1);
    m.call('lapic_msr_write', m.v(0), 0x83f, 0x77n);
    expect(m.take()).toBe(0x77);
  });

  test.each([
    ['a read of EOI', 'read', 0x80b, 0n],
    ['a read of DFR', 'read', 0x80e, 0n],
    ['a read of the ICR high half', 'read', 0x831, 0n],
    ['a read beyond the registers', 'read', 0x8ff, 0n],
    ['a write to the ID', 'write', 0x802, 0n],
    ['a write to LDR', 'write', 0x80d, 0n],
    ['an EOI that is not 0', 'write', 0x80b, 1n],
    ['a task priority above 255', 'write', 0x808, 0x100n],
    ['reserved bits of SVR', 'write', 0x80f, 0x10000n],
    ['reserved bits of an LVT', 'write', 0x832, 0x80000n],
    ['upper bits of a 32-bit register', 'write', 0x808, 0x100000000n],
  ])('%s is a general protection fault', (_name, kind, msr, value) => {
    const m = enabledX2apic(1);
    if (kind === 'read') expect(rdmsr(m, 0, msr)).toBe('fault');
    else expect(m.call('lapic_msr_write', m.v(0), msr, value)).toBe(0);
  });

  test('in xAPIC mode the MSRs fault', () => {
    expect(rdmsr(enabled(), 0, 0x802)).toBe('fault');
  });
});

describe('the timer', () => {
  test('one-shot counts the 1 GHz bus clock by the divider and fires once', () => {
    const m = enabled();
    m.setApic(0, TDCR, 3); // by 16
    m.setApic(0, LVTT, 0xec);
    m.setApic(0, TMICT, 1000);
    m.pass(4000);
    expect(m.apic(0, TMCCT)).toBe(750);
    m.pass(11999);
    expect(m.take()).toBe(-1);
    m.pass(1);
    expect(m.take()).toBe(0xec);
    expect(m.apic(0, TMCCT)).toBe(0);
    expect(m.call('lapic_deadline', m.v(0))).toBe(0n);
  });

  test.each([
    [0b0000, 2],
    [0b0001, 4],
    [0b0010, 8],
    [0b0011, 16],
    [0b1000, 32],
    [0b1001, 64],
    [0b1010, 128],
    [0b1011, 1],
  ])('divide configuration %i divides by %i', (tdcr, by) => {
    const m = enabled();
    m.setApic(0, TDCR, tdcr);
    m.setApic(0, TMICT, 10000);
    expect(m.call('lapic_deadline', m.v(0))).toBe(BigInt(10000 * by));
  });

  test('a masked timer counts, as Linux and memtest86+ calibrate it', () => {
    const m = enabled();
    m.setApic(0, TDCR, 0xb);
    m.setApic(0, LVTT, 0x10020);
    m.setApic(0, TMICT, -1);
    m.pass(10_000_000);
    expect(0xffffffff - m.apic(0, TMCCT)).toBe(10_000_000);
    m.pass(5_000_000_000);
    expect(m.take()).toBe(-1);
  });

  test('periodic fires again and again, and periods that passed unseen are one interrupt', () => {
    const m = enabled();
    m.setApic(0, TDCR, 0xb);
    m.setApic(0, LVTT, 0x200ec);
    m.setApic(0, TMICT, 1_000_000);
    for (let i = 0; i < 3; i++) {
      m.pass(1_000_000);
      expect(m.take()).toBe(0xec);
      m.setApic(0, EOI, 0);
    }
    m.pass(5_500_000);
    expect(m.take()).toBe(0xec);
    m.setApic(0, EOI, 0);
    expect(m.take()).toBe(-1);
    expect(m.call('timers_next')).toBe(9_000_000n);
  });

  test('an initial count of 0 stops it', () => {
    const m = enabled();
    m.setApic(0, LVTT, 0x200ec);
    m.setApic(0, TMICT, 1000);
    m.setApic(0, TMICT, 0);
    m.pass(1_000_000_000);
    expect(m.take()).toBe(-1);
  });

  test('a new divider keeps the count that is left', () => {
    const m = enabled();
    m.setApic(0, TDCR, 0xb);
    m.setApic(0, TMICT, 1000);
    m.pass(400);
    m.setApic(0, TDCR, 0);
    expect(m.apic(0, TMCCT)).toBe(600);
    expect(m.call('lapic_deadline', m.v(0))).toBe(1600n);
  });

  test('TSC-deadline mode fires when the TSC gets there, and the MSR is then 0', () => {
    const m = enabled();
    m.setApic(0, LVTT, 0x400ec);
    m.call('lapic_set_deadline', m.v(0), 5000n);
    m.pass(4999);
    expect(m.take()).toBe(-1);
    m.pass(1);
    expect(m.take()).toBe(0xec);
    expect(m.memory.getBigUint64(m.v(0) + V_TSC_DEADLINE, true)).toBe(0n);
  });

  test('a deadline in the past fires at once', () => {
    const m = enabled();
    m.setApic(0, LVTT, 0x400ec);
    m.pass(1000);
    m.call('lapic_set_deadline', m.v(0), 1n);
    expect(m.take()).toBe(0xec);
  });

  test('a deadline centuries away neither fires nor overflows', () => {
    const m = enabled();
    m.setApic(0, LVTT, 0x400ec);
    m.pass(1_000_000);
    m.call('lapic_set_deadline', m.v(0), 0xffffffffffffffffn);
    m.pass(1_000_000_000_000_000n);
    expect(m.take()).toBe(-1);
  });

  test('a halted vCPU is there for its own timer and for those that run, not for one that halts too', () => {
    const m = enabled(3);
    const arm = (id: number, ns: number) => {
      m.setApic(id, LVTT, 0x60);
      m.setApic(id, TDCR, 0xb);
      m.setApic(id, TMICT, ns);
    };
    for (const id of [0, 1]) m.memory.setUint32(m.v(id) + V_MP_STATE, KVM_MP_STATE_HALTED, true);
    arm(1, 1000);
    expect(m.call('timers_next_halted', m.v(0))).toBe(0n);
    expect(m.call('timers_next_halted', m.v(1))).toBe(1000n);
    arm(2, 3000);
    arm(0, 5000);
    expect(m.call('timers_next_halted', m.v(0))).toBe(3000n);
  });

  test('outside its mode the deadline is ignored, and leaving the mode disarms it', () => {
    const m = enabled();
    m.call('lapic_set_deadline', m.v(0), 5000n);
    expect(m.call('lapic_get_deadline', m.v(0))).toBe(0n);
    m.setApic(0, LVTT, 0x400ec);
    m.call('lapic_set_deadline', m.v(0), 5000n);
    m.setApic(0, LVTT, 0xec);
    m.pass(1_000_000);
    expect(m.take()).toBe(-1);
  });

  test('GET_LAPIC shows the current count and SET_LAPIC counts on from it', () => {
    const m = enabled();
    m.setApic(0, TDCR, 0xb);
    m.setApic(0, LVTT, 0x200ec);
    m.setApic(0, TMICT, 1_000_000);
    m.pass(300_000);
    m.call('lapic_save', m.v(0));
    expect(m.apicPage(0, TMCCT)).toBe(700_000);
    m.now = 50n;
    m.call('lapic_loaded', m.v(0));
    expect(m.call('lapic_deadline', m.v(0))).toBe(700_050n);
  });
});
