// The deterministic engine leaves the same bytes whatever is compiled: timer interrupts, ports and clocks at the same instructions.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { V_JIT_REGIONS } from '../../../assembly/abi/vcpu_page.ts';
import { assemble } from '../../../web/asm/index.ts';
import { clearDerived } from '../../../web/kvm/index.ts';
import { Machine, type Program, runRound } from '../../../web/vmm/index.ts';

const core = new WebAssembly.Module(readFileSync('build/core.wasm'));

interface Guest {
  readonly program: Program;
  /** Where it counts interrupts. */
  readonly ticks: number;
}

/** What a machine has come to after `rounds` turns, or when it ended: instructions, memory without what is derived, regions. */
function outcome({ program, ticks }: Guest, jit: number | 'off', rounds = 400) {
  const made = Machine.create(core, {
    memory: 0x400000,
    cpus: 1,
    engine: 'deterministic',
    seed: 5,
    jit,
    program,
  });
  made.run();
  for (let n = 0; n < rounds && runRound(made) && made.words.isRunning; n++);
  const { memory } = made.vm;
  const copy = new Uint8Array(memory.size);
  copy.set(memory.bytes(0, memory.size));
  clearDerived(memory, copy);
  const { page, instructions } = made.vcpu(0);
  const counts = new Uint32Array(made.vm.read(ticks, 8).slice().buffer);
  return { copy: Buffer.from(copy.buffer), instructions, counts, regions: memory.u32(page + V_JIT_REGIONS) };
}

function guest(source: string): Guest {
  const result = assemble(`bits 32\norg 0x10000\n${source}\n`);
  if (result.errors !== undefined) throw new Error(result.errors[0]?.message);
  const program = { kind: 'flat', image: result.bytes, at: 0x10000, mode: 'protected' } as const;
  return { program, ticks: Number(result.symbols.get('ticks')) };
}

/** Interrupts of the 8254 a thousand times a second find a loop in some state, which they add up with clocks and print. */
const TIMER = `
    mov al, 0x11          ; both 8259: ICW1 to ICW4, vectors from 0x20 on
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
    mov al, 0xfe
    out 0x21, al
    mov al, 0x34          ; counter 0: mode 2, 1193
    out 0x43, al
    mov al, 0xa9
    out 0x40, al
    mov al, 4
    out 0x40, al
    mov eax, tick
    mov [idt + 0x20 * 8], ax
    mov word [idt + 0x20 * 8 + 2], cs
    mov word [idt + 0x20 * 8 + 4], 0x8e00
    shr eax, 16
    mov [idt + 0x20 * 8 + 6], ax
    lidt [pointer]
    sti
    xor esi, esi
  work:
    mov ecx, 300
  again: imul esi, esi, 1664525
    add esi, 1013904223
    mov ebx, esi
    shr ebx, 20
    add [table + ebx * 4], ecx
    call change
    dec ecx
    jnz again
    test byte [ticks], 7
    jnz work
    hlt
    jmp work
  change: rol edx, 3
    adc edx, esi
    ret
  tick: push eax
    push edx
    inc dword [ticks]
    add [state], esi
    adc [state + 4], ecx
    rdtsc
    add [state + 8], eax
    in al, 0x40
    add [state + 12], al
    mov dx, 0x3f8
    mov al, [state]
    out dx, al
    mov al, 0x20
    out 0x20, al
    pop edx
    pop eax
    iret
  align 16
  pointer: dw 0x7ff
    dd idt
  ticks: dd 0
  state: times 4 dd 0
  idt equ 0x20000
  table equ 0x30000
`;

test('a guest with a timer leaves the same bytes with every tier', () => {
  const timer = guest(TIMER);
  const plain = outcome(timer, 'off');
  expect(plain.counts[0]).toBeGreaterThan(50);
  expect(plain.regions).toBe(0);
  for (const jit of [0, 100]) {
    const compiled = outcome(timer, jit);
    expect(compiled.regions).toBeGreaterThan(1);
    expect(compiled.instructions).toEqual(plain.instructions);
    expect(compiled.copy.equals(plain.copy)).toBe(true);
  }
});

/** A processor that interrupts itself in the middle of a region, and counts where it was found. */
const SELF = `
    mov eax, tick
    mov [idt + 0x30 * 8], ax
    mov word [idt + 0x30 * 8 + 2], cs
    mov word [idt + 0x30 * 8 + 4], 0x8e00
    shr eax, 16
    mov [idt + 0x30 * 8 + 6], ax
    lidt [pointer]
    mov dword [0xfee000f0], 0x1ff
    sti
    mov esi, 500
  work: xor ecx, ecx
    mov dword [0xfee00300], 0x44030
    inc ecx
    test esi, 1
    jz one
    inc ecx
  one: test esi, 2
    jz two
    inc ecx
  two: inc ecx
    dec esi
    jnz work
    hlt
  tick: inc dword [ticks]
    inc dword [state + ecx * 4]
    mov dword [0xfee000b0], 0
    iret
  align 16
  pointer: dw 0x7ff
    dd idt
  ticks: dd 0
  state: times 8 dd 0
  idt equ 0x20000
`;

test('an interrupt to oneself comes behind the store that asks for it, with every tier', () => {
  const self = guest(SELF);
  const plain = outcome(self, 'off', 20);
  expect([...plain.counts]).toEqual([500, 500]);
  const compiled = outcome(self, 0, 20);
  expect(compiled.regions).toBeGreaterThan(1);
  expect(compiled.copy.equals(plain.copy)).toBe(true);
});
