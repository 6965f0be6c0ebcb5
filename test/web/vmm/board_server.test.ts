// Devices that answer inside the core: what a guest, a debugger and the trace see is what they see of an exit.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { KVM_GUESTDBG_ENABLE, KVM_GUESTDBG_SINGLESTEP } from '../../../assembly/abi/kvm_run.ts';
import { TRACE_ENTRY_SIZE, TRACE_HEADER, TRACE_RING } from '../../../assembly/abi/map.ts';
import { assemble } from '../../../web/asm/index.ts';
import type { Device } from '../../../web/devices/index.ts';
import { exitCounts, KVM_EXIT } from '../../../web/kvm/index.ts';
import { Machine, runVcpuThread } from '../../../web/vmm/index.ts';

const core = new WebAssembly.Module(readFileSync('build/core.wasm'));
const CODE = 0x10000;
/** The guest's last write goes to this port, where its thread is told to return. */
const END = 0xf8;

/** Runs a guest whose ports 0xe0 to 0xe3 have a device, on this thread, until it writes to END. */
function run(source: string, device: Partial<Device>, setUp: (machine: Machine) => void = () => {}) {
  const program = assemble(`bits 32\norg ${CODE}\n${source}\nend: out ${END}, al\nbehind: hlt\n`);
  if (program.errors !== undefined) throw new Error(program.errors[0]?.message);
  const flat = { kind: 'flat', image: program.bytes, at: CODE, mode: 'protected' } as const;
  const machine = Machine.create(core, { memory: 0x100000, cpus: 1, engine: 'parallel', program: flat });
  const own = machine.vcpuWords(0);
  const nothing = { read: () => 0, write() {}, reset() {} };
  machine.board?.ports.register({ start: 0xe0, length: 4, width: 4 }, { ...nothing, ...device }, 'tested');
  machine.board?.ports.register({ start: END, length: 1 }, { ...nothing, write: () => own.leave() }, 'end');
  setUp(machine);
  machine.run();
  own.attach();
  runVcpuThread(machine, 0);
  return { machine, vcpu: own.vcpu, labels: program.symbols };
}

/** The trace without its times. */
function trace({ vm }: Machine): string[] {
  const entries = vm.memory.u32(vm.memory.base + TRACE_RING);
  const at = vm.memory.base + TRACE_RING + TRACE_HEADER;
  return Array.from({ length: entries }, (_, n) =>
    Buffer.from(vm.memory.bytes(at + n * TRACE_ENTRY_SIZE, TRACE_ENTRY_SIZE).slice(8)).toString('hex'),
  );
}

const ACCESSES = `
  mov ecx, 3000
again:
  out 0xe0, al
  dec ecx
  jnz again
  mov eax, 0x89abcdef
  out 0xe0, eax
  out 0xe2, ax
  out 0xe1, al
  out 0xe1, ax
  in eax, 0xe0
  mov ebx, eax
  in ax, 0xe2
  mov edx, 0xe3
  in al, dx
  mov esi, ${CODE}
  mov ecx, 20
  rep outsb
  out 0xed, al
  in al, 0x99`;

test('a device that answers inside the core leaves the same accesses, registers, counts and trace', () => {
  const [inside, outside] = [true, false].map((isQuick) => {
    const seen: number[][] = [];
    const { machine, vcpu } = run(ACCESSES, {
      isQuick,
      read: (offset, size) => 0xf0e0d0c0 + offset + size,
      write: (...access) => seen.push(access),
    });
    const stats = vcpu.stats().filter(({ name }) => name.includes('exits'));
    return {
      ...{ seen, regs: vcpu.getRegs(), instructions: vcpu.instructions, trace: trace(machine) },
      ...{ counts: [...exitCounts(machine.vm.memory, 0)], stats, io: { ...vcpu.kvmRun.io } },
    };
  });
  expect(inside).toEqual(outside);
  expect(inside?.seen.length).toBeGreaterThan(3020);
});

test('a device that pauses its vCPU stops it behind the access', () => {
  let paused = (): void => {};
  const { vcpu, labels } = run(
    'mov ecx, 5\nout 0xe0, al\nnext: inc ecx',
    { isQuick: true, write: () => paused() },
    (machine) => {
      paused = () => {
        machine.vcpu(0).requestPause();
        machine.vcpuWords(0).leave();
      };
    },
  );
  const { rip, rcx } = vcpu.getRegs();
  expect([Number(rip), rcx]).toEqual([Number(labels.get('next')), 5n]);
});

test('a single step over an access stops behind it, with its answer', () => {
  let leave = (): void => {};
  const read = (): number => {
    leave();
    return 0x5a;
  };
  const { vcpu, labels } = run('in al, 0xe0\nnext: inc ecx', { isQuick: true, read }, (machine) => {
    leave = () => machine.vcpuWords(0).leave();
    machine.vcpu(0).setGuestDebug({ control: KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP });
  });
  vcpu.enter();
  const { rip, rax } = vcpu.getRegs();
  expect([vcpu.kvmRun.exitReason, Number(rip), rax & 0xffn]).toEqual([
    KVM_EXIT.DEBUG,
    Number(labels.get('next')),
    0x5an,
  ]);
});

test('registers that travel through the run page travel with every exit', () => {
  const { vcpu } = run('mov ebx, 7\nout 0xe0, al', { isQuick: true }, (machine) => {
    machine.vcpu(0).kvmRun.validRegs = 1n;
  });
  expect(vcpu.kvmRun.sync.regs.rbx).toBe(7n);
});

test('what a device throws inside the core ends the thread, with the vCPU out of the core', () => {
  let machine: Machine | undefined;
  const write = (): never => {
    throw new Error('the device broke');
  };
  const made = (one: Machine): void => {
    machine = one;
  };
  expect(() => run('out 0xe0, al', { isQuick: true, write }, made)).toThrow('the device broke');
  expect(machine?.vcpu(0).running).toBe(false);
});
