// Steal time: what a guest is told of the time that its vCPUs wait for a turn, in the engine whose time is exact.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { KVM_MP_STATE_RUNNABLE } from '../../../assembly/abi/kvm_run.ts';
import { VM_VIRTUAL_NS } from '../../../assembly/abi/map.ts';
import { assemble } from '../../../web/asm/index.ts';
import { KVM_EXIT } from '../../../web/kvm/index.ts';
import { Machine, runRound } from '../../../web/vmm/index.ts';
import { Machine as Cpu } from '../exec/machine.ts';

const core = new WebAssembly.Module(readFileSync('build/core.wasm'));
const STEAL_TIME = 0x4b56_4d03;
const STRUCT = 0x3000;
const PREEMPTED = 1;
const FLUSH_TLB = 2;
const NS_PER_INSTRUCTION = 5n;

/** A deterministic machine whose vCPUs all run `source`, each with its struct at STRUCT + 64 * id. */
function machine(source: string, cpus = 2): Machine {
  const result = assemble(`bits 32\norg 0x10000\n${source}\n`);
  if (result.errors !== undefined) throw new Error(result.errors[0]?.message);
  const made = Machine.create(core, {
    ...{ memory: 0x100000, cpus, engine: 'deterministic', seed: 7 },
    program: { kind: 'flat', image: result.bytes, at: 0x10000, mode: 'protected' },
  });
  const { vm } = made;
  for (const id of vm.vcpuIds()) {
    const vcpu = vm.vcpu(id);
    vcpu.setSregs(withoutApic(vm.vcpu(0).getSregs()));
    vcpu.setRegs(vm.vcpu(0).getRegs());
    vcpu.setMpState(KVM_MP_STATE_RUNNABLE);
    vcpu.setMsrs([{ index: STEAL_TIME, data: BigInt(STRUCT + id * 64) | 1n }]);
  }
  made.run();
  return made;
}

function withoutApic<T extends { apic_base: bigint }>(sregs: T): Omit<T, 'apic_base'> {
  const { apic_base: _, ...rest } = sregs;
  return rest;
}

function told({ vm }: Machine, id: number): { steal: bigint; version: number; preempted: number } {
  const view = new DataView(vm.read(STRUCT + id * 64, 64).buffer);
  return {
    steal: view.getBigUint64(0, true),
    version: view.getUint32(8, true),
    preempted: view.getUint8(16),
  };
}

/** One round; how long each vCPU ran in it, in ns. */
function round(made: Machine): bigint[] {
  const ids = made.vm.vcpuIds();
  const before = ids.map((id) => made.vcpu(id).instructions);
  runRound(made);
  return ids.map((id) => (made.vcpu(id).instructions - (before[id] as bigint)) * NS_PER_INSTRUCTION);
}

test('the turns of the others are stolen, and a vCPU that waits for its turn is preempted', () => {
  const made = machine('again: inc eax\njmp again');
  const [, second] = round(made);
  expect([told(made, 0), told(made, 1)]).toMatchObject([
    { steal: 0n, preempted: PREEMPTED },
    { steal: 0n, preempted: PREEMPTED },
  ]);
  const [first] = round(made);
  expect([told(made, 0), told(made, 1)]).toMatchObject([{ steal: second }, { steal: first }]);
  expect(told(made, 0).version % 2).toBe(0);
});

test('it is the same in every run', () => {
  const [one, two] = [1, 2].map(() => {
    const made = machine('again: mov ecx, [0x3000]\nadd edx, ecx\njmp again', 3);
    for (let n = 0; n < 20; n++) runRound(made);
    return Buffer.from(made.vm.read(0, 0x20000));
  }) as [Buffer, Buffer];
  expect(one.equals(two)).toBe(true);
  expect(one.readBigUInt64LE(STRUCT)).toBeGreaterThan(0n);
});

test('the time of a pause is nobody’s, nor that of a vCPU that halts', () => {
  const made = machine('sti\nagain: inc eax\njmp again');
  round(made);
  made.vcpu(0).requestPause();
  for (let n = 0; n < 5; n++) round(made);
  made.vcpu(0).resume();
  round(made);
  expect(told(made, 0).steal).toBe(0n);
  const idle = machine(
    'cmp dword [0x2000], 0\nmov dword [0x2000], 1\nje again\nhlt\nagain: inc eax\njmp again',
  );
  // The first waits while the second takes its turn, in which it halts.
  const [, second] = round(idle);
  for (let n = 0; n < 5; n++) round(idle);
  expect([told(idle, 0).steal, told(idle, 1)]).toMatchObject([second, { steal: 0n, preempted: 0 }]);
});

test('a halted vCPU waits from its interrupt on', () => {
  const made = machine('sti\nagain: hlt\njmp again', 1);
  const { vm } = made;
  const { cs } = vm.vcpu(0).getSregs();
  vm.vcpu(0).setSregs({ idt: { base: 0n, limit: 0x7ff } });
  vm.write(0x40 * 8, new Uint8Array([0, 0, cs.selector, 0, 0, 0x8e, 1, 0]));
  runRound(made);
  const { regs } = vm.vcpu(0).getLapic();
  regs.set([0xff, 1], 0xf0);
  vm.vcpu(0).setLapic({ regs });
  runRound(made);
  vm.signalMsi({ address_lo: 0xfee0_0000, data: 0x40 });
  const at = vm.memory.vm + VM_VIRTUAL_NS;
  vm.memory.setU64(at, vm.memory.u64(at) + 12_345n);
  runRound(made);
  expect(told(made, 0).steal).toBe(12_345n);
});

test('a vCPU that was found preempted flushes its TLB for who found it', () => {
  // mov rax, [rsi]; out 0x42, al; mov rbx, [rsi]; and halts.
  const seen = (flag: number): bigint[] => {
    const cpu = new Cpu('long');
    const view = new DataView(cpu.ram.buffer, cpu.ram.byteOffset);
    // A table of 2 MiB pages: the second one is the first.
    view.setBigUint64(0x9000, 0xa003n, true);
    view.setBigUint64(0xa000, 0x83n, true);
    view.setBigUint64(0xa008, 0x83n, true);
    view.setBigUint64(0x100, 1n, true);
    cpu.vm.setUserMemoryRegion({
      ...{ slot: 1, guest_phys_addr: 0x20_0000, memory_size: 0x20_0000 },
      userspace_addr: cpu.vm.allocate(0x20_0000),
    });
    cpu.vm.write(0x20_0100, new Uint8Array([2]));
    cpu.vcpu.setMsrs([{ index: STEAL_TIME, data: BigInt(STRUCT) | 1n }]);
    cpu.prepare('488b06 e642 488b1e', { rsi: 0x20_0100 });
    expect(cpu.vcpu.run()).toBe(KVM_EXIT.IO);
    view.setBigUint64(0xa008, 0x20_0083n, true);
    cpu.vcpu.waits(true);
    expect(cpu.ram[STRUCT + 16]).toBe(PREEMPTED);
    cpu.vm.write(STRUCT + 16, new Uint8Array([flag]));
    expect(cpu.vcpu.run()).toBe(KVM_EXIT.HLT);
    expect(cpu.ram[STRUCT + 16]).toBe(0);
    const { rax, rbx } = cpu.vcpu.getRegs();
    return [rax, rbx];
  };
  expect(seen(PREEMPTED)).toEqual([1n, 1n]);
  expect(seen(PREEMPTED | FLUSH_TLB)).toEqual([1n, 2n]);
});
