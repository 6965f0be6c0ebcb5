// SYSCALL and SYSRET do not end the run of blocks, but for what may come in behind a SYSRET that opens interrupts.
import { expect, test } from 'vitest';
import { RUN_REQUEST_INTERRUPT_WINDOW } from '../../../assembly/abi/kvm_run.ts';
import { VCPU_PAGE, VCPU_RUN } from '../../../assembly/abi/map.ts';
import { RUN_EXIT, RUN_HALTED } from '../../../assembly/abi/vcpu_page.ts';
import { KVM_EXIT } from '../../../web/kvm/index.ts';
import { armTimer, enter, SET, setTime } from './events.ts';
import { longGuest } from './long.ts';

const IF = 0x200n;
const TF = 0x100n;
const nothing = (): void => {};

/** Leaves for the program at `user` with these flags. */
const leaveWith = (flags: bigint, before = ''): string =>
  `kernel: ${before}\nmov rcx, user\nmov r11, ${flags}\no64 sysret\n`;
const HANDLERS = 'entry: hlt\non_1: hlt\non_65: hlt\n';

test('an interrupt that waits comes in behind the SYSRET that opens interrupts, before the program', () => {
  const { vcpu, labels } = longGuest(`${leaveWith(IF | 2n)}user: inc rbx\nsyscall\n${HANDLERS}`);
  vcpu.interrupt(65);
  expect(vcpu.enter(100)).toBe(RUN_EXIT);
  const { rip, rbx } = vcpu.getRegs();
  expect([rip, rbx]).toEqual([(labels.get('on_65') as bigint) + 1n, 0n]);
});

test('a window that user space waits for opens behind the SYSRET', () => {
  const { vm, vcpu, labels } = longGuest(`${leaveWith(IF | 2n)}user: inc rbx\nsyscall\n${HANDLERS}`);
  vm.memory.setU8(vcpu.page - VCPU_PAGE + VCPU_RUN + RUN_REQUEST_INTERRUPT_WINDOW, 1);
  expect(vcpu.enter(100)).toBe(RUN_EXIT);
  expect([vcpu.kvmRun.exitReason, vcpu.getRegs().rip]).toEqual([
    KVM_EXIT.IRQ_WINDOW_OPEN,
    labels.get('user'),
  ]);
});

test('a SYSRET that sets TF steps one instruction of the program', () => {
  const { vcpu, labels } = longGuest(`${leaveWith(TF | 2n)}user: inc rbx\ninc rbx\nsyscall\n${HANDLERS}`);
  expect(vcpu.enter(100)).toBe(RUN_EXIT);
  const { rip, rbx } = vcpu.getRegs();
  expect([rip, rbx]).toEqual([(labels.get('on_1') as bigint) + 1n, 1n]);
});

test('a timer that becomes due while a program makes system calls alone comes in when its turn ends at the latest', () => {
  const source = `${leaveWith(IF | 2n, `out ${SET}, al`)}user: syscall\njmp user\nentry: o64 sysret\non_65: hlt`;
  const machine = longGuest(source, true);
  const { vm, vcpu, labels } = machine;
  setTime(vm, 0);
  armTimer(machine, vcpu, 500);
  const turn = (): number => enter(machine, () => setTime(vm, 500), nothing, 1000).why;
  turn();
  expect(turn()).toBe(RUN_HALTED);
  expect(vcpu.getRegs().rip).toBe((labels.get('on_65') as bigint) + 1n);
});
