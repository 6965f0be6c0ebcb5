// Regions that several vCPUs make of the same code: the same bytes, so that the host's engine compiles them once.

import { expect, onTestFinished, test } from 'vitest';
import {
  JIT_CODE,
  JIT_ENTERED,
  JIT_TABLE,
  REGION_BYTES,
  REGION_HVA,
  REGION_SIZE,
} from '../../../assembly/abi/jit.ts';
import { VCPU_JIT, VCPU_PAGE } from '../../../assembly/abi/map.ts';
import {
  RUN_EXIT,
  RUN_REQUEST,
  V_JIT_REGIONS,
  V_STATE,
  VCPU_PARKED,
} from '../../../assembly/abi/vcpu_page.ts';
import type { KvmError, Vcpu, Vm } from '../../../web/kvm/index.ts';
import { readRegions } from '../../../web/kvm/tiers.ts';
import { flatVcpu, load, vmWithRam } from './machine.ts';

/** A loop with two ways through it, which EBX chooses, and records that regions leave to the interpreter. */
const LOOP = `
    mov ecx, 400
    jmp again
  again: test ebx, ecx
    jz other
    add eax, ecx
    rcl eax, 3
    jmp both
  other: sub eax, 7
    enter 8, 0
    rcr eax, 5
    leave
  both: dec ecx
    jnz again
    hlt
`;

/** RAX after the program with that EBX. */
function run(vcpu: Vcpu, rbx: number): bigint {
  vcpu.setRegs({ ...vcpu.getRegs(), rip: 0x1000, rax: 0, rbx });
  expect(vcpu.enter(1_000_000)).toBe(RUN_EXIT);
  return vcpu.getRegs().rax;
}

/** The module that a vCPU has emitted last, and where its region begins. */
function lastModule({ memory }: Vm, { page }: Vcpu): { hva: number; module: string } {
  const jit = page - VCPU_PAGE + VCPU_JIT;
  const region = jit + JIT_TABLE + memory.u32(page + V_JIT_REGIONS) * REGION_SIZE;
  const bytes = memory.bytes(jit + JIT_CODE, memory.u32(region + REGION_BYTES));
  return { hva: memory.u32(region + REGION_HVA), module: Buffer.from(bytes).toString('hex') };
}

/** Two vCPUs on the loop: the first goes both ways, the second has only ever gone one. */
function pair(): { vm: Vm; first: Vcpu; second: Vcpu } {
  const vm = vmWithRam({ vcpus: 2 });
  vm.compileAfter(40);
  load(vm, LOOP);
  return { vm, first: flatVcpu(vm, 0), second: flatVcpu(vm, 1) };
}

test('a vCPU takes the blocks that another has taken, and emits the same bytes', () => {
  const { vm, first, second } = pair();
  const expected = [1, 0xffff].map((rbx) => {
    const alone = vmWithRam();
    load(alone, LOOP);
    return run(flatVcpu(alone), rbx);
  });
  expect(run(first, 1)).toBe(expected[0]);
  expect(run(second, 0xffff)).toBe(expected[1]);
  expect(lastModule(vm, second)).toEqual(lastModule(vm, first));
  expect([run(second, 1), run(first, 0xffff)]).toEqual(expected);
});

test('other code at the same place makes a region of its own', () => {
  const { vm, first, second } = pair();
  run(first, 1);
  const before = lastModule(vm, first);
  const changed = LOOP.replace('add eax, ecx', 'sub eax, ecx');
  load(vm, changed);
  const alone = vmWithRam();
  load(alone, changed);
  expect(run(second, 1)).toBe(run(flatVcpu(alone), 1));
  expect(lastModule(vm, second).module).not.toBe(before.module);
});

test('what is called in another page is taken over too', () => {
  const vm = vmWithRam({ vcpus: 2 });
  vm.compileAfter(40);
  load(vm, 'mov ecx, 400\nagain: call 0x3040\ndec ecx\njnz again\nhlt');
  load(vm, 'test ebx, ecx\njz other\nadd eax, ecx\nret\nother: sub eax, 7\nret', 0x3040);
  const [first, second] = [flatVcpu(vm, 0), flatVcpu(vm, 1)];
  run(first, 1);
  // It has come to the page itself before the entry is hot, but only ever one way through the function.
  run(second, 0xffff);
  expect(lastModule(vm, second)).toEqual(lastModule(vm, first));
  const [region] = readRegions(vm.memory.wasm.buffer, second.page - VCPU_PAGE);
  expect(region).toMatchObject({ pages: 2 });
});

/** Calls `look` while the host compiles a module of this test. */
function whileCompiling(look: () => void): void {
  const { Module } = WebAssembly;
  WebAssembly.Module = class extends Module {
    constructor(bytes: BufferSource) {
      look();
      super(bytes);
    }
  };
  onTestFinished(() => {
    WebAssembly.Module = Module;
  });
}

test('while the host compiles a region its vCPU stands, so that others need not wait for it', () => {
  const { vm, first } = pair();
  const states: number[] = [];
  whileCompiling(() => states.push(vm.memory.load(first.page + V_STATE)));
  run(first, 1);
  expect(new Set(states)).toEqual(new Set([VCPU_PARKED]));
});

test('what is asked of a vCPU while the host compiles is served before its region runs', () => {
  const { vm, first } = pair();
  whileCompiling(() => first.requestPause());
  first.setRegs({ ...first.getRegs(), rip: 0x1000, rbx: 1 });
  expect(first.enter(1_000_000)).toBe(RUN_REQUEST);
  expect(vm.memory.u64(first.page - VCPU_PAGE + VCPU_JIT + JIT_ENTERED)).toBe(0n);
  first.resume();
  expect(first.enter(1_000_000)).toBe(RUN_EXIT);
});

test('while the host compiles its vCPU is still in the core: its VM cannot be destroyed', () => {
  const { vm, first } = pair();
  const refused: string[] = [];
  whileCompiling(() => {
    try {
      vm.destroy();
    } catch (error) {
      refused.push((error as KvmError).code);
    }
  });
  run(first, 1);
  expect(new Set(refused)).toEqual(new Set(['EBUSY']));
});
