// A VM with memory for system management mode and guests in every mode, for the tests of SMM. No assertions.

import type { Input, KvmSregs, Vcpu, Vm } from '../../../web/kvm/index.ts';
import { kvm } from './support.ts';

export const SMBASE = 0x30000;
export const HANDLER = SMBASE + 0x8000;
export const MAP = SMBASE + 0xfe00;
/** The slot of address space 1 that holds SMBASE. */
export const SMRAM = 0x10000;
export const SMRAM_BYTES = 0x20000;
export const CODE = 0x1000;

/** out 0x80, al: an exit of the handler; out 0x81, al: one of the guest. */
export const REPORT = [0xe6, 0x80];
export const RESUME = [0x0f, 0xaa];
export const OUT_81 = [0xe6, 0x81];
export const HLT = 0xf4;

export interface SmmOptions {
  readonly irqchip?: boolean;
  /** CPUID has long mode: the map is the 64-bit one. The default. */
  readonly long?: boolean;
  readonly handler?: readonly number[];
  readonly code?: readonly number[];
  readonly flags?: number;
  /** Called before the first vCPU is made. */
  readonly prepare?: (vm: Vm) => void;
}

/** A VM with 1 MiB in slot 0, SMRAM at 0x30000, a handler in it, and a vCPU in real mode at CODE. */
export function smmVm(options: SmmOptions = {}): { vm: Vm; vcpu: Vcpu } {
  const { long = true, handler = [...REPORT, ...RESUME], code = [...OUT_81, HLT], flags = 0 } = options;
  const vm = kvm.createVm({ maxVcpus: 2, memoryLimit: 2 ** 28 });
  options.prepare?.(vm);
  if (options.irqchip) vm.createIrqchip();
  addSlot(vm, 0, 0, 0x100000, flags);
  addSlot(vm, SMRAM, SMBASE, SMRAM_BYTES, flags);
  vm.write(HANDLER, new Uint8Array(handler), 1);
  vm.write(CODE, new Uint8Array(code));
  const vcpu = vm.createVcpu(0);
  if (long) vcpu.setCpuid2(kvm.getSupportedCpuid());
  vcpu.setSregs({ cs: { base: 0, selector: 0 } });
  vcpu.setRegs({ rip: CODE, rsp: 0x8000, rflags: 2 });
  return { vm, vcpu };
}

/** A slot with zeroed memory of its own. */
export function addSlot(vm: Vm, slot: number, gpa: number, bytes: number, flags = 0): void {
  const userspace_addr = vm.allocate(bytes);
  vm.setUserMemoryRegion({ slot, guest_phys_addr: gpa, memory_size: bytes, userspace_addr, flags });
}

/** A field of the save map that an SMI has written, or that RSM shall read. */
export class SaveMap {
  readonly #vm: Vm;
  constructor(vm: Vm) {
    this.#vm = vm;
  }
  get(offset: number, bytes: 1 | 2 | 4 | 8): bigint {
    const view = new DataView(this.#vm.read(MAP + offset, 8, 1).buffer);
    return BigInt.asUintN(bytes * 8, view.getBigUint64(0, true));
  }
  set(offset: number, value: bigint): void {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, value, true);
    this.#vm.write(MAP + offset, bytes, 1);
  }
}

const data = { base: 0n, limit: 0xffff_ffff, type: 3, present: 1, s: 1, g: 1, db: 1, selector: 0x10 };
const code32 = { ...data, type: 11, selector: 8 };
const system = {
  tr: { base: 0x5000n, limit: 0x67, type: 11, present: 1, selector: 0x28 },
  ldt: { base: 0x6000n, limit: 0x3f, type: 2, present: 1, selector: 0x30 },
  gdt: { base: 0x4000n, limit: 0x7f },
  idt: { base: 0x4800n, limit: 0x1ff },
};
const flat = { cs: code32, ds: data, es: data, ss: data, fs: { ...data, base: 0x111n }, gs: data, ...system };
const user = { ...data, dpl: 3, selector: 0x23 };

/** Writes page tables at 0x9000 that map the first 2 or 4 MiB onto themselves; `levels` of eight-byte entries, or 0 for the old kind. */
function mapIdentity(vm: Vm, levels: number): void {
  const put = (at: number, entry: number): void =>
    vm.write(at, new Uint8Array(new BigUint64Array([BigInt(entry)]).buffer));
  if (levels === 0) put(0x9000, 0x87);
  for (let level = levels; level > 1; level--) {
    const at = 0x9000 + (levels - level) * 0x1000;
    // The pointers of PAE paging have no rights.
    put(at, level === 2 ? 0x87 : at + 0x1000 + (levels === 3 ? 1 : 7));
  }
}

/** Guests in every mode: what they set, and how many levels of tables they need. */
export const MODES: readonly { name: string; sregs: Input<KvmSregs>; levels?: number; long?: true }[] = [
  { name: 'real mode', sregs: { cs: { base: 0, selector: 0 }, ds: { base: 0x1230, selector: 0x123 } } },
  { name: 'protected mode', sregs: { cr0: 0x11, ...flat } },
  {
    name: 'protected mode at CPL 3',
    sregs: { cr0: 0x11, ...flat, cs: { ...code32, dpl: 3, selector: 0x1b }, ss: user },
  },
  { name: '4 MiB pages', sregs: { cr0: 0x80000031, cr3: 0x9000, cr4: 0x690, ...flat }, levels: 0 },
  { name: 'PAE paging', sregs: { cr0: 0x80010031, cr3: 0x9000, cr4: 0x6a0, ...flat }, levels: 3 },
  {
    name: 'long mode',
    sregs: {
      ...{ cr0: 0x80050033, cr3: 0x9000, cr4: 0x6a0, cr8: 3, efer: 0xd01, ...flat },
      ...{ cs: { ...code32, db: 0, l: 1 }, gs: { ...data, base: 0xffff_8000_0000_1000n } },
      ...{ es: { base: 0, limit: 0, unusable: 1, present: 0, type: 0, s: 0, selector: 0 } },
    },
    levels: 4,
    long: true,
  },
  {
    name: 'long mode with a PCID, at CPL 3',
    sregs: {
      ...{ cr0: 0x80050033, cr3: 0x9005, cr4: 0x206a0, efer: 0xd01, ...flat },
      ...{ cs: { ...code32, db: 0, l: 1, dpl: 3, selector: 0x33 }, ss: user },
    },
    levels: 4,
    long: true,
  },
  {
    name: 'compatibility mode',
    sregs: { cr0: 0x80000031, cr3: 0x9000, cr4: 0x6a0, efer: 0xd00, ...flat },
    levels: 4,
    long: true,
  },
];

/** Brings a vCPU into one of MODES at CODE, with a value of its own in every register. */
export function enterMode(vm: Vm, vcpu: Vcpu, { sregs, levels }: (typeof MODES)[number]): void {
  if (levels !== undefined) mapIdentity(vm, levels);
  vcpu.setSregs(sregs);
  const wide = (BigInt(sregs.efer ?? 0) & 0x400n) !== 0n && sregs.cs?.l === 1;
  const value = (n: number): bigint => BigInt(n + 1) * (wide ? 0x1111_1111_1111n : 0x111_1111n);
  const low = ['rax', 'rcx', 'rdx', 'rbx', 'rsp', 'rbp', 'rsi', 'rdi'];
  const high = ['r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15'];
  const names = wide ? [...low, ...high] : low;
  vcpu.setRegs({
    ...Object.fromEntries(names.map((name, n) => [name, value(n)])),
    rip: CODE,
    rflags: 0x3ad7 & ~0x300,
  });
  vcpu.setDebugregs({ dr6: 0xffff0ff1n, dr7: 0x400n });
}
