// Heat is a rate: what becomes hot is compiled, what takes long for it is counted anew.

import { expect, test } from 'vitest';
import { VCPU_PAGE } from '../../../assembly/abi/map.ts';
import { readRegions } from '../../../web/kvm/tiers.ts';
import { guest } from './machine.ts';

/** Whether the function has a region after 60 calls, with a loop of so many instructions between two of them. */
function isCompiled(between: number): boolean {
  const { vm, vcpu, labels } = guest(`
    mov esi, 60
  turn: call called
    mov ecx, ${between / 2}
  wait: dec ecx
    jnz wait
    dec esi
    jnz turn
    hlt
    times 0x2000 - 0x1000 - ($ - $$) db 0x90
  called: add eax, 1
    jmp next
  next: ret
  `);
  vm.compileAfter(20);
  vcpu.run();
  expect(vcpu.getRegs().rax & 0xffn).toBe(60n);
  const regions = readRegions(vm.memory.wasm.buffer, vcpu.page - VCPU_PAGE);
  expect(regions.some(({ rip }) => rip === labels.get('wait'))).toBe(true);
  return regions.some(({ rip }) => rip === labels.get('called'));
}

test('a function that is called often is compiled', () => expect(isCompiled(1000)).toBe(true));

test('a function that is called once in two million instructions is not', () =>
  expect(isCompiled(2_000_000)).toBe(false));
