// What the tests of the run loop share: flat 32-bit guests of a few instructions, code at 0x1000. No paging, no devices.
import { readFileSync } from 'node:fs';
import { assemble } from '../../../web/asm/index.ts';
import { Kvm, type KvmRegs, type Vcpu, type Vm } from '../../../web/kvm/index.ts';

export const kvm = Kvm.open({ core: new WebAssembly.Module(readFileSync('build/core.wasm')) });
export const CODE = 0x1000;
export const RAM = 0x100000;
const GDT = 0x500;
/** 8: flat code, 0x10: flat data. */
const DESCRIPTORS = new Uint8Array(new BigUint64Array([0x00cf9b000000ffffn, 0x00cf93000000ffffn]).buffer);

/** A VM with RAM at 0 in slot 0. */
export function vmWithRam({ flags = 0, vcpus = 1 } = {}): Vm {
  const vm = kvm.createVm({ maxVcpus: vcpus });
  const userspace_addr = vm.allocate(RAM);
  vm.setUserMemoryRegion({ slot: 0, flags, guest_phys_addr: 0, memory_size: RAM, userspace_addr });
  return vm;
}

/** Assembles code at `at`, of 32 bits unless told; its labels. */
export function load(vm: Vm, source: string, at = CODE, bits = 32): ReadonlyMap<string, bigint> {
  const program = assemble(`bits ${bits}\norg ${at}\n${source}`);
  if (program.errors) throw new Error(program.errors.map((e) => `${e.line}: ${e.message}`).join('\n'));
  vm.write(at, program.bytes);
  return new Map([...program.symbols].map(([name, value]) => [name, BigInt(value)]));
}

/** A new vCPU in flat protected mode at `rip`, its stack at 0x8000, no IDT. */
export function flatVcpu(vm: Vm, id = 0, rip = CODE): Vcpu {
  const vcpu = vm.createVcpu(id);
  const data = { base: 0n, limit: 0xffffffff, selector: 0x10, type: 3, s: 1, db: 1, g: 1, present: 1 };
  vcpu.setSregs({
    cs: { ...data, selector: 8, type: 11 },
    ds: data,
    es: data,
    ss: data,
    cr0: 0x11n,
    idt: { base: 0n, limit: 0 },
    gdt: { base: GDT, limit: 0x17 },
  });
  vm.write(GDT + 8, DESCRIPTORS);
  vcpu.setRegs({ rip, rsp: 0x8000, rflags: 2, rdx: 0 });
  return vcpu;
}

const PAGES = 0x90000;

/** As `flatVcpu` in 64-bit mode. All of the first 32 MiB are the first 2 MiB again and again; page tables from 0x90000 on. */
export function longVcpu(vm: Vm, cr4 = 0x20n): Vcpu {
  const write = (at: number, words: bigint[]): void =>
    vm.write(at, new Uint8Array(new BigUint64Array(words).buffer));
  write(PAGES, [BigInt(PAGES + 0x1003)]);
  write(PAGES + 0x1000, [BigInt(PAGES + 0x2003)]);
  write(PAGES + 0x2000, new Array(16).fill(0x83n));
  const vcpu = flatVcpu(vm);
  const { cs } = vcpu.getSregs();
  vcpu.setSregs({ cs: { ...cs, db: 0, l: 1 }, cr0: 0x80000011n, cr3: BigInt(PAGES), cr4, efer: 0x500n });
  return vcpu;
}

export interface Guest {
  readonly vm: Vm;
  readonly vcpu: Vcpu;
  readonly labels: ReadonlyMap<string, bigint>;
}

/** One VM, one vCPU, one program. */
export function guest(source: string, regs: Partial<Record<keyof KvmRegs, number>> = {}): Guest {
  const vm = vmWithRam();
  const labels = load(vm, source);
  const vcpu = flatVcpu(vm);
  vcpu.setRegs(regs);
  return { vm, vcpu, labels };
}

/** The bits that are set in a dirty bitmap, as page numbers. */
export function pagesOf(bitmap: Uint8Array): number[] {
  return [...bitmap].flatMap((byte, at) =>
    [0, 1, 2, 3, 4, 5, 6, 7].filter((bit) => byte & (1 << bit)).map((bit) => at * 8 + bit),
  );
}
