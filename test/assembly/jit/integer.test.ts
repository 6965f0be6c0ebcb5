// Integer instructions in compiled regions against the interpreter: random operands in registers, in memory, at the ends of pages
// and in MMIO, behind every kind of lazy flags. None of them may be left to the interpreter.
import { expect, test } from 'vitest';
import { R_OP } from '../../../assembly/abi/insn.ts';
import { JIT_RECORDS, KEPT_SIZE, PIECE_BYTES, PIECE_RECORDS } from '../../../assembly/abi/jit.ts';
import { VCPU_JIT, VCPU_PAGE } from '../../../assembly/abi/map.ts';
import { OP_HLT, OP_MOV_FROM_CR, OP_MOV_TO_CR, OP_WRMSR, OP_WRPKRU } from '../../../assembly/abi/ops.ts';
import { RUN_EXIT, V_JIT_TOP } from '../../../assembly/abi/vcpu_page.ts';
import { assemble } from '../../../web/asm/index.ts';
import { supportedCpuid } from '../../../web/kvm/cpuid.ts';
import { KVM_EXIT } from '../../../web/kvm/index.ts';
import { Regions } from '../../../web/kvm/regions.ts';
import { Machine, RAM, type Registers, randomBits } from '../exec/machine.ts';
import { FORMS } from './forms.ts';

const TRIALS = Number(process.env.VITRINE_TRIALS ?? 12);
const DATA = 0x20000;
/** What ends a program, and what gives an instruction something to find. */
const SETS_UP = [OP_HLT, OP_WRMSR, OP_MOV_FROM_CR, OP_MOV_TO_CR, OP_WRPKRU];

/** What makes the flags that the instruction finds: nothing, and one for each kind of lazy flags. */
const BEFORE = [
  ...['', 'add edi, ebp', 'sub edi, ebp', 'cmp di, bp', 'and edi, ebp', 'inc edi', 'dec bp', 'adc edi, ebp'],
  ...['sbb edi, ebp', 'shl edi, 3', 'rol ebp, 5', 'neg edi', 'imul edi, ebp', 'ror bp, 1', 'bt edi, 3'],
];
const CONDITIONS = ['o', 'b', 'z', 'be', 's', 'p', 'l', 'le'];

class Programs {
  readonly #bits: (bits: number) => bigint;
  readonly #wide: boolean;

  constructor(wide: boolean, seed: number) {
    this.#wide = wide;
    this.#bits = randomBits(seed);
  }

  pick<T>(from: readonly T[]): T {
    return from[Number(this.#bits(24)) % from.length] as T;
  }

  /** A register of so many bits that no address is made of. */
  #register(bits: number): string {
    const n = this.pick(['a', 'c', 'd', 'b', ...(this.#wide ? ['8', '13'] : [])]);
    if (n > '9') {
      if (bits === 8) return this.pick([`${n}l`, `${n}h`]);
      return `${bits === 64 ? 'r' : bits === 32 ? 'e' : ''}${n}x`;
    }
    return `r${n}${bits === 64 ? '' : bits === 32 ? 'd' : bits === 16 ? 'w' : 'b'}`;
  }

  #memory(bits: number): string {
    const size = { 8: 'byte', 16: 'word', 32: 'dword', 64: 'qword' }[bits] ?? '';
    const at = this.#wide ? 'rsi' : 'esi';
    return `${size} [${at}${this.pick(['', '+8', '-16'])}]`;
  }

  /** `{e32}` is a register or memory, `{r32}` a register, `{m32}` memory, `{i8}` an immediate. */
  next(form: string): string {
    const [di, at] = this.#wide ? ['rdi', 'rsi'] : ['edi', 'esi'];
    const code = form
      .replace(/ (flat|wide)$/, '')
      .replaceAll('{cc}', () => this.pick(CONDITIONS))
      .replaceAll('{d}', di)
      .replaceAll('{a}', at)
      .replaceAll('{to}', () => `0x${this.pick([DATA + 0x40, DATA + 0xffe, RAM + 0x200]).toString(16)}`)
      .replaceAll('{s8}', 'b')
      .replaceAll('{s16}', 'w')
      .replaceAll('{s32}', 'd')
      .replaceAll('{s64}', 'q')
      .replace(/\{([ermi])(\d+)\}/g, (_, kind, bits) => {
        if (kind === 'i') return String(this.#bits(Number(bits)));
        const inMemory = kind === 'm' || (kind === 'e' && this.#bits(1) === 1n);
        if (inMemory) return this.#memory(Number(bits));
        // AH and its kin have no place beside R8.
        const name = this.#register(Number(bits));
        return this.#wide && /h$/.test(name) ? name.replace('h', 'l') : name;
      });
    const see = [1, 2].map((n) => `set${this.pick(CONDITIONS)} [0x${(0x30000 + n).toString(16)}]`);
    return ['top:', this.pick(BEFORE), code, ...(this.#bits(1) ? see : []), 'hlt', 'data equ 0x20008'].join(
      '\n',
    );
  }

  registers(): Registers {
    const value = (): bigint => {
      const bits = this.pick([3, 8, 16, 31, 32, ...(this.#wide ? [63, 64] : [])]);
      const any = this.#bits(bits);
      return this.pick([any, any, BigInt.asUintN(this.#wide ? 64 : 32, -any), 0n]);
    };
    const rsi = BigInt(this.pick([DATA, DATA + 3, DATA + 0xfff, DATA + 0xff9, DATA + 0x1010, RAM + 0x100]));
    const wide = this.#wide ? { r8: value(), r13: value() } : {};
    return {
      ...{ rax: value(), rbx: value(), rcx: value(), rdx: value(), rdi: value(), rbp: value(), rsi },
      ...{ rflags: 2n | (this.#bits(12) & 0xad5n), ...wide },
    };
  }

  fill(ram: Uint8Array): void {
    for (let at = DATA - 32; at < DATA + 0x1040; at += 8)
      new DataView(ram.buffer, ram.byteOffset).setBigUint64(at, this.pick([this.#bits(64), 0n, -1n]), true);
  }
}

/** Operations of the records that are kept for the interpreter from `from` on. */
function leftFrom({ vm, vcpu }: Machine, from: number): number[] {
  const view = new DataView(vm.memory.wasm.buffer);
  const left: number[] = [];
  const top = view.getUint32(vcpu.page + V_JIT_TOP, true);
  for (let piece = from; piece < top; piece += view.getUint32(piece + PIECE_BYTES, true)) {
    const end = piece + view.getUint32(piece + PIECE_BYTES, true);
    for (let r = piece + PIECE_RECORDS; r < end; r += KEPT_SIZE) left.push(view.getUint16(r + R_OP, true));
  }
  return left;
}

/** All that a program leaves behind, exits included. */
function outcome(machine: Machine, code: string, registers: Registers, memory: Uint8Array) {
  machine.vm.write(DATA - 64, memory);
  machine.prepare(code, registers);
  const exits: string[] = [];
  for (;;) {
    const why = machine.vcpu.enter(1000);
    const { exitReason, mmio } = machine.vcpu.kvmRun;
    if (why !== RUN_EXIT || exitReason !== KVM_EXIT.MMIO || exits.length > 20) {
      const regs = machine.vcpu.getRegs();
      return {
        why,
        exitReason,
        exits,
        regs,
        memory: Buffer.from(machine.ram.slice(DATA - 64, DATA + 0x1080)).toString('hex'),
        seen: machine.ram.slice(0x30000, 0x30004),
      };
    }
    if (!mmio.write)
      mmio.data.forEach((_, n) => {
        mmio.data[n] = 0x91 + n * 0x2d;
      });
    exits.push(`${mmio.write} ${mmio.gpa} ${Buffer.from(mmio.data).toString('hex')}`);
  }
}

function assembled(source: string, wide: boolean): string {
  const result = assemble(`bits ${wide ? 64 : 32}\norg 0x1000\n${source}`);
  if (!('bytes' in result)) throw new Error(`${source}: ${JSON.stringify(result)}`);
  return Buffer.from(result.bytes).toString('hex');
}

test.each(['flat', 'long'] as const)('in %s code', { timeout: 300_000 }, (mode) => {
  const wide = mode === 'long';
  const interpreted = new Machine(mode);
  const compiled = new Machine(mode);
  compiled.vm.compileAfter(0);
  for (const { vcpu } of [interpreted, compiled]) vcpu.setCpuid2(supportedCpuid());
  const programs = new Programs(wide, 21);
  const start = compiled.vcpu.page - VCPU_PAGE + VCPU_JIT + JIT_RECORDS;
  const only = process.env.VITRINE_FORM;
  for (const form of FORMS.filter((text) => !(wide ? /flat$/ : /64\}|wide$/).test(text))) {
    if (only && !form.includes(only)) continue;
    if (process.env.VITRINE_SHOW) console.error(form);
    for (let n = 0; n < TRIALS; n++) {
      const source = programs.next(form);
      const code = assembled(source, wide);
      const registers = programs.registers();
      programs.fill(interpreted.ram);
      const memory = interpreted.ram.slice(DATA - 64, DATA + 0x1080);
      const said = `${source}\n${Object.entries(registers).map(([name, value]) => `${name} ${value.toString(16)}`)}`;
      const expected = outcome(interpreted, code, registers, memory);
      const top = machineTop(compiled, start);
      expect(outcome(compiled, code, registers, memory), said).toEqual(expected);
      // Where the records of regions that are gone have been moved over, or dropped, there are fewer.
      const from = machineTop(compiled, start) < top ? start : top;
      const left = leftFrom(compiled, from).filter((op) => !SETS_UP.includes(op));
      expect(
        left.map((op) => op.toString(16)),
        said,
      ).toEqual([]);
    }
  }
  expect(Regions.refusal).toBeUndefined();
});

function machineTop({ vm, vcpu }: Machine, start: number): number {
  return new DataView(vm.memory.wasm.buffer).getUint32(vcpu.page + V_JIT_TOP, true) || start;
}
