// Random loops of SSE on numbers that matter (zeros, denormals, the ends of the range, NaNs) in the interpreter and in compiled
// regions: registers, MXCSR, flags, memory and the count of instructions must come out alike.
import { expect, test } from 'vitest';
import { V_JIT_REGIONS } from '../../assembly/abi/vcpu_page.ts';
import { KVM_EXIT } from '../../web/kvm/index.ts';
import { Regions } from '../../web/kvm/regions.ts';
import { FuzzMachine } from './machine.ts';
import { Random } from './random.ts';

const CODE = 0x1000;
const TABLE = 0x8000;
const TABLE_BYTES = 0x400;
const OUT = 0x9000;
const TURNS = 12;
const CR0_PE_NE_ET = 0x31n;
const CR4_OSFXSR_OSXMMEXCPT_OSXSAVE = 0x40600n;

const DOUBLES = [
  ...[0n, 1n, 0x000fffffffffffffn, 0x0010000000000000n, 0x0010000000000001n, 0x001fffffffffffffn],
  ...[
    0x0020000000000000n,
    0x7fefffffffffffffn,
    0x7ff0000000000000n,
    0x7ff8000000000000n,
    0x7ff0000000000001n,
  ],
  ...[
    0x3ff0000000000000n,
    0x3ff0000000000001n,
    0x3fb999999999999an,
    0x4000000000000000n,
    0x41dfffffffc00000n,
  ],
  ...[
    0x41e0000000000000n,
    0x43e0000000000000n,
    0x43d0000000000000n,
    0x3fe0000000000000n,
    0x4008000000000000n,
  ],
  ...[
    0x380fffffe0000000n,
    0x3810000000000000n,
    0x36a0000000000000n,
    0x47efffffe0000000n,
    0x1ff0000000000000n,
  ],
];
const SINGLES = [
  ...[0, 1, 0x007fffff, 0x00800000, 0x00800001, 0x00ffffff, 0x01000000, 0x7f7fffff, 0x7f800000, 0x7fc00000],
  ...[
    0x7f800001, 0x3f800000, 0x3f800001, 0x3dcccccd, 0x40000000, 0x4effffff, 0x4f000000, 0x5f000000,
    0x3f000000,
  ],
  ...[0x1f800000, 0x20000000, 0x40400000],
];
/** Mostly with PE set and all masked: there the host calculates. */
const CONTROLS = [
  ...[0x1fa0, 0x1fa0, 0x1fa0, 0x1fa0, 0x1fbf, 0x1fbf, 0x1f80, 0x1fa1],
  ...[0x9fe0, 0x9fa0, 0x1fe0, 0x3fa0, 0x7fa0, 0x1da0, 0x1ea0, 0x0fa0, 0x1f20],
];
const ANY = [-1, 0x66, 0xf3, 0xf2];
/** 0F opcodes: prefixes that they are defined with, and whether a byte follows. */
const ROWS: readonly (readonly [opcode: number, prefixes: readonly number[], immediate?: true])[] = [
  ...[0x51, 0x58, 0x59, 0x5a, 0x5c, 0x5d, 0x5e, 0x5f].map((opcode) => [opcode, ANY] as const),
  ...[0x58, 0x59, 0x5c, 0x5e].map((opcode) => [opcode, ANY] as const),
  [0xc2, ANY, true],
  [0x5b, [-1, 0x66, 0xf3]],
  [0xe6, [0x66, 0xf3, 0xf2]],
  [0x10, ANY],
  [0x11, ANY],
  ...[0x14, 0x15, 0x28, 0x29, 0x54, 0x55, 0x56, 0x57].map((opcode) => [opcode, [-1, 0x66]] as const),
  ...[0x2e, 0x2f, 0x2e, 0x2f].map((opcode) => [opcode, [-1, 0x66]] as const),
  ...[0x2a, 0x2c, 0x2d].map((opcode) => [opcode, [0xf3, 0xf2]] as const),
  ...[0x12, 0x16].map((opcode) => [opcode, [-1, 0x66, 0xf3]] as const),
  [0xc6, [-1, 0x66], true],
  [0x50, [-1, 0x66]],
  ...[0x6e, 0x7e, 0xd6, 0xd7].map((opcode) => [opcode, [0x66]] as const),
  ...[0x6f, 0x7f].map((opcode) => [opcode, [0x66, 0xf3]] as const),
  [0x7e, [0xf3]],
  [0x70, [0x66, 0xf3, 0xf2], true],
  [0xc4, [0x66], true],
  [0xc5, [0x66], true],
  ...[0x60, 0x62, 0x63, 0x67, 0x69, 0x6a, 0x6c, 0x6d, 0xd4, 0xe5, 0xf4, 0xf5, 0xfe, 0xef, 0x75, 0xd3].map(
    (opcode) => [opcode, [0x66]] as const,
  ),
];
const ONLY_REGISTER = new Set([0x50, 0xd7, 0xc5]);
const GENERAL_REG = new Set([0x2c, 0x2d, 0x50, 0xd7, 0xc5]);
const GENERAL_RM = new Set([0x2a, 0x6e, 0xc4]);
/** Opcodes that exist with 256 bits, whatever their prefix is among ROWS. */
const WIDE = new Set([
  ...[0x10, 0x11, 0x28, 0x29, 0x6f, 0x7f, 0xd7],
  ...[0x14, 0x54, 0x55, 0x56, 0x57, 0x58, 0x60, 0x63, 0x6d, 0xd4, 0xe5, 0xf4, 0xfe, 0xef, 0x75, 0xd3],
]);
/** Opcodes without a second source. */
const UNARY = new Set([
  0x10, 0x11, 0x28, 0x29, 0x6f, 0x7f, 0xd7, 0x50, 0x2e, 0x2f, 0x2c, 0x2d, 0x5b, 0xe6, 0x70,
]);
const STORES = new Set([0x11, 0x29, 0x7f, 0xd6]);

/** 66 0F 38 and 66 0F 3A: the latter have an immediate. */
const MAP_38 = [
  0x00, 0x10, 0x15, 0x17, 0x17, 0x17, 0x1c, 0x20, 0x22, 0x23, 0x29, 0x2b, 0x32, 0x35, 0x37, 0x39, 0x40,
];
const MAP_3A = [0x08, 0x0a, 0x0b, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x21, 0x41];

function number64(random: Random): bigint {
  const sign = BigInt(random.below(2)) << 63n;
  if (random.chance(60)) return sign | (DOUBLES[random.below(DOUBLES.length)] as bigint);
  const exponent = random.chance(50) ? 1000 + random.below(48) : random.below(2048);
  const fraction = random.chance(50) ? 0n : (BigInt(random.u32()) << 20n) | BigInt(random.below(1 << 20));
  return sign | (BigInt(exponent) << 52n) | fraction;
}

function number32(random: Random): number {
  const sign = random.below(2) * 2 ** 31;
  if (random.chance(60)) return sign + (SINGLES[random.below(SINGLES.length)] as number);
  const exponent = random.chance(50) ? 112 + random.below(32) : random.below(256);
  return sign + exponent * 2 ** 23 + (random.chance(50) ? 0 : random.below(2 ** 23));
}

function u32(value: number): number[] {
  return [value & 255, (value >> 8) & 255, (value >> 16) & 255, (value >>> 24) & 255];
}

function memory(random: Random, store: boolean): number {
  const bytes = random.chance(2) ? 4 : 16;
  return (store ? OUT : TABLE) + random.below((TABLE_BYTES - 32) / bytes) * bytes;
}

function vex(random: Random, prefix: number, opcode: number, modrm: number[]): number[] {
  const vvvv = UNARY.has(opcode) || random.chance(20) ? 0 : random.below(8);
  const length = WIDE.has(opcode) && random.chance(40) ? 4 : 0;
  return [0xc5, 0x80 | ((~vvvv & 15) << 3) | length | ANY.indexOf(prefix), opcode, ...modrm];
}

function instruction(random: Random): number[] {
  const [opcode, prefixes, immediate] = ROWS[random.below(ROWS.length)] as (typeof ROWS)[number];
  const prefix = prefixes[random.below(prefixes.length)] as number;
  const toGeneral = GENERAL_REG.has(opcode);
  // EBX, EBP, ESI, EDI: not what the loop and the memory operands need.
  const general = [3, 5, 6, 7][random.below(4)] as number;
  const reg = toGeneral ? general : random.below(8);
  const inRegister = ONLY_REGISTER.has(opcode) || random.chance(60);
  const isGeneral = GENERAL_RM.has(opcode) || (opcode === 0x7e && prefix === 0x66);
  const rm = isGeneral ? general : random.below(8);
  const at = memory(random, STORES.has(opcode) || (opcode === 0x7e && prefix === 0x66));
  const modrm = inRegister ? [0xc0 | (reg << 3) | rm] : [0x05 | (reg << 3), ...u32(at)];
  const imm = immediate ? [random.below(256)] : [];
  if (random.chance(15)) return three(random, modrm);
  if (random.chance(3)) return broadcast(random, modrm);
  if (random.chance(3)) return half(random, modrm);
  if (random.chance(15)) return [...vex(random, prefix, opcode, modrm), ...imm];
  return [...(prefix < 0 ? [] : [prefix]), 0x0f, opcode, ...modrm, ...imm];
}

/** VBROADCAST of 4, 4, 8, 1 and 2 bytes, and VZEROUPPER. */
function broadcast(random: Random, modrm: number[]): number[] {
  if (random.chance(20)) return [0xc5, 0xf8, 0x77];
  const opcode = [0x18, 0x58, 0x59, 0x78, 0x79][random.below(5)] as number;
  return [0xc4, 0xe2, random.chance(50) ? 0x7d : 0x79, opcode, ...modrm];
}

/** VEXTRACTF128, VEXTRACTI128 and VCVTPS2PH, which write their r/m operand, and VCVTPH2PS. */
function half(random: Random, modrm: number[]): number[] {
  if (random.chance(20)) return [0xc4, 0xe2, 0x79, 0x13, ...modrm];
  const opcode = [0x19, 0x39, 0x1d, 0x1d][random.below(4)] as number;
  const length = opcode !== 0x1d || random.chance(50) ? 4 : 0;
  return [0xc4, 0xe3, 0x79 | length, opcode, ...modrm, random.below(256)];
}

/** An instruction of the three-byte maps with the r/m operand of another. */
function three(random: Random, given: number[]): number[] {
  const [first, ...rest] = given as [number, ...number[]];
  const modrm = [(first & 0xc7) | (random.below(8) << 3), ...rest];
  if (random.chance(50)) return [0x66, 0x0f, 0x38, MAP_38[random.below(MAP_38.length)] as number, ...modrm];
  return [0x66, 0x0f, 0x3a, MAP_3A[random.below(MAP_3A.length)] as number, ...modrm, random.below(256)];
}

/** What looks at flags: SETcc BL, ADC, a jump over INC, a rotation before a condition, CMOV. */
function flags(random: Random): number[] {
  const cc = random.below(16);
  const choices = [
    [0x0f, 0x90 | cc, 0xc3],
    [0x83, 0xd3, 0x01],
    [0x70 | cc, 0x01, 0x43],
    [0xc1, 0xc6, 0x03, 0x0f, 0x90 | cc, 0xc3],
    [0x0f, 0x40 | cc, 0xf7],
    [0x9c, 0x5d],
  ];
  return choices[random.below(choices.length)] as number[];
}

function program(random: Random): number[] {
  const body: number[] = [];
  const length = 4 + random.below(24);
  for (let n = 0; n < length; n++) {
    body.push(...instruction(random));
    if (random.chance(25)) body.push(...flags(random));
  }
  const back = body.length + 1 + 6;
  return [0xb9, ...u32(TURNS), ...body, 0x49, 0x0f, 0x85, ...u32(-back), 0xf4];
}

function prepare({ vm, vcpu, main }: FuzzMachine, random: Random): void {
  const sregs = vcpu.getSregs();
  const flat = {
    base: 0n,
    limit: 0xffffffff,
    present: 1,
    dpl: 0,
    db: 1,
    s: 1,
    l: 0,
    g: 1,
    avl: 0,
    unusable: 0,
  };
  const data = { ...flat, selector: 0x10, type: 3 };
  const table = { base: 0n, limit: 0 };
  vcpu.setSregs({
    ...sregs,
    ...{ cs: { ...flat, selector: 8, type: 11 }, ds: data, es: data, ss: data, fs: data, gs: data },
    ...{ gdt: table, idt: table, cr0: CR0_PE_NE_ET, cr4: CR4_OSFXSR_OSXMMEXCPT_OSXSAVE, cr3: 0n, efer: 0n },
  });
  vcpu.setXcrs({ nr_xcrs: 1, xcrs: [{ xcr: 0, value: 7n }] });
  const numbers = new DataView(main.buffer, main.byteOffset);
  main.subarray(OUT, OUT + 0x1000).fill(0);
  for (let at = 0; at < TABLE_BYTES; at += 16) {
    for (let i = 0; i < 16; i += 4) numbers.setUint32(TABLE + at + i, number32(random), true);
    if (random.chance(50)) numbers.setBigUint64(TABLE + at, number64(random), true);
    if (random.chance(50)) numbers.setBigUint64(TABLE + at + 8, number64(random), true);
  }
  vm.write(CODE, Uint8Array.from(program(random)));
  const regs = vcpu.getRegs();
  for (const name of Object.keys(regs) as (keyof typeof regs)[]) regs[name] = BigInt(random.u32());
  vcpu.setRegs({ ...regs, rip: BigInt(CODE), rflags: 2n, rsp: BigInt(OUT + 0xf00) });
  const fpu = vcpu.getFpu();
  const mxcsr = CONTROLS[random.below(CONTROLS.length)] as number;
  const xmm = new Uint8Array(fpu.xmm.length);
  const registers = new DataView(xmm.buffer);
  for (let at = 0; at < xmm.length; at += 8) registers.setBigUint64(at, number64(random), true);
  vcpu.setFpu({ ...fpu, xmm, mxcsr });
}

function outcome(machine: FuzzMachine, seed: number) {
  prepare(machine, new Random(seed));
  const { vcpu, main } = machine;
  const before = vcpu.instructions;
  const why = vcpu.enter(5000);
  return {
    ...{ why, exit: vcpu.kvmRun.exitReason, instructions: vcpu.instructions - before, regs: vcpu.getRegs() },
    ...{ fpu: vcpu.getFpu(), xsave: vcpu.getXsave(), memory: main.slice(OUT, OUT + 0x1000) },
  };
}

test('random loops of SSE come out of compiled regions as they come out of the interpreter', {
  timeout: 600_000,
}, () => {
  const seeds = new Random(Number(process.env.VITRINE_SEED ?? 11));
  const count = Number(process.env.VITRINE_WORLDS ?? 250);
  let regions = 0;
  let whole = 0;
  for (let n = 0; n < count; ) {
    const interpreter = new FuzzMachine();
    const compiled = new FuzzMachine(0);
    for (let k = 0; k < 100 && n < count; k++, n++) {
      const seed = seeds.u32();
      const expected = outcome(interpreter, seed);
      expect(outcome(compiled, seed), `seed ${seed}`).toEqual(expected);
      if (expected.exit === KVM_EXIT.HLT) whole++;
      if (compiled.vm.memory.u32(compiled.vcpu.page + V_JIT_REGIONS)) regions++;
    }
  }
  expect(Regions.refusal).toBeUndefined();
  expect(regions).toBeGreaterThan(count / 2);
  expect(whole).toBeGreaterThan(count / 2);
});
