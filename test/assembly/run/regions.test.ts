// Compiled regions and what changes under them: code that is written, slots, a vCPU that another thread runs.

import { describe, expect, test } from 'vitest';
import { VCPU_JIT, VCPU_PAGE } from '../../../assembly/abi/map.ts';
import { RUN_EXIT, V_JIT_REGIONS } from '../../../assembly/abi/vcpu_page.ts';
import type { Vcpu, Vm } from '../../../web/kvm/index.ts';
import { flatVcpu, type Guest, load, vmWithRam } from './machine.ts';

/** One VM whose blocks are compiled before they run, one vCPU, one program. */
function compiled(source: string): Guest {
  const vm = vmWithRam();
  vm.compileAfter(0);
  const labels = load(vm, source);
  return { vm, vcpu: flatVcpu(vm), labels };
}

/** Enters until the HLT; RAX. */
function run({ vcpu }: { vcpu: Vcpu }): number {
  expect(vcpu.enter(1_000_000)).toBe(RUN_EXIT);
  return Number(vcpu.getRegs().rax);
}

const regions = (vm: Vm, vcpu: Vcpu): number => vm.memory.u32(vcpu.page + V_JIT_REGIONS);

test('a store to code drops its region when the decode cache has forgotten the blocks', () => {
  // The filler has more instructions than the cache has room for.
  const machine = compiled(`
    call 0x2000
    call 0x2000
    jmp 0x10000
  back: mov byte [0x2001], 2
    call 0x2000
    hlt
    times 0x2000 - 0x1000 - ($ - $$) db 0x90
    mov eax, 1
    ret
    times 0x10000 - 0x1000 - ($ - $$) db 0x90
    times 0x18000 nop
    jmp back
  `);
  expect(run(machine)).toBe(2);
  expect(regions(machine.vm, machine.vcpu)).toBeGreaterThan(2);
});
