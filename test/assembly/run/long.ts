// A 64-bit guest of a few instructions: a program at CPL 3, system calls, handlers. The first 2 MiB are mapped onto themselves.
import { assemble } from '../../../web/asm/index.ts';
import { switchOnApic } from './events.ts';
import { flatVcpu, type Guest, vmWithRam } from './machine.ts';

const CODE = 0x1000;
const TSS = 0x2000;
const IDT = 0x3000;
const PAGES = 0x10000;
const MSR_STAR = 0xc0000081;
const MSR_LSTAR = 0xc0000082;
const MSR_SYSCALL_MASK = 0xc0000084;
const FLAT = { base: 0n, limit: 0xffffffff, present: 1, s: 1, g: 1 };
/** Kernel code 8 and data 0x10, user data 0x18 and code 0x20. */
const DESCRIPTORS = [0n, 0x00af9b000000ffffn, 0x00cf93000000ffffn, 0x00cff3000000ffffn, 0x00affb000000ffffn];

/** 64-bit code from `kernel` on, at CPL 0 with interrupts closed. `on_65` is the handler of vector 65, on a stack of its own (IST 1); SYSCALL leads to `entry`. */
export function longGuest(source: string, chips = false): Guest {
  const vm = vmWithRam();
  if (chips) vm.createIrqchip();
  const program = assemble(`bits 64\norg ${CODE}\n${source}`);
  if (program.errors) throw new Error(program.errors[0]?.message);
  const labels = new Map([...program.symbols].map(([name, value]) => [name, BigInt(value)]));
  const write = (at: number, words: bigint[]): void =>
    vm.write(at, new Uint8Array(new BigUint64Array(words).buffer));
  vm.write(CODE, program.bytes);
  write(PAGES, [BigInt(PAGES + 0x1000) | 7n]);
  write(PAGES + 0x1000, [BigInt(PAGES + 0x2000) | 7n]);
  write(PAGES + 0x2000, [0x87n]);
  // IST 1 lies at 0x24 of the TSS.
  write(TSS + 0x20, [0x7000n << 32n]);
  for (const [name, handler] of labels) {
    const vector = /^on_(\d+)$/.exec(name)?.[1];
    const gate = (handler & 0xffffn) | (8n << 16n) | (1n << 32n) | (0x8en << 40n);
    if (vector !== undefined) write(IDT + Number(vector) * 16, [gate, 0n]);
  }
  const vcpu = flatVcpu(vm);
  write(0x500, DESCRIPTORS);
  vcpu.setSregs({
    cs: { ...FLAT, selector: 8, type: 11, db: 0, l: 1 },
    ss: { ...FLAT, selector: 0x10, type: 3, db: 1 },
    tr: { base: BigInt(TSS), limit: 0x67, selector: 0x28, type: 11, present: 1 },
    gdt: { base: 0x500n, limit: 0x27 },
    idt: { base: BigInt(IDT), limit: 0xfff },
    cr0: 0x8000_0011n,
    cr3: BigInt(PAGES),
    cr4: 0x620n,
    efer: 0x501n,
  });
  vcpu.setMsrs([
    { index: MSR_STAR, data: (0x10n << 48n) | (8n << 32n) },
    { index: MSR_LSTAR, data: labels.get('entry') ?? 0n },
    { index: MSR_SYSCALL_MASK, data: 0x200n },
  ]);
  if (chips) switchOnApic(vm, vcpu);
  vcpu.setRegs({ rip: labels.get('kernel') ?? 0n, rsp: 0x8000n });
  return { vm, vcpu, labels };
}
