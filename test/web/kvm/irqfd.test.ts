// KVM_IRQFD: signals of eventfds become interrupts, on whatever thread they come; a resampling one hears of the EOI.
import { expect, test } from 'vitest';
import { VM_IRQFD_WAITS } from '../../../assembly/abi/irqchip.ts';
import { VM_IRQ_LOCK } from '../../../assembly/abi/map.ts';
import { RUN_EXIT } from '../../../assembly/abi/vcpu_page.ts';
import {
  Eventfd,
  KVM_EXIT,
  KVM_IOEVENTFD_FLAG,
  KVM_IRQ_ROUTING,
  KVM_IRQFD_FLAG,
  type Vcpu,
  type Vm,
} from '../../../web/kvm/index.ts';
import { flatVcpu, load, vmWithRam } from '../../assembly/run/machine.ts';
import { refuses } from './support.ts';
import { thread } from './thread.ts';

const { DEASSIGN, RESAMPLE } = KVM_IRQFD_FLAG;
const EOI = 'mov dword [0xfee000b0], 0';

/**
 * A guest with its local APIC and IOAPIC pin 10 (vector 0x40, level triggered if asked) open. It tells port 2 that it is
 * ready and waits; each interrupt tells port 1 and then does `handler`. It stands at port 2.
 */
function machine({ level = false, handler = EOI, body = 'hlt', vcpus = 1 } = {}): { vm: Vm; vcpu: Vcpu } {
  const vm = vmWithRam({ vcpus });
  vm.createIrqchip();
  const redirect = level ? 0x8040 : 0x40;
  const { handler: at } = Object.fromEntries(
    load(
      vm,
      `mov dword [0xfee000f0], 0x1ff
      mov dword [0xfec00000], 0x24
      mov dword [0xfec00010], ${redirect}
      mov al, 0xff
      out 0x21, al
      out 0xa1, al
      out 2, al
      sti
      again: ${body}
      jmp again
      handler: out 1, al
      ${handler}
      iretd`,
    ),
  );
  const gate = (vector: number) => 0x6000 + vector * 8;
  for (const vector of [0x40, 0x41]) {
    vm.write(gate(vector), new Uint8Array([Number(at) & 0xff, Number(at) >> 8, 8, 0, 0, 0x8e, 0, 0]));
  }
  const vcpu = flatVcpu(vm);
  vcpu.setSregs({ idt: { base: 0x6000, limit: 0x7ff } });
  expect([vcpu.run(), vcpu.kvmRun.io.port]).toEqual([KVM_EXIT.IO, 2]);
  return { vm, vcpu };
}

/** Runs until the guest says something, or gives up after a while: the port. */
function next(vcpu: Vcpu): number | undefined {
  for (let tries = 0; tries < 20; tries++) if (vcpu.enter(1000) === RUN_EXIT) return vcpu.kvmRun.io.port;
  return undefined;
}

test('a signal is an edge of its GSI, and takes the counter', () => {
  const { vm, vcpu } = machine();
  const fd = vm.createEventfd();
  vm.irqfd({ fd, gsi: 10 });
  fd.signal(3n);
  expect([next(vcpu), next(vcpu), fd.read()]).toEqual([1, undefined, undefined]);
  fd.signal();
  expect(next(vcpu)).toBe(1);
});

test('a signal that came before the assignment counts', () => {
  const { vm, vcpu } = machine();
  const fd = Eventfd.create({ initial: 1 });
  vm.irqfd({ fd, gsi: 10 });
  expect([next(vcpu), fd.read()]).toEqual([1, undefined]);
});

test('an MSI route sends its message', () => {
  const { vm, vcpu } = machine();
  const msi = { address_lo: 0xfee00000, data: 0x41 };
  vm.setGsiRouting([{ gsi: 900, type: KVM_IRQ_ROUTING.MSI, u: { msi } }]);
  const fd = vm.createEventfd();
  vm.irqfd({ fd, gsi: 900 });
  fd.signal();
  expect(next(vcpu)).toBe(1);
});

test('with RESAMPLE the line stands until the EOI, which falls it and signals the resamplefd', () => {
  const { vm, vcpu } = machine({ level: true, handler: `in al, 3\n${EOI}` });
  const [fd, resamplefd] = [vm.createEventfd(), vm.createEventfd()];
  vm.irqfd({ fd, gsi: 10, resamplefd, flags: RESAMPLE });
  fd.signal();
  expect([next(vcpu), next(vcpu), resamplefd.read()]).toEqual([1, 3, undefined]);
  expect([next(vcpu), resamplefd.read()]).toEqual([undefined, 1n]);
  fd.signal();
  expect(next(vcpu)).toBe(1);
});

test('the PIC resamples too', () => {
  // ICW1 to ICW4 of both chips, line 5 level triggered, and the specific EOI.
  const { vm, vcpu } = machine({
    body: `cli
      ${[0x11, 0x40, 4, 1, 0].map((word, n) => `mov al, ${word}\nout ${n ? 0x21 : 0x20}, al`).join('\n')}
      mov dx, 0x4d0
      mov al, 0x20
      out dx, al
      mov dword [0xfee00350], 0x700
      in al, 4
      sti
      hlt`,
    handler: 'in al, 3\nmov al, 0x65\nout 0x20, al\nin al, 5',
  });
  vm.write(0x6000 + 0x45 * 8, vm.read(0x6000 + 0x40 * 8, 8));
  const [fd, resamplefd] = [vm.createEventfd(), vm.createEventfd()];
  vm.irqfd({ fd, gsi: 5, resamplefd, flags: RESAMPLE });
  expect(next(vcpu)).toBe(4);
  fd.signal();
  expect([next(vcpu), next(vcpu), resamplefd.read()]).toEqual([1, 3, undefined]);
  expect([next(vcpu), resamplefd.read()]).toEqual([5, 1n]);
});

test('a deassigned irqfd leaves the counter alone, and a resampled line falls with the last', () => {
  const { vm, vcpu } = machine({ level: true });
  const [fd, resamplefd] = [vm.createEventfd(), vm.createEventfd()];
  vm.irqfd({ fd, gsi: 10, resamplefd, flags: RESAMPLE });
  fd.signal();
  expect(next(vcpu)).toBe(1);
  vm.irqfd({ fd, gsi: 9, flags: DEASSIGN });
  vm.irqfd({ fd, gsi: 10, flags: DEASSIGN });
  fd.signal();
  expect([next(vcpu), fd.read(), vm.getIrqchip(2).chip.ioapic.irr]).toEqual([undefined, 1n, 0]);
});

test('the last close of its eventfd ends an irqfd', () => {
  const { vm } = machine();
  const fd = vm.createEventfd();
  const other = Eventfd.attach(fd.handle);
  vm.irqfd({ fd, gsi: 10 });
  fd.close();
  refuses('EBUSY', () => vm.irqfd({ fd: other, gsi: 10 }));
  const at = other.placeIn(vm);
  other.close();
  expect(vm.createEventfd().placeIn(vm)).toBe(at);
});

test('an ioeventfd whose eventfd is an irqfd interrupts inside the core', () => {
  const { vm, vcpu } = machine({ body: 'out 0x70, al' });
  const fd = vm.createEventfd();
  vm.irqfd({ fd, gsi: 10 });
  vm.ioeventfd({ fd, addr: 0x70, flags: KVM_IOEVENTFD_FLAG.PIO });
  expect([next(vcpu), next(vcpu)]).toEqual([1, 1]);
});

test('a signal while the chips are locked does not wait: a vCPU injects it', () => {
  const { vm, vcpu } = machine();
  const fd = vm.createEventfd();
  vm.irqfd({ fd, gsi: 10 });
  vm.memory.store(vm.memory.vm + VM_IRQ_LOCK, 1);
  fd.signal();
  expect(vm.memory.load(vm.memory.vm + VM_IRQFD_WAITS)).toBe(1);
  vm.memory.store(vm.memory.vm + VM_IRQ_LOCK, 0);
  expect(next(vcpu)).toBe(1);
});

test('a thread with nothing but the handle wakes a halted guest', { timeout: 20_000 }, async () => {
  const { vm, vcpu } = machine();
  const fd = vm.createEventfd();
  vm.irqfd({ fd, gsi: 10 });
  const guest = thread('const v = kvm.Vm.attach(data).vcpu(0); v.run(); return v.kvmRun.io.port;', vm.handle);
  while (vcpu.getMpState() !== 3) await new Promise((resolve) => setTimeout(resolve, 1));
  await thread('kvm.Eventfd.attach(data).signal();', fd.handle);
  expect(await guest).toBe(1);
});

test('two threads that share a level line and wait for each EOI never wait in vain', {
  timeout: 30_000,
}, async () => {
  const { vm, vcpu } = machine({ level: true });
  const fds = [1, 2].map(() => [vm.createEventfd(), vm.createEventfd()] as const);
  for (const [fd, resamplefd] of fds) vm.irqfd({ fd, gsi: 10, resamplefd, flags: RESAMPLE });
  const guest = thread(
    'const v = kvm.Vm.attach(data).vcpu(0); try { for (;;) v.run(); } catch { return v.id; }',
    vm.handle,
  );
  const ringer = `const [fd, done] = data.map((handle) => kvm.Eventfd.attach(handle));
    for (let n = 0; n < 2000; n++) { fd.signal(); done.wait(); done.read(); }`;
  await Promise.all(
    fds.map((pair) =>
      thread(
        ringer,
        pair.map(({ handle }) => handle),
      ),
    ),
  );
  vcpu.kick();
  expect(await guest).toBe(0);
});

test('the rules are those of Linux', () => {
  const bare = vmWithRam();
  refuses('EINVAL', () => bare.irqfd({ fd: bare.createEventfd(), gsi: 3 }));
  const { vm } = machine();
  const fd = vm.createEventfd();
  refuses('EINVAL', () => vm.irqfd({ fd, gsi: 3, flags: 4 }));
  refuses('EBADF', () => vm.irqfd({ fd, gsi: 3, flags: RESAMPLE }));
  vm.irqfd({ fd, gsi: 3, flags: DEASSIGN });
  vm.irqfd({ fd, gsi: 3 });
  refuses('EBUSY', () => vm.irqfd({ fd, gsi: 4 }));
  fd.close();
  refuses('EBADF', () => vm.irqfd({ fd, gsi: 4 }));
});
