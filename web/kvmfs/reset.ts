// A VM as it was after it was loaded: vCPUs, chips and devices at power-up, memory empty, the program in it again.

import { VM_VCPUS } from '../../assembly/abi/map.ts';
import { Machine } from '../vmm/index.ts';
import { boot, ramBytes } from './boot_dir.ts';
import type { VmEntry } from './vm_entry.ts';

/** Stops the VM and brings it back. Without a program that boot/ctl has loaded, memory keeps its content. */
export async function resetVm(entry: VmEntry): Promise<void> {
  await entry.runner.pauseAll();
  const { vm, program } = entry;
  const { memory } = vm;
  await entry.rebuild(() => {
    const tables = vm.vcpuIds().map((id) => [id, entry.machine.vcpu(id).getCpuid2()] as const);
    for (const slot of program === undefined ? [] : vm.slots()) {
      memory.bytes(slot.hva, slot.size).fill(0);
      vm.written(slot.gpa, slot.size);
    }
    vm.resetIrqchip();
    for (const [id, cpuid] of tables) {
      memory.and(memory.vm + VM_VCPUS, ~(1 << id));
      const vcpu = vm.createVcpu(id);
      vcpu.requestPause();
      vcpu.setCpuid2(cpuid);
    }
    const { words } = entry.machine;
    words.restart();
    if (words.board === 'none') return Machine.of(vm);
    const { floats, allStop, exitPort } = words;
    const machine = Machine.withBoard(vm, { ramBytes: ramBytes(entry) }, exitPort);
    machine.words.floats = floats;
    machine.words.allStop = allStop;
    return machine;
  });
  if (program !== undefined) boot(entry, program);
}
