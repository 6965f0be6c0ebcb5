// Runs real-mode single-step cases captured on an 80286. What only a 286 does is left out, as the files' README lists.

import { RUN_EXIT } from '../../../assembly/abi/vcpu_page.ts';
import { KVM_EXIT, Kvm } from '../../kvm/index.ts';
import { bytesOf } from './golden_case.ts';
import type { Report } from './report.ts';

interface Line {
  op: string;
  n: string;
  b: string;
  i: number[];
  m: Record<string, string>;
  o: Record<string, number>;
  p: Record<string, string>;
  x?: [number, number];
  fm?: number;
}

const NAMES = [
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
const FLAGS = 0x0fd5;
const MEMORY = 16 << 20;
const BUDGET = 200_000;

/** True for lines whose result on a 386 and later is another one by design. */
export function isOnly286(line: { op: string; b: string; n: string }): boolean {
  const bytes = bytesOf(line.b);
  const code = bytes.subarray(0, -1);
  // LOCK is accepted everywhere, escapes need no coprocessor, 11 bytes and more are too long.
  if (code.length > 10) return true;
  for (const byte of code) {
    if (byte === 0xf0) return true;
    if (![0x26, 0x2e, 0x36, 0x3e, 0xf2, 0xf3, 0x9b].includes(byte)) break;
  }
  const op = Number.parseInt(line.op, 16);
  if (op >= 0xd8 && op <= 0xdf) return true;
  // IN and OUT read a floating bus.
  return [0xe4, 0xe5, 0xe6, 0xe7, 0xec, 0xed, 0xee, 0xef, 0x6c, 0x6d, 0x6e, 0x6f].includes(op);
}

export function runSst286(core: WebAssembly.Module, text: string, report: Report): void {
  const kvm = Kvm.open({ core });
  const vm = kvm.createVm({ maxVcpus: 1 });
  vm.setUserMemoryRegion({
    slot: 0,
    flags: 0,
    guest_phys_addr: 0n,
    memory_size: BigInt(MEMORY),
    userspace_addr: BigInt(vm.allocate(MEMORY)),
  });
  const vcpu = vm.createVcpu(0);
  vcpu.setCpuid2(kvm.getSupportedCpuid());
  const ram = vm.guest(0, MEMORY) as Uint8Array;
  const blank = vcpu.getSregs();
  const segment = (selector: number) => ({
    ...blank.ds,
    base: BigInt(selector << 4),
    limit: 0xffff,
    selector,
  });
  const code = (selector: number) => ({ ...blank.cs, base: BigInt(selector << 4), limit: 0xffff, selector });
  let index = -1;
  for (const one of text.split('\n')) {
    if (one === '') continue;
    index++;
    const line = JSON.parse(one) as Line;
    if (isOnly286(line)) {
      report.skipped++;
      continue;
    }
    const before = Object.fromEntries(NAMES.map((name, n) => [name, line.i[n] ?? 0])) as Record<
      (typeof NAMES)[number],
      number
    >;
    const want = { ...before, ...line.o };
    const touched = new Map<number, number>();
    for (const [at, bytes] of Object.entries(line.m)) {
      const data = bytesOf(bytes);
      const start = Number.parseInt(at, 16);
      vm.write(start, data);
      data.forEach((byte, k) => touched.set(start + k, byte));
    }
    for (const [at, bytes] of Object.entries(line.p)) {
      bytesOf(bytes).forEach((byte, k) => touched.set(Number.parseInt(at, 16) + k, byte));
    }
    vcpu.setSregs({
      ...blank,
      cs: code(before.cs),
      ss: segment(before.ss),
      ds: segment(before.ds),
      es: segment(before.es),
      fs: segment(0),
      gs: segment(0),
      idt: { ...blank.idt, base: 0n, limit: 0x3ff },
      cr0: 0x10n,
    });
    vcpu.setRegs({
      ...vcpu.getRegs(),
      rax: BigInt(before.ax),
      rbx: BigInt(before.bx),
      rcx: BigInt(before.cx),
      rdx: BigInt(before.dx),
      rsp: BigInt(before.sp),
      rbp: BigInt(before.bp),
      rsi: BigInt(before.si),
      rdi: BigInt(before.di),
      rip: BigInt(before.ip),
      rflags: BigInt((before.flags & FLAGS) | 2),
    });
    const why = vcpu.enter(BUDGET);
    const wrong: string[] = [];
    if (why !== RUN_EXIT || vcpu.kvmRun.exitReason !== KVM_EXIT.HLT) {
      wrong.push(`did not reach HLT (run ${why}, exit ${vcpu.kvmRun.exitReason})`);
    } else {
      const regs = vcpu.getRegs();
      const sregs = vcpu.getSregs();
      const got: Record<string, number> = {
        ax: Number(regs.rax & 0xffffn),
        bx: Number(regs.rbx & 0xffffn),
        cx: Number(regs.rcx & 0xffffn),
        dx: Number(regs.rdx & 0xffffn),
        sp: Number(regs.rsp & 0xffffn),
        bp: Number(regs.rbp & 0xffffn),
        si: Number(regs.rsi & 0xffffn),
        di: Number(regs.rdi & 0xffffn),
        ip: Number(regs.rip & 0xffffn),
        cs: sregs.cs.selector,
        ss: sregs.ss.selector,
        ds: sregs.ds.selector,
        es: sregs.es.selector,
      };
      for (const name of NAMES) {
        if (name === 'flags') {
          const care = FLAGS & (line.fm ?? 0xffff);
          if ((Number(regs.rflags) ^ want.flags) & care) {
            wrong.push(
              `flags ${(Number(regs.rflags) & care).toString(16)}, expected ${(want.flags & care).toString(16)}`,
            );
          }
        } else if (got[name] !== want[name]) {
          wrong.push(`${name} ${got[name]?.toString(16)}, expected ${want[name].toString(16)}`);
        }
      }
      // Pushed flag images: undefined flags and bits 12..15 do not count.
      const loose = new Map<number, number>();
      const image = line.x?.[1];
      const care = FLAGS & (line.fm ?? 0xffff);
      if (image !== undefined) {
        loose.set(image, care & 0xff);
        loose.set(image + 1, care >> 8);
      }
      if (line.op === '9C') {
        const top = (before.ss << 4) + ((before.sp - 2) & 0xffff);
        loose.set(top, FLAGS & 0xff);
        loose.set(top + 1, FLAGS >> 8);
      }
      for (const [at, byte] of touched) {
        const mask = loose.get(at) ?? 0xff;
        if (((ram[at] as number) ^ byte) & mask) {
          wrong.push(`memory[${at.toString(16)}] ${ram[at]?.toString(16)}, expected ${byte.toString(16)}`);
          break;
        }
      }
    }
    report.note(index, `${line.n} (${line.b})`, wrong);
  }
}
