// A vCPU or more over 2 MiB of RAM for tests of single instructions: registers in, code, registers out. No assertions.
import { readFileSync } from 'node:fs';
import { RUN_EXIT } from '../../../assembly/abi/vcpu_page.ts';
import { KVM_EXIT, Kvm, type KvmRegs, type KvmSregs, type Vcpu, type Vm } from '../../../web/kvm/index.ts';

const kvm = Kvm.open({ core: new WebAssembly.Module(readFileSync('build/core.wasm')) });

/** RAM ends here; what lies above is MMIO. */
export const RAM = 0x200000;
const CODE = 0x1000;
const PAGE_TABLES = 0x8000;
const FLAT = { base: 0n, limit: 0xffffffff, dpl: 0, present: 1, s: 1, g: 1, avl: 0, unusable: 0 };
const BUDGET = 1_000_000;

export type Mode = 'real' | 'flat' | 'long';
export type Registers = Partial<Record<keyof KvmRegs, bigint | number>>;

/** A vCPU at CPL 0: real mode, flat 32-bit without paging, or 64-bit with the first GiB mapped onto itself. */
export class Machine {
  readonly vm: Vm;
  readonly vcpu: Vcpu;
  readonly vcpus: readonly Vcpu[];
  /** The guest's RAM. */
  readonly ram: Uint8Array;
  readonly #sregs: KvmSregs;

  constructor(mode: Mode, cpus = 1) {
    this.vm = kvm.createVm({ maxVcpus: cpus, memoryLimit: 2 ** 28 });
    this.vm.setUserMemoryRegion({
      slot: 0,
      flags: 0,
      guest_phys_addr: 0n,
      memory_size: BigInt(RAM),
      userspace_addr: BigInt(this.vm.allocate(RAM)),
    });
    this.vcpu = this.vm.createVcpu(0);
    this.vcpus = [this.vcpu, ...Array.from({ length: cpus - 1 }, (_, n) => this.vm.createVcpu(n + 1))];
    this.ram = this.vm.guest(0, RAM) as Uint8Array;
    const now = this.vcpu.getSregs();
    const data = { ...FLAT, selector: 16, type: 3, db: 1, l: 0 };
    const segments = { ds: data, es: data, ss: data, fs: data, gs: data };
    if (mode === 'real') {
      this.#sregs = { ...now, cs: { ...now.cs, base: 0n, selector: 0 } };
    } else if (mode === 'flat') {
      const cs = { ...now.cs, ...FLAT, selector: 8, type: 11, db: 1, l: 0 };
      this.#sregs = { ...now, ...this.#filled(now, segments), cs, cr0: 0x11n };
    } else {
      const cs = { ...now.cs, ...FLAT, selector: 8, type: 11, db: 0, l: 1 };
      const view = new DataView(this.ram.buffer, this.ram.byteOffset);
      view.setBigUint64(PAGE_TABLES, BigInt(PAGE_TABLES + 0x1000) | 3n, true);
      view.setBigUint64(PAGE_TABLES + 0x1000, 0x83n, true);
      this.#sregs = {
        ...now,
        ...this.#filled(now, segments),
        cs,
        cr0: 0x8000_0011n,
        cr3: BigInt(PAGE_TABLES),
        cr4: 0x620n,
        efer: 0x500n,
      };
    }
  }

  #filled(now: KvmSregs, parts: Record<'ds' | 'es' | 'ss' | 'fs' | 'gs', object>): Partial<KvmSregs> {
    return Object.fromEntries(
      Object.entries(parts).map(([name, part]) => [name, { ...now[name as 'ds'], ...part }]),
    );
  }

  /** Places `code` followed by HLT and sets the registers; the rest are 0, the stack is at 0x7000. */
  prepare(code: string, registers: Registers, vcpu = this.vcpu): void {
    const bytes = Uint8Array.from(Buffer.from(`${code.replaceAll(' ', '')}f4`, 'hex'));
    this.vm.write(CODE, bytes);
    const zero = Object.fromEntries(Object.keys(vcpu.getRegs()).map((name) => [name, 0n]));
    vcpu.setSregs(this.#sregs);
    vcpu.setRegs({ ...zero, rsp: 0x7000n, rip: BigInt(CODE), rflags: 2n, ...registers });
  }

  /** Runs until the next exit and gives its KVM_EXIT_*. */
  go(): number {
    const why = this.vcpu.enter(BUDGET);
    if (why !== RUN_EXIT) throw new Error(`the guest did not exit: run gave ${why}`);
    return this.vcpu.kvmRun.exitReason;
  }

  /** Runs `code` to its HLT and gives the registers; a fault ends in a shutdown, for there is no handler. */
  run(code: string, registers: Registers = {}): KvmRegs {
    this.prepare(code, registers);
    const reason = this.go();
    if (reason !== KVM_EXIT.HLT) throw new Error(`exit ${reason}, expected HLT`);
    return this.vcpu.getRegs();
  }

  /** True when `code` raises an exception. */
  faults(code: string, registers: Registers = {}): boolean {
    this.prepare(code, registers);
    return this.go() === KVM_EXIT.SHUTDOWN;
  }
}

/** Repeatable random numbers. */
export function randomBits(seed: number): (bits: number) => bigint {
  let state = BigInt(seed) | 1n;
  return (bits) => {
    let value = 0n;
    for (let n = 0; n < bits; n += 32) {
      state = BigInt.asUintN(64, state * 6364136223846793005n + 1442695040888963407n);
      value = (value << 32n) | (state >> 32n);
    }
    return BigInt.asUintN(bits, value);
  };
}
