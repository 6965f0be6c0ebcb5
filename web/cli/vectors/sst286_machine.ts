// The machine for real-mode cases: 16 MiB of RAM from 0, one vCPU, run to its HLT. Knows no case format.

import { RUN_EXIT } from '../../../assembly/abi/vcpu_page.ts';
import { KVM_EXIT, Kvm, type KvmSregs, type Vcpu, type Vm } from '../../kvm/index.ts';

/** Registers of a case. */
export const REAL_REGISTERS = [
  'ax',
  'bx',
  'cx',
  'dx',
  'cs',
  'ss',
  'ds',
  'es',
  'sp',
  'bp',
  'si',
  'di',
  'ip',
  'flags',
] as const;
export type RealRegisters = Record<(typeof REAL_REGISTERS)[number], number>;

/** Where a case ended; no registers when it did not reach a HLT. */
export interface RealOutcome {
  readonly registers: RealRegisters | undefined;
  readonly why: string;
}

const MEMORY = 16 << 20;
/** More than REP with CX = FFFF needs. */
const BUDGET = 200_000;
/** Bits of FLAGS that a case may set. */
const FLAGS = 0x0fd5;

export class RealMachine {
  /** Guest RAM, for reading. */
  readonly ram: Uint8Array;
  readonly #vm: Vm;
  readonly #vcpu: Vcpu;
  readonly #blank: KvmSregs;

  constructor(core: WebAssembly.Module) {
    const kvm = Kvm.open({ core });
    this.#vm = kvm.createVm({ maxVcpus: 1 });
    this.#vm.setUserMemoryRegion({
      slot: 0,
      flags: 0,
      guest_phys_addr: 0n,
      memory_size: BigInt(MEMORY),
      userspace_addr: BigInt(this.#vm.allocate(MEMORY)),
    });
    this.#vcpu = this.#vm.createVcpu(0);
    this.#vcpu.setCpuid2(kvm.getSupportedCpuid());
    this.ram = this.#vm.guest(0, MEMORY) as Uint8Array;
    this.#blank = this.#vcpu.getSregs();
  }

  /** Writes bytes, neighbours together: every write may drop decoded code. */
  fill(bytes: ReadonlyMap<number, number>): void {
    let start = 0;
    let run: number[] = [];
    for (const [at, byte] of bytes) {
      if (at !== start + run.length) {
        if (run.length > 0) this.#vm.write(start, Uint8Array.from(run));
        start = at;
        run = [];
      }
      run.push(byte);
    }
    if (run.length > 0) this.#vm.write(start, Uint8Array.from(run));
  }

  /** Makes bytes 0 again; all of memory when it is not known what was written. */
  clear(addresses: Iterable<number> | undefined): void {
    if (addresses === undefined) this.#vm.write(0, new Uint8Array(MEMORY));
    else this.fill(new Map(Array.from(addresses, (at) => [at, 0])));
  }

  /** Runs from CS:IP to the first HLT. */
  run(before: RealRegisters): RealOutcome {
    const segment = (selector: number, like: KvmSregs['cs']): KvmSregs['cs'] => ({
      ...like,
      base: BigInt(selector << 4),
      limit: 0xffff,
      selector,
    });
    const { cs, ds } = this.#blank;
    this.#vcpu.setSregs({
      ...this.#blank,
      cs: segment(before.cs, cs),
      ss: segment(before.ss, ds),
      ds: segment(before.ds, ds),
      es: segment(before.es, ds),
      fs: segment(0, ds),
      gs: segment(0, ds),
      idt: { ...this.#blank.idt, base: 0n, limit: 0x3ff },
      cr0: 0x10n,
    });
    this.#vcpu.setRegs({
      rax: before.ax,
      rbx: before.bx,
      rcx: before.cx,
      rdx: before.dx,
      rsp: before.sp,
      rbp: before.bp,
      rsi: before.si,
      rdi: before.di,
      rip: before.ip,
      rflags: (before.flags & FLAGS) | 2,
    });
    const why = this.#vcpu.enter(BUDGET);
    const reason = this.#vcpu.kvmRun.exitReason;
    if (why !== RUN_EXIT || reason !== KVM_EXIT.HLT)
      return { registers: undefined, why: `did not reach HLT (run ${why}, exit ${reason})` };
    return { registers: this.#registers(), why: '' };
  }

  #registers(): RealRegisters {
    const regs = this.#vcpu.getRegs();
    const sregs = this.#vcpu.getSregs();
    const word = (value: bigint): number => Number(value & 0xffffn);
    return {
      ax: word(regs.rax),
      bx: word(regs.rbx),
      cx: word(regs.rcx),
      dx: word(regs.rdx),
      cs: sregs.cs.selector,
      ss: sregs.ss.selector,
      ds: sregs.ds.selector,
      es: sregs.es.selector,
      sp: word(regs.rsp),
      bp: word(regs.rbp),
      si: word(regs.rsi),
      di: word(regs.rdi),
      ip: word(regs.rip),
      flags: word(regs.rflags),
    };
  }
}
