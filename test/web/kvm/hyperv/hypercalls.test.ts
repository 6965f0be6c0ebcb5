// Hypercalls of Hyper-V: their forms, the calls that KVM carries out, and those that user space gets.

import { describe, expect, test } from 'vitest';
import { HV_X64_MSR_GUEST_OS_ID, HV_X64_MSR_VP_INDEX } from '../../../../assembly/abi/hyperv.ts';
import { REQ_FLUSH_TLB, V_REQUESTS } from '../../../../assembly/abi/vcpu_page.ts';
import { ERRNO, Eventfd, encode, KVM, KVM_CAP, kvm_hyperv_eventfd } from '../../../../web/kvm/index.ts';
import { openAll } from '../process/support.ts';
import { refuses } from '../support.ts';
import { Guest, KVM_EXIT, VMCALL } from './support.ts';

const FAST = 1n << 16n;
const rep = (count: number, start = 0) => (BigInt(count) << 32n) | (BigInt(start) << 48n);
const banks = (n: number) => BigInt(n) << 17n;
const [SPACE, LIST, SPIN, IPI, SPACE_EX, IPI_EX, POST, SIGNAL] = [
  ...[2n, 3n, 8n, 0xbn],
  ...[0x13n, 0x15n, 0x5cn, 0x5dn],
] as [bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint];
const [SUCCESS, BAD_CODE, BAD_INPUT, BAD_ALIGNMENT, BAD_PORT] = [0n, 2n, 3n, 4n, 17n];
const INPUT = 0x6000;

/** A guest in 64-bit mode that has told its name. */
function named(setting = {}): Guest {
  const guest = new Guest(setting);
  guest.set(HV_X64_MSR_GUEST_OS_ID, 1);
  guest.long();
  return guest;
}

describe('a hypercall', () => {
  test('is KVM’s until the guest has a name, and #UD in real mode and outside ring 0', () => {
    const guest = new Guest();
    guest.long();
    guest.step(VMCALL, { rax: 11n, rcx: 0xffffn });
    expect(guest.vcpu.getRegs().rax).toBe(0n); // KVM_HC_SCHED_YIELD
    guest.set(HV_X64_MSR_GUEST_OS_ID, 1);
    expect(guest.call(0xffff)).toBe(BAD_CODE);
    const real = new Guest();
    real.set(HV_X64_MSR_GUEST_OS_ID, 1);
    expect(real.step(VMCALL, {})).toBe(0x2001);
  });

  test('has its registers in pairs outside 64-bit code', () => {
    const guest = named();
    guest.flat();
    expect(guest.step(VMCALL, { rax: SPIN, rdx: 0n })).toBe(VMCALL + 4);
    expect(guest.vcpu.getRegs()).toMatchObject({ rax: 0n, rdx: 0n });
    guest.step(VMCALL, { rax: LIST, rdx: 2n, rcx: BigInt(INPUT) });
    expect(guest.vcpu.getRegs()).toMatchObject({ rax: 0n, rdx: 2n });
  });

  test('with bits that must be 0, or repetitions that it does not have, is refused', () => {
    const guest = named();
    expect(guest.call(SPIN)).toBe(SUCCESS);
    for (const wrong of [
      SPIN | (1n << 27n),
      SPIN | rep(1),
      SPIN | banks(1),
      SPACE | rep(0, 1),
      LIST,
      LIST | rep(2, 1),
    ])
      expect(guest.call(wrong, INPUT), wrong.toString(16)).toBe(BAD_INPUT);
  });
});

describe('a flush of TLBs', () => {
  const flushed = ({ vm, vcpus }: Guest) =>
    vcpus.map(({ page }) => (vm.memory.load(page + V_REQUESTS) & REQ_FLUSH_TLB) !== 0);

  test('asks the processors of a mask by their VP index, from memory and from registers', () => {
    const guest = named({ vcpus: 3 });
    guest.set(HV_X64_MSR_VP_INDEX, 9, guest.vcpus[2]);
    guest.put(INPUT, 0, 0, 1n << 9n);
    expect(guest.call(SPACE, INPUT)).toBe(SUCCESS);
    expect(flushed(guest)).toEqual([false, false, true]);
    const { xmm } = guest.vcpu.getFpu();
    xmm.fill(0);
    xmm[0] = 0b10;
    guest.vcpu.setFpu({ xmm });
    expect(guest.call(SPACE | FAST, 0, 0)).toBe(SUCCESS);
    expect(flushed(guest)).toEqual([false, true, true]);
  });

  test('means all when it says so, counts its list, and takes sets in banks of 64', () => {
    const all = named({ vcpus: 2 });
    all.put(INPUT, 0, 1, 0, 0x1000, 0x2000);
    expect(all.call(LIST | rep(2), INPUT)).toBe(rep(2));
    expect(flushed(all)).toEqual([false, true]);
    const one = named({ vcpus: 2 });
    one.put(INPUT, 0, 0, 0, 0b1, 0b10);
    expect(one.call(SPACE_EX, INPUT)).toBe(BAD_INPUT);
    expect(one.call(SPACE_EX | banks(1), INPUT)).toBe(SUCCESS);
    expect(flushed(one)).toEqual([false, true]);
    expect(one.call(SPACE_EX | banks(1), 0xf_fff8)).toBe(BAD_INPUT);
  });

  test('forgets translations that the guest has changed', () => {
    const guest = named();
    guest.put(0x9008, 0x83); // 0x40000000 leads to 0, and by 0xa003 its page 6 to 0x7000
    guest.put(0xa000, 0xb003);
    guest.put(0xb030, 0x7003);
    guest.put(0x6100, 0x11);
    guest.put(0x7100, 0x22);
    const look = (register: number) => [0x48, 0x8b, register, 0x25, 0, 0x61, 0, 0x40]; // mov r, [0x40006100]
    const change = [0x48, 0x89, 0x3c, 0x25, 8, 0x90, 0, 0]; // mov [0x9008], rdi
    const code = (call: readonly number[]) => [...look(0x1c), ...change, ...call, ...look(0x34), 0xf4];
    const regs = { rcx: SPACE | FAST, rdx: 0n, r8: 1n, rdi: 0xa003n };
    guest.vm.write(0x3000, new Uint8Array(code([0x0f, 0x01, 0xc1])));
    guest.step(0x3000, regs);
    expect(guest.vcpu.getRegs()).toMatchObject({ rax: SUCCESS, rbx: 0x11n, rsi: 0x22n });
    guest.put(0x9008, 0x83);
    guest.vm.write(0x3000, new Uint8Array(code([0x90, 0x90, 0x90])));
    guest.step(0x3000, regs);
    expect(guest.vcpu.getRegs()).toMatchObject({ rbx: 0x11n, rsi: 0x11n });
  });
});

describe('an interrupt by hypercall', () => {
  const pending = (guest: Guest, id: number) => guest.vcpus[id]?.getLapic().regs[0x220];
  /** Local APICs switched on. */
  function ready(): Guest {
    const guest = named({ vcpus: 2, chips: true });
    for (const vcpu of guest.vcpus) {
      const { regs } = vcpu.getLapic();
      regs.set([0xff, 1], 0xf0);
      vcpu.setLapic({ regs });
    }
    return guest;
  }

  test('reaches the processors of a mask', () => {
    const guest = ready();
    guest.put(INPUT, 0x50, 0b10);
    expect(guest.call(IPI, INPUT)).toBe(SUCCESS);
    expect([pending(guest, 0), pending(guest, 1)].map((byte) => byte && byte & 0xff)).toEqual([0, 0]);
    expect(guest.vcpus[1]?.getLapic().regs[0x222]).toBe(1);
    expect(guest.call(IPI | FAST, 0x51, 0b10)).toBe(SUCCESS);
    expect(guest.vcpus[1]?.getLapic().regs[0x222]).toBe(3);
  });

  test('reaches the processors of a set, or all, and has a vector from 16 up', () => {
    const guest = ready();
    guest.put(INPUT, 0x52, 0, 0b1, 0b10);
    expect(guest.call(IPI_EX | banks(1), INPUT)).toBe(SUCCESS);
    guest.put(INPUT, 0x53, 1, 0);
    expect(guest.call(IPI_EX, INPUT)).toBe(SUCCESS);
    expect(guest.vcpus.map((vcpu) => vcpu.getLapic().regs[0x222])).toEqual([8, 12]);
    expect(guest.call(IPI | FAST, 0xf, 1)).toBe(BAD_INPUT);
    expect(guest.call(IPI | FAST, 0x1_0000_0050n, 1)).toBe(BAD_INPUT);
    expect(guest.call(IPI, 0x4000_0000)).toBe(BAD_INPUT);
  });
});

describe('a message or an event', () => {
  test('exits to user space where there is a SynIC, and its answer is the result', () => {
    const guest = named({ chips: true });
    expect(guest.call(POST, INPUT)).toBe(BAD_INPUT);
    guest.vcpu.enableCap({ cap: KVM_CAP.HYPERV_SYNIC });
    expect(guest.call(POST, INPUT, 7)).toBeUndefined();
    expect(guest.vcpu.kvmRun.exitReason).toBe(KVM_EXIT.HYPERV);
    const { type, u } = guest.vcpu.kvmRun.arm('hyperv');
    expect([type, u.hcall.input, u.hcall.params]).toEqual([2, POST, [BigInt(INPUT), 7n]]);
    guest.vcpu.kvmRun.answerHyperv(0x13n);
    expect(guest.goOn()).toBe(0x13n);
  });

  test('of a connection with an eventfd rings it, without leaving the guest', () => {
    const guest = named({ chips: true });
    const fd = Eventfd.create();
    guest.vm.hypervEventfd({ conn_id: 5, fd });
    expect(guest.call(SIGNAL | FAST, 5)).toBe(SUCCESS);
    guest.put(INPUT, 5);
    expect(guest.call(SIGNAL, INPUT)).toBe(SUCCESS);
    expect(fd.read()).toBe(2n);
    expect(guest.call(SIGNAL, INPUT + 4)).toBe(BAD_ALIGNMENT);
    expect(guest.call(SIGNAL | FAST, 1 << 24)).toBe(BAD_INPUT);
    expect(guest.call(SIGNAL | FAST, 6)).toBe(BAD_INPUT);
    guest.vcpu.enableCap({ cap: KVM_CAP.HYPERV_SYNIC });
    expect(guest.call(SIGNAL | FAST, 6)).toBeUndefined();
    guest.vcpu.kvmRun.answerHyperv(BAD_PORT);
    expect(guest.goOn()).toBe(BAD_PORT);
    guest.vm.hypervEventfd({ conn_id: 5, flags: 1 });
    expect(guest.call(SIGNAL | FAST, 5)).toBeUndefined();
  });

  test('has one eventfd at most, with KVM’s errno', () => {
    const { vm } = new Guest();
    const fd = Eventfd.create();
    vm.hypervEventfd({ conn_id: 1, fd });
    refuses('EEXIST', () => vm.hypervEventfd({ conn_id: 1, fd }));
    refuses('EINVAL', () => vm.hypervEventfd({ conn_id: 1 << 24, fd }));
    refuses('EINVAL', () => vm.hypervEventfd({ conn_id: 2, fd, flags: 2 }));
    refuses('ENOENT', () => vm.hypervEventfd({ conn_id: 2, flags: 1 }));
  });

  test('is connected by ioctl with the struct’s bytes', () => {
    const { process, vm } = openAll();
    const fd = process.eventfd(0, 0);
    const connect = (flags: number, number = fd) =>
      process.ioctl(
        vm,
        KVM.KVM_HYPERV_EVENTFD,
        encode(kvm_hyperv_eventfd, { conn_id: 3, fd: number, flags }),
      );
    expect([connect(0), connect(0), connect(0, 99), connect(1), connect(1)]).toEqual([
      ...[0, -ERRNO.EEXIST, -ERRNO.EBADF, 0, -ERRNO.ENOENT],
    ]);
  });
});
