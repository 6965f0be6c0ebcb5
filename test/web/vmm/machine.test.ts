// Machines: what they refuse to be made of, and the deterministic engine's rounds. On the built core, without threads.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { assemble } from '../../../web/asm/index.ts';
import { Machine, type MachineSpec, runRound } from '../../../web/vmm/index.ts';

const core = new WebAssembly.Module(readFileSync('build/core.wasm'));

function machine(source: string, more: Partial<MachineSpec> = {}): Machine {
  const result = assemble(`bits 32\norg 0x10000\n${source}\n`);
  if (result.errors !== undefined) throw new Error(result.errors[0]?.message);
  return Machine.create(core, {
    ...{ memory: 0x100000, cpus: 1, engine: 'deterministic' },
    program: { kind: 'flat', image: result.bytes, at: 0x10000, mode: 'protected' },
    ...more,
  });
}

/** Runs until the machine ends or nothing will ever happen. */
function runOut(made: Machine): Machine {
  made.run();
  while (runRound(made) && made.words.isRunning);
  return made;
}

test('slots that overlap are refused with EEXIST', () => {
  expect(() => machine('hlt', { slots: [{ gpa: 0xff000, size: 0x2000 }] })).toThrow(/EEXIST/);
});

test('a slot of half a page is refused with EINVAL', () => {
  expect(() => machine('hlt', { slots: [{ gpa: 0x200000, size: 0x800 }] })).toThrow(/EINVAL/);
});

test('memory that is no whole number of pages is refused with what to give instead', () => {
  expect(() => machine('hlt', { memory: 0x100800 })).toThrow('give a size such as 64M');
});

test('a triple fault ends the machine as a shutdown', () => {
  expect(runOut(machine('lidt [none]\nud2\nnone: dw 0\ndd 0')).words.ending?.reason).toBe('shutdown');
});

test('a jump into a hole parks the vCPU that made it', () => {
  const { words } = runOut(machine('mov eax, 0x40000000\njmp eax'));
  expect([words.ending?.reason, words.parked]).toEqual(['error', 0]);
});

test('HLT with interrupts off ends the machine', () => {
  expect(runOut(machine('cli\nhlt')).words.ending).toEqual({ reason: 'halted', status: 0 });
});

test('rounds of an idle machine leave its memory as it is', () => {
  const idle = runOut(machine('lidt [0]\nsti\nagain: hlt\njmp again'));
  expect(idle.words.state).toBe('running');
  const before = Buffer.from(new Uint8Array(idle.vm.memory.wasm.buffer));
  for (let n = 0; n < 5; n++) expect(runRound(idle)).toBe(false);
  expect(Buffer.from(new Uint8Array(idle.vm.memory.wasm.buffer)).equals(before)).toBe(true);
});

test('idle time passes as fast as it is let, up to the next deadline', () => {
  const idle = machine(
    'lidt [0]\nmov al, 0x30\nout 0x43, al\nmov al, 0xff\nout 0x40, al\nout 0x40, al\nsti\nagain: hlt\njmp again',
  );
  idle.run();
  const asked: bigint[] = [];
  const let1us = (ns: bigint) => {
    asked.push(ns);
    return 1000n;
  };
  while (asked.length < 3) runRound(idle, let1us);
  const [first = 0n, second = 0n, third = 0n] = asked;
  expect([first - second, second - third]).toEqual([1000n, 1000n]);
  expect(runRound(idle)).toBe(true);
});

/** Sleeps through five ticks of the 8254, a millisecond each, and ends. */
const TICKS = `bits 16
 org 0x1000
 mov word [0x20], tick
 mov al, 0x11
 out 0x20, al
 mov al, 8
 out 0x21, al
 mov al, 4
 out 0x21, al
 mov al, 1
 out 0x21, al
 mov al, 0xfe
 out 0x21, al
 mov al, 0x34
 out 0x43, al
 mov al, 0xa9
 out 0x40, al
 mov al, 4
 out 0x40, al
 mov cx, 5
 sti
again: hlt
 loop again
 cli
 hlt
tick: push ax
 mov al, 0x20
 out 0x20, al
 rdtsc
 mov [0x3000], eax
 pop ax
 iret
`;

test('in whatever steps idle time passes, the same bytes are left', () => {
  const run = (pass?: (ns: bigint) => bigint) => {
    const { bytes } = assemble(TICKS) as { bytes: Uint8Array };
    const made = machine('hlt', { program: { kind: 'flat', image: bytes, at: 0x1000, mode: 'real' } });
    made.run();
    let rounds = 0;
    for (; made.words.isRunning && rounds < 10_000; rounds++) runRound(made, pass);
    expect(made.words.ending?.reason).toBe('halted');
    return { rounds, memory: Buffer.from(new Uint8Array(made.vm.memory.wasm.buffer)) };
  };
  const [whole, steps] = [run(), run((ns) => (ns > 10_000n ? 10_000n : ns))];
  expect(steps.rounds).toBeGreaterThan(whole.rounds + 100);
  expect(steps.memory.equals(whole.memory)).toBe(true);
});
