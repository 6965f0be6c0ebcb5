// The run of blocks goes on behind INT, IRET and their like only while nothing waits: each thing that may wait is seen between the
// INT behind it and the handler's first instruction.
import { expect, test } from 'vitest';
import { V_EOI_EXIT, V_EXCEPTION, V_TRIPLE_FAULT } from '../../../assembly/abi/calls.ts';
import { HV_EXIT_RESET, V_HV_ACKED, V_HV_EXIT } from '../../../assembly/abi/hyperv.ts';
import { LAPIC_EVENT_INIT, LAPIC_EVENTS, VM_IRQFD_WAITS } from '../../../assembly/abi/irqchip.ts';
import { KVM_MP_STATE_HALTED, RUN_REQUEST_INTERRUPT_WINDOW } from '../../../assembly/abi/kvm_run.ts';
import { VCPU_PAGE, VCPU_RUN } from '../../../assembly/abi/map.ts';
import { PV_STEAL, V_PV_REQUESTS } from '../../../assembly/abi/pv.ts';
import { V_SMI_PENDING, V_SMM } from '../../../assembly/abi/smm.ts';
import {
  REQ_CODE,
  REQ_EVENTS,
  REQ_EXCLUSIVE,
  REQ_EXIT,
  REQ_FLUSH_TLB,
  REQ_FLUSH_WRITE_TLB,
  REQ_PAUSE,
  RUN_EXIT,
  RUN_HALTED,
  RUN_INTERRUPTED,
  RUN_REQUEST,
  V_DB_PENDING,
  V_MP_STATE,
  V_NMI_PENDING,
  V_REQUESTS,
} from '../../../assembly/abi/vcpu_page.ts';
import { KVM_EXIT } from '../../../web/kvm/index.ts';
import { enter, eventful, LOOK, lapicOf, SET } from './events.ts';
import type { Guest } from './machine.ts';

/** Something comes up, then an INT; every other handler halts. With trap gates IF stays as it is. */
const SOURCE = `
    out ${SET}, al
    int 64
    hlt
  trap_64: out ${LOOK}, al
    hlt
  on_1: hlt
  on_2: hlt
  on_6: hlt
  on_65: hlt
`;

const word =
  (at: number, value: number) =>
  ({ vm, vcpu }: Guest) =>
    vm.memory.store(vcpu.page + at, value);
const request =
  (bits: number) =>
  ({ vm, vcpu }: Guest) =>
    vm.memory.or(vcpu.page + V_REQUESTS, bits);
/** What a run that found it went to: nothing but that. */
const nothing = () => undefined;

test('without anything the handler runs, and behind it the next one', () => {
  const guest = eventful(`int 64\nint 64\nhlt\ntrap_64: out ${LOOK}, al\niret`);
  expect(
    enter(
      guest,
      () => {},
      () => 'run',
    ),
  ).toEqual({ why: RUN_EXIT, looks: ['run', 'run'] });
});

test.each<[what: string, comesUp: (guest: Guest) => void, why: number]>([
  ['REQ_EXIT', request(REQ_EXIT), RUN_REQUEST],
  ['REQ_PAUSE', request(REQ_PAUSE), RUN_REQUEST],
  [
    'immediate_exit',
    ({ vcpu }) => {
      vcpu.kvmRun.immediateExit = true;
    },
    RUN_INTERRUPTED,
  ],
])('%s takes the vCPU out before the handler', (_, comesUp, why) => {
  const guest = eventful(SOURCE);
  expect(enter(guest, () => comesUp(guest), nothing)).toEqual({ why, looks: [] });
});

test.each([
  ['a triple fault that user space has put in', V_TRIPLE_FAULT, 1, KVM_EXIT.SHUTDOWN],
  ["the EOI of a split irqchip's vector", V_EOI_EXIT, 0x31, KVM_EXIT.IOAPIC_EOI],
  ["an MSR of Hyper-V's that resets", V_HV_EXIT, HV_EXIT_RESET, KVM_EXIT.SYSTEM_EVENT],
])('%s is an exit before the handler', (_, at, value, reason) => {
  const guest = eventful(SOURCE);
  expect(enter(guest, () => word(at, value)(guest), nothing)).toEqual({ why: RUN_EXIT, looks: [] });
  expect(guest.vcpu.kvmRun.exitReason).toBe(reason);
});

test.each([
  ['an exception that user space has put in', V_EXCEPTION, 7, 'on_6'],
  ['a trap of the instruction before', V_DB_PENDING, 1, 'on_1'],
  ['an NMI', V_NMI_PENDING, 1, 'on_2'],
])('%s is delivered before the handler', (_, at, value, handler) => {
  const guest = eventful(SOURCE);
  expect(enter(guest, () => word(at, value)(guest), nothing)).toEqual({ why: RUN_EXIT, looks: [] });
  expect(guest.vcpu.getRegs().rip).toBe((guest.labels.get(handler) as bigint) + 1n);
});

test('an SMI comes in before the handler', () => {
  const guest = eventful(SOURCE);
  const { vm, vcpu } = guest;
  // SMBASE + 0x8000: HLT.
  vm.write(0x38000, new Uint8Array([0xf4]));
  expect(enter(guest, () => word(V_SMI_PENDING, 1)(guest), nothing).looks).toEqual([]);
  expect(vm.memory.u32(vcpu.page + V_SMM)).toBe(1);
});

test.each([
  ['REQ_EVENTS', V_REQUESTS, REQ_EVENTS],
  ['REQ_FLUSH_TLB', V_REQUESTS, REQ_FLUSH_TLB],
  ['REQ_FLUSH_WRITE_TLB', V_REQUESTS, REQ_FLUSH_WRITE_TLB],
  ['REQ_CODE', V_REQUESTS, REQ_CODE],
  ['REQ_EXCLUSIVE', V_REQUESTS, REQ_EXCLUSIVE],
  ["a struct in the guest's memory that is to be written", V_PV_REQUESTS, PV_STEAL],
  ['an ended interrupt of a SINT', V_HV_ACKED, 1],
])('%s is served before the handler', (_, at, value) => {
  const guest = eventful(SOURCE, { chips: true });
  const { vm, vcpu } = guest;
  const left = (): number => vm.memory.load(vcpu.page + at);
  expect(enter(guest, () => word(at, value)(guest), left)).toEqual({ why: RUN_HALTED, looks: [0] });
});

test('an irqfd that another thread has left to the vCPUs is fired before the handler', () => {
  const guest = eventful(SOURCE, { chips: true });
  const { memory } = guest.vm;
  const at = memory.vm + VM_IRQFD_WAITS;
  expect(
    enter(
      guest,
      () => memory.store(at, 1),
      () => memory.load(at),
    ).looks,
  ).toEqual([0]);
});

test('an INIT stops a processor that is not the first before the handler', () => {
  const guest = eventful(SOURCE, { chips: true, vcpus: 2 });
  const second = { ...guest, vcpu: guest.vm.vcpu(1) };
  second.vcpu.setMpState(0);
  const init = () => guest.vm.memory.store(lapicOf(second.vcpu) + LAPIC_EVENTS, LAPIC_EVENT_INIT);
  expect(enter(second, init, nothing)).toEqual({ why: RUN_HALTED, looks: [] });
});

test('a processor that halts goes no further', () => {
  const guest = eventful(`hlt\nout ${LOOK}, al`, { chips: true });
  expect(enter(guest, () => {}, nothing)).toEqual({ why: RUN_HALTED, looks: [] });
  expect(guest.vm.memory.load(guest.vcpu.page + V_MP_STATE)).toBe(KVM_MP_STATE_HALTED);
});

/** Opens interrupts by IRET. */
const OPENS = `
    push 0x202
    push 8
    push opened
    iret
  opened: out ${LOOK}, al
    hlt
  on_65: hlt
`;

test('a vector of KVM_INTERRUPT comes in behind the IRET that opens interrupts', () => {
  const guest = eventful(OPENS);
  guest.vcpu.interrupt(65);
  expect(enter(guest, () => {}, nothing)).toEqual({ why: RUN_EXIT, looks: [] });
});

test('an interrupt of the local APIC comes in behind the IRET that opens interrupts', () => {
  const guest = eventful(OPENS, { chips: true });
  guest.vm.signalMsi({ address_lo: 0xfee00000, data: 65 });
  expect(enter(guest, () => {}, nothing)).toEqual({ why: RUN_HALTED, looks: [] });
});

test('a window that user space waits for opens behind the IRET', () => {
  const guest = eventful(OPENS);
  const { vm, vcpu, labels } = guest;
  vm.memory.setU8(vcpu.page - VCPU_PAGE + VCPU_RUN + RUN_REQUEST_INTERRUPT_WINDOW, 1);
  expect(enter(guest, () => {}, nothing)).toEqual({ why: RUN_EXIT, looks: [] });
  expect([vcpu.kvmRun.exitReason, vcpu.getRegs().rip]).toEqual([
    KVM_EXIT.IRQ_WINDOW_OPEN,
    labels.get('opened'),
  ]);
});

test('the EOI of an interrupt lets in the lower one that waits for it', () => {
  const source = `
    sti
    nop
    hlt
  on_97: sti
    mov dword [0xfee000b0], 0
    int 64
    hlt
  trap_64: out ${LOOK}, al
    hlt
  on_65: hlt
  `;
  const guest = eventful(source, { chips: true });
  for (const data of [97, 65]) guest.vm.signalMsi({ address_lo: 0xfee00000, data });
  expect(enter(guest, () => {}, nothing)).toEqual({ why: RUN_HALTED, looks: [] });
  expect(guest.vcpu.getRegs().rip).toBe((guest.labels.get('on_65') as bigint) + 1n);
});

test('a task priority that the guest lowers in its memory lets an interrupt in', () => {
  const source = `sti\nmov byte [0x3000], 0\nint 64\nhlt\ntrap_64: out ${LOOK}, al\nhlt\non_65: hlt`;
  const guest = eventful(source, { chips: true });
  const { vm, vcpu, labels } = guest;
  vm.memory.store(lapicOf(vcpu) + 0x80, 0x50);
  vcpu.setVapicAddr(0x3000n);
  vm.signalMsi({ address_lo: 0xfee00000, data: 65 });
  expect(enter(guest, () => {}, nothing)).toEqual({ why: RUN_HALTED, looks: [] });
  expect(vcpu.getRegs().rip).toBe((labels.get('on_65') as bigint) + 1n);
});
