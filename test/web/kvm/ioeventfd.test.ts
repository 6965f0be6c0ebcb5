// KVM_IOEVENTFD: which guest writes ring, which leave the guest, and the rules of the call.
import { expect, test } from 'vitest';
import { KVM_EXIT, KVM_IOEVENTFD_FLAG } from '../../../web/kvm/index.ts';
import { flatVcpu, guest, load, vmWithRam } from '../../assembly/run/machine.ts';
import { refuses } from './support.ts';
import { thread } from './thread.ts';

const { DATAMATCH, PIO, DEASSIGN } = KVM_IOEVENTFD_FLAG;
/** Writes 1, 2 and 4 bytes to port 0x510, then halts. */
const PORT_WRITES = 'mov dx, 0x510\nmov eax, 0x12345678\nout dx, al\nout dx, ax\nout dx, eax\nhlt';
/** The same to an address without RAM. */
const MMIO_WRITES = 'mov eax, 0x12345678\nmov [0x200000], al\nmov [0x200000], ax\nmov [0x200000], eax\nhlt';

for (const [where, source, addr, flags] of [
  ['a port', PORT_WRITES, 0x510, PIO],
  ['an address without RAM', MMIO_WRITES, 0x200000, 0],
] as const) {
  test(`a write of any length to ${where} rings, and the guest goes on`, () => {
    const { vm, vcpu } = guest(source);
    const fd = vm.createEventfd({ values: true });
    vm.ioeventfd({ fd, addr, flags });
    expect([vcpu.run(), fd.read(), fd.takeValues()]).toEqual([
      KVM_EXIT.HLT,
      3n,
      [0x78n, 0x5678n, 0x12345678n],
    ]);
  });

  test(`a write of another length to ${where} leaves the guest`, () => {
    const { vm, vcpu } = guest(source);
    const fd = vm.createEventfd();
    vm.ioeventfd({ fd, addr, len: 2, flags });
    const exits = [vcpu.run(), vcpu.run(), vcpu.run()];
    const exit = flags ? KVM_EXIT.IO : KVM_EXIT.MMIO;
    expect([exits, fd.read()]).toEqual([[exit, exit, KVM_EXIT.HLT], 1n]);
  });

  test(`of several that match a value at ${where}, the right one rings`, () => {
    const { vm, vcpu } = guest(source);
    const [one, other] = [vm.createEventfd(), vm.createEventfd()];
    vm.ioeventfd({ fd: other, addr, len: 4, datamatch: 0x1234, flags: flags | DATAMATCH });
    vm.ioeventfd({ fd: one, addr, len: 4, datamatch: 0x12345678, flags: flags | DATAMATCH });
    for (let exit = 0; exit < 3; exit++) vcpu.run();
    expect([one.read(), other.read(), vcpu.kvmRun.exitReason]).toEqual([1n, undefined, KVM_EXIT.HLT]);
  });
}

test('a deassigned one rings no more, and its address may be given again', () => {
  const { vm, vcpu } = guest(PORT_WRITES);
  const fd = vm.createEventfd();
  vm.ioeventfd({ fd, addr: 0x510, len: 1, flags: PIO });
  vm.ioeventfd({ fd, addr: 0x510, len: 1, flags: PIO | DEASSIGN });
  expect([vcpu.run(), fd.read()]).toEqual([KVM_EXIT.IO, undefined]);
  vm.ioeventfd({ fd: vm.createEventfd(), addr: 0x510, len: 1, flags: PIO });
});

test('a string of bytes rings once for each', () => {
  const { vm, vcpu } = guest('mov dx, 0x510\nmov esi, 0x1000\nmov ecx, 20\nrep outsb\nhlt');
  const fd = vm.createEventfd();
  vm.ioeventfd({ fd, addr: 0x510, len: 1, flags: PIO });
  expect([vcpu.run(), fd.read()]).toEqual([KVM_EXIT.HLT, 20n]);
});

test('a write to RAM rings nothing', () => {
  const { vm, vcpu } = guest('mov dword [0x3000], 1\nhlt');
  const fd = vm.createEventfd();
  vm.ioeventfd({ fd, addr: 0x3000, len: 4 });
  expect([vcpu.run(), fd.read()]).toEqual([KVM_EXIT.HLT, undefined]);
});

test('an instruction whose first write exits keeps its order with the one that rings', () => {
  // The word lies half on the last address without a doorbell.
  const { vm, vcpu } = guest('mov edi, 0x200000\nmov esi, 0x1000\nmovsd\nmovsd\nhlt');
  const fd = vm.createEventfd();
  vm.ioeventfd({ fd, addr: 0x200004, len: 4 });
  expect([vcpu.run(), fd.readable]).toEqual([KVM_EXIT.MMIO, false]);
  expect([vcpu.run(), fd.read()]).toEqual([KVM_EXIT.HLT, 1n]);
});

test('the rules are those of Linux', () => {
  const vm = vmWithRam();
  const fd = vm.createEventfd();
  const at = { fd, addr: 0x510, len: 4, flags: PIO };
  refuses('EINVAL', () => vm.ioeventfd({ ...at, len: 3 }));
  refuses('EINVAL', () => vm.ioeventfd({ ...at, flags: 16 }));
  refuses('EINVAL', () => vm.ioeventfd({ ...at, flags: 8 }));
  refuses('EINVAL', () => vm.ioeventfd({ ...at, len: 0, flags: PIO | DATAMATCH }));
  refuses('EINVAL', () => vm.ioeventfd({ fd, addr: 0xffff_ffff_ffff_fffen, len: 4 }));
  refuses('ENOENT', () => vm.ioeventfd({ ...at, flags: PIO | DEASSIGN }));
  vm.ioeventfd({ ...at, datamatch: 1, flags: PIO | DATAMATCH });
  vm.ioeventfd({ ...at, datamatch: 2, flags: PIO | DATAMATCH });
  vm.ioeventfd({ ...at, flags: 0 });
  vm.ioeventfd({ ...at, len: 2 });
  refuses('EEXIST', () => vm.ioeventfd({ ...at, datamatch: 2, flags: PIO | DATAMATCH }));
  refuses('EEXIST', () => vm.ioeventfd(at));
  refuses('EEXIST', () => vm.ioeventfd({ ...at, len: 0 }));
  refuses('ENOENT', () => vm.ioeventfd({ ...at, datamatch: 3, flags: PIO | DATAMATCH | DEASSIGN }));
  fd.close();
  refuses('EBADF', () => vm.ioeventfd({ fd, addr: 0x600, len: 1 }));
});

test('an eventfd that nobody but an ioeventfd holds is not given to another', () => {
  const vm = vmWithRam();
  const fd = vm.createEventfd();
  vm.ioeventfd({ fd, addr: 0x510, flags: PIO });
  const at = fd.placeIn(vm);
  fd.close();
  expect(vm.createEventfd().placeIn(vm)).not.toBe(at);
});

test('two vCPUs in two threads ring one doorbell and nothing is lost', { timeout: 30_000 }, async () => {
  const vm = vmWithRam({ vcpus: 2 });
  const fd = vm.createEventfd({ values: true });
  vm.ioeventfd({ fd, addr: 0x510, flags: PIO });
  load(vm, 'mov dx, 0x510\nmov ecx, 30000\nagain: out dx, al\nmov [0x200000], al\nloop again\nhlt');
  vm.ioeventfd({ fd, addr: 0x200000 });
  for (const id of [0, 1]) flatVcpu(vm, id);
  const run = (id: number) =>
    thread('return kvm.Vm.attach(data.vm).vcpu(data.id).run();', { vm: vm.handle, id });
  let rung = 0n;
  const ended = Promise.all([run(0), run(1)]);
  while (rung < 120_000n) {
    await fd.ready();
    rung += fd.read() ?? 0n;
  }
  expect(await ended).toEqual([KVM_EXIT.HLT, KVM_EXIT.HLT]);
  expect([rung, fd.read(), fd.takeValues().length]).toEqual([120_000n, undefined, 30]);
});

test('a doorbell whose page gets RAM rings no more', () => {
  const { vm, vcpu } = guest(
    'mov eax, 7\nmov [0x200000], eax\nmov [0x200000], eax\nhlt\nmov [0x200000], eax\nhlt',
  );
  const fd = vm.createEventfd();
  vm.ioeventfd({ fd, addr: 0x200000 });
  expect([vcpu.run(), fd.read()]).toEqual([KVM_EXIT.HLT, 2n]);
  const userspace_addr = vm.allocate(0x1000);
  vm.setUserMemoryRegion({ slot: 1, guest_phys_addr: 0x200000, memory_size: 0x1000, userspace_addr });
  expect([vcpu.run(), fd.read(), vm.read(0x200000, 1)[0]]).toEqual([KVM_EXIT.HLT, undefined, 7]);
});

test('a doorbell rings where the page tables map it, as long as they do', () => {
  // 0x300000 is the doorbell at 0x200000 for two writes, then RAM at 0x5000, then read-only.
  const { vm, vcpu } = guest(
    `mov eax, 7
     mov [0x300000], eax
     mov [0x300000], eax
     mov dword [0x11c00], 0x5003
     invlpg [0x300000]
     mov [0x300000], eax
     mov dword [0x11c00], 0x200001
     invlpg [0x300000]
     mov ebx, [0x300000]
     mov [0x300000], eax
     hlt`,
  );
  const fd = vm.createEventfd();
  vm.ioeventfd({ fd, addr: 0x200000 });
  const entries = Uint32Array.from({ length: 1024 }, (_, page) => (page << 12) | 3);
  entries[0x300] = 0x200003;
  vm.write(0x10000, new Uint8Array(Uint32Array.of(0x11003).buffer));
  vm.write(0x11000, new Uint8Array(entries.buffer));
  const { cr0 } = vcpu.getSregs();
  vcpu.setSregs({ cr3: 0x10000, cr0: cr0 | 0x80010000n });
  expect([vcpu.run(), fd.read(), vm.read(0x5000, 1)[0]]).toEqual([KVM_EXIT.MMIO, 2n, 7]);
  // The last write is a page fault, which without an IDT is a triple fault.
  expect([vcpu.run(), fd.read()]).toEqual([KVM_EXIT.SHUTDOWN, undefined]);
});
