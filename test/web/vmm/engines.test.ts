// The thread of a vCPU: what it looks at besides its guest.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { KVM_MP_STATE_RUNNABLE } from '../../../assembly/abi/kvm_run.ts';
import { assemble } from '../../../web/asm/index.ts';
import { machineNanoseconds } from '../../../web/kvm/index.ts';
import { Machine, runRound, runVcpuThread } from '../../../web/vmm/index.ts';

const core = new WebAssembly.Module(readFileSync('build/core.wasm'));
const CODE = 0x10000;
const END = 0xf8;

/** Takes the 8259s' interrupts, lets the clock tick 1024 times a second, and halts; the fifth tick writes to END. */
const CLOCK = `bits 32
org ${CODE}
  mov dword [0xfee000f0], 0x1ff
  mov dword [0xfee00350], 0x700
  mov word [gate], tick
  mov word [gate + 6], tick >> 16
  lidt [idt]
  mov al, 0x11
  out 0x20, al
  out 0xa0, al
  mov al, 0x20
  out 0x21, al
  mov al, 0x28
  out 0xa1, al
  mov al, 4
  out 0x21, al
  mov al, 2
  out 0xa1, al
  mov al, 1
  out 0x21, al
  out 0xa1, al
  mov al, 0xfb
  out 0x21, al
  mov al, 0xfe
  out 0xa1, al
  mov al, 10
  out 0x70, al
  mov al, 0x26
  out 0x71, al
  mov al, 11
  out 0x70, al
  mov al, 0x42
  out 0x71, al
  mov esp, 0x8000
  mov ecx, 5
  sti
wait_for:
  hlt
  jmp wait_for
tick:
  mov al, 12
  out 0x70, al
  in al, 0x71
  mov al, 0x20
  out 0xa0, al
  out 0x20, al
  dec ecx
  jnz back
  out ${END}, al
back:
  iret
idt:
  dw 0x28 * 8 + 7
  dd gate - 0x28 * 8
gate:
  dw 0, 0x10, 0x8e00, 0
`;

test('a vCPU that has set a device going looks at it, though that is usually the affair of vCPU 0', () => {
  const program = assemble(CLOCK);
  if (program.errors !== undefined) throw new Error(program.errors[0]?.message);
  const flat = { kind: 'flat', image: program.bytes, at: CODE, mode: 'protected' } as const;
  const machine = Machine.create(core, { memory: 0x100000, cpus: 2, engine: 'parallel', program: flat });
  const [first, own] = [machine.vcpuWords(0), machine.vcpuWords(1)];
  own.vcpu.setSregs(first.vcpu.getSregs());
  own.vcpu.setRegs(first.vcpu.getRegs());
  own.vcpu.setMpState(KVM_MP_STATE_RUNNABLE);
  let ticks = 0;
  const end = () => {
    ticks++;
    own.leave();
  };
  machine.board?.ports.register({ start: END, length: 1 }, { read: () => 0, write: end }, 'end');
  machine.run();
  own.attach();
  runVcpuThread(machine, 1);
  expect(ticks).toBe(1);
});

/** Real mode: the handler of #UD is one, and SP wraps. */
const ENDLESS = `bits 16
org 0x7c00
  xor ax, ax
  mov ds, ax
  mov ax, 0x2000
  mov ss, ax
  mov word [6 * 4], endless
  mov word [6 * 4 + 2], 0
endless: ud2
`;

test('a handler that faults for ever ends its turn in the deterministic engine, and time goes on', () => {
  const program = assemble(ENDLESS);
  if (program.errors !== undefined) throw new Error(program.errors[0]?.message);
  const flat = { kind: 'flat', image: program.bytes, at: 0x7c00, mode: 'real' } as const;
  const machine = Machine.create(core, { memory: 0x100000, cpus: 1, engine: 'deterministic', program: flat });
  machine.run();
  const ms = [1, 2].map(() => {
    expect(runRound(machine)).toBe(true);
    return Number(machineNanoseconds(machine.vm.memory)) / 1e6;
  });
  // 200,000 instructions of 5 ns.
  expect(ms).toEqual([1, 2]);
});
