// Coalesced MMIO and PIO: which writes wait, in which order, and when a full ring lets them leave.
import { expect, test } from 'vitest';
import { KVM_EXIT, type Vcpu } from '../../../web/kvm/index.ts';
import { flatVcpu, guest, load, vmWithRam } from '../../assembly/run/machine.ts';
import { refuses } from './support.ts';

const taken = (vcpu: Vcpu) =>
  vcpu.takeCoalesced().map(({ addr, pio, data }) => [pio ? 'out' : 'mmio', Number(addr), ...data]);

test('writes to a zone wait, in order, until another access exits', () => {
  const { vm, vcpu } = guest(
    'mov eax, 0x0102\nmov [0x200010], al\nmov dx, 0x80\nout dx, ax\nmov [0x20000e], ax\nin al, 0x81\nhlt',
  );
  vm.registerCoalescedMmio({ addr: 0x200000, size: 0x1000 });
  vm.registerCoalescedMmio({ addr: 0x80, size: 2, pio: 1 });
  expect([vcpu.run(), vcpu.kvmRun.io.port]).toEqual([KVM_EXIT.IO, 0x81]);
  expect(taken(vcpu)).toEqual([
    ['mmio', 0x200010, 2],
    ['out', 0x80, 2, 1],
    ['mmio', 0x20000e, 2, 1],
  ]);
  expect(taken(vcpu)).toEqual([]);
});

test('a write that reaches out of the zone, and a read in it, exit', () => {
  const { vm, vcpu } = guest('mov [0x200ffe], eax\nmov al, [0x200000]\nhlt');
  vm.registerCoalescedMmio({ addr: 0x200000, size: 0x1000 });
  expect([vcpu.run(), vcpu.kvmRun.mmio.write]).toEqual([KVM_EXIT.MMIO, true]);
  expect([vcpu.run(), vcpu.kvmRun.mmio.write]).toEqual([KVM_EXIT.MMIO, false]);
});

test('a full ring exits, and goes on when it was read', () => {
  const { vm, vcpu } = guest('mov ecx, 400\nagain: mov [0x200000], cl\nloop again\nhlt');
  vm.registerCoalescedMmio({ addr: 0x200000, size: 1 });
  const seen: number[] = [];
  let exits = 0;
  for (let reason = vcpu.run(); ; reason = vcpu.run()) {
    seen.push(...vcpu.takeCoalesced().map(({ data }) => data[0] ?? -1));
    if (reason === KVM_EXIT.HLT) break;
    seen.push(vcpu.kvmRun.mmio.data[0] ?? -1);
    exits++;
  }
  expect(exits).toBe(2);
  expect(seen).toEqual(Array.from({ length: 400 }, (_, n) => (400 - n) & 0xff));
});

test('a ring that is never read holds 169 writes', () => {
  const { vm, vcpu } = guest('again: mov [0x200000], al\ninc al\njmp again');
  vm.registerCoalescedMmio({ addr: 0x200000, size: 1 });
  vcpu.run();
  vcpu.run();
  expect([vcpu.kvmRun.mmio.data[0], vcpu.takeCoalesced().length]).toEqual([170, 169]);
});

test('a ring that user space has spoilt takes nothing, and the writes exit', () => {
  const { vm, vcpu } = guest('mov [0x200000], al\nhlt');
  vm.registerCoalescedMmio({ addr: 0x200000, size: 1 });
  vm.memory.setU32(vcpu.kvmRun.offset + 0x2004, 0xffff_ffff);
  expect(vcpu.run()).toBe(KVM_EXIT.MMIO);
});

test('what one vCPU has queued is seen at the exit of another, before it', () => {
  const vm = vmWithRam({ vcpus: 2 });
  load(vm, 'mov byte [0x200000], 7\njmp $');
  load(vm, 'in al, 0x50\nhlt', 0x2000);
  vm.registerCoalescedMmio({ addr: 0x200000, size: 1 });
  const [first, second] = [flatVcpu(vm, 0), flatVcpu(vm, 1, 0x2000)];
  first.enter(100);
  expect([second.run(), taken(second)]).toEqual([KVM_EXIT.IO, [['mmio', 0x200000, 7]]]);
});

test('an unregistered zone exits again, and the rules are those of Linux', () => {
  const { vm, vcpu } = guest('mov [0x200000], al\nhlt');
  refuses('EINVAL', () => vm.registerCoalescedMmio({ addr: 0, size: 1, pio: 2 }));
  refuses('EINVAL', () => vm.unregisterCoalescedMmio({ addr: 0, size: 1, pio: 2 }));
  vm.unregisterCoalescedMmio({ addr: 0x200000, size: 1 });
  vm.registerCoalescedMmio({ addr: 0x200000, size: 16 });
  vm.unregisterCoalescedMmio({ addr: 0x200004, size: 4 });
  expect(vcpu.run()).toBe(KVM_EXIT.MMIO);
  for (let n = 0; n < 128; n++) vm.registerCoalescedMmio({ addr: n, size: 1 });
  refuses('ENOSPC', () => vm.registerCoalescedMmio({ addr: 128, size: 1 }));
});
