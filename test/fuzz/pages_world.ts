// A guest for pages.test.ts: eight frames of random functions that call and jump into each other, seen through a window of 512 pages
// whose translations and code change while they run. Made of a seed; 64-bit code, or 32-bit code with PAE, at CPL 0 with NX and SMEP.
import { assemble } from '../../web/asm/index.ts';
import type { Vcpu, Vm } from '../../web/kvm/index.ts';
import { Random } from './random.ts';

const GDT = 0x500;
const IDT = 0x600;
const CODE = 0x1000;
const STACK = 0x8000;
const CHANGES = 0x10000;
const TABLES = 0x20000;
/** The table of the window's pages. */
const WINDOW_TABLE = 0x25000;
const FRAMES = 0x30000;
const DATA = 0x40000;
/** From a page of the window to the one that falls on the same entry of the TLB, and from frames to frames behind those: RET. */
const APART = 0x400000;
export const RAM = FRAMES + APART + 0x8000;
const WINDOW = 0x200000;
const PAGES = 512;
/** Functions of a frame; each calls those below it. Frame n is at home in page HOME + n of the window. */
const SLOTS = 8;
const SLOT = 0x200;
const HOME = 256;
const ROUNDS = 400;
const NX = 1n << 63n;

const OPS = [
  'xor ebx, eax',
  'rol ebx, 3',
  'lea ebx, [D + 4]',
  'adc ebx, eax',
  'inc dword [D]',
  'sub eax, [D + 8]',
];

export class PagesWorld {
  readonly wide: boolean;
  readonly #random: Random;
  /** Where the immediates of `add eax, imm32` lie. */
  readonly #immediates: number[] = [];
  readonly #image = new Uint8Array(RAM);
  readonly #entry: number;

  constructor(seed: number) {
    this.#random = new Random(seed);
    this.wide = this.#random.chance(50);
    this.#tables();
    for (let frame = 0; frame < 8; frame++) this.#frame(frame);
    for (let n = 1; n <= ROUNDS; n++) this.#change(CHANGES + n * 16);
    this.#entry = this.#main();
  }

  /** Puts the guest into a machine, whose vCPU stands at its start. */
  load(vm: Vm, vcpu: Vcpu): void {
    vm.write(0, this.#image);
    const flat = { base: 0n, limit: 0xffffffff, dpl: 0, present: 1, s: 1, g: 1, avl: 0, unusable: 0 };
    const data = { ...flat, selector: 0x10, type: 3, db: 1, l: 0 };
    vcpu.setSregs({
      ...vcpu.getSregs(),
      ...{ ds: data, es: data, ss: data, fs: data, gs: data },
      cs: { ...data, selector: 8, type: 11, db: this.wide ? 0 : 1, l: this.wide ? 1 : 0 },
      gdt: { base: BigInt(GDT), limit: 0x17 },
      idt: { base: BigInt(IDT), limit: 0xfff },
      cr0: 0x80010011n,
      cr3: BigInt(TABLES),
      cr4: 0x100020n,
      efer: this.wide ? 0xd00n : 0x800n,
    });
    vcpu.setRegs({ ...vcpu.getRegs(), rip: BigInt(this.#entry), rsp: BigInt(STACK), rflags: 2n });
  }

  /** What a host may do between two entries: another translation, or other code. It is the same for each of the machines. */
  disturb(machines: readonly { vm: Vm; vcpu: Vcpu }[]): void {
    const bytes = new Uint8Array(8);
    const view = new DataView(bytes.buffer);
    const isCode = this.#random.chance(50);
    const at = isCode ? this.#random.pick(this.#immediates) : WINDOW_TABLE + this.#random.below(PAGES) * 8;
    if (isCode) view.setUint32(0, this.#random.u32(), true);
    else view.setBigUint64(0, this.#translation(), true);
    for (const { vm, vcpu } of machines) {
      vm.write(at, bytes.subarray(0, isCode ? 4 : 8));
      // Translations are forgotten where CR3 is set.
      if (!isCode) vcpu.setSregs(vcpu.getSregs());
    }
  }

  #translation(): bigint {
    const entry = BigInt(FRAMES + this.#random.below(8) * 0x1000) | 3n;
    return this.#random.chance(70) ? entry : this.#random.pick([entry | NX, entry | 4n, entry & ~1n]);
  }

  #tables(): void {
    const view = new DataView(this.#image.buffer);
    const put = (at: number, value: bigint): void => view.setBigUint64(at, value, true);
    put(GDT + 8, this.wide ? 0x00af9b000000ffffn : 0x00cf9b000000ffffn);
    put(GDT + 16, 0x00cf93000000ffffn);
    const directory = BigInt(TABLES + 0x2000);
    put(TABLES, this.wide ? BigInt(TABLES + 0x1000) | 3n : directory | 1n);
    put(TABLES + 0x1000, directory | 3n);
    put(TABLES + 0x2000, BigInt(TABLES + 0x3000) | 3n);
    put(TABLES + 0x2008, BigInt(WINDOW_TABLE) | 3n);
    put(TABLES + 0x2018, BigInt(TABLES + 0x4000) | 3n);
    for (let page = 0; page < 512; page++) put(TABLES + 0x3000 + page * 8, BigInt(page << 12) | 3n);
    for (let page = 0; page < PAGES; page++) {
      const frame = FRAMES + (page % 8) * 0x1000;
      put(WINDOW_TABLE + page * 8, BigInt(frame) | 3n);
      put(TABLES + 0x4000 + page * 8, BigInt(frame + APART) | 3n);
      this.#image[frame + APART] = 0xc3;
    }
  }

  #assemble(at: number, source: string): ReadonlyMap<string, bigint> {
    const text = source.replaceAll('D', this.wide ? 'rdi' : 'edi');
    const program = assemble(`bits ${this.wide ? 64 : 32}\norg ${at}\n${text}`);
    if (program.errors)
      throw new Error(program.errors.map((e) => `${e.line}: ${e.message}\n${text}`).join('\n'));
    const home = at >= WINDOW ? FRAMES + (((at - WINDOW) >> 12) - HOME) * 0x1000 + (at & 0xfff) : at;
    this.#image.set(program.bytes, home);
    for (const [name, value] of program.symbols) {
      if (name.startsWith('imm')) this.#immediates.push(home + Number(value) - at + 1);
    }
    return new Map([...program.symbols].map(([name, value]) => [name, BigInt(value)]));
  }

  /** A function below slot `most` in any page near home. */
  #target(most: number): number {
    const page = HOME + this.#random.below(8);
    return WINDOW + page * 0x1000 + this.#random.below(most) * SLOT;
  }

  #frame(frame: number): void {
    for (let slot = 0; slot < SLOTS; slot++) {
      const at = WINDOW + (HOME + frame) * 0x1000 + slot * SLOT;
      const lines: string[] = [];
      const ops = (): void => {
        for (let n = this.#random.below(4); n > 0; n--) lines.push(this.#random.pick(OPS));
        lines.push(`imm${lines.length}: add eax, ${0x10000000 + this.#random.below(0x10000000)}`);
      };
      ops();
      if (this.#random.chance(30)) lines.push('mov edx, 3', 'turn:', 'add ebx, edx', 'dec edx', 'jnz turn');
      for (let n = this.#random.below(3); slot > 0 && n > 0; n--) {
        const skips = this.#random.chance(40);
        if (skips) lines.push(`test eax, ${1 << this.#random.below(8)}`, `jnz skip${n}`);
        lines.push(`call ${this.#target(slot)}`);
        if (skips) lines.push(`skip${n}:`);
        ops();
      }
      // The last one goes on in the next page.
      if (slot === SLOTS - 1) lines.push(`times ${at + SLOT} - $ db 0x90`);
      else if (slot > 0 && this.#random.chance(25)) lines.push(`jmp ${this.#target(slot)}`);
      else lines.push('ret');
      this.#assemble(at, lines.join('\n'));
    }
  }

  /** What is stored before a turn: u32 where, 0 = nothing; u32 the page whose translation it is, 0 = code; u64. */
  #change(at: number): void {
    const view = new DataView(this.#image.buffer, at);
    if (this.#random.chance(60)) return;
    if (this.#random.chance(40)) {
      view.setUint32(0, this.#random.pick(this.#immediates), true);
      view.setUint32(8, this.#random.u32(), true);
      return;
    }
    const page = HOME + this.#random.below(this.#random.chance(80) ? 8 : 16);
    view.setUint32(0, WINDOW_TABLE + page * 8, true);
    view.setUint32(4, WINDOW + page * 0x1000, true);
    view.setBigUint64(8, this.#translation(), true);
  }

  #main(): number {
    const [a, b, si] = this.wide ? ['rax', 'rbx', 'rsi'] : ['eax', 'ebx', 'esi'];
    const calls = Array.from({ length: 3 }, () => `call ${this.#target(SLOTS)}`);
    const labels = this.#assemble(
      CODE,
      `
  handler:
    push ${a}
    push ${b}
    inc dword [${DATA + 0x100}]
    mov ${a}, cr2
    mov ebx, eax
    shr ebx, 12
    and ebx, 511
    push ${a}
    mov eax, ebx
    and eax, 7
    shl eax, 12
    add eax, ${FRAMES + 3}
    shl ebx, 3
    add ebx, ${WINDOW_TABLE}
    mov [${b}], eax
    mov dword [${b} + 4], 0
    pop ${a}
    invlpg [${a}]
    pop ${b}
    pop ${a}
    add ${this.wide ? 'rsp, 8' : 'esp, 4'}
    ${this.wide ? 'iretq' : 'iretd'}
  start:
    mov edi, ${DATA}
    mov ecx, ${ROUNDS}
  again:
    ${calls[0]}
    mov esi, ecx
    shl esi, 4
    add esi, ${CHANGES}
    mov ebx, [${si}]
    test ebx, ebx
    jz same
    push ${a}
    mov eax, [${si} + 8]
    mov [${b}], eax
    mov eax, [${si} + 12]
    mov esi, [${si} + 4]
    test esi, esi
    jz code
    mov [${b} + 4], eax
    invlpg [${si}]
    test esi, 0x1000
    jz code
    add esi, ${APART}
    call ${si}
  code:
    pop ${a}
  same:
    ${calls[1]}
    ${calls[2]}
    dec ecx
    jnz again
    hlt`,
    );
    const view = new DataView(this.#image.buffer);
    const handler = labels.get('handler') as bigint;
    const gate = (handler & 0xffffn) | 0x8e0000080000n | ((handler >> 16n) << 48n);
    view.setBigUint64(IDT + 14 * (this.wide ? 16 : 8), gate, true);
    return Number(labels.get('start'));
  }
}
