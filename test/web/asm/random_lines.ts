// Random instructions out of iced's own table: every encoding, with operands of every shape it takes.
import {
  Code,
  CodeExt,
  EncodingKind,
  OpCodeOperandKind as Kind,
  MemorySize,
  MemorySizeExt,
  Mnemonic,
  type OpCodeInfo,
} from '../../../web/asm/iced.ts';
import type { Bits } from '../../../web/asm/index.ts';

/** Encodings that nasm 2.16 does not know, spells otherwise or gets wrong, and those that no assembler emits. */
const LEFT_OUT =
  /_82$|_F[67]r1$|_D[CDEF](C8|D0|D8)$|Cyrix|Loadall|^Sal_|Zalloc|Umov|ndoc|Enqcmd|Jmpe|Ptwrite|Rdss|Incss|Wr[su]?ss|Vmgexit|Rdshr|Wrshr|Movdir64|Invpcid|KNC|Popw_CS|Cmpxchg486|Bnd|^(Mov|Push|Pop).*_tr|XOP|D3NOW|VEX_Vpdp|VEX_Vpmadd52|Vcvtneps2bf16|Reservednop|Vextractps_r64|Tile/;
const STRING_KINDS: readonly Kind[] = [Kind.seg_rSI, Kind.es_rDI, Kind.seg_rDI, Kind.seg_rBX_al];
const STRING_REGISTERS: readonly Kind[] = [Kind.al, Kind.ax, Kind.eax, Kind.rax, Kind.dx];
const LEGACY = ['ax', 'cx', 'dx', 'bx', 'sp', 'bp', 'si', 'di'];
const SIZE_WORDS: Readonly<Record<number, string>> = {
  1: 'byte ',
  2: 'word ',
  4: 'dword ',
  8: 'qword ',
  10: 'tword ',
  16: 'oword ',
  32: 'yword ',
  64: 'zword ',
};

/** A small generator with a seed, so that a failure can be seen again. */
class Random {
  private state: number;

  constructor(seed: number) {
    this.state = seed;
  }

  below(n: number): number {
    this.state = (Math.imul(this.state, 1103515245) + 12345) >>> 0;
    return Math.floor((this.state / 2 ** 32) * n);
  }

  pick<T>(from: readonly T[]): T {
    const chosen = from[this.below(from.length)];
    if (chosen === undefined) throw new RangeError('nothing to pick from');
    return chosen;
  }
}

class Writer {
  private readonly random: Random;
  private readonly bits: Bits;
  private readonly registers: Readonly<Record<number, readonly string[]>>;

  constructor(seed: number, bits: Bits) {
    this.random = new Random(seed);
    this.bits = bits;
    const long = bits === 64;
    this.registers = {
      8: long
        ? ['al', 'cl', 'dl', 'bl', 'spl', 'sil', 'r8b', 'r15b']
        : ['al', 'cl', 'dl', 'bl', 'ah', 'ch', 'dh', 'bh'],
      16: long ? [...LEGACY, 'r8w', 'r13w'] : LEGACY,
      32: [...LEGACY.map((name) => `e${name}`), ...(long ? ['r8d', 'r12d', 'r13d'] : [])],
      64: [...LEGACY.map((name) => `r${name}`), 'r8', 'r12', 'r13', 'r15'],
    };
  }

  private gpr(size: number): string {
    return this.random.pick(this.registers[size] ?? []);
  }

  private vector(name: string): string {
    return name + this.random.below(this.bits === 64 ? 16 : 8);
  }

  private immediate(bytes: number): string {
    const { random } = this;
    const top = bytes === 1 ? 256 : bytes === 2 ? 65536 : 2 ** 31;
    switch (random.below(6)) {
      case 0:
        return String(random.below(4));
      case 1:
        return String(random.below(256));
      case 2:
        return `-${random.below(129)}`;
      case 3:
        return `-${random.below(top / 2)}`;
      case 4:
        return bytes === 4 ? `0xfffffff${random.below(16).toString(16)}` : '1';
      default:
        return `0x${random.below(top).toString(16)}`;
    }
  }

  private displacement(): string {
    const large = this.bits === 16 ? '-300' : '+0x12345678';
    const { random } = this;
    return random.pick([
      '',
      '',
      `+${random.below(127)}`,
      `-${random.below(128)}`,
      `+0x${random.below(32768).toString(16)}`,
      large,
      '+lab',
    ]);
  }

  private address(vector: string | undefined): string {
    const { random, bits } = this;
    const size = bits === 16 ? (random.below(3) ? 16 : 32) : bits === 64 && random.below(6) === 0 ? 32 : bits;
    const base = () => this.gpr(size);
    const index = () => random.pick((this.registers[size] ?? []).filter((name) => !name.endsWith('sp')));
    if (vector) {
      const registers = this.registers[bits === 64 ? 64 : 32] ?? [];
      return `${random.pick(registers)}+${this.vector(vector)}*${random.pick([1, 2, 4, 8])}${this.displacement()}`;
    }
    const shape = random.below(8);
    if (shape === 0)
      return random.pick(
        bits === 64
          ? ['rel lab', 'lab', 'rel lab+5', 'abs lab', '0x1234']
          : ['lab', '0x1234', 'lab+4', '0x12'],
      );
    if (size === 16)
      return (
        random.pick(['bx', 'bp', 'si', 'di', 'bx+si', 'bx+di', 'bp+si', 'bp+di', 'si+bx', 'di+bp']) +
        this.displacement()
      );
    if (shape < 3) return base() + this.displacement();
    if (shape < 5) return `${base()}+${index()}${this.displacement()}`;
    if (shape === 5) return `${index()}*${random.pick([1, 2, 3, 4, 5, 8, 9])}${this.displacement()}`;
    return `${base()}+${index()}*${random.pick([1, 2, 4, 8])}${this.displacement()}`;
  }

  private memory(info: OpCodeInfo, vector?: string): string {
    const { random } = this;
    const size = MemorySizeExt.size(info.memorySize);
    const isFar = (MemorySize[info.memorySize] ?? '').startsWith('SegPtr');
    const isJump = info.mnemonic === Mnemonic.Jmp || info.mnemonic === Mnemonic.Call;
    const farWords: Readonly<Record<number, string>> = { 4: 'word far ', 6: 'dword far ', 10: 'qword far ' };
    const word = isFar
      ? isJump
        ? (farWords[size] ?? '')
        : ''
      : random.below(3)
        ? (SIZE_WORDS[size] ?? '')
        : '';
    const address = this.address(vector);
    const segment = /^(rel|abs) /.test(address) ? '' : random.pick(['', '', '', '', 'fs:', 'es:']);
    return `${word}[${segment}${address}]`;
  }

  /** One operand, or undefined for a kind that is not written. */
  private operand(info: OpCodeInfo, kind: Kind): string | undefined {
    const { random } = this;
    const name = Kind[kind] ?? '';
    if (/_or_mem/.test(name) && random.below(2)) return this.memory(info);
    const general = /^r(8|16|32|64)/.exec(name);
    if (general) return this.gpr(Number(general[1]));
    const vector = /^([xyz]mm)/.exec(name);
    if (vector) return this.vector(vector[1] ?? '');
    if (/^mm_/.test(name)) return `mm${random.below(8)}`;
    if (/^bnd/.test(name)) return `bnd${random.below(4)}`;
    if (/^(k|kp1)_/.test(name)) return `k${random.below(8)}`;
    if (name === 'seg_reg') return random.pick(['es', 'ds', 'ss', 'fs', 'gs']);
    if (name === 'cr_reg') return random.pick(['cr0', 'cr2', 'cr3', 'cr4']);
    if (name === 'dr_reg') return `dr${random.below(8)}`;
    if (name === 'sti_opcode') return `st${random.below(8)}`;
    if (/^(es|cs|ss|ds|fs|gs|al|cl|ax|dx|eax|rax|st0)$/.test(name)) return name;
    if (name === 'imm8_const_1' || name === 'imm4_m2z') return '1';
    if (/^imm8/.test(name)) return this.immediate(1);
    if (name === 'imm16') return this.immediate(2);
    if (/^imm32/.test(name)) return this.immediate(4);
    if (name === 'imm64') return random.pick([this.immediate(4), '0x123456789abcdef', '0x80000000', 'lab']);
    if (/^(br|xbegin)/.test(name)) return 'lab';
    if (/^farbr/.test(name)) return '8:lab';
    if (name === 'mem_offs') return random.pick(['[lab]', '[0x1234]']);
    const gather = /^mem_vsib\d\d([xyz])/.exec(name);
    if (gather) return this.memory(info, `${gather[1]}mm`);
    return /^mem/.test(name) ? this.memory(info) : undefined;
  }

  line(info: OpCodeInfo): string | undefined {
    const kinds = Array.from({ length: info.opCount }, (_, i) => info.opKind(i));
    const isString = kinds.some((kind) => STRING_KINDS.includes(kind));
    const written = kinds.filter(
      (kind) => !isString || ![...STRING_KINDS, ...STRING_REGISTERS].includes(kind),
    );
    const operands = written.map((kind) => this.operand(info, kind));
    if (operands.includes(undefined)) return undefined;
    return `${(Mnemonic[info.mnemonic] ?? '').toLowerCase()} ${operands.join(', ')}`.trim();
  }
}

/** Lines for every `each`th encoding (legacy and VEX) of a mode, `times` lines an encoding. */
export function randomLines(bits: Bits, seed: number, each: number, times: number): string[] {
  const writer = new Writer(seed, bits);
  const lines: string[] = [];
  let count = 0;
  for (const name of Object.keys(Code)) {
    const code = Code[name as keyof typeof Code];
    if (typeof code !== 'number' || code === Code.INVALID || LEFT_OUT.test(name)) continue;
    const info = CodeExt.opCode(code);
    const wanted = info.isInstruction && info.encoding <= EncodingKind.VEX && info.isAvailableInMode(bits);
    if (wanted && count++ % each === 0) {
      for (let i = 0; i < times; i++) {
        const line = writer.line(info);
        if (line) lines.push(line);
      }
    }
    info.free();
  }
  return lines;
}
