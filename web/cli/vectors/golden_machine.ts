// The machine in which golden CPU cases run: a bare long-mode kernel of tables, the cases at CPL 3, every exception ends in HLT.

import { RUN_EXIT, V_JIT_KEPT, V_JIT_REGIONS } from '../../../assembly/abi/vcpu_page.ts';
import { KVM_EXIT, Kvm, type KvmSregs, type Vcpu, type Vm } from '../../kvm/index.ts';
import { type Case, type FloatState, type Frame, GPR } from './golden_case.ts';
import { floatOf, xsaveOf } from './golden_float.ts';

// Guest-physical layout; the kernel's part is mapped at KERNEL, so that low addresses stay free for faults.
const MEMORY = 0x40000;
const GDT = 0x1000;
const LDT = 0x1100;
const IDT = 0x2000;
const TSS = 0x3000;
const STUBS = 0x4000;
const STACK_TOP = 0x7000;
const PML4 = 0x10000;
const CODE_PAGE = 0x20000;
const DATA_PAGES = 0x21000;
const WINDOW = 0x2000;
const KERNEL = 0xffff800000000000n;
/** Cases are short; what has not ended by then hangs. */
const BUDGET = 2_000_000;
const RF = 0x10000;

const flat = { limit: 0xffffffff, present: 1, s: 1, g: 1, avl: 0, unusable: 0, padding: 0 };

/** Where a case ended. */
export interface Outcome {
  /** Vector of the exception, undefined when the vCPU left in another way (`why` says how). */
  vector: number | undefined;
  why: string;
  error: number;
  rip: bigint;
  flags: number;
  gpr: bigint[];
  cr2: bigint;
  float: FloatState;
}

export class GoldenMachine {
  /** Cases whose code became a compiled region, and those of which nothing but the INT3 was left to the interpreter. */
  compiled = 0;
  emitted = 0;
  readonly #vm: Vm;
  readonly #vcpu: Vcpu;
  readonly #frame: Frame;
  readonly #sregs: Record<16 | 32 | 64, KvmSregs>;
  readonly #data: Uint8Array;
  readonly #code: Uint8Array;

  /** `compileAfter`: see Vm.compileAfter. */
  constructor(core: WebAssembly.Module, frame: Frame, compileAfter?: number) {
    const kvm = Kvm.open({ core });
    this.#frame = frame;
    this.#vm = kvm.createVm({ maxVcpus: 1 });
    this.#vm.compileAfter(compileAfter);
    this.#vm.setUserMemoryRegion({
      slot: 0,
      flags: 0,
      guest_phys_addr: 0n,
      memory_size: BigInt(MEMORY),
      userspace_addr: BigInt(this.#vm.allocate(MEMORY)),
    });
    this.#vcpu = this.#vm.createVcpu(0);
    this.#vcpu.setCpuid2(kvm.getSupportedCpuid());
    // x87, SSE and AVX.
    this.#vcpu.setXcrs({ nr_xcrs: 1, xcrs: [{ xcr: 0, value: 7n }] });
    this.#writeTables();
    this.#sregs = { 16: this.#sregsOf(16), 32: this.#sregsOf(32), 64: this.#sregsOf(64) };
    this.#data = this.#vm.guest(DATA_PAGES, WINDOW) as Uint8Array;
    this.#code = new Uint8Array(0x1000).fill(0xcc);
  }

  /** The data window after a run. */
  get window(): Uint8Array {
    return this.#data;
  }

  #writeTables(): void {
    const image = new Uint8Array(MEMORY);
    const view = new DataView(image.buffer);
    const put = (at: number, value: bigint): void => view.setBigUint64(at, value, true);
    const base = Number(this.#frame.code);
    const window = Number(this.#frame.data);
    // GDT: 08 kernel code, 20 user code 32 (selector 23), 28 user data (2b), 30 user code 64 (33), 40 TSS, 50 LDT.
    put(GDT + 0x08, 0x00af9b000000ffffn);
    put(GDT + 0x20, 0x00cffb000000ffffn);
    put(GDT + 0x28, 0x00cff3000000ffffn);
    put(GDT + 0x30, 0x00affb000000ffffn);
    // LDT: code and data with 64 KiB limits and 16-bit sizes.
    put(LDT, 0x0000fb000000ffffn | (BigInt(base & 0xffffff) << 16n) | (BigInt(base >>> 24) << 56n));
    put(LDT + 8, 0x0000f3000000ffffn | (BigInt(window & 0xffffff) << 16n) | (BigInt(window >>> 24) << 56n));
    put(LDT + 16, 0x0000f3000000ffffn | (BigInt(window & 0xffffff) << 16n) | (BigInt(window >>> 24) << 56n));
    put(TSS + 4, KERNEL + BigInt(STACK_TOP));
    view.setUint16(TSS + 102, 104, true);
    for (let vector = 0; vector < 32; vector++) {
      const handler = KERNEL + BigInt(STUBS + vector * 16);
      const dpl = vector === 3 || vector === 4 ? 0x60n : 0n;
      const gate = IDT + vector * 16;
      put(
        gate,
        (handler & 0xffffn) | (8n << 16n) | ((0x8en | dpl) << 40n) | (((handler >> 16n) & 0xffffn) << 48n),
      );
      put(gate + 8, handler >> 32n);
      image[STUBS + vector * 16] = 0xf4;
    }
    // One page directory for the user's first GiB; one for the kernel's.
    const [userPdpt, userPd, codePt, dataPt, kernelPdpt, kernelPd, kernelPt] = [1, 2, 3, 4, 5, 6, 7].map(
      (n) => PML4 + n * 0x1000,
    ) as [number, number, number, number, number, number, number];
    put(PML4, BigInt(userPdpt) | 7n);
    put(PML4 + 256 * 8, BigInt(kernelPdpt) | 3n);
    put(userPdpt, BigInt(userPd) | 7n);
    put(userPd + (base >>> 21) * 8, BigInt(codePt) | 7n);
    put(userPd + (window >>> 21) * 8, BigInt(dataPt) | 7n);
    put(codePt, BigInt(CODE_PAGE) | 7n);
    for (let page = 0; page < WINDOW / 0x1000; page++)
      put(dataPt + page * 8, BigInt(DATA_PAGES + page * 0x1000) | 7n);
    put(kernelPdpt, BigInt(kernelPd) | 3n);
    put(kernelPd, BigInt(kernelPt) | 3n);
    for (let page = 0; page < 16; page++) put(kernelPt + page * 8, BigInt(page * 0x1000) | 3n);
    this.#vm.write(0, image);
  }

  #sregsOf(mode: 16 | 32 | 64): KvmSregs {
    const sregs = this.#vcpu.getSregs();
    const window = this.#frame.data;
    const user = { ...flat, dpl: 3, padding: 0 };
    const data = { ...user, base: 0n, selector: 0x2b, type: 3, db: 1, l: 0 };
    const small = { ...user, base: window, limit: 0xffff, selector: 0x0f, type: 3, db: 0, l: 0, g: 0 };
    const code =
      mode === 64
        ? { ...user, base: 0n, selector: 0x33, type: 11, db: 0, l: 1 }
        : mode === 32
          ? { ...user, base: 0n, selector: 0x23, type: 11, db: 1, l: 0 }
          : { ...user, base: this.#frame.code, limit: 0xffff, selector: 7, type: 11, db: 0, l: 0, g: 0 };
    const system = { present: 1, dpl: 0, db: 0, s: 0, l: 0, g: 0, avl: 0, unusable: 0, padding: 0 };
    const segment = mode === 16 ? small : data;
    return {
      ...sregs,
      cs: code,
      ds: segment,
      es: segment,
      ss: mode === 16 ? { ...small, selector: 0x17 } : data,
      fs: { ...data, selector: 0 },
      gs: { ...data, base: window, selector: 0x2b },
      tr: { ...system, base: KERNEL + BigInt(TSS), limit: 103, selector: 0x40, type: 11 },
      ldt: { ...system, base: KERNEL + BigInt(LDT), limit: 31, selector: 0x50, type: 2 },
      gdt: { base: KERNEL + BigInt(GDT), limit: 0x5f, padding: sregs.gdt.padding },
      idt: { base: KERNEL + BigInt(IDT), limit: 0x1ff, padding: sregs.idt.padding },
      cr0: 0x80050033n,
      cr3: BigInt(PML4),
      cr4: 0x40620n,
      efer: 0xd01n,
    };
  }

  /** Regions that were compiled, and records that they keep for the interpreter. */
  #regions(): [regions: number, records: number] {
    const { memory } = this.#vm;
    return [V_JIT_REGIONS, V_JIT_KEPT].map((at) => memory.u32(this.#vcpu.page + at)) as [number, number];
  }

  #count([regions, kept]: [number, number], [regionsNow, keptNow]: [number, number]): void {
    if (regionsNow === regions) return;
    this.compiled++;
    if (keptNow - kept <= 1) this.emitted++;
  }

  /** Runs one case to its exception. */
  run(test: Case): Outcome {
    this.#data.set(this.#frame.pattern);
    for (const [offset, bytes] of test.memory) this.#data.set(bytes, offset);
    this.#code.fill(0xcc);
    this.#code.set(test.code.subarray(0, 0x1000 - test.ip), test.ip);
    this.#vm.write(CODE_PAGE, this.#code);
    const rip = (test.mode === 16 ? 0n : this.#frame.code) + BigInt(test.ip);
    this.#vcpu.setSregs(this.#sregs[test.mode]);
    const regs = Object.fromEntries(GPR.map((name, n) => [name, test.gpr[n] ?? 0n]));
    this.#vcpu.setRegs({ ...regs, rip, rflags: BigInt(test.flags) } as Parameters<Vcpu['setRegs']>[0]);
    this.#vcpu.setXsave(xsaveOf(test.float));
    const before = this.#regions();
    const why = this.#vcpu.enter(BUDGET);
    this.#count(before, this.#regions());
    const after = this.#vcpu.getRegs();
    const gpr = GPR.map((name) => after[name]);
    const outcome: Outcome = {
      vector: undefined,
      why: '',
      error: 0,
      rip: after.rip,
      flags: Number(after.rflags),
      gpr,
      cr2: this.#vcpu.getSregs().cr2,
      float: floatOf(this.#vcpu.getXsave()),
    };
    const stub = Number(after.rip - KERNEL) - STUBS - 1;
    if (
      why !== RUN_EXIT ||
      this.#vcpu.kvmRun.exitReason !== KVM_EXIT.HLT ||
      stub < 0 ||
      stub >= 512 ||
      stub % 16
    ) {
      outcome.why = why === RUN_EXIT ? `exit ${this.#vcpu.kvmRun.exitReason}` : `run ${why}`;
      return outcome;
    }
    outcome.vector = stub / 16;
    const hasCode =
      outcome.vector === 8 || (outcome.vector >= 10 && outcome.vector <= 14) || outcome.vector === 17;
    const frame = this.#vm.read(STACK_TOP - 40 - (hasCode ? 8 : 0), 40 + (hasCode ? 8 : 0));
    const view = new DataView(frame.buffer, frame.byteOffset);
    let at = 0;
    if (hasCode) {
      outcome.error = view.getUint32(0, true);
      at = 8;
    }
    outcome.rip = view.getBigUint64(at, true);
    outcome.flags = view.getUint32(at + 16, true) & ~RF;
    outcome.gpr[4] = view.getBigUint64(at + 24, true);
    return outcome;
  }
}
