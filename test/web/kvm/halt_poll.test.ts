// Halt polling: how long a halted vCPU's thread looks at its wake word before it sleeps, and what its counters say.
import { describe, expect, test } from 'vitest';
import { VM_HALT_POLL_NS } from '../../../assembly/abi/calls.ts';
import { KVM_MP_STATE_HALTED, KVM_MP_STATE_INIT_RECEIVED } from '../../../assembly/abi/kvm_run.ts';
import { V_POLL_CONTROL } from '../../../assembly/abi/pv.ts';
import { V_MP_STATE, V_WAKE } from '../../../assembly/abi/vcpu_page.ts';
import { nextPoll } from '../../../web/kvm/halt_poll.ts';
import { HaltPoll, KVM_CAP } from '../../../web/kvm/index.ts';
import { vmWithRam } from './support.ts';

describe('the time to poll', () => {
  const MOST = 200_000;
  test('grows while a little longer would have done', () => {
    expect(nextPoll(0, 50_000, MOST)).toBe(10_000);
    expect(nextPoll(10_000, 50_000, MOST)).toBe(20_000);
    expect(nextPoll(160_000, 190_000, MOST)).toBe(MOST);
  });

  test('stays where it was long enough', () => expect(nextPoll(40_000, 30_000, MOST)).toBe(40_000));

  test('is nothing after a wait that no poll reaches, and where polling is off', () => {
    expect(nextPoll(40_000, 5_000_000, MOST)).toBe(0);
    expect(nextPoll(40_000, 30_000, 0)).toBe(0);
    expect(nextPoll(0, 30_000, 0)).toBe(0);
  });
});

/** A vCPU whose thread polls for up to a second, so that a slow host does not matter, and its counters. */
function halted() {
  const { vm } = vmWithRam();
  const vcpu = vm.createVcpu(0);
  const { memory } = vm;
  expect(memory.u32(memory.vm + VM_HALT_POLL_NS)).toBe(200_000);
  vm.enableCap({ cap: KVM_CAP.HALT_POLL, args: [1_000_000_000] });
  const polls = new HaltPoll(memory, vcpu.id);
  memory.store(vcpu.page + V_MP_STATE, KVM_MP_STATE_HALTED);
  const wakeups = () => memory.load(vcpu.page + V_WAKE);
  const count = (name: string) => Number(vcpu.stats().find((stat) => stat.name === name)?.values[0]);
  const set = (offset: number, value: number) => memory.store(vcpu.page + offset, value);
  return { vm, polls, wakeups, count, set };
}

test('a thread that has slept for a moment polls the next time, and sleeps when nothing comes', () => {
  const { polls, wakeups, count } = halted();
  polls.sleep(wakeups(), 0.05);
  expect(count('halt_attempted_poll')).toBe(0);
  const slept = count('halt_wait_ns');
  expect(slept).toBeGreaterThan(0);
  polls.sleep(wakeups(), 20);
  expect(count('halt_attempted_poll')).toBe(1);
  expect(count('halt_successful_poll')).toBe(0);
  expect(count('halt_poll_fail_ns')).toBeGreaterThan(0);
});

test('a wake-up ends a poll', () => {
  const { polls, wakeups, count } = halted();
  polls.sleep(wakeups(), 0.05);
  const slept = count('halt_wait_ns');
  polls.sleep(wakeups() - 1, 1000);
  expect(count('halt_successful_poll')).toBe(1);
  expect(count('halt_wait_ns')).toBe(slept);
});

test('nothing polls for a guest that does so itself, and no wait for a SIPI is a halt', () => {
  const { polls, wakeups, count, set } = halted();
  set(V_POLL_CONTROL, 0);
  for (let n = 0; n < 3; n++) polls.sleep(wakeups(), 0.05);
  expect(count('halt_attempted_poll')).toBe(0);
  const slept = count('halt_wait_ns');
  expect(slept).toBeGreaterThan(0);
  set(V_MP_STATE, KVM_MP_STATE_INIT_RECEIVED);
  polls.sleep(wakeups(), 0.05);
  expect(count('halt_wait_ns')).toBe(slept);
});

test('KVM_CAP_HALT_POLL 0 turns it off', () => {
  const { vm, polls, wakeups, count } = halted();
  polls.sleep(wakeups(), 0.05);
  vm.enableCap({ cap: KVM_CAP.HALT_POLL, args: [0] });
  for (let n = 0; n < 4; n++) polls.sleep(wakeups(), 0.05);
  expect(count('halt_attempted_poll')).toBe(0);
});
