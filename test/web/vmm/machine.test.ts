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
