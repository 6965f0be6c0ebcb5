// Random instructions that are mostly valid: prefixes, all opcode maps, ModRM with addresses that exist. Bytes only.
import type { Random } from './random.ts';

export type Width = 16 | 32 | 64;

export interface CodeOptions {
  readonly width: Width;
  /** Addresses that instructions may use, as offsets in the data segment: from, and how many bytes. */
  readonly data: readonly [start: number, bytes: number];
  /** Percentage of instructions that change the system's state (far transfers, control registers, flags of IRET). */
  readonly wild: number;
  /** Percentage of plain random bytes. */
  readonly noise: number;
  /** An instruction begins at every multiple of LINE bytes: a handler that goes on there is back in step. */
  readonly lines: boolean;
  /** Percentage of instructions that are loops, calls, returns and indirect jumps. */
  readonly loops?: number;
}

/** One-byte opcodes that leave the stream or the mode: rare, so that most worlds live for long. */
const WILD_ONE = new Set([
  ...[0x07, 0x17, 0x1f, 0x62, 0x63, 0x9a, 0x9d, 0xc2, 0xc3, 0xc4, 0xc5, 0xca, 0xcb, 0xcc, 0xcd, 0xce, 0xcf],
  ...[0xe4, 0xe5, 0xe6, 0xe7, 0xec, 0xed, 0xee, 0xef, 0x6c, 0x6d, 0x6e, 0x6f, 0xea, 0xf1, 0xf4, 0xfa, 0xfb],
  ...[
    0x8e, 0x5c, 0xbc, 0x94, 0xc8, 0xc9, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3,
    0xd6,
  ],
]);
/** 0F opcodes of the system, and holes of the map. */
const WILD_TWO = new Set([
  ...[0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0e, 0x0f, 0x20, 0x21],
  ...[0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x30, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x39, 0x3a, 0x3b, 0x3c],
  ...[0x3d, 0x3e, 0x3f, 0xa1, 0xa6, 0xa7, 0xa9, 0xaa, 0xb2, 0xb4, 0xb5, 0xb9, 0xff, 0x7a, 0x7b, 0x78, 0x79],
]);
/** Opcodes of a sparse map that are defined, as ranges: from, to. */
type Ranges = readonly (readonly [from: number, to: number])[];
const MAP_38: Ranges = [
  ...([
    [0x00, 0x0b],
    [0x10, 0x10],
    [0x14, 0x15],
    [0x17, 0x17],
    [0x1c, 0x1e],
    [0x20, 0x25],
  ] as const),
  ...([
    [0x28, 0x2b],
    [0x30, 0x35],
    [0x37, 0x41],
    [0xdb, 0xdf],
    [0xf0, 0xf1],
    [0xf6, 0xf6],
  ] as const),
];
const MAP_3A: Ranges = [
  [0x08, 0x0f],
  [0x14, 0x17],
  [0x20, 0x22],
  [0x40, 0x42],
  [0x44, 0x44],
  [0x60, 0x63],
  [0xdf, 0xdf],
];
const VEX_1: Ranges = [
  [0x10, 0x17],
  [0x28, 0x2f],
  [0x50, 0x7f],
  [0xc2, 0xc2],
  [0xc4, 0xc6],
  [0xd0, 0xfe],
];
const VEX_2: Ranges = [
  ...([
    [0x00, 0x0f],
    [0x13, 0x13],
    [0x16, 0x1a],
    [0x1c, 0x1e],
    [0x20, 0x25],
    [0x28, 0x41],
    [0x45, 0x47],
  ] as const),
  ...([
    [0x58, 0x5a],
    [0x78, 0x79],
    [0x8c, 0x8e],
    [0x90, 0x93],
    [0x96, 0x9f],
    [0xa6, 0xaf],
    [0xb6, 0xbf],
  ] as const),
  ...([
    [0xdb, 0xdf],
    [0xf2, 0xf3],
    [0xf5, 0xf7],
  ] as const),
];
const VEX_3: Ranges = [
  ...([
    [0x00, 0x02],
    [0x04, 0x06],
    [0x08, 0x0f],
    [0x14, 0x19],
    [0x1d, 0x1d],
    [0x20, 0x22],
    [0x38, 0x39],
  ] as const),
  ...([
    [0x40, 0x42],
    [0x44, 0x44],
    [0x46, 0x46],
    [0x4a, 0x4c],
    [0x60, 0x63],
    [0xdf, 0xdf],
    [0xf0, 0xf0],
  ] as const),
];
/** Where an instruction may begin again after a fault, when lines are kept. */
export const LINE = 16;
const SEGMENTS = [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65];

/** Bytes of the immediate of a one-byte opcode (0 to 0xff), by its size column: b, z (word or double), n (none). */
function immediateOne(opcode: number, reg: number): 'b' | 'z' | 'v' | '' {
  if (opcode < 0x40) return (opcode & 7) === 4 ? 'b' : (opcode & 7) === 5 ? 'z' : '';
  if (opcode === 0x68 || opcode === 0x69 || opcode === 0x81 || opcode === 0xa9 || opcode === 0xc7) return 'z';
  if (opcode === 0x6a || opcode === 0x6b || opcode === 0x80 || opcode === 0x82 || opcode === 0x83) return 'b';
  if (opcode === 0xa8 || opcode === 0xc0 || opcode === 0xc1 || opcode === 0xc6) return 'b';
  if (opcode === 0xcd || opcode === 0xd4 || opcode === 0xd5 || (opcode & 0xfc) === 0xe4) return 'b';
  if (opcode >= 0xb0 && opcode < 0xb8) return 'b';
  if (opcode >= 0xb8 && opcode < 0xc0) return 'v';
  if (opcode === 0xf6) return reg < 2 ? 'b' : '';
  if (opcode === 0xf7) return reg < 2 ? 'z' : '';
  return '';
}

function hasModrmOne(opcode: number): boolean {
  if (opcode < 0x40) return (opcode & 7) < 4;
  if (opcode >= 0x80 && opcode < 0x90) return true;
  if (opcode >= 0xd8 && opcode < 0xe0) return true;
  return [
    0x62, 0x63, 0x69, 0x6b, 0xc0, 0xc1, 0xc4, 0xc5, 0xc6, 0xc7, 0xd0, 0xd1, 0xd2, 0xd3, 0xf6, 0xf7, 0xfe,
    0xff,
  ].includes(opcode);
}

const hasModrmTwo = (opcode: number): boolean =>
  !(
    (opcode >= 0x80 && opcode < 0x90) ||
    (opcode >= 0xc8 && opcode < 0xd0) ||
    (opcode >= 0x30 && opcode < 0x38) ||
    (opcode >= 0x05 && opcode < 0x0d) ||
    [0x77, 0xa0, 0xa1, 0xa2, 0xa8, 0xa9, 0xaa, 0x0e].includes(opcode)
  );

const immediateTwo = (opcode: number): boolean =>
  [0x70, 0x71, 0x72, 0x73, 0xa4, 0xac, 0xba, 0xc2, 0xc4, 0xc5, 0xc6].includes(opcode);

const NOP = 0x90;
/** Starts of instructions that a loop may go back to. */
const STARTS = 24;

/** Fills `code` with instructions, and what hangs over its end is cut off. */
export class CodeWriter {
  readonly #random: Random;
  readonly #options: CodeOptions;
  #code: Uint8Array = new Uint8Array(0);
  #at = 0;
  #prefix66 = false;
  #prefix67 = false;
  #wide = false;
  readonly #starts: number[] = [];

  constructor(random: Random, options: CodeOptions) {
    this.#random = random;
    this.#options = options;
  }

  fill(code: Uint8Array): void {
    this.#code = code;
    this.#at = 0;
    while (this.#at < code.length) {
      const start = this.#at;
      this.#starts.push(start);
      if (this.#starts.length > STARTS) this.#starts.shift();
      this.instruction();
      const line = (start | (LINE - 1)) + 1;
      if (!this.#options.lines || this.#at <= line) continue;
      // It would hang over: NOPs to the line's end.
      code.fill(NOP, start, line);
      this.#at = line;
    }
  }

  #put(...bytes: number[]): void {
    for (const byte of bytes) this.#code[this.#at++] = byte;
  }

  #number(value: number, bytes: number): void {
    for (let n = 0; n < bytes; n++) this.#put((n < 4 ? value >> (8 * n) : 0) & 0xff);
  }

  /** An address in the data, often at the end of a page. */
  #address(): number {
    const random = this.#random;
    const [start, bytes] = this.#options.data;
    const at = random.below(bytes);
    return start + (random.chance(20) ? ((at | 0xfff) - random.below(40) + 8) % bytes : at);
  }

  instruction(): void {
    const random = this.#random;
    const { width, wild, noise } = this.#options;
    if (random.chance(noise)) {
      this.#number(random.u32(), 4);
      return;
    }
    if (random.chance(this.#options.loops ?? 0)) {
      this.#flow();
      return;
    }
    // A register gets an address now and then, so that operands through it exist.
    if (random.chance(20)) this.#loadAddress();
    this.#prefix66 = false;
    this.#prefix67 = false;
    this.#wide = false;
    const kind = random.below(100);
    if (kind >= 90 && width !== 16) {
      this.#vex();
      return;
    }
    if (random.chance(kind >= 75 ? 85 : 18)) this.#prefix('66');
    if (random.chance(4)) this.#prefix('67');
    if (random.chance(6)) this.#put(random.pick(SEGMENTS));
    if (random.chance(kind >= 50 && kind < 75 ? 25 : 5)) this.#put(random.chance(50) ? 0xf2 : 0xf3);
    if (random.chance(kind < 40 ? 3 : 0.5)) this.#put(0xf0);
    if (width === 64 && random.chance(40)) {
      const rex = 0x40 | random.below(16);
      this.#wide = (rex & 8) !== 0;
      this.#put(rex);
    }
    if (kind < 40) this.#oneByte(wild);
    else if (kind < 50) this.#x87();
    else if (kind < 75) this.#twoByte(wild);
    else if (kind < 85) this.#threeByte(0x38);
    else this.#threeByte(0x3a);
  }

  #prefix(which: '66' | '67'): void {
    if (which === '66') this.#prefix66 = true;
    else this.#prefix67 = true;
    this.#put(which === '66' ? 0x66 : 0x67);
  }

  #loadAddress(): void {
    const random = this.#random;
    const { width } = this.#options;
    const register = random.pick([0, 1, 2, 3, 5, 6, 7]);
    if (width === 64 && random.chance(40)) this.#put(0x41);
    this.#put(0xb8 + register);
    this.#number(this.#address(), width === 16 ? 2 : 4);
  }

  #oneByte(wild: number): void {
    const random = this.#random;
    let opcode = random.below(256);
    while (opcode === 0x0f || (WILD_ONE.has(opcode) && !random.chance(wild))) opcode = random.below(256);
    this.#put(opcode);
    // Jumps go a short way ahead.
    if ((opcode & 0xf0) === 0x70 || (opcode & 0xfc) === 0xe0 || opcode === 0xeb) {
      this.#put(random.below(24));
      return;
    }
    if (opcode === 0xe8 || opcode === 0xe9) {
      this.#relative();
      return;
    }
    const reg = random.below(8);
    if (hasModrmOne(opcode))
      this.#modrm(
        opcode >= 0xfe && reg > 1 && !random.chance(wild)
          ? random.below(2)
          : (opcode & 0xfe) === 0xc6 && !random.chance(wild)
            ? 0
            : reg,
      );
    if (opcode >= 0xa0 && opcode < 0xa4) {
      const bytes = this.#prefix67 ? (this.#options.width === 32 ? 2 : 4) : this.#options.width / 8;
      this.#number(this.#address(), bytes);
      return;
    }
    const immediate = immediateOne(opcode, reg);
    if (immediate === 'b') this.#put(random.u32() & 0xff);
    else if (immediate === 'z') this.#number(random.u32(), this.#word() ? 2 : 4);
    else if (immediate === 'v') this.#number(this.#address(), this.#wide ? 8 : this.#word() ? 2 : 4);
  }

  /** The operand size is 16 bits. */
  #word(): boolean {
    return !this.#wide && (this.#options.width === 16) !== this.#prefix66;
  }

  /** Control flow as programs have it. */
  #flow(): void {
    const random = this.#random;
    const { width } = this.#options;
    switch (random.below(6)) {
      case 0:
      case 1: // ADD byte [counter], n; JNC back: a loop of a few rounds, whose counter is any byte of the data
        this.#put(0x80, ...(width === 64 ? [0x04, 0x25] : [width === 32 ? 0x05 : 0x06]));
        this.#number(this.#address(), width === 16 ? 2 : 4);
        this.#put(0x10 + random.below(0x60));
        this.#back(0x73);
        return;
      case 2: // DEC; JNZ of a register that a loop has counted
        this.#put(0xfe, 0xc8 + random.below(8));
        this.#back(0x75);
        return;
      case 3: // CALL a little ahead
        this.#put(0xe8);
        this.#number(random.below(48), width === 16 ? 2 : 4);
        return;
      case 4:
        this.#put(0xc3);
        return;
      default: {
        // MOV r, a line of the code; JMP or CALL r.
        const register = random.pick([0, 1, 2, 3, 6, 7]);
        const line = (this.#at + random.below(0x200)) & ~(LINE - 1);
        this.#put(0xb8 + register);
        this.#number((width === 16 ? 0 : this.codeBase) + line, width === 16 ? 2 : 4);
        this.#put(0xff, (random.chance(70) ? 0xe0 : 0xd0) + register);
      }
    }
  }

  /** A short jump back to the start of an instruction. */
  #back(opcode: number): void {
    const near = this.#starts.filter((start) => this.#at + 2 - start < 0x80);
    const to = near.length ? this.#random.pick(near) : this.#at;
    this.#put(opcode, (to - this.#at - 2) & 0xff);
  }

  #relative(): void {
    this.#number(this.#random.below(64), this.#options.width === 64 || !this.#word() ? 4 : 2);
  }

  #x87(): void {
    this.#put(0xd8 + this.#random.below(8));
    this.#modrm(this.#random.below(8), 50);
  }

  #twoByte(wild: number): void {
    const random = this.#random;
    let opcode = random.below(256);
    while (opcode === 0x38 || opcode === 0x3a || (WILD_TWO.has(opcode) && !random.chance(wild)))
      opcode = random.below(256);
    this.#put(0x0f, opcode);
    if ((opcode & 0xf0) === 0x80) {
      this.#relative();
      return;
    }
    if (hasModrmTwo(opcode)) this.#modrm(random.below(8), opcode >= 0x20 && opcode < 0x24 ? 100 : 45);
    if (immediateTwo(opcode)) this.#put(random.u32() & 0xff);
  }

  #threeByte(map: number): void {
    const random = this.#random;
    const opcode = this.#opcodeOf(map === 0x38 ? MAP_38 : MAP_3A);
    this.#put(0x0f, map, opcode);
    this.#modrm(random.below(8));
    if (map === 0x3a) this.#put(random.u32() & 0xff);
  }

  /** Mostly an opcode that is defined, now and then any. */
  #opcodeOf(ranges: Ranges): number {
    const random = this.#random;
    if (random.chance(8)) return random.below(256);
    const count = ranges.reduce((sum, [from, to]) => sum + to - from + 1, 0);
    let n = random.below(count);
    for (const [from, to] of ranges) {
      if (n <= to - from) return from + n;
      n -= to - from + 1;
    }
    return 0;
  }

  #vex(): void {
    const random = this.#random;
    const map = random.pick([1, 1, 1, 2, 2, 3]);
    const pp = map === 1 ? random.pick([0, 1, 1, 2, 3]) : random.chance(90) ? 1 : random.below(4);
    const unused = random.chance(50) ? 15 : random.below(16);
    const long = random.below(2) << 2;
    // Outside 64-bit mode the inverted R and X must be set, or it is LDS or LES.
    const high = this.#options.width === 64 ? random.below(8) << 5 : 0xc0 | (random.below(2) << 5);
    if (map === 1 && random.chance(50)) {
      this.#put(
        0xc5,
        (high & 0x80) | ((unused << 3) & 0x78) | (this.#options.width === 64 ? 0 : 0x40) | long | pp,
      );
    } else {
      const vvvv = this.#options.width === 64 ? unused : unused | 8;
      this.#put(0xc4, high | map, (random.chance(20) ? 0x80 : 0) | (vvvv << 3) | long | pp);
    }
    const opcode = this.#opcodeOf(map === 1 ? VEX_1 : map === 2 ? VEX_2 : VEX_3);
    this.#put(opcode);
    if (!(map === 1 && opcode === 0x77)) this.#modrm(random.below(8));
    if (map === 3 || (map === 1 && immediateTwo(opcode))) this.#put(random.u32() & 0xff);
  }

  /** ModRM, SIB and displacement; `registers` is the percentage of register operands. */
  #modrm(reg: number, registers = 40): void {
    const random = this.#random;
    const { width } = this.#options;
    const byte = (mod: number, rm: number): void => this.#put((mod << 6) | (reg << 3) | rm);
    if (random.chance(registers)) {
      byte(3, random.below(8));
      return;
    }
    const narrow = width === 16 ? !this.#prefix67 : width === 32 && this.#prefix67;
    if (narrow) {
      // A plain displacement, or base and index with a short one.
      if (random.chance(50)) {
        byte(0, 6);
        this.#number(this.#address(), 2);
        return;
      }
      byte(1, random.below(8));
      this.#put(random.below(256));
      return;
    }
    switch (random.below(5)) {
      case 0: // disp32: RIP-relative in 64-bit mode
        byte(0, 5);
        {
          this.#number(width === 64 ? this.#address() - this.#rip() : this.#address(), 4);
          return;
        }
      case 1: // SIB without base or index
        byte(0, 4);
        this.#put(0x25);
        {
          this.#number(this.#address(), 4);
          return;
        }
      case 2: {
        byte(random.below(3), 4);
        const modrm = this.#code[this.#at - 1] ?? 0;
        const base = random.below(8);
        this.#put((random.below(4) << 6) | (random.below(8) << 3) | base);
        if (modrm >> 6 === 1) this.#put(random.below(256));
        else if (modrm >> 6 === 2 || base === 5) this.#number(random.below(0x200) - 0x100, 4);
        return;
      }
      default: {
        const rm = random.pick([0, 1, 2, 3, 5, 6, 7]);
        byte(1, rm);
        this.#put(random.below(64) + (random.chance(50) ? 0xe0 : 0));
        return;
      }
    }
  }

  /** Where the instruction in hand lies, roughly, for RIP-relative operands. */
  #rip(): number {
    return this.codeBase + this.#at;
  }

  /** Linear address of the code. */
  codeBase = 0;
}
