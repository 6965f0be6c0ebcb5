// Eventfds of one VM that other VMs of its memory ring or drive, and what becomes of them when a VM ends.

import { describe, expect, test } from 'vitest';
import { EVENTFD_WAITERS } from '../../../assembly/abi/eventfd.ts';
import {
  Eventfd,
  ioeventfds,
  irqfds,
  KVM_EXIT,
  KVM_IOEVENTFD_FLAG,
  KVM_IRQFD_FLAG,
  layMemory,
  releaseEvents,
  type Vcpu,
  type Vm,
} from '../../../web/kvm/index.ts';
import { kvm, refuses } from './support.ts';

const PORT = 0x510;

/** A VM in this memory with a guest that writes 7 to PORT and halts. */
function vmIn(memory: WebAssembly.Memory): { vm: Vm; vcpu: Vcpu } {
  const vm = kvm.createVm({ memory, maxVcpus: 1 });
  vm.createIrqchip();
  vm.setUserMemoryRegion({ slot: 0, memory_size: 0x10000, userspace_addr: vm.allocate(0x10000) });
  vm.write(0x1000, new Uint8Array([0xba, 0x10, 0x05, 0xb0, 7, 0xee, 0xf4])); // mov dx, PORT; mov al, 7; out dx, al; hlt
  const vcpu = vm.createVcpu(0);
  vcpu.setSregs({ cs: { base: 0, selector: 0 } });
  vcpu.setRegs({ rip: 0x1000, rflags: 2 });
  return { vm, vcpu };
}

function pair() {
  const memory = layMemory(1, 2 ** 30).wasm;
  return { memory, a: vmIn(memory), b: vmIn(memory) };
}

function ringBy(vm: Vm, fd: Eventfd): void {
  vm.ioeventfd({ fd, addr: PORT, len: 1, flags: KVM_IOEVENTFD_FLAG.PIO });
}

describe('an eventfd of one VM', () => {
  test('keeps the values that the guest of another VM rings it with', () => {
    for (const owner of ['a', 'b'] as const) {
      const { a, b } = pair();
      const fd = (owner === 'a' ? a : b).vm.createEventfd({ values: true });
      const other = owner === 'a' ? b : a;
      ringBy(other.vm, fd);
      other.vcpu.enter(10);
      expect([fd.read(), fd.takeValues()]).toEqual([1n, [7n]]);
    }
  });

  test('ends with it, and with it what other VMs have made of it', () => {
    const { memory, a, b } = pair();
    ringBy(b.vm, a.vm.createEventfd());
    b.vm.irqfd({ fd: a.vm.createEventfd(), gsi: 5 });
    const [own, resamplefd] = [b.vm.createEventfd(), a.vm.createEventfd()];
    b.vm.irqfd({ fd: own, gsi: 6, flags: KVM_IRQFD_FLAG.RESAMPLE, resamplefd });
    b.vm.hypervEventfd({ conn_id: 1, fd: a.vm.createEventfd() });
    a.vm.destroy();
    expect([ioeventfds(b.vm.memory), irqfds(b.vm.memory)]).toEqual([[], []]);
    const next = kvm.createVm({ memory, maxVcpus: 1 });
    const fds = Array.from({ length: 4 }, () => next.createEventfd());
    b.vcpu.enter(10);
    expect(b.vcpu.kvmRun.exitReason).toBe(KVM_EXIT.IO);
    expect(fds.map((fd) => fd.read())).toEqual([undefined, undefined, undefined, undefined]);
    // Its own eventfd is free for another irqfd, the connection for another eventfd.
    b.vm.irqfd({ fd: own, gsi: 7 });
    b.vm.hypervEventfd({ conn_id: 1, fd: own });
  });

  test('cannot be used between its end and the next VM of its place', () => {
    const { a, b } = pair();
    const fd = a.vm.createEventfd();
    a.vm.destroy();
    refuses('EBADF', () => fd.signal());
    refuses('EBADF', () => ringBy(b.vm, fd));
  });

  test('ends for those who wait for it, who leave no trace in the next VM', async () => {
    const { memory, a } = pair();
    const fd = a.vm.createEventfd();
    const waits = fd.ready().catch((error) => error.code);
    a.vm.destroy();
    const next = kvm.createVm({ memory, maxVcpus: 1 });
    const record = next.createEventfd().placeIn(next);
    expect(await waits).toBe('EBADF');
    expect(next.memory.load(record + EVENTFD_WAITERS)).toBe(0);
  });

  test('is free again when a VM that it drove ends', () => {
    const { a, b } = pair();
    const fd = a.vm.createEventfd();
    b.vm.irqfd({ fd, gsi: 5 });
    b.vm.destroy();
    a.vm.irqfd({ fd, gsi: 5 });
    expect(irqfds(a.vm.memory)).toHaveLength(1);
  });
});

test('eventfds that did not travel with a memory are assigned to nothing', () => {
  const { a } = pair();
  const fd = a.vm.createEventfd();
  ringBy(a.vm, fd);
  a.vm.irqfd({ fd, gsi: 5 });
  a.vm.hypervEventfd({ conn_id: 1, fd });
  releaseEvents(a.vm);
  expect([ioeventfds(a.vm.memory), irqfds(a.vm.memory)]).toEqual([[], []]);
  const another = a.vm.createEventfd();
  a.vm.hypervEventfd({ conn_id: 1, fd: another });
  a.vm.irqfd({ fd: another, gsi: 5 });
});

test('an eventfd of its own that was never assigned stays where it is when it is deassigned', () => {
  const { a } = pair();
  const fd = Eventfd.create();
  const { DEASSIGN, PIO } = KVM_IOEVENTFD_FLAG;
  a.vm.irqfd({ fd, gsi: 5, flags: KVM_IRQFD_FLAG.DEASSIGN });
  refuses('ENOENT', () => a.vm.ioeventfd({ fd, addr: PORT, len: 1, flags: PIO | DEASSIGN }));
  expect(fd.handle.vm).toBeUndefined();
  fd.close();
  refuses('EBADF', () => a.vm.irqfd({ fd, gsi: 5, flags: KVM_IRQFD_FLAG.DEASSIGN }));
});
