// The lab's guests in our own machine, on the deterministic engine: what they print, how they end, what they leave.
import { describe, expect, test } from 'vitest';
import { CONSOLE_OUT_RING } from '../../../assembly/abi/map.ts';
import { assemble } from '../../../web/asm/index.ts';
import { readCore } from '../../../web/cli/core_file.ts';
import { Ring } from '../../../web/devices/index.ts';
import { exitCounts, KVM_EXIT } from '../../../web/kvm/index.ts';
import { findGuest } from '../../../web/lab/index.ts';
import { Machine, runRound } from '../../../web/vmm/index.ts';

const core = readCore();

interface Run {
  machine: Machine;
  output: string;
  ending: { reason: string; status: number } | undefined;
}

/** Runs a guest until it ends or `rounds` are over; `input` is typed when it has printed something. */
function run(id: string, options: { seed?: number; rounds?: number; input?: string } = {}): Run {
  const guest = findGuest(id);
  const image = assemble(guest?.source ?? '');
  if (!guest || image.errors) throw new Error(`The guest ${id} does not assemble.`);
  const { memory, cpus, slots, exitPort, at, mode } = guest.machine;
  const machine = Machine.create(core, {
    ...{ memory, cpus, slots, exitPort, engine: 'deterministic', seed: options.seed },
    program: { kind: 'flat', image: image.bytes, at, mode },
  });
  const ring = Ring.at(machine.vm.memory.wasm.buffer, machine.vm.memory.base + CONSOLE_OUT_RING);
  machine.run();
  let output = '';
  let input = options.input ?? '';
  for (let round = 0; round < (options.rounds ?? 20_000) && machine.words.isRunning; round++) {
    runRound(machine);
    output += String.fromCharCode(...ring.read());
    if (output && input) {
      machine.board?.input.offer(Uint8Array.from(input, (char) => char.charCodeAt(0)));
      input = '';
    }
  }
  return { machine, output, ending: machine.words.ending };
}

describe('in our machine', () => {
  test('hello_port prints 4 with two exits and halts', () => {
    const { machine, output, ending } = run('hello_port');
    expect(output).toBe('4\n');
    expect(ending?.reason).toBe('halted');
    expect(exitCounts(machine.vm.memory, 0).get(KVM_EXIT.IO)).toBe(2);
  });

  test('mmio leaves three times with KVM_EXIT_MMIO, and its ROM keeps its bytes', () => {
    const { machine, ending } = run('mmio');
    expect(ending).toEqual({ reason: 'exit', status: 1 });
    expect(exitCounts(machine.vm.memory, 0).get(KVM_EXIT.MMIO)).toBe(3);
    const { rbx, rdx } = machine.vm.vcpu(0).getRegs();
    expect([rbx, rdx & 0xffn]).toEqual([0xffffffffn, 0n]);
  });

  test('modes prints a line at each stage and ends in long mode', () => {
    const { machine, output, ending } = run('modes');
    expect(output.split('\r\n').map((line) => line[0])).toEqual(['1', '2', '3', '4', undefined]);
    expect(ending).toEqual({ reason: 'exit', status: 1 });
    expect(machine.vm.vcpu(0).getRegs().rbx).toBe(0x123456789abcdef0n);
  });

  test('vectors prints what x87, MMX and SSE computed, and leaves an empty x87 stack', () => {
    const { machine, output, ending } = run('vectors');
    expect(output).toMatch(/: 19635\r\n.*: 110 150 190 230 255 255 255 255 \r\n.*: 3 9 4 30 make 46\r\n$/);
    expect(ending).toEqual({ reason: 'exit', status: 1 });
    expect(machine.vm.vcpu(0).getFpu().ftwx).toBe(0);
  });

  test('echo sends back what is typed', () => {
    const { output, ending } = run('echo', { input: 'ab\rq' });
    expect(output).toMatch(/q ends\.\r\nab\r\n\r\nGoodbye\.\r\n$/);
    expect(ending).toEqual({ reason: 'exit', status: 1 });
  });

  test("painter's dirty log shows rings round the middle", () => {
    const { machine } = run('painter', { rounds: 100 });
    const log = machine.vm.getDirtyLog(1);
    const isDirty = (x: number, y: number) => ((log[(y * 64 + x) >> 3] ?? 0) >> (x & 7)) & 1;
    expect([isDirty(32, 32), isDirty(0, 0)]).toEqual([1, 0]);
    for (let x = 1; x < 64; x++) expect(isDirty(x, 32)).toBe(isDirty(64 - x, 32));
  });

  test('smp wakes the second processor', () => {
    const { output, ending } = run('smp');
    expect(output).toMatch(/^CPU 0: I am.*CPU 1: awake.*CPU 0: I have seen them come\r\n$/s);
    expect(ending).toEqual({ reason: 'exit', status: 1 });
  });

  test('lock loses additions without LOCK, the same with the same seed', () => {
    const totals = (seed: number) =>
      [...run('lock', { seed }).output.matchAll(/: +(\d+)/g)].map((match) => Number(match[1]));
    const first = totals(1);
    expect(first[0]).toBeLessThan(400_000);
    expect(first.slice(1)).toEqual([400_000, 400_000]);
    expect(totals(1)).toEqual(first);
    expect(totals(5)[0]).not.toBe(first[0]);
  });

  test('count counts', () => {
    const { machine } = run('count', { rounds: 10 });
    const { rax, rcx } = machine.vm.vcpu(0).getRegs();
    expect(rax).toBeGreaterThan(100_000n);
    expect(1_000_000_000n - rcx - rax).toBeLessThanOrEqual(1n);
  });
});
