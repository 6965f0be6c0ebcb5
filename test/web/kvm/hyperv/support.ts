// What the tests of Hyper-V share: a guest of a few bytes that CPUID tells of it, and single instructions run in it. No
// assertions.

import { KVM_EXIT, type KvmCpuidEntry2, type Vcpu, type Vm } from '../../../../web/kvm/index.ts';
import { kvm, vmWithRam } from '../support.ts';

const HLT = 0xf4;
const RDMSR = 0x1000;
const WRMSR = 0x1010;
const VMCALL = 0x1020;
const HANDLER = 0x2000;
/** Tables of an identity map of the first GiB. */
const PML4 = 0x8000;
const PDPT = 0x9000;

/** The processor's leaves, and Hyper-V's in the place of KVM's. */
export function cpuid(
  changes: (entry: KvmCpuidEntry2) => KvmCpuidEntry2 = (entry) => entry,
): KvmCpuidEntry2[] {
  const own = kvm.getSupportedCpuid().filter(({ function: leaf }) => leaf >>> 16 !== 0x4000);
  return [...own, ...kvm.getSupportedHvCpuid().map(changes)];
}

/** How a guest begins. */
interface Setting {
  readonly chips?: boolean;
  readonly vcpus?: number;
  /** 0: CPUID does not tell of Hyper-V. */
  readonly table?: KvmCpuidEntry2[];
}

/** A VM with vCPUs in real mode, of which single instructions are run. */
export class Guest {
  readonly vm: Vm;
  readonly vcpus: readonly Vcpu[];

  constructor({ chips = false, vcpus = 1, table = cpuid() }: Setting = {}) {
    const { vm } = vmWithRam(0x100000, 0, vcpus);
    this.vm = vm;
    if (chips) vm.createIrqchip();
    vm.write(RDMSR, new Uint8Array([0x0f, 0x32, HLT]));
    vm.write(WRMSR, new Uint8Array([0x0f, 0x30, HLT]));
    vm.write(VMCALL, new Uint8Array([0x0f, 0x01, 0xc1, HLT]));
    vm.write(HANDLER, new Uint8Array([HLT]));
    for (const vector of [6, 13]) vm.write(vector * 4, new Uint8Array([0, 0x20, 0, 0]));
    vm.write(PML4, new Uint8Array([3, 0x90]));
    vm.write(PDPT, new Uint8Array([0x83]));
    this.vcpus = Array.from({ length: vcpus }, (_, id) => {
      const vcpu = vm.createVcpu(id);
      vcpu.setCpuid2(table);
      vcpu.setSregs({ cs: { base: 0, selector: 0 } });
      vcpu.setMpState(0);
      return vcpu;
    });
  }

  get vcpu(): Vcpu {
    return this.vcpus[0] as Vcpu;
  }

  /** Runs from `rip` to the next HLT, fault or exit; where it stands then. */
  step(
    rip: number,
    regs: Partial<Record<'rax' | 'rbx' | 'rcx' | 'rdx' | 'rsi' | 'rdi' | 'r8', bigint>>,
    vcpu = this.vcpu,
  ): number {
    vcpu.setMpState(0);
    vcpu.setRegs({ ...regs, rip, rsp: 0x7000, rflags: 2 });
    vcpu.enter(100);
    return Number(vcpu.getRegs().rip);
  }

  /** RDMSR by the guest; undefined = #GP. */
  rdmsr(index: number, vcpu = this.vcpu): bigint | undefined {
    if (this.step(RDMSR, { rcx: BigInt(index) }, vcpu) !== RDMSR + 3) return undefined;
    const { rax, rdx } = vcpu.getRegs();
    return (rdx << 32n) | rax;
  }

  /** WRMSR by the guest: true when it went on to its HLT, false = #GP; a number is the exit that came behind it. */
  wrmsr(index: number, value: bigint | number, vcpu = this.vcpu): boolean | number {
    const wide = BigInt(value);
    const rip = this.step(WRMSR, { rcx: BigInt(index), rax: wide & 0xffff_ffffn, rdx: wide >> 32n }, vcpu);
    if (rip === WRMSR + 3) return true;
    return rip === WRMSR + 2 ? vcpu.kvmRun.exitReason : false;
  }

  /** What the host reads of an MSR. */
  get(index: number, vcpu = this.vcpu): bigint | undefined {
    return vcpu.getMsrs([index])[0]?.data;
  }

  /** Whether an MSR took what the host has written. */
  set(index: number, data: bigint | number, vcpu = this.vcpu): boolean {
    return vcpu.setMsrs([{ index, data: BigInt(data) }]) === 1;
  }

  /** The vCPU goes on in 64-bit mode. */
  long(vcpu = this.vcpu): void {
    const flat = { base: 0, limit: 0xffff_ffff, present: 1, s: 1, g: 1 };
    vcpu.setSregs({
      ...{ cr0: 0x8000_0011n, cr3: BigInt(PML4), cr4: 0x620n, efer: 0x500n },
      cs: { ...flat, selector: 8, type: 11, l: 1 },
      ss: { ...flat, selector: 16, type: 3, db: 1 },
    });
  }

  /** The vCPU goes on in flat 32-bit mode. */
  flat(vcpu = this.vcpu): void {
    const flat = { base: 0, limit: 0xffff_ffff, present: 1, s: 1, g: 1, db: 1 };
    vcpu.setSregs({
      cr0: 0x11n,
      efer: 0n,
      cs: { ...flat, selector: 8, type: 11, l: 0 },
      ss: { ...flat, selector: 16, type: 3 },
    });
  }

  /** A hypercall in 64-bit mode: RAX; undefined = it has left the guest, or faulted. */
  call(
    control: bigint | number,
    input: bigint | number = 0n,
    output: bigint | number = 0n,
  ): bigint | undefined {
    const rip = this.step(VMCALL, { rcx: BigInt(control), rdx: BigInt(input), r8: BigInt(output) });
    return rip === VMCALL + 4 ? this.vcpu.getRegs().rax : undefined;
  }

  /** Goes on after an exit of a hypercall; RAX. */
  goOn(): bigint {
    this.vcpu.enter(100);
    return this.vcpu.getRegs().rax;
  }

  /** A u64 of guest memory. */
  u64(gpa: number): bigint {
    return new DataView(this.vm.read(gpa, 8).buffer).getBigUint64(0, true);
  }

  /** Writes u64s to guest memory. */
  put(gpa: number, ...values: readonly (bigint | number)[]): void {
    this.vm.write(gpa, new Uint8Array(new BigUint64Array(values.map(BigInt)).buffer));
  }
}

export { KVM_EXIT, VMCALL };
