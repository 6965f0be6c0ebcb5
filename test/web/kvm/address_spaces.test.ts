// Slots of two address spaces: what a vCPU in system management mode sees, and what others do not.

import { describe, expect, test } from 'vitest';
import { dirtyPages, KVM_CAP, KVM_EXIT, KVM_MEM_LOG_DIRTY_PAGES, type Vcpu } from '../../../web/kvm/index.ts';
import { addSlot, CODE, HLT, OUT_81, REPORT, RESUME, SMBASE, SMRAM, smmVm } from './smm_support.ts';
import { refuses } from './support.ts';

const LOW = 0x10001;
const FAR_TO_CODE = [0xea, CODE & 0xff, CODE >> 8, 0, 0]; // jmp 0:CODE

function runToOut(vcpu: Vcpu): number {
  expect(vcpu.run()).toBe(KVM_EXIT.IO);
  return vcpu.kvmRun.io.port;
}

describe('a slot number', () => {
  test('names its address space in bits 16 up, and each has all slots', () => {
    const { vm } = smmVm();
    addSlot(vm, 0x100ff, 0x200000, 0x1000);
    expect(vm.slot(0x100ff)?.gpa).toBe(0x200000n);
    expect(vm.slot(0xff)).toBeUndefined();
    expect([vm.slots().map(({ id }) => id), vm.slots(1).map(({ id }) => id)]).toEqual([
      [0],
      [SMRAM, 0x100ff],
    ]);
    vm.setUserMemoryRegion({ slot: 0x100ff, memory_size: 0 });
    expect(vm.slots(1).map(({ id }) => id)).toEqual([SMRAM]);
  });

  test('beyond them is EINVAL', () => {
    const { vm } = smmVm();
    for (const slot of [0x10100, 0x20000, 0x7fff0000])
      refuses('EINVAL', () => addSlot(vm, slot, 0x200000, 0x1000));
    refuses('ENOENT', () => vm.getDirtyLog(SMRAM));
    refuses('EINVAL', () => vm.getDirtyLog(0x20000));
  });

  test('may be of a range that the other space has, but not its own', () => {
    const { vm } = smmVm();
    expect([vm.slots()[0]?.gpa, vm.slots(1)[0]?.gpa]).toEqual([0n, BigInt(SMBASE)]);
    refuses('EEXIST', () => addSlot(vm, LOW, SMBASE + 0x1000, 0x1000));
  });
});

describe('a vCPU in SMM', () => {
  test('runs the code of its own space at an address that both have, each time', () => {
    const { vm, vcpu } = smmVm({ handler: FAR_TO_CODE, code: [...OUT_81, 0xeb, 0xfc] }); // jmp back
    addSlot(vm, LOW, 0, 0x2000);
    vm.write(CODE, new Uint8Array([...REPORT, ...RESUME]), 1);
    expect(runToOut(vcpu)).toBe(0x81);
    for (let round = 0; round < 3; round++) {
      vcpu.smi();
      expect([runToOut(vcpu), runToOut(vcpu), runToOut(vcpu)]).toEqual([0x80, 0x81, 0x81]);
    }
  });

  test('reads and writes memory that nobody else sees', () => {
    // mov byte [0x1800], 7; mov al, [0x1801]; out 0x80, al
    const handler = [0xc6, 0x06, 0, 0x18, 7, 0xa0, 1, 0x18, ...REPORT, ...RESUME];
    const { vm, vcpu } = smmVm({ handler, code: [0xa0, 0, 0x18, ...OUT_81, 0xeb, 0xf9] });
    addSlot(vm, LOW, 0, 0x2000);
    vm.write(0x1800, new Uint8Array([3, 4]));
    vm.write(0x1800, new Uint8Array([5, 6]), 1);
    const runToByte = () => [runToOut(vcpu), vcpu.kvmRun.io.data[0]];
    expect(runToByte()).toEqual([0x81, 3]);
    vcpu.smi();
    expect([runToByte(), runToByte()]).toEqual([
      [0x80, 6],
      [0x81, 3],
    ]);
    expect([...vm.read(0x1800, 1), ...vm.read(0x1800, 1, 1)]).toEqual([3, 7]);
  });

  test('sees nothing where its space has no slot: an access is MMIO, and code is an error', () => {
    const { vm, vcpu } = smmVm({ handler: [0xa0, 0, 0x18, ...RESUME] });
    vcpu.smi();
    expect(vcpu.run()).toBe(KVM_EXIT.MMIO);
    expect(vcpu.kvmRun.mmio.gpa).toBe(0x1800n);
    const none = smmVm();
    none.vm.setUserMemoryRegion({ slot: SMRAM, memory_size: 0 });
    none.vcpu.smi();
    expect(none.vcpu.run()).toBe(KVM_EXIT.INTERNAL_ERROR);
    expect(vm.slots()).toHaveLength(1);
  });

  test('changes its space while it runs: a slot that goes is gone', () => {
    const { vm, vcpu } = smmVm({ handler: [0xa0, 0, 0x18, ...REPORT, 0xeb, 0xf9] });
    addSlot(vm, LOW, 0, 0x2000);
    vcpu.smi();
    expect(runToOut(vcpu)).toBe(0x80);
    vm.setUserMemoryRegion({ slot: LOW, memory_size: 0 });
    expect(vcpu.run()).toBe(KVM_EXIT.MMIO);
  });
});

describe('what a vCPU in SMM writes', () => {
  test('is in the dirty log of its space', () => {
    const { vm, vcpu } = smmVm({ flags: KVM_MEM_LOG_DIRTY_PAGES, code: [0xa2, 0, 0x70, ...OUT_81, HLT] });
    for (const slot of [0, SMRAM]) vm.getDirtyLog(slot);
    vcpu.smi();
    expect([runToOut(vcpu), dirtyPages(vm.getDirtyLog(0)), dirtyPages(vm.getDirtyLog(SMRAM))]).toEqual([
      0x80,
      [],
      [15],
    ]);
    expect([runToOut(vcpu), dirtyPages(vm.getDirtyLog(0)), dirtyPages(vm.getDirtyLog(SMRAM))]).toEqual([
      0x81,
      [7],
      [],
    ]);
  });

  test('is cleared by KVM_CLEAR_DIRTY_LOG of its slot', () => {
    const { vm, vcpu } = smmVm({ flags: KVM_MEM_LOG_DIRTY_PAGES });
    vcpu.smi();
    vcpu.run();
    const dirty_bitmap = new Uint8Array(8).fill(0xff);
    vm.clearDirtyLog({ slot: SMRAM, first_page: 0, num_pages: 32, dirty_bitmap });
    expect(dirtyPages(vm.peekDirtyLog(SMRAM))).toEqual([]);
    expect(dirtyPages(vm.peekDirtyLog(0))).toEqual([1]);
  });

  test('stands in the dirty ring with the number of its slot', () => {
    const { vm, vcpu } = smmVm({
      flags: KVM_MEM_LOG_DIRTY_PAGES,
      code: [0xa2, 0, 0x70, ...OUT_81, HLT],
      prepare: (made) => made.enableCap({ cap: KVM_CAP.DIRTY_LOG_RING, args: [4096] }),
    });
    vcpu.smi();
    expect([runToOut(vcpu), runToOut(vcpu)]).toEqual([0x80, 0x81]);
    expect(vcpu.dirtyRing?.harvest()).toEqual([
      { slot: SMRAM, page: 15 },
      { slot: 0, page: 7 },
    ]);
    expect(vm.resetDirtyRings()).toBe(2);
  });
});
