// When the run loop looks at timers: the host's clock is asked once in 2000 instructions, and anew behind whatever takes time without
// instructions.
import { describe, expect, test } from 'vitest';
import { LAPIC_DEADLINE } from '../../../assembly/abi/irqchip.ts';
import { ENGINE_PARALLEL, VM_ENGINE } from '../../../assembly/abi/map.ts';
import {
  REQ_FLUSH_TLB,
  RUN_BUDGET,
  RUN_HALTED,
  V_BUDGET,
  V_REQUESTS,
  V_TIMER_BUDGET,
} from '../../../assembly/abi/vcpu_page.ts';
import { armTimer, enter, eventful, LOOK, lapicOf, SET, setTime } from './events.ts';
import type { Guest } from './machine.ts';

/** Instructions that may pass between two looks at the host's clock. */
const LOOK_EVERY = 2000;
/** What passes at most until an interrupt comes in: a round of a loop, for the handler of INT has IF clear, and the timer's handler. */
const ROUND = 8;
const DUE = 1_000_000;

/** Passes `rounds` rounds of INT and IRET, then SET, then such rounds for ever. The timer's handler halts. */
const rounds = (n: number): string => `
    sti
    mov ecx, ${n}
  before: int 64
    dec ecx
    jnz before
    out ${SET}, al
  again: int 64
    jmp again
  on_64: iret
  on_65: hlt
`;

/** A machine whose time stands at 0 and whose timer is due at DUE. */
function timed(source: string, vcpus = 1): Guest {
  const guest = eventful(source, { chips: true, vcpus });
  setTime(guest.vm, 0);
  armTimer(guest, guest.vcpu, DUE);
  return guest;
}

/** Instructions from SET, which does `during`, to the HLT in the timer's handler. */
function untilHandler(guest: Guest, during: () => void): bigint {
  let since = 0n;
  const set = (): void => {
    since = guest.vcpu.instructions;
    during();
  };
  expect(enter(guest, set, () => {}, 100_000).why).toBe(RUN_HALTED);
  return guest.vcpu.instructions - since;
}

describe('in a loop of INT and IRET', () => {
  test.each([1, 300, 666, 1000, 2500])(
    'a timer that becomes due after %i rounds comes in within 2000 instructions',
    (n) => {
      const guest = timed(rounds(n));
      expect(untilHandler(guest, () => setTime(guest.vm, DUE))).toBeLessThan(LOOK_EVERY + ROUND);
    },
  );

  test('the host is asked no sooner', () => {
    const guest = timed(rounds(1));
    expect(untilHandler(guest, () => setTime(guest.vm, DUE))).toBeGreaterThan(LOOK_EVERY - ROUND);
  });

  test('a timer that is set nearer is looked at at once', () => {
    const guest = timed(rounds(1));
    const set = (): void => {
      armTimer(guest, guest.vcpu, 500);
      setTime(guest.vm, 500);
    };
    expect(untilHandler(guest, set)).toBeLessThan(ROUND);
  });

  test("another vCPU's timer that is set nearer fires at once", () => {
    const source = `sti\nout ${SET}, al\nint 64\nhlt\non_64: out ${LOOK}, al\nhlt`;
    const guest = timed(source, 2);
    const other = guest.vm.vcpu(1);
    const set = (): void => {
      armTimer(guest, other, 500);
      setTime(guest.vm, 500);
    };
    const left = (): bigint => guest.vm.memory.u64(lapicOf(other) + LAPIC_DEADLINE);
    expect(enter(guest, set, left).looks).toEqual([0n]);
  });

  test('the host is asked again once a request has been served', () => {
    const guest = timed(rounds(1));
    const set = (): void => {
      setTime(guest.vm, DUE);
      guest.vm.memory.or(guest.vcpu.page + V_REQUESTS, REQ_FLUSH_TLB);
    };
    expect(untilHandler(guest, set)).toBeLessThan(ROUND);
  });
});

test('a vCPU that is entered again takes what has become due meanwhile before anything else', () => {
  const guest = timed('sti\nagain: jmp again\non_65: hlt');
  expect(guest.vcpu.enter(100)).toBe(RUN_BUDGET);
  setTime(guest.vm, DUE);
  const before = guest.vcpu.instructions;
  expect(guest.vcpu.enter(100)).toBe(RUN_HALTED);
  expect(guest.vcpu.instructions - before).toBe(1n);
});

test('behind a sleep in PAUSE the host is asked again', () => {
  // The 1024th is the first that sleeps.
  const guest = eventful('times 1024 pause\nhlt', { chips: true });
  const { vm, vcpu } = guest;
  vm.memory.setU32(vm.memory.vm + VM_ENGINE, ENGINE_PARALLEL);
  armTimer(guest, vcpu, 3_600_000_000_000);
  expect(vcpu.enter(10_000)).toBe(RUN_HALTED);
  const asked = vm.memory.u32(vcpu.page + V_TIMER_BUDGET) + LOOK_EVERY;
  expect(asked - vm.memory.u32(vcpu.page + V_BUDGET)).toBe(1);
});
