// irqfds, ioeventfds and coalesced zones by the numbers of their fds.

import { describe, expect, test } from 'vitest';
import {
  decode,
  ERRNO,
  encode,
  KVM,
  KVM_EXIT,
  kvm_coalesced_mmio_ring,
  kvm_coalesced_mmio_zone,
  kvm_ioeventfd,
  kvm_irq_level,
  kvm_irqfd,
  kvm_run,
} from '../../../../web/kvm/index.ts';
import { MAP_SHARED } from '../../../../web/kvm/process/index.ts';
import { allocate, bytesOf, load, newProcess, openAll, place } from './support.ts';

const EFD_NONBLOCK = 0x800;
const PIO = 2;
/** mov al, 7; out 0x42, al; hlt */
const RING = [0xb0, 7, 0xe6, 0x42, 0xf4];

describe('an ioeventfd', () => {
  const bell = (fd: number) => encode(kvm_ioeventfd, { addr: 0x42, len: 1, fd, flags: PIO });

  test('counts what the guest writes, without an exit', () => {
    const { process, vm, vcpu } = openAll();
    load(process, vm, vcpu, RING);
    const fd = process.eventfd(0, EFD_NONBLOCK);
    expect(process.ioctl(vm, KVM.KVM_IOEVENTFD, bell(fd))).toBe(0);
    const run = process.mmap(4096, MAP_SHARED, vcpu);
    process.ioctl(vcpu, KVM.KVM_RUN);
    expect(decode(kvm_run, bytesOf(process, run, kvm_run.size)).exit_reason).toBe(KVM_EXIT.HLT);
    const at = allocate(process);
    expect([process.read(fd, at, 8), bytesOf(process, at, 1)[0]]).toEqual([8, 1]);
  });

  test('wants an fd that is an eventfd', () => {
    const { process, vm, vcpu } = openAll();
    expect(process.ioctl(vm, KVM.KVM_IOEVENTFD, bell(vcpu))).toBe(-ERRNO.EINVAL);
    expect(process.ioctl(vm, KVM.KVM_IOEVENTFD, bell(99))).toBe(-ERRNO.EBADF);
  });

  test('leaves its eventfd to the process when its VM goes', () => {
    const { process, vm, vcpu } = openAll();
    const fd = process.eventfd(5, EFD_NONBLOCK);
    process.ioctl(vm, KVM.KVM_IOEVENTFD, bell(fd));
    process.close(vcpu);
    process.close(vm);
    const at = allocate(process);
    expect([process.read(fd, at, 8), bytesOf(process, at, 1)[0]]).toEqual([8, 5]);
  });
});

describe('an irqfd', () => {
  function withChips() {
    const process = newProcess();
    const vm = process.ioctl(process.open('/dev/kvm'), KVM.KVM_CREATE_VM);
    process.ioctl(vm, KVM.KVM_CREATE_IRQCHIP);
    return { process, vm };
  }

  test('serves one eventfd once', () => {
    const { process, vm } = withChips();
    const irqfd = encode(kvm_irqfd, { fd: process.eventfd(0, 0), gsi: 5 });
    const assign = () => process.ioctl(vm, KVM.KVM_IRQFD, irqfd);
    expect([assign(), assign()]).toEqual([0, -ERRNO.EBUSY]);
  });

  test('with RESAMPLE wants a second eventfd', () => {
    const { process, vm } = withChips();
    const irqfd = { fd: process.eventfd(0, 0), gsi: 5, flags: 2, resamplefd: 99 };
    expect(process.ioctl(vm, KVM.KVM_IRQFD, encode(kvm_irqfd, irqfd))).toBe(-ERRNO.EBADF);
    const both = { ...irqfd, resamplefd: process.eventfd(0, 0) };
    expect(process.ioctl(vm, KVM.KVM_IRQFD, encode(kvm_irqfd, both))).toBe(0);
  });

  test('and a line: KVM_IRQ_LINE is 0, KVM_IRQ_LINE_STATUS tells where it went', () => {
    const { process, vm } = withChips();
    const at = place(process, kvm_irq_level, { irq: 5, level: 1 });
    expect(process.ioctl(vm, KVM.KVM_IRQ_LINE, at)).toBe(0);
    bytesOf(process, at + 4, 1)[0] = 0;
    expect(process.ioctl(vm, KVM.KVM_IRQ_LINE_STATUS, at)).toBe(0);
    expect(decode(kvm_irq_level, bytesOf(process, at, kvm_irq_level.size)).status).not.toBe(5);
  });
});

test('a coalesced write waits in the ring behind kvm_run', () => {
  const { process, vm, vcpu } = openAll();
  load(process, vm, vcpu, RING);
  const zone = encode(kvm_coalesced_mmio_zone, { addr: 0x42, size: 1, pio: 1 });
  expect(process.ioctl(vm, KVM.KVM_REGISTER_COALESCED_MMIO, zone)).toBe(0);
  const run = process.mmap(3 * 4096, MAP_SHARED, vcpu);
  process.ioctl(vcpu, KVM.KVM_RUN);
  const { first, last, coalesced_mmio } = decode(
    kvm_coalesced_mmio_ring,
    bytesOf(process, run + 8192, 8 + 24),
  );
  expect([first, last, coalesced_mmio[0]?.phys_addr, coalesced_mmio[0]?.data[0]]).toEqual([0, 1, 0x42n, 7]);
  expect(process.ioctl(vm, KVM.KVM_UNREGISTER_COALESCED_MMIO, zone)).toBe(0);
});
