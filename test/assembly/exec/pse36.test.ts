// PSE-36: a 4 MiB page above 4 GiB, named by bits 13 to 20 of its entry (SDM vol. 3, 4.3).
import { expect, test } from 'vitest';
import { KVM_EXIT } from '../../../web/kvm/index.ts';
import { Machine } from './machine.ts';

const DIRECTORY = 0x9000;
const HIGH = 0x1_0000_0000;

test('a 4 MiB page reaches memory above 4 GiB', () => {
  const { vm, vcpu, ram, prepare, go } = bound(new Machine('flat'));
  const high = vm.allocate(0x10000);
  vm.setUserMemoryRegion({
    slot: 1,
    flags: 0,
    guest_phys_addr: HIGH,
    memory_size: 0x10000,
    userspace_addr: high,
  });
  vm.memory.setU32(high + 0x1234, 0xcafe);
  const view = new DataView(ram.buffer, ram.byteOffset);
  view.setUint32(DIRECTORY, 0x83, true);
  view.setUint32(DIRECTORY + 4, 0x83 | (1 << 13), true);
  prepare('a134124000', {});
  vcpu.setSregs({ cr0: 0x8000_0011n, cr3: BigInt(DIRECTORY), cr4: 0x10n });
  expect(go()).toBe(KVM_EXIT.HLT);
  expect(vcpu.getRegs().rax).toBe(0xcafen);
});

function bound(machine: Machine) {
  const { vm, vcpu, ram } = machine;
  return { vm, vcpu, ram, prepare: machine.prepare.bind(machine), go: machine.go.bind(machine) };
}
