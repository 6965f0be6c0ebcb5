// The save map and the handler's registers beside QEMU's: one ROM, fixtures/kvm/smm.asm, and what QEMU's processor wrote.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { assemble } from '../../../web/asm/index.ts';
import { KVM_EXIT } from '../../../web/kvm/index.ts';
import { kvm } from './support.ts';

const ROM = 0x10000;
const RIP = 0x178;
const read = (name: string): string =>
  readFileSync(new URL(`../../fixtures/kvm/${name}`, import.meta.url), 'utf8');

/** Runs the ROM; the bytes that it wrote to port 0xe9. */
function runRom(image: Uint8Array): number[] {
  const vm = kvm.createVm({ memoryLimit: 2 ** 28 });
  const ram = vm.allocate(0xf0000);
  const rom = vm.allocate(ROM);
  vm.memory.bytes(rom, ROM).set(image);
  const add = (slot: number, gpa: number, bytes: number, at: number): void =>
    vm.setUserMemoryRegion({ slot, guest_phys_addr: gpa, memory_size: bytes, userspace_addr: at });
  // Both address spaces have the RAM: here SMRAM is not hidden.
  for (const slot of [0, 0x10000]) add(slot, 0, 0xf0000, ram);
  for (const gpa of [0xf0000, 0xffff0000]) add(gpa === 0xf0000 ? 1 : 2, gpa, ROM, rom);
  const vcpu = vm.createVcpu(0);
  vcpu.setCpuid2(kvm.getSupportedCpuid());
  const written: number[] = [];
  while (vcpu.run() === KVM_EXIT.IO) {
    const { write, port, data } = vcpu.kvmRun.io;
    if (!write) data.fill(0);
    else if (port === 0xe9) written.push(...data);
    else if (port === 0xb2) vcpu.smi();
  }
  return written;
}

test("an SMI in long mode saves and sets what QEMU's does, but for the instruction behind which it comes", () => {
  const program = assemble(read('smm.asm'));
  if (program.errors)
    throw new Error(program.errors.map(({ line, message }) => `${line}: ${message}`).join('\n'));
  const ours = runRom(program.bytes);
  const qemu = [...Buffer.from(read('smm.hex').replace(/\s/g, ''), 'hex')];
  const withoutRip = (bytes: number[]) => bytes.filter((_, at) => at < RIP || at >= RIP + 8);
  expect(withoutRip(ours)).toEqual(withoutRip(qemu));
  expect(ours).toHaveLength(qemu.length);
});
