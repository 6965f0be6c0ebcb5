// Blocks against single instructions: joined records and flags that are not worked out must not be seen by anybody.
import { expect, test } from 'vitest';
import { RUN_BUDGET } from '../../../assembly/abi/vcpu_page.ts';
import { KVM_EXIT, type KvmRegs } from '../../../web/kvm/index.ts';
import { Machine, type Mode, randomBits } from './machine.ts';

const PROGRAMS = 300;
const LENGTH = 24;
/** ESI points into RAM, EDI is an index; the programs write to neither. */
const START = { rsi: 0x20000, rdi: 8 };

/** Programs of instructions that have quick forms, with branches over the next one and reads of MMIO between them. */
class Programs {
  readonly #bits: (bits: number) => bigint;
  readonly #long: boolean;

  constructor(mode: Mode, seed: number) {
    this.#bits = randomBits(seed);
    this.#long = mode === 'long';
  }

  #pick<T>(from: readonly T[]): T {
    return from[Number(this.#bits(16)) % from.length] as T;
  }

  /** AX CX DX BX. */
  #to(): number {
    return Number(this.#bits(2));
  }

  #instruction(): number[] {
    const rex = this.#long && this.#bits(1) ? [0x48] : [];
    const [to, byte] = [this.#to(), Number(this.#bits(8))];
    const from = this.#pick([0, 1, 2, 3, 6, 7]);
    const pair = 0xc0 | (from << 3) | to;
    const memory = 0x46 | (this.#to() << 3);
    const cc = Number(this.#bits(4));
    const shape = this.#pick([...Array(16).keys()]);
    switch (shape) {
      case 0:
      case 1:
        return [...rex, this.#pick([0x01, 0x09, 0x11, 0x19, 0x21, 0x29, 0x31, 0x39, 0x85]), pair];
      case 2:
        return [
          ...rex,
          this.#pick([0x03, 0x0b, 0x13, 0x1b, 0x23, 0x2b, 0x33, 0x3b]),
          0xc0 | (to << 3) | from,
        ];
      case 3:
        return [...rex, 0x83, 0xc0 | (Number(this.#bits(3)) << 3) | to, byte];
      case 4:
        return this.#bits(1)
          ? [...rex, 0xd3, this.#pick([0xe0, 0xe8, 0xf8]) | to]
          : [...rex, 0xc1, this.#pick([0xe0, 0xe8, 0xf8]) | to, byte & 31];
      case 5:
        return [...rex, 0xff, this.#pick([0xc0, 0xc8]) | to];
      case 6:
        return [...rex, 0xf7, this.#pick([0xd0, 0xd8]) | to];
      case 7:
        return [...rex, 0x0f, 0xaf, 0xc0 | (to << 3) | from];
      case 8:
        return [0x0f, 0x90 | cc, 0xc0 | to];
      case 9:
        return [...rex, 0x0f, 0x40 | cc, 0xc0 | (to << 3) | from];
      case 10:
        return [...rex, this.#pick([0x89, 0x8b]), 0xc0 | (this.#to() << 3) | to];
      case 11:
        return [
          ...rex,
          this.#pick([0x0fb6, 0x0fb7, 0x0fbe]) >> 8,
          this.#pick([0xb6, 0xb7, 0xbe]),
          pair & 0xdb,
        ];
      case 12:
        return [
          ...rex,
          0x8d,
          0x44 | (to << 3),
          (Number(this.#bits(2)) << 6) | (this.#to() << 3) | this.#to(),
          byte,
        ];
      case 13:
        return [
          ...rex,
          this.#pick([0x89, 0x8b, 0x03, 0x23, 0x2b, 0x33, 0x0b, 0x3b, 0x39]),
          memory,
          byte & 0x78,
        ];
      case 14:
        return this.#pick([
          [...rex, 0x89, 0x44 | (to << 3), 0x3e, byte & 0x78],
          [...rex, 0x03, 0x44 | (to << 3), 0x3e, byte & 0x78],
          [...rex, 0x33, 0x44 | (to << 3), 0x3e, byte & 0x78],
          [...rex, 0x0f, 0x40 | cc, memory, byte & 0x78],
          [0x66, 0x8b, memory, byte & 0x78],
          [0x38, memory, byte & 0x7f],
          [0x80, 0x7e, byte & 0x7f, 0x55],
          [0xf6, 0x46, byte & 0x7f, 0x55],
          [0x50 | to, 0x58 | this.#to()],
        ]);
      default:
        // MOV from MMIO: an exit, which shows everything.
        return this.#bits(2) ? [0x90] : [0x8b, 0x87 | (to << 3), 0, 0, 0x30, 0];
    }
  }

  next(): string {
    const bytes: number[] = [];
    for (let n = 0; n < LENGTH; n++) {
      const instruction = this.#instruction();
      const compares = this.#bits(1)
        ? [this.#pick([0x39, 0x85, 0x38, 0x84]), 0xc0 | (this.#to() << 3) | this.#to()]
        : [];
      if (this.#bits(2) === 0n) bytes.push(...compares, 0x70 | Number(this.#bits(4)), instruction.length);
      bytes.push(...instruction);
    }
    return Buffer.from(bytes).toString('hex');
  }
}

/** The registers at every exit up to HLT, with at most `budget` instructions a run. */
function exits(machine: Machine, code: string, start: object, budget: number): KvmRegs[] {
  machine.ram.fill(0x5a, 0x20000, 0x20100);
  machine.prepare(code, { ...START, ...start });
  const seen: KvmRegs[] = [];
  do {
    while (machine.vcpu.enter(budget) === RUN_BUDGET);
    seen.push(machine.vcpu.getRegs());
  } while (machine.vcpu.kvmRun.exitReason === KVM_EXIT.MMIO);
  expect(machine.vcpu.kvmRun.exitReason).toBe(KVM_EXIT.HLT);
  return seen;
}

test.each(['flat', 'long'] as const)(
  'in %s code a block shows at each exit what its instructions show alone',
  (mode) => {
    const machine = new Machine(mode);
    const programs = new Programs(mode, 11);
    const random = randomBits(12);
    for (let n = 0; n < PROGRAMS; n++) {
      const code = programs.next();
      const width = mode === 'long' ? 64 : 32;
      const [rax, rcx, rdx, rbx] = [random(width), random(8), random(width), random(width)];
      const whole = exits(machine, code, { rax, rcx, rdx, rbx }, 1000);
      expect(whole, code).toEqual(exits(machine, code, { rax, rcx, rdx, rbx }, 1));
    }
  },
);
