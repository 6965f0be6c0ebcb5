// A random world: memory, tables, registers and code for one stretch of fuzzing. All of it follows from the seed.
import { V_DB_PENDING } from '../../assembly/abi/vcpu_page.ts';
import {
  type Input,
  KvmError,
  type KvmRegs,
  type KvmSegment,
  type KvmSregs,
  type Vcpu,
} from '../../web/kvm/index.ts';
import { CodeWriter, LINE, type Width } from './code.ts';
import {
  CODE,
  CODE_MASK,
  COUNTERS,
  HANDLERS,
  handlerCode,
  STUB,
  SYSCALL_ENTRY,
  SYSENTER_ENTRY,
} from './handlers.ts';
import { type FuzzMachine, LAST, MAIN, READONLY, TOP } from './machine.ts';
import { Random } from './random.ts';

export const MODES = [
  ...([
    'long user',
    'long kernel',
    'compatible 32',
    'compatible 16',
    'protected user',
    'protected kernel',
  ] as const),
  ...(['protected 16', 'real', 'virtual 8086', 'chaos'] as const),
];
export type Mode = (typeof MODES)[number];

// Guest-physical places below the code; the handlers' are in handlers.ts.
const GDT = 0x1000;
const GDT_LIMIT = 0x1ff;
const LDT = 0x1400;
const IDT = 0x2000;
const TSS = 0x3000;
const KERNEL_STACK = 0x7f00;
export const TABLES = 0x8000;
const KERNEL_PAGES = 0x10;
const DATA = 0x20000;
const DATA_BYTES = 0x20000;
const LONG_KERNEL = 0xffffffff80000000n;
const PAGED_KERNEL = 0xc0000000n;

interface Plan {
  readonly width: Width;
  readonly cpl: 0 | 3;
  readonly paging: 'off' | '32' | 'pae' | '64';
  readonly handlers: 'real' | 'protected' | 'long';
  readonly cs: number;
  readonly ss: number;
  /** Segments of their own, with random bases, limits and rights. */
  readonly segments: boolean;
}

const flat = (random: Random): Plan['paging'] => random.pick(['32', 'pae', 'off'] as const);

function planOf(mode: Mode, random: Random): Plan {
  const long = { paging: '64', handlers: 'long', segments: false } as const;
  const protectedMode = { handlers: 'protected', segments: false } as const;
  switch (mode) {
    case 'long user':
      return { ...long, width: 64, cpl: 3, cs: 0x3b, ss: 0x43 };
    case 'long kernel':
      return { ...long, width: 64, cpl: 0, cs: 0x18, ss: 0x20 };
    case 'compatible 32':
      return { ...long, width: 32, cpl: 3, cs: 0x2b, ss: 0x33 };
    case 'compatible 16':
      return { ...long, width: 16, cpl: 3, cs: 0x5b, ss: 0x33, segments: random.chance(50) };
    case 'protected user':
      return { ...protectedMode, width: 32, cpl: 3, cs: 0x2b, ss: 0x33, paging: flat(random) };
    case 'protected kernel':
      return { ...protectedMode, width: 32, cpl: 0, cs: 0x08, ss: 0, paging: flat(random) };
    case 'protected 16':
      return {
        ...protectedMode,
        width: 16,
        cpl: 3,
        cs: 0x5b,
        ss: 0x33,
        paging: flat(random),
        segments: true,
      };
    case 'real':
      return { width: 16, cpl: 0, cs: CODE >> 4, ss: 0, paging: 'off', handlers: 'real', segments: false };
    case 'virtual 8086':
      return { ...protectedMode, width: 16, cpl: 3, cs: CODE >> 4, ss: 0, paging: flat(random) };
    case 'chaos':
      return planOf(random.pick(MODES.filter((name) => name !== 'chaos')), random);
  }
}

/** Descriptor from base, limit in its own unit, and attributes. */
function descriptor(base: number, limit: number, attr: number): bigint {
  return (
    BigInt(limit & 0xffff) |
    (BigInt(base & 0xffffff) << 16n) |
    (BigInt(attr & 0xf0ff) << 40n) |
    (BigInt((limit >>> 16) & 15) << 48n) |
    (BigInt(base >>> 24) << 56n)
  );
}

const FIXED: readonly (readonly [selector: number, base: number, limit: number, attr: number])[] = [
  [0x08, 0, 0xfffff, 0xc09b],
  [0x10, 0, 0xfffff, 0xc093],
  [0x18, 0, 0xfffff, 0xa09b],
  [0x20, 0, 0xfffff, 0xc093],
  [0x28, 0, 0xfffff, 0xc0fb],
  [0x30, 0, 0xfffff, 0xc0f3],
  [0x38, 0, 0xfffff, 0xa0fb],
  [0x40, 0, 0xfffff, 0xc0f3],
  [0x48, CODE, 0xffff, 0x009b],
  [0x50, DATA, 0xffff, 0x0093],
  [0x58, CODE, 0xffff, 0x00fb],
  [0x60, DATA, 0xffff, 0x00f3],
];
const LDT_SELECTOR = 0x68;
const TSS_SELECTOR = 0x78;

const IMAGE = new Uint8Array(MAIN.bytes);
const handlerCache = new Map<string, Uint8Array>();

export class World {
  readonly mode: Mode;
  readonly plan: Plan;
  /** The first slot's bytes. All worlds share the buffer: only the last one made is good. */
  readonly image = IMAGE;
  readonly #random: Random;
  readonly #kernel: bigint;
  /** Instructions keep to lines of 16 bytes; without, they lie anywhere, over the ends of pages too. */
  readonly #lines: boolean;
  /** Percentage of instructions that make loops and calls. */
  readonly #loops: number;
  /** Offsets in the data segment that exist. */
  readonly #data: readonly [number, number];

  /** `loops`: most worlds have control flow as programs have it. */
  constructor(mode: Mode, seed: number, loops = false) {
    this.mode = mode;
    const random = new Random(seed);
    this.#loops = loops ? random.pick([0, 5, 12, 25]) : 0;
    this.#random = random;
    this.plan = planOf(mode, random);
    this.#lines = random.chance(75);
    const { paging, width } = this.plan;
    this.#kernel = paging === '64' ? LONG_KERNEL : paging === 'off' ? 0n : PAGED_KERNEL;
    const small = this.plan.segments || this.plan.handlers === 'real' || mode === 'virtual 8086';
    this.#data = width === 16 && small ? [0, 0x10000] : width === 16 ? [0, 0xffff] : [DATA, DATA_BYTES];
    this.#write();
  }

  #write(): void {
    const { image, plan } = this;
    const random = this.#random;
    image.fill(0);
    const view = new DataView(image.buffer);
    const words = new Uint32Array(image.buffer, DATA, DATA_BYTES / 4);
    for (let n = 0; n < words.length; n++) words[n] = random.u32();
    // Numbers that arithmetic meets at its edges.
    for (let n = 0; n < 200; n++)
      view.setBigUint64(DATA + random.below(DATA_BYTES - 8), interesting(random), true);
    this.#writeCode(random.chance(30));
    for (const [selector, base, limit, attr] of FIXED)
      view.setBigUint64(GDT + selector, descriptor(base, limit, attr), true);
    const kernel = Number(BigInt.asUintN(32, this.#kernel));
    const system = (at: number, base: number, limit: number, attr: number): void => {
      view.setBigUint64(at, descriptor((base + kernel) >>> 0, limit, attr), true);
      view.setBigUint64(at + 8, this.#kernel >> 32n, true);
    };
    system(GDT + LDT_SELECTOR, LDT, 0xff, 0x82);
    system(GDT + TSS_SELECTOR, TSS, 0x2ff, 0x8b);
    for (let at = GDT + 0x88; at < GDT + GDT_LIMIT - 7; at += 8)
      view.setBigUint64(at, randomDescriptor(random), true);
    for (let at = LDT; at < LDT + 0x100; at += 8) view.setBigUint64(at, randomDescriptor(random), true);
    this.#writeEvents(view);
    if (plan.paging !== 'off') this.#writePages(view);
  }

  #writeCode(selfModifying: boolean): void {
    const random = this.#random;
    const writer = new CodeWriter(random, {
      width: this.plan.width,
      data: selfModifying && this.#data[0] === DATA ? [DATA - 0x10000, DATA_BYTES] : this.#data,
      wild: random.pick([0, 1, 1, 3, 10, 40]),
      noise: this.#lines ? random.pick([0, 0, 2]) : random.pick([0, 5, 60]),
      lines: this.#lines,
      loops: this.#loops,
    });
    writer.codeBase = CODE;
    writer.fill(this.image.subarray(CODE, CODE + CODE_MASK + 1));
  }

  #writeEvents(view: DataView): void {
    const { plan, image } = this;
    const flatCode = this.mode !== 'virtual 8086' && plan.handlers !== 'real' && plan.cs !== 0x5b;
    const options = {
      kind: plan.handlers,
      kernel: this.#kernel,
      offset: flatCode ? CODE : 0,
      cs: plan.cs,
      step: this.#lines ? LINE : 1,
      ss: this.mode === 'virtual 8086' ? 0 : plan.ss,
    };
    const key = JSON.stringify({ ...options, kernel: `${options.kernel}` });
    const code = handlerCache.get(key) ?? handlerCode(options);
    handlerCache.set(key, code);
    image.set(code, HANDLERS);
    for (let vector = 0; vector < 256; vector++) {
      const entry = HANDLERS + Math.min(vector, 31) * STUB;
      if (plan.handlers === 'real') {
        if (vector < 0x100) view.setUint32(vector * 4, entry, true);
        continue;
      }
      const target = this.#kernel + BigInt(entry);
      const open = vector === 3 || vector === 4 || vector > 0x80 ? 0x60 : 0;
      const selector = plan.handlers === 'long' ? 0x18n : 0x08n;
      const low =
        (target & 0xffffn) |
        (selector << 16n) |
        (BigInt(0x8e | open) << 40n) |
        (((target >> 16n) & 0xffffn) << 48n);
      if (plan.handlers === 'long') {
        view.setBigUint64(IDT + vector * 16, low | (1n << 32n), true);
        view.setBigUint64(IDT + vector * 16 + 8, target >> 32n, true);
      } else view.setBigUint64(IDT + vector * 8, low, true);
    }
    const stack = this.#kernel + BigInt(KERNEL_STACK);
    if (plan.handlers === 'long') {
      view.setBigUint64(TSS + 4, stack - 0x400n, true);
      view.setBigUint64(TSS + 0x24, stack, true);
    } else if (plan.handlers === 'protected') {
      view.setUint32(TSS + 4, Number(stack), true);
      view.setUint32(TSS + 8, 0x10, true);
    }
    view.setUint16(TSS + 0x66, this.#random.pick([0x68, 0xffff]), true);
    for (let at = TSS + 0x68; at < TSS + 0x300; at++) image[at] = this.#random.u32() & 0xff;
  }

  /** The kernel's pages above, the first 2 MiB below, with random rights and frames for the data. */
  #writePages(view: DataView): void {
    const random = this.#random;
    const { paging } = this.plan;
    const wide = paging !== '32';
    const put = (table: number, index: number, value: bigint): void =>
      wide
        ? view.setBigUint64(TABLES + table * 0x1000 + index * 8, value, true)
        : view.setUint32(TABLES + table * 0x1000 + index * 4, Number(BigInt.asUintN(32, value)), true);
    const at = (table: number): bigint => BigInt(TABLES + table * 0x1000);
    if (paging === '64') {
      put(0, 0, at(1) | 7n);
      put(0, 511, at(2) | 3n);
      put(1, 0, at(3) | 7n);
      put(2, 510, at(4) | 3n);
      put(3, 0, at(5) | 7n);
      put(4, 0, at(6) | 3n);
    } else if (paging === 'pae') {
      put(0, 0, at(3) | 1n);
      put(0, 3, at(4) | 1n);
      put(3, 0, at(5) | 7n);
      put(4, 0, at(6) | 3n);
    } else {
      put(0, 0, at(5) | 7n);
      put(0, 0x300, at(6) | 3n);
      if (random.chance(20)) put(0, 1, 0x87n);
    }
    for (let page = 0; page < KERNEL_PAGES; page++) put(6, page, BigInt(page * 0x1000) | 3n);
    for (let page = 0x10; page < 0x14; page++)
      put(5, page, BigInt(page * 0x1000) | (random.chance(80) ? 7n : 5n));
    // Virtual-8086 code reaches the first MiB.
    for (let page = 0x20; page < 0x60; page++) put(5, page, this.#pageEntry(page, wide));
  }

  #pageEntry(page: number, wide: boolean): bigint {
    const random = this.#random;
    const frame =
      page < 0x40 ? page : random.pick([page, READONLY.gpa >>> 12, TOP.gpa >>> 12, (TOP.gpa >>> 12) + 15]);
    const own = BigInt(frame) << 12n;
    if (random.chance(70)) return own | 7n;
    switch (random.below(10)) {
      case 0:
        return 0n;
      case 1:
        return own | 5n;
      case 2:
        return own | 3n;
      case 3:
        return wide ? own | 7n | (1n << 63n) : own | 7n;
      case 4:
        return BigInt(READONLY.gpa + random.below(16) * 0x1000) | 7n;
      case 5:
        return BigInt(TOP.gpa + random.below(16) * 0x1000) | 7n;
      case 6:
        return wide ? BigInt(LAST.gpa + random.below(2) * 0xf000) | 7n : own | 7n;
      case 7:
        return BigInt(CODE + random.below(4) * 0x1000) | 7n;
      case 8:
        return random.chance(30) ? 0xa0007n : own | 0x67n;
      default:
        return random.chance(20) ? (random.u64() & 0x7fffn) | own : own | 7n;
    }
  }

  /** Puts memory into the machine. */
  load(machine: FuzzMachine): void {
    machine.vm.write(MAIN.gpa, this.image);
    const random = this.#random;
    for (const ram of machine.ram.slice(2)) {
      const words = new Uint32Array(ram.buffer, ram.byteOffset, ram.length / 4);
      for (let n = 0; n < words.length; n += 7) words[n] = random.u32();
    }
    machine.vm.written(TOP.gpa, TOP.bytes);
    machine.vm.written(BigInt(LAST.gpa), LAST.bytes);
    this.#loadFloat(machine.vcpu);
  }

  #loadFloat(vcpu: Vcpu): void {
    const random = this.#random;
    const region = new Uint32Array(1024);
    for (let n = 0; n < 208; n++)
      region[n] = random.chance(60) ? random.u32() : random.chance(50) ? 0x3f800000 : 0;
    region[0] = (random.chance(80) ? 0x37f : random.u32() & 0x1f7f) | ((random.u32() & 0x4700) << 16);
    region[1] = random.u32() & 0xff;
    region[6] = random.chance(80) ? 0x1f80 : random.u32() & 0xffff;
    // ST(i): exponents near 1, so that arithmetic does something.
    for (let i = 0; i < 8; i++) if (random.chance(70)) region[8 + i * 4 + 2] = 0x3ff0 + random.below(32);
    for (let i = 0; i < 8; i++)
      if (random.chance(85)) region[8 + i * 4 + 1] = (random.u32() | 0x80000000) >>> 0;
    region.fill(0, 128, 144);
    region[128] = 7;
    vcpu.setXsave({ region: region as unknown as number[] });
  }

  /** Registers, new and random but fit for the mode: at the start, and after whatever ends a stretch. */
  start(machine: FuzzMachine): void {
    const { vcpu } = machine;
    const random = this.#random;
    const { plan, mode } = this;
    const now = vcpu.getSregs();
    let sregs = this.#sregs(now);
    if (mode === 'chaos') {
      for (let n = 0; n < 20; n++) {
        const wild = {
          ...sregs,
          cr0: mutated(random, sregs.cr0 as bigint, 0xe005003fn),
          cr4: mutated(random, sregs.cr4 as bigint, 0x370fffn),
          efer: mutated(random, sregs.efer as bigint, 0xd01n),
        };
        try {
          vcpu.setSregs(wild);
          sregs = wild;
          break;
        } catch (error) {
          if (!(error instanceof KvmError)) throw error;
        }
      }
    }
    vcpu.setSregs(sregs);
    vcpu.setXcrs({
      nr_xcrs: 1,
      xcrs: [{ xcr: 0, value: random.chance(92) ? 7n : random.chance(50) ? 3n : 1n }],
    });
    const entry = (at: number): bigint => this.#kernel + BigInt(HANDLERS + at);
    vcpu.setMsrs([
      { index: 0xc0000081, data: 0x002b_0018_0000_0000n },
      { index: 0xc0000082, data: entry(SYSCALL_ENTRY) },
      { index: 0xc0000083, data: entry(SYSCALL_ENTRY) },
      { index: 0xc0000084, data: 0x40700n },
      { index: 0x174, data: 0x18n },
      { index: 0x175, data: this.#kernel + BigInt(KERNEL_STACK - 0x800) },
      { index: 0x176, data: entry(SYSENTER_ENTRY) },
    ]);
    const flatCode = mode !== 'virtual 8086' && plan.handlers !== 'real' && plan.cs !== 0x5b;
    const rip = BigInt((flatCode ? CODE : 0) + random.below(CODE_MASK));
    let rflags = 2n | (random.u64() & 0xcd5n);
    if (random.chance(5)) rflags |= 0x40000n;
    if (random.chance(2)) rflags |= 0x100n;
    if (random.chance(30)) rflags |= 0x3000n;
    if (mode === 'virtual 8086') rflags |= 0x20000n;
    vcpu.setRegs({ ...this.#registers(), rip, rflags });
    // A trap that waits has no place in the KVM API; it belongs to the stretch before.
    machine.vm.memory.setU32(vcpu.page + V_DB_PENDING, 0);
    vcpu.setVcpuEvents({ flags: 5, interrupt: { injected: 0, shadow: 0 }, nmi: { pending: 0, masked: 0 } });
    vcpu.setDebugregs({
      db: [0, 1, 2, 3].map(() => BigInt(DATA + random.below(DATA_BYTES))),
      dr6: 0xffff0ff0n,
      dr7: random.chance(96) ? 0x400n : BigInt((0x400 | (random.u32() & 0xffff03ff)) >>> 0),
    });
  }

  #registers(): Input<KvmRegs> {
    const random = this.#random;
    const names = [
      'rax',
      'rcx',
      'rdx',
      'rbx',
      'rbp',
      'rsi',
      'rdi',
      'r8',
      'r9',
      'r10',
      'r11',
      'r12',
      'r13',
      'r14',
      'r15',
    ];
    const [start, bytes] = this.#data;
    const regs = Object.fromEntries(
      names.map((name) => [
        name,
        random.chance(65) ? BigInt(start + random.below(bytes)) : interesting(random),
      ]),
    );
    // A small count, so that REP ends soon more often than not.
    if (random.chance(70)) regs.rcx = BigInt(random.below(200));
    return { ...regs, rsp: BigInt(start + (bytes >> 1) + random.below(0x1000) * 8) };
  }

  #sregs(now: KvmSregs): Input<KvmSregs> {
    const random = this.#random;
    const { plan, mode } = this;
    const kernel = this.#kernel;
    const cr4 = 0x40600n | (plan.paging === '64' || plan.paging === 'pae' ? 0x20n : 0n);
    const protection = plan.handlers !== 'real';
    const paging = plan.paging !== 'off';
    let cr0 =
      0x30n | (protection ? 1n : 0n) | (paging ? 0x80010000n : 0n) | (random.chance(50) ? 0x40000n : 0n);
    if (random.chance(4)) cr0 |= random.pick([4n, 8n, 2n, 10n]);
    const odd = random.chance(90)
      ? 0n
      : random.pick([1n, 4n, 8n, 0x80n, 0x800n, 0x10000n, 0x100000n, 0x200000n]);
    const system = { present: 1, s: 0, db: 0, l: 0, g: 0, dpl: 0, avl: 0, unusable: 0 };
    return {
      ...this.#segments(now),
      gdt: { base: protection ? kernel + BigInt(GDT) : 0n, limit: GDT_LIMIT },
      idt: { base: protection ? kernel + BigInt(IDT) : 0n, limit: protection ? 0xfff : 0x3ff },
      ldt: { ...system, base: kernel + BigInt(LDT), limit: 0xff, selector: LDT_SELECTOR, type: 2 },
      tr: { ...system, base: kernel + BigInt(TSS), limit: 0x2ff, selector: TSS_SELECTOR, type: 11 },
      cr0,
      cr3: paging ? BigInt(TABLES) : 0n,
      cr4: mode === 'virtual 8086' && random.chance(50) ? cr4 | 1n : cr4 ^ odd,
      efer: plan.handlers === 'long' ? 0xd01n : random.chance(50) ? 0x801n : 0n,
      cr8: 0n,
    };
  }

  #segments(now: KvmSregs): Input<KvmSregs> {
    const random = this.#random;
    const { plan, mode } = this;
    const names = ['ds', 'es', 'fs', 'gs', 'ss'] as const;
    const usable = { present: 1, s: 1, avl: 0, unusable: 0 };
    if (plan.handlers === 'real' || mode === 'virtual 8086') {
      const dpl = mode === 'virtual 8086' ? 3 : 0;
      const real = (selector: number, type: number): Input<KvmSegment> => ({
        ...usable,
        ...{ base: BigInt(selector << 4), limit: 0xffff, selector, type, dpl, db: 0, l: 0, g: 0 },
      });
      const selectors = [0x2000, 0x3000, 0x8000, random.pick([0xffff, 0x1000, 0x2fff]), 0x2000];
      const segments = names.map((name, n) => [name, real(selectors[n] ?? 0, 3)]);
      return { ...Object.fromEntries(segments), cs: real(plan.cs, mode === 'virtual 8086' ? 3 : 11) };
    }
    const cs: Input<KvmSegment> = {
      ...usable,
      base: plan.cs === 0x5b ? BigInt(CODE) : 0n,
      limit: plan.cs === 0x5b ? 0xffff : 0xffffffff,
      selector: plan.cs,
      type: 11,
      dpl: plan.cpl,
      db: plan.width === 32 ? 1 : 0,
      l: plan.width === 64 ? 1 : 0,
      g: plan.cs === 0x5b ? 0 : 1,
    };
    const flatData = { ...usable, base: 0n, limit: 0xffffffff, type: 3, dpl: plan.cpl, db: 1, l: 0, g: 1 };
    const data = plan.cpl === 3 ? 0x33 : 0x10;
    const segments = names.map((name) => {
      if (name === 'ss' || !plan.segments || random.chance(20)) {
        const base =
          plan.width === 16
            ? BigInt(DATA)
            : (name === 'fs' || name === 'gs') && random.chance(50)
              ? BigInt(random.below(DATA))
              : 0n;
        return [name, { ...flatData, base, selector: name === 'ss' && plan.ss ? plan.ss : data }];
      }
      return [name, { ...now.ds, ...this.#randomSegment() }];
    });
    return { ...Object.fromEntries(segments), cs };
  }

  /** A data or readable code segment over some of the data. */
  #randomSegment(): Input<KvmSegment> {
    const random = this.#random;
    const whole = random.chance(60);
    return {
      base: BigInt(DATA + random.below(0x8000)),
      limit: whole ? 0xffff : random.pick([0, 0xff, 0xfff, 0x7fff, 0xfffff, 0xffffffff]),
      selector: 0x63,
      type: whole ? 3 : random.pick([0, 1, 2, 3, 5, 7, 8, 9, 10, 11, 15]),
      present: 1,
      s: 1,
      dpl: 3,
      db: random.below(2),
      l: 0,
      g: 0,
      avl: 0,
      unusable: random.chance(5) ? 1 : 0,
    };
  }

  /** Exceptions by vector that the handlers have counted. */
  static counts(main: Uint8Array): number[] {
    const view = new DataView(main.buffer, main.byteOffset);
    return Array.from({ length: 32 }, (_, vector) => view.getUint32(COUNTERS + vector * 4, true));
  }
}

/** Numbers at the edges of sizes, signs and canonical addresses. */
function interesting(random: Random): bigint {
  switch (random.below(6)) {
    case 0:
      return BigInt(random.below(64));
    case 1:
      return BigInt.asUintN(64, -BigInt(random.below(64)));
    case 2:
      return (1n << BigInt(random.below(64))) - BigInt(random.below(2));
    case 3:
      return BigInt(random.u32());
    case 4:
      return random.pick([
        0x7ff0000000000000n,
        0x3ff0000000000000n,
        0x7f8000003f800000n,
        0x8000000080000000n,
      ]);
    default:
      return random.u64();
  }
}

function mutated(random: Random, value: bigint, mask: bigint): bigint {
  let result = value;
  for (let n = random.below(4); n >= 0; n--) {
    const bit = 1n << BigInt(random.below(32));
    if (bit & mask) result ^= bit;
  }
  return result;
}

/** Code, data, gates, TSSs and nonsense. */
function randomDescriptor(random: Random): bigint {
  if (random.chance(15)) return random.u64();
  const dpl = random.pick([0, 3, 3]) << 5;
  if (random.chance(20)) {
    // A gate of some kind into the flat code.
    const type = random.pick([0x84, 0x85, 0x8c, 0x8c, 0x87, 0x8f, 0x8e, 0x86]) | dpl;
    const selector = random.pick([0x08, 0x18, 0x28, 0x38, 0x78, 0x48]);
    return (
      BigInt(CODE & 0xffff) | (BigInt(selector) << 16n) | (BigInt(type) << 40n) | (BigInt(CODE >>> 16) << 48n)
    );
  }
  if (random.chance(10)) return descriptor(TSS, 0x67, 0x81 | dpl | random.pick([0, 8, 2, 10]));
  const type = random.below(16);
  const code = type & 8 ? CODE : DATA;
  const big = random.pick([0, 0x4000, 0xc000, 0x2000, 0x8000]);
  return descriptor(big & 0x8000 ? 0 : code, big & 0x8000 ? 0xfffff : 0xffff, 0x90 | type | dpl | big);
}
