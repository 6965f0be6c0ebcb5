// SYSCALL and SYSRET do not end the run of blocks, but for what may come in behind a SYSRET that opens interrupts.
import { expect, test } from 'vitest';
import { RUN_REQUEST_INTERRUPT_WINDOW } from '../../../assembly/abi/kvm_run.ts';
import { VCPU_PAGE, VCPU_RUN } from '../../../assembly/abi/map.ts';
import { RUN_EXIT, RUN_HALTED } from '../../../assembly/abi/vcpu_page.ts';
import { assemble } from '../../../web/asm/index.ts';
import { KVM_EXIT } from '../../../web/kvm/index.ts';
import { armTimer, enter, SET, setTime, switchOnApic } from './events.ts';
import { flatVcpu, type Guest, vmWithRam } from './machine.ts';

const CODE = 0x1000;
const TSS = 0x2000;
const IDT = 0x3000;
const PAGES = 0x10000;
const MSR_STAR = 0xc0000081;
const MSR_LSTAR = 0xc0000082;
const MSR_SYSCALL_MASK = 0xc0000084;
const FLAT = { base: 0n, limit: 0xffffffff, present: 1, s: 1, g: 1 };
/** Kernel code 8 and data 0x10, user data 0x18 and code 0x20. */
const DESCRIPTORS = [0n, 0x00af9b000000ffffn, 0x00cf93000000ffffn, 0x00cff3000000ffffn, 0x00affb000000ffffn];
const IF = 0x200n;
const TF = 0x100n;
const nothing = (): void => {};

/** 64-bit code from `kernel` on, at CPL 0 with interrupts closed; `on_65` and `on_1` are handlers, and SYSCALL leads to `entry`. */
function guest(source: string, chips = false): Guest {
  const vm = vmWithRam();
  if (chips) vm.createIrqchip();
  const program = assemble(`bits 64\norg ${CODE}\n${source}`);
  if (program.errors) throw new Error(program.errors[0]?.message);
  const labels = new Map([...program.symbols].map(([name, value]) => [name, BigInt(value)]));
  const write = (at: number, words: bigint[]): void =>
    vm.write(at, new Uint8Array(new BigUint64Array(words).buffer));
  vm.write(CODE, program.bytes);
  write(PAGES, [BigInt(PAGES + 0x1000) | 7n]);
  write(PAGES + 0x1000, [BigInt(PAGES + 0x2000) | 7n]);
  write(PAGES + 0x2000, [0x87n]);
  write(TSS, [0x7000n << 32n]);
  for (const vector of [1, 65]) {
    const handler = labels.get(`on_${vector}`) ?? 0n;
    write(IDT + vector * 16, [(handler & 0xffffn) | (8n << 16n) | (0x8en << 40n), 0n]);
  }
  const vcpu = flatVcpu(vm);
  write(0x500, DESCRIPTORS);
  vcpu.setSregs({
    cs: { ...FLAT, selector: 8, type: 11, db: 0, l: 1 },
    ss: { ...FLAT, selector: 0x10, type: 3, db: 1 },
    tr: { base: BigInt(TSS), limit: 0x67, selector: 0x28, type: 11, present: 1 },
    gdt: { base: 0x500n, limit: 0x27 },
    idt: { base: BigInt(IDT), limit: 0xfff },
    cr0: 0x8000_0011n,
    cr3: BigInt(PAGES),
    cr4: 0x620n,
    efer: 0x501n,
  });
  vcpu.setMsrs([
    { index: MSR_STAR, data: (0x10n << 48n) | (8n << 32n) },
    { index: MSR_LSTAR, data: labels.get('entry') ?? 0n },
    { index: MSR_SYSCALL_MASK, data: IF },
  ]);
  if (chips) switchOnApic(vm, vcpu);
  vcpu.setRegs({ rip: labels.get('kernel') ?? 0n, rsp: 0x8000n });
  return { vm, vcpu, labels };
}

/** Leaves for the program at `user` with these flags. */
const leaveWith = (flags: bigint, before = ''): string =>
  `kernel: ${before}\nmov rcx, user\nmov r11, ${flags}\no64 sysret\n`;
const HANDLERS = 'entry: hlt\non_1: hlt\non_65: hlt\n';

test('an interrupt that waits comes in behind the SYSRET that opens interrupts, before the program', () => {
  const { vcpu, labels } = guest(`${leaveWith(IF | 2n)}user: inc rbx\nsyscall\n${HANDLERS}`);
  vcpu.interrupt(65);
  expect(vcpu.enter(100)).toBe(RUN_EXIT);
  const { rip, rbx } = vcpu.getRegs();
  expect([rip, rbx]).toEqual([(labels.get('on_65') as bigint) + 1n, 0n]);
});

test('a window that user space waits for opens behind the SYSRET', () => {
  const { vm, vcpu, labels } = guest(`${leaveWith(IF | 2n)}user: inc rbx\nsyscall\n${HANDLERS}`);
  vm.memory.setU8(vcpu.page - VCPU_PAGE + VCPU_RUN + RUN_REQUEST_INTERRUPT_WINDOW, 1);
  expect(vcpu.enter(100)).toBe(RUN_EXIT);
  expect([vcpu.kvmRun.exitReason, vcpu.getRegs().rip]).toEqual([
    KVM_EXIT.IRQ_WINDOW_OPEN,
    labels.get('user'),
  ]);
});

test('a SYSRET that sets TF steps one instruction of the program', () => {
  const { vcpu, labels } = guest(`${leaveWith(TF | 2n)}user: inc rbx\ninc rbx\nsyscall\n${HANDLERS}`);
  expect(vcpu.enter(100)).toBe(RUN_EXIT);
  const { rip, rbx } = vcpu.getRegs();
  expect([rip, rbx]).toEqual([(labels.get('on_1') as bigint) + 1n, 1n]);
});

test('a timer that becomes due while a program makes system calls alone comes in when its turn ends at the latest', () => {
  const source = `${leaveWith(IF | 2n, `out ${SET}, al`)}user: syscall\njmp user\nentry: o64 sysret\non_65: hlt`;
  const machine = guest(source, true);
  const { vm, vcpu, labels } = machine;
  setTime(vm, 0);
  armTimer(machine, vcpu, 500);
  const turn = (): number => enter(machine, () => setTime(vm, 500), nothing, 1000).why;
  turn();
  expect(turn()).toBe(RUN_HALTED);
  expect(vcpu.getRegs().rip).toBe((labels.get('on_65') as bigint) + 1n);
});
