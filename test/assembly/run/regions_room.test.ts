// Room for compiled regions: who goes when it is used up, what is used again, and that the code goes on as before.

import { expect, test } from 'vitest';
import { VCPU_PAGE, VM_VCPUS } from '../../../assembly/abi/map.ts';
import { RUN_EXIT, V_JIT_BYTES, V_JIT_LIVE, V_JIT_REGIONS } from '../../../assembly/abi/vcpu_page.ts';
import { readTierEvents, readTiers, type Vcpu, type Vm } from '../../../web/kvm/index.ts';
import { flatVcpu, type Guest, load, vmWithRam } from './machine.ts';

/** A program on one vCPU whose regions may have `bytes` bytes; `entries`: see Vm.compileAfter. */
function compiled(source: string, entries: number | undefined, bytes?: number): Guest {
  const vm = vmWithRam();
  vm.compileAfter(entries, bytes);
  const labels = load(vm, source);
  return { vm, vcpu: flatVcpu(vm), labels };
}

function run(vcpu: Vcpu): bigint[] {
  expect(vcpu.enter(100_000_000)).toBe(RUN_EXIT);
  const { rax, rbx, rcx, rdx, rsi, rdi } = vcpu.getRegs();
  return [rax, rbx, rcx, rdx, rsi, rdi, BigInt(vcpu.instructions)];
}

const field = (vm: Vm, { page }: Vcpu, at: number): number => vm.memory.u32(page + at);

/** Regions that went for want of room. */
const evicted = (vm: Vm, { page }: Vcpu): number =>
  readTiers(vm.memory.wasm.buffer, page - VCPU_PAGE).dropped.unused;

/** Functions in the table of the core. */
function functions(vm: Vm): number {
  const { table } = vm.core;
  return Array.from({ length: table.length }, (_, n) => table.get(n)).filter((one) => one !== null).length;
}

/** `count` functions, called in turn `rounds` times, and one more behind each of them. */
const MANY = (count: number, rounds: number): string => `
    mov esi, ${rounds}
  round:
    ${Array.from({ length: count }, (_, n) => `call f${n}\ncall often`).join('\n')}
    dec esi
    jnz round
    hlt
    align 0x1000
  often: inc edi
    rcl ebx, 3
    ret
    ${Array.from({ length: count }, (_, n) => `align 64\nf${n}: add eax, ${n}\nrcl edx, ${n % 31}\nxor eax, edx\nret`).join('\n')}
`;

test('code does the same with room for one region, and no more than one is there', () => {
  const source = MANY(20, 100);
  const { vm, vcpu } = compiled(source, 0, 1);
  const before = functions(vm);
  expect(run(vcpu)).toEqual(run(compiled(source, undefined).vcpu));
  expect(field(vm, vcpu, V_JIT_LIVE)).toBe(1);
  expect(evicted(vm, vcpu)).toBeGreaterThan(300);
  expect(functions(vm)).toBe(before + 1);
});

test('what is used most is hardly ever made anew when there is no room for all', () => {
  const all = compiled(MANY(100, 1), 0);
  run(all.vcpu);
  const room = field(all.vm, all.vcpu, V_JIT_BYTES) >> 1;
  const { vm, vcpu, labels } = compiled(MANY(100, 40), 0, room);
  const often = BigInt(labels.get('often') ?? 0);
  const made = new Set<number>();
  let exit: number;
  // No more regions are made within 100 instructions than events are kept.
  do {
    exit = vcpu.enter(100);
    for (const { number, what, rip } of readTierEvents(vm.memory.wasm.buffer, vcpu.page - VCPU_PAGE))
      if (what === 'made' && rip === often) made.add(number);
  } while (exit !== RUN_EXIT);
  expect(field(vm, vcpu, V_JIT_BYTES)).toBeLessThanOrEqual(room);
  // The others come and go: each of the 100 functions is made anew some ten times, or more often.
  expect(evicted(vm, vcpu)).toBeGreaterThan(1000);
  expect(made.size).toBeLessThan(5);
});

test('numbers are used again when all are taken', { timeout: 60_000 }, () => {
  const source = `${MANY(1200, 2)}`;
  const { vm, vcpu } = compiled(source, 0);
  expect(run(vcpu)).toEqual(run(compiled(source, undefined).vcpu));
  expect(field(vm, vcpu, V_JIT_REGIONS)).toBeGreaterThan(2048);
  expect(field(vm, vcpu, V_JIT_LIVE)).toBeLessThan(2048);
  expect(evicted(vm, vcpu)).toBeGreaterThan(0);
});

test('records of a region that stays are moved together with their immediates', () => {
  // Each round drops a region that has kept two kilobytes, and calls one that has kept records with immediates.
  const source = `
    mov esi, 700
  again: inc byte [there + 2]
    call stays
  there: add edi, 0
    times 50 cpuid
    dec esi
    jnz again
    hlt
    align 0x1000
  stays: mov eax, esi
    rcl eax, 5
    enter 16, 0
    leave
    rcr eax, 3
    add ebp, eax
    mov eax, ebp
    xor edi, eax
    xor ebx, ebx
    ret
  `;
  const { vm, vcpu } = compiled(source, 0);
  expect(run(vcpu)).toEqual(run(compiled(source, undefined).vcpu));
  expect(evicted(vm, vcpu)).toBe(0);
});

test('a vCPU that is reset leaves no function behind', () => {
  const { vm, vcpu } = compiled(MANY(20, 1), 0);
  run(vcpu);
  const [before, places] = [functions(vm), vm.core.table.length];
  for (let n = 0; n < 5; n++) {
    vm.memory.and(vm.memory.vm + VM_VCPUS, ~1);
    const { rax } = vcpu.getRegs();
    const anew = flatVcpu(vm);
    run(anew);
    expect(anew.getRegs().rax).toBe(rax);
    expect([functions(vm), vm.core.table.length]).toEqual([before, places]);
  }
});

test.each([0, -1, 1.5, 2 ** 32])('a room of %s bytes is refused', (bytes) => {
  expect(() => vmWithRam().compileAfter(0, bytes)).toThrow('EINVAL');
});
