// Random loops of x87 instructions, mostly with a register stack in order, in the interpreter and in compiled regions: what
// they leave behind must be alike.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { RUN_BUDGET, RUN_EXIT, V_JIT_REGIONS } from '../../assembly/abi/vcpu_page.ts';
import { KVM_EXIT, Kvm, type Vcpu, type Vm } from '../../web/kvm/index.ts';
import { Regions } from '../../web/kvm/regions.ts';
import { Random } from './random.ts';

const RAM = 0x8000;
const CODE = 0x1000;
const DATA = 0x4000;
/** Bytes of data, over the end of a page and another. */
const DATA_BYTES = 0x2000;
const TURNS = 6;
const STACK_TOP = 0x3000;

/** Memory operands that are read, as opcode byte and modrm.reg: what they do to the depth of the stack. */
const READS: readonly (readonly [opcode: number, reg: number, depth: number])[] = [
  ...[0, 1, 4, 5, 6, 7, 2].flatMap((reg) =>
    [0xd8, 0xdc, 0xda, 0xde].map((opcode) => [opcode, reg, 0] as const),
  ),
  ...[0xd8, 0xdc, 0xda, 0xde].map((opcode) => [opcode, 3, -1] as const),
  ...([0xd9, 0xdb, 0xdd, 0xdf] as const).map((opcode) => [opcode, 0, 1] as const),
  ...([
    [0xdd, 0, 1],
    [0xdd, 0, 1],
    [0xdd, 0, 1],
    [0xdc, 1, 0],
    [0xdc, 0, 0],
    [0xdf, 5, 1],
    [0xdb, 5, 1],
    [0xdf, 4, 1],
  ] as const),
];
const WRITES: typeof READS = [
  ...([
    [0xd9, 2, 0],
    [0xd9, 3, -1],
    [0xdd, 2, 0],
    [0xdd, 3, -1],
    [0xdd, 3, -1],
    [0xdb, 7, -1],
  ] as const),
  ...([
    [0xdb, 2, 0],
    [0xdb, 3, -1],
    [0xdf, 2, 0],
    [0xdf, 3, -1],
    [0xdf, 7, -1],
    [0xdb, 1, -1],
  ] as const),
  ...([
    [0xdd, 1, -1],
    [0xdf, 1, -1],
    [0xdf, 6, -1],
    [0xd9, 7, 0],
    [0xdd, 7, 0],
  ] as const),
];
/** Register forms: opcode, first ModRM, what they do to the depth, how deep the stack must be. `i`: ST(i) is added. */
const REGISTERS: readonly (readonly [
  opcode: number,
  modrm: number,
  depth: number,
  needs: number,
  i: boolean,
])[] = [
  ...[0xc0, 0xc8, 0xe0, 0xe8, 0xf0, 0xf8, 0xd0].map((modrm) => [0xd8, modrm, 0, 1, true] as const),
  ...[0xc0, 0xc8, 0xe0, 0xe8, 0xf0, 0xf8].map((modrm) => [0xdc, modrm, 0, 1, true] as const),
  ...[0xc0, 0xc8, 0xe0, 0xe8, 0xf0, 0xf8].map((modrm) => [0xde, modrm, -1, 2, true] as const),
  ...[0xc0, 0xc8, 0xd0, 0xd8].map((modrm) => [0xda, modrm, 0, 1, true] as const),
  ...[0xc0, 0xc8, 0xd0, 0xd8].map((modrm) => [0xdb, modrm, 0, 1, true] as const),
  ...([
    [0xd9, 0xc8, 0, 1, true],
    [0xd9, 0xc8, 0, 1, true],
    [0xd9, 0xc0, 1, 1, true],
    [0xdd, 0xd0, 0, 1, true],
  ] as const),
  ...([
    [0xdd, 0xd8, -1, 1, true],
    [0xdd, 0xd8, -1, 1, true],
    [0xdd, 0xe0, 0, 1, true],
    [0xdd, 0xe8, -1, 1, true],
  ] as const),
  ...([
    [0xdb, 0xe8, 0, 1, true],
    [0xdb, 0xf0, 0, 1, true],
    [0xdf, 0xe8, -1, 1, true],
    [0xdf, 0xf0, -1, 1, true],
  ] as const),
  ...([
    [0xd8, 0xd8, -1, 1, true],
    [0xde, 0xd9, -2, 2, false],
    [0xda, 0xe9, -2, 2, false],
    [0xd9, 0xe4, 0, 1, false],
  ] as const),
  ...([
    [0xd9, 0xe0, 0, 1, false],
    [0xd9, 0xe1, 0, 1, false],
    [0xd9, 0xe5, 0, 1, false],
    [0xd9, 0xd0, 0, 0, false],
  ] as const),
  ...[0xe8, 0xe9, 0xea, 0xeb, 0xec, 0xed, 0xee].map((modrm) => [0xd9, modrm, 1, 0, false] as const),
  ...([
    [0xd9, 0xfa, 0, 1, false],
    [0xd9, 0xfc, 0, 1, false],
    [0xd9, 0xfd, 0, 2, false],
    [0xd9, 0xf8, 0, 2, false],
  ] as const),
  ...([
    [0xd9, 0xf5, 0, 2, false],
    [0xd9, 0xf1, -1, 2, false],
    [0xd9, 0xf3, -1, 2, false],
    [0xd9, 0xf4, 1, 1, false],
  ] as const),
  ...([
    [0xd9, 0xf2, 1, 1, false],
    [0xd9, 0xfe, 0, 1, false],
    [0xd9, 0xfb, 1, 1, false],
    [0xd9, 0xf0, 0, 1, false],
  ] as const),
];
/** What stands between x87 instructions: FNSTSW AX, SAHF, TEST AH, ADD, MOV, LEA, FWAIT, XOR, INC, SETNP. */
const OTHERS: readonly (readonly number[])[] = [
  ...[[0xdf, 0xe0], [0xdf, 0xe0], [0x9e], [0xf6, 0xc4, 0x45], [0x01, 0xf2], [0x89, 0xc7], [0x8d, 0x7a, 0x08]],
  ...[[0x9b], [0x31, 0xd6], [0x47], [0x0f, 0x9b, 0xc2], [0xdb, 0xe2], [0x0f, 0x58, 0xc1], [0x0f, 0x6f, 0x0b]],
];
const CONTROL_WORDS = [0x37f, 0x37f, 0x37f, 0x27f, 0x07f, 0x77f, 0xb7f, 0xf7f, 0xe7f, 0x372, 0x340];

class Writer {
  readonly code: number[] = [];
  readonly #random: Random;
  #depth = 0;
  /** Percentage of instructions that do not ask whether the stack has what they need. */
  readonly #rough: number;

  constructor(random: Random) {
    this.#random = random;
    this.#rough = random.chance(25) ? 8 : 0;
  }

  put(...bytes: number[]): void {
    this.code.push(...bytes);
  }

  put32(value: number): void {
    for (let n = 0; n < 4; n++) this.put((value >>> (8 * n)) & 0xff);
  }

  #fits(depth: number, needs: number): boolean {
    if (this.#random.chance(this.#rough)) return true;
    return this.#depth >= Math.max(needs, -depth) && this.#depth + depth <= 8;
  }

  #memory([opcode, reg, depth]: (typeof READS)[number], isRead: boolean): void {
    if (!this.#fits(depth, depth === 1 && isRead ? 0 : 1)) return;
    const random = this.#random;
    this.put(opcode);
    // [ebx + disp32], at the end of a page now and then, or behind all memory.
    const at = random.chance(15)
      ? 0x1000 - 10 + random.below(12)
      : random.chance(1)
        ? RAM - DATA
        : random.below((DATA_BYTES - 16) / 2) * 2;
    if (random.chance(50)) {
      this.put(0x83 | (reg << 3));
      this.put32(at);
    } else {
      this.put(0x05 | (reg << 3));
      this.put32(DATA + at);
    }
    this.#depth += depth;
  }

  instruction(): void {
    const random = this.#random;
    const kind = random.below(100);
    if (kind < 40) this.#memory(random.pick(READS), true);
    else if (kind < 52) this.#memory(random.pick(WRITES), false);
    else if (kind < 88) {
      const [opcode, modrm, depth, needs, hasIndex] = random.pick(REGISTERS);
      if (!this.#fits(depth, needs)) return;
      const i = hasIndex ? random.below(random.chance(this.#rough) ? 8 : Math.max(this.#depth, 1)) : 0;
      if (depth === 1 && needs === 1 && this.#depth === 8) return;
      this.put(opcode, modrm + i);
      this.#depth += depth;
      // FFREE leaves a hole in the stack.
      if (opcode === 0xdd && modrm === 0xe0) {
        if (random.chance(80)) this.code.length -= 2;
      }
    } else if (kind < 96) this.put(...random.pick(OTHERS));
    else if (kind < 98) {
      // FLDCW of a word behind the data.
      this.put(0xd9, 0x2d);
      this.put32(DATA + DATA_BYTES + 2 * random.below(CONTROL_WORDS.length));
    } else {
      // A branch over an instruction that needs nothing.
      this.put(0x70 + random.below(16), 2, 0xd9, random.pick([0xd0, 0xf6, 0xf7, 0xd0]));
    }
  }

  /** As deep as at the start, mostly. */
  restore(to: number): void {
    if (this.#random.chance(8)) return;
    for (; this.#depth > to; this.#depth--) this.put(0xdd, 0xd8);
    for (; this.#depth < to; this.#depth++) this.put(0xd9, 0xe8);
  }

  start(depth: number): void {
    this.#depth = depth;
    for (let n = 0; n < depth; n++) {
      this.put(0xdd, 0x83);
      this.put32(8 * this.#random.below(40));
    }
  }
}

function program(random: Random): number[] {
  const writer = new Writer(random);
  const depth = random.below(5);
  writer.put(0xdb, 0xe3);
  writer.put(0xd9, 0x2d);
  writer.put32(DATA + DATA_BYTES + 2 * random.below(random.chance(60) ? 3 : CONTROL_WORDS.length));
  writer.start(depth);
  writer.put(0xb9);
  writer.put32(TURNS);
  const top = writer.code.length;
  // Exceptions that are noted once for all would hide those that come later.
  if (random.chance(60)) writer.put(0xdb, 0xe2);
  const count = 4 + random.below(40);
  for (let n = 0; n < count; n++) writer.instruction();
  writer.restore(depth);
  writer.put(0x49, 0x0f, 0x85);
  writer.put32(top - (writer.code.length + 4));
  writer.put(0xf4);
  return writer.code;
}

/** Doubles, singles and integers, common and not. */
function fill(random: Random, data: Uint8Array): void {
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  for (let at = 0; at < DATA_BYTES; at += 8) {
    const kind = random.below(100);
    if (kind < 60) view.setFloat64(at, (random.u32() - 2 ** 31) / 2 ** random.below(40), true);
    else if (kind < 72) view.setFloat32(at, (random.u32() - 2 ** 31) / 2 ** random.below(40), true);
    else if (kind < 82) view.setInt32(at, random.u32() >>> random.below(32), true);
    else if (kind < 90) view.setBigUint64(at, random.u64(), true);
    else if (kind < 94) view.setFloat64(at, random.pick([0, -0, 1, -1, 2, 0.5]), true);
    else if (kind < 96) view.setFloat64(at, Number.NaN, true);
    else
      view.setBigUint64(
        at,
        random.pick([
          0x7ff0000000000000n,
          0xfff0000000000000n,
          0x7ff8000000000001n,
          0x7ff0000000000001n,
          1n,
          0x8000000000000fffn,
          0x0010000000000000n,
          0x7fefffffffffffffn,
        ]),
        true,
      );
  }
  for (const [n, word] of CONTROL_WORDS.entries()) view.setUint16(DATA_BYTES + 2 * n, word, true);
}

const kvm = Kvm.open({ core: new WebAssembly.Module(readFileSync('build/core.wasm')) });

class Machine {
  readonly vm: Vm;
  readonly vcpu: Vcpu;
  readonly #ram: Uint8Array;

  constructor(compileAfter?: number) {
    this.vm = kvm.createVm({ maxVcpus: 1, memoryLimit: 2 ** 26 });
    this.vm.compileAfter(compileAfter);
    const userspace_addr = this.vm.allocate(RAM);
    this.vm.setUserMemoryRegion({ slot: 0, guest_phys_addr: 0, memory_size: RAM, userspace_addr });
    this.vcpu = this.vm.createVcpu(0);
    this.vcpu.setCpuid2(kvm.getSupportedCpuid());
    this.#ram = this.vm.guest(0, RAM) as Uint8Array;
    const sregs = this.vcpu.getSregs();
    const flat = {
      ...sregs.ds,
      base: 0n,
      limit: 0xffffffff,
      selector: 0x10,
      type: 3,
      present: 1,
      dpl: 0,
      db: 1,
      s: 1,
      l: 0,
      g: 1,
    };
    const data = { ds: flat, es: flat, fs: flat, gs: flat, ss: flat };
    this.vcpu.setSregs({
      ...sregs,
      ...data,
      cs: { ...flat, selector: 0x08, type: 11 },
      cr0: 0x60000031n | 0x2n,
      cr4: 0x600n,
    });
  }

  /** Runs the program of a seed to its end. */
  run(seed: number): string {
    const random = new Random(seed);
    const image = new Uint8Array(RAM);
    image.set(program(random), CODE);
    fill(random, image.subarray(DATA, RAM));
    for (let at = 0; at < RAM; at += 0x1000) this.vm.write(at, image.subarray(at, at + 0x1000));
    this.vcpu.setRegs({
      rax: 1n,
      rbx: BigInt(DATA),
      rcx: 0n,
      rdx: 3n,
      rsi: 4n,
      rdi: 5n,
      rbp: 6n,
      rsp: BigInt(STACK_TOP),
      rip: BigInt(CODE),
      rflags: 2n,
    });
    const began = this.vcpu.instructions;
    let end = 0;
    let reads = 0;
    for (let n = 0; n < 300; n++) {
      const why = this.vcpu.enter(50_000);
      if (why === RUN_BUDGET) continue;
      if (why !== RUN_EXIT) throw new Error(`run gives ${why}`);
      const run = this.vcpu.kvmRun;
      end = run.exitReason;
      if (end !== KVM_EXIT.MMIO) break;
      reads += run.mmio.write ? 1 : 0x1000;
      if (!run.mmio.write) run.mmio.data.fill(0x3f);
    }
    const { vcpu } = this;
    const state = {
      end,
      reads,
      instructions: vcpu.instructions - began,
      regs: vcpu.getRegs(),
      fpu: vcpu.getFpu(),
    };
    const words = JSON.stringify(state, (_, value) =>
      typeof value === 'bigint' ? value.toString(16) : value,
    );
    return `${words} ${Buffer.from(this.#ram.buffer, this.#ram.byteOffset + DATA, DATA_BYTES).toString('hex')}`;
  }

  get regions(): number {
    return this.vm.memory.u32(this.vcpu.page + V_JIT_REGIONS);
  }
}

test('random x87 loops come out of compiled regions as they come out of the interpreter', {
  timeout: 3_600_000,
}, () => {
  const seeds = new Random(Number(process.env.VITRINE_SEED ?? 11));
  const loops = Number(process.env.VITRINE_LOOPS ?? 150);
  let [expected, ...compiled] = [undefined, 0, 2].map((after) => new Machine(after));
  let regions = 0;
  for (let n = 0; n < loops; n++) {
    if (n % 100 === 0) [expected, ...compiled] = [undefined, 0, 2].map((after) => new Machine(after));
    const seed = seeds.u32();
    const wanted = expected?.run(seed);
    for (const machine of compiled) {
      const before = machine.regions;
      const came = machine.run(seed);
      regions += Math.max(machine.regions - before, 0);
      if (came !== wanted)
        throw new Error(`seed ${seed}:\n${wanted?.slice(0, 1500)}\n${came.slice(0, 1500)}`);
    }
  }
  expect(Regions.refusal).toBeUndefined();
  expect(regions).toBeGreaterThan(loops);
});
