// System management mode: what an SMI saves and sets, what RSM restores and refuses, and which events wait meanwhile.

import { describe, expect, test } from 'vitest';
import { KVM_EXIT, KVM_VCPUEVENT, type Vcpu } from '../../../web/kvm/index.ts';
import {
  addSlot,
  CODE,
  enterMode,
  HANDLER,
  HLT,
  MODES,
  OUT_81,
  REPORT,
  RESUME,
  SaveMap,
  SMBASE,
  SMRAM,
  smmVm,
} from './smm_support.ts';
import { kvm, refuses } from './support.ts';

const MSR_SMI_COUNT = 0x34;
const MSR_SMBASE = 0x9e;
const HALTED = 2;

/** Runs to an OUT; its port. */
function runToOut(vcpu: Vcpu): number {
  expect(vcpu.run()).toBe(KVM_EXIT.IO);
  return vcpu.kvmRun.io.port;
}

const smiOf = (vcpu: Vcpu) => vcpu.getVcpuEvents().smi;
const msr = (vcpu: Vcpu, index: number) => vcpu.getMsrs([index])[0]?.data;

describe('an SMI', () => {
  test('sets the registers of system management mode', () => {
    const { vm, vcpu } = smmVm();
    const long = MODES.find(({ name }) => name === 'long mode');
    if (long) enterMode(vm, vcpu, long);
    vcpu.setDebugregs({ dr7: 0x401n });
    vcpu.smi();
    expect(smiOf(vcpu)).toMatchObject({ smm: 0, pending: 1 });
    expect(runToOut(vcpu)).toBe(0x80);
    const sregs = vcpu.getSregs();
    const segment = { limit: 0xffff_ffff, type: 3, s: 1, present: 1, g: 1, dpl: 0, db: 0, l: 0, unusable: 0 };
    expect(sregs.cs).toMatchObject({ ...segment, base: 0x30000n, selector: 0x3000 });
    for (const name of ['ds', 'es', 'fs', 'gs', 'ss'] as const)
      expect(sregs[name]).toMatchObject({ ...segment, base: 0n, selector: 0 });
    expect(sregs).toMatchObject({
      cr0: 0x50032n,
      cr4: 0n,
      efer: 0n,
      cr3: 0x9000n,
      idt: { base: 0n, limit: 0 },
    });
    expect(sregs).toMatchObject({ gdt: { base: 0x4000n }, tr: { selector: 0x28 }, ldt: { selector: 0x30 } });
    expect(vcpu.getRegs()).toMatchObject({ rip: 0x8002n, rflags: 2n, rcx: 0x2222_2222_2222n });
    expect(vcpu.getDebugregs().dr7).toBe(0x400n);
    expect(vcpu.getVcpuEvents()).toMatchObject({ smi: { smm: 1, pending: 0 }, nmi: { masked: 1 } });
    expect(vcpu.getVcpuEvents().flags & KVM_VCPUEVENT.SMM).toBe(KVM_VCPUEVENT.SMM);
    expect(vcpu.kvmRun.flags & 1).toBe(1);
  });

  test('saves the registers in the 64-bit map where CPUID has long mode', () => {
    const { vm, vcpu } = smmVm();
    const long = MODES.find(({ name }) => name === 'long mode');
    if (long) enterMode(vm, vcpu, long);
    vcpu.smi();
    runToOut(vcpu);
    const map = new SaveMap(vm);
    const rows: [number, 1 | 2 | 4 | 8, bigint][] = [
      [0x1f8, 8, 0x1111_1111_1111n], // RAX
      [0x1d8, 8, 0x5555_5555_5555n], // RSP
      [0x180, 8, 0x1_1111_1111_1110n], // R15
      [0x178, 8, BigInt(CODE)],
      [0x170, 8, 0x38d7n],
      [0x168, 8, 0xffff0ff1n],
      [0x160, 8, 0x400n],
      [0x158, 8, 0x80050033n],
      [0x150, 8, 0x9000n],
      [0x148, 8, 0x6a0n],
      [0x100, 4, 0x30000n],
      [0x0fc, 4, 0x20064n],
      [0x0d0, 8, 0xd01n],
      [0x000, 2, 0n], // ES: cannot be used, so not present
      [0x002, 2, 0n],
      [0x010, 2, 8n], // CS
      [0x012, 2, 0xa09bn],
      [0x014, 4, 0xffff_ffffn],
      [0x040, 2, 0x10n], // FS
      [0x048, 8, 0x111n],
      [0x058, 8, 0xffff_8000_0000_1000n], // GS
      [0x064, 4, 0x7fn], // GDTR
      [0x068, 8, 0x4000n],
      [0x070, 2, 0x30n], // LDTR
      [0x078, 8, 0x6000n],
      [0x084, 4, 0x1ffn], // IDTR
      [0x088, 8, 0x4800n],
      [0x090, 2, 0x28n], // TR
      [0x092, 2, 0x8bn],
      [0x098, 8, 0x5000n],
    ];
    for (const [offset, bytes, value] of rows)
      expect([offset.toString(16), map.get(offset, bytes)]).toEqual([offset.toString(16), value]);
  });

  test('saves them in the 32-bit map where it has not', () => {
    const { vm, vcpu } = smmVm({ long: false });
    const paged = MODES.find(({ name }) => name === '4 MiB pages');
    if (paged) enterMode(vm, vcpu, paged);
    vcpu.smi();
    runToOut(vcpu);
    const map = new SaveMap(vm);
    const rows: [number, bigint][] = [
      [0x1fc, 0x80000031n], // CR0, CR3, EFLAGS, EIP
      [0x1f8, 0x9000n],
      [0x1f4, 0x38d7n],
      [0x1f0, BigInt(CODE)],
      [0x1d0, 0x111_1111n], // EAX
      [0x1ec, 0x888_8888n], // EDI
      [0x1cc, 0xffff0ff1n],
      [0x1c8, 0x400n],
      [0x1c4, 0x28n], // selectors of TR, LDTR, CS, ES
      [0x1c0, 0x30n],
      [0x1ac, 8n],
      [0x1a8, 0x10n],
      [0x190, 0xc09b00n], // CS
      [0x194, 0xffff_ffffn],
      [0x140, 0x111n], // base of FS
      [0x15c, 0x8b00n], // TR
      [0x160, 0x67n],
      [0x164, 0x5000n],
      [0x180, 0x6000n], // LDTR
      [0x170, 0x7fn], // GDTR
      [0x174, 0x4000n],
      [0x154, 0x1ffn], // IDTR
      [0x158, 0x4800n],
      [0x114, 0x690n], // CR4
      [0x0fc, 0x20000n],
      [0x0f8, 0x30000n],
    ];
    for (const [offset, value] of rows)
      expect([offset.toString(16), map.get(offset, 4)]).toEqual([offset.toString(16), value]);
  });

  test('wakes a HLT, and RSM goes on behind it', () => {
    const { vm, vcpu } = smmVm({ irqchip: true, code: [HLT, ...OUT_81] });
    expect(vcpu.enter()).toBe(HALTED);
    vcpu.smi();
    expect(runToOut(vcpu)).toBe(0x80);
    expect(new SaveMap(vm).get(0x178, 8)).toBe(BigInt(CODE + 1));
    expect(runToOut(vcpu)).toBe(0x81);
  });

  test('finishes an instruction that an exit left open before it comes in', () => {
    const { vm, vcpu } = smmVm({ code: [0xe4, 0x42, ...OUT_81] }); // in al, 0x42
    expect(runToOut(vcpu)).toBe(0x42);
    vcpu.kvmRun.io.data.set([7]);
    vcpu.smi();
    expect(runToOut(vcpu)).toBe(0x80);
    expect(new SaveMap(vm).get(0x1f8, 1)).toBe(7n);
  });

  test('is one of many that come while the handler runs', () => {
    const { vcpu } = smmVm();
    vcpu.smi();
    vcpu.smi();
    expect(runToOut(vcpu)).toBe(0x80);
    expect(smiOf(vcpu).pending).toBe(0);
    vcpu.smi();
    vcpu.smi();
    expect(smiOf(vcpu)).toMatchObject({ smm: 1, pending: 1 });
    expect([runToOut(vcpu), runToOut(vcpu)]).toEqual([0x80, 0x81]);
    expect(msr(vcpu, MSR_SMI_COUNT)).toBe(2n);
  });

  test('comes before an NMI, which waits for RSM', () => {
    const { vm, vcpu } = smmVm();
    vm.write(8, new Uint8Array([0, 0x20, 0, 0]));
    vm.write(0x2000, new Uint8Array([0xe6, 0x82, 0xcf])); // out 0x82, al; iret
    vcpu.nmi();
    vcpu.smi();
    expect([runToOut(vcpu), runToOut(vcpu), runToOut(vcpu)]).toEqual([0x80, 0x82, 0x81]);
  });

  test('in an NMI handler leaves NMIs masked behind RSM', () => {
    const { vm, vcpu } = smmVm();
    vm.write(8, new Uint8Array([0, 0x20, 0, 0]));
    vm.write(0x2000, new Uint8Array([0xe6, 0x82, 0x90, 0xe6, 0x83, 0xcf]));
    vcpu.nmi();
    expect(runToOut(vcpu)).toBe(0x82);
    vcpu.smi();
    vcpu.nmi();
    expect(runToOut(vcpu)).toBe(0x80);
    expect(smiOf(vcpu).smm_inside_nmi).toBe(1);
    expect(runToOut(vcpu)).toBe(0x83);
    expect(vcpu.getVcpuEvents()).toMatchObject({
      smi: { smm_inside_nmi: 0 },
      nmi: { masked: 1, pending: 1 },
    });
    expect([runToOut(vcpu), runToOut(vcpu), runToOut(vcpu)]).toEqual([0x82, 0x83, 0x81]);
  });

  test('keeps the interrupt shadow behind STI for RSM', () => {
    const { vm, vcpu } = smmVm({ code: [0xfb, 0x90, ...OUT_81] }); // sti; nop
    vcpu.enter(1);
    vcpu.smi();
    expect(runToOut(vcpu)).toBe(0x80);
    expect([new SaveMap(vm).get(0xcb, 1), vcpu.getVcpuEvents().interrupt.shadow]).toEqual([2n, 0]);
    vcpu.enter(1);
    expect([vcpu.getRegs().rip, vcpu.getVcpuEvents().interrupt.shadow]).toEqual([BigInt(CODE + 1), 2]);
  });
});

describe('RSM', () => {
  for (const mode of MODES) {
    for (const long of mode.long ? [true] : [true, false]) {
      test(`restores ${mode.name} from the ${long ? 64 : 32}-bit map`, () => {
        const { vm, vcpu } = smmVm({ long, irqchip: true });
        enterMode(vm, vcpu, mode);
        // OUT at CPL 3 needs IOPL 3, which the flags have.
        const before = { regs: vcpu.getRegs(), sregs: vcpu.getSregs(), debug: vcpu.getDebugregs() };
        vcpu.smi();
        expect(runToOut(vcpu)).toBe(0x80);
        // The handler leaves nothing as it was.
        vcpu.setRegs({ rax: 0, rbx: 0, rsp: 0, rsi: 0 });
        vcpu.setSregs({ cr3: 0, ds: { base: 0x777 }, gdt: { base: 1, limit: 1 } });
        expect(runToOut(vcpu)).toBe(0x81);
        expect({ regs: vcpu.getRegs(), sregs: vcpu.getSregs(), debug: vcpu.getDebugregs() }).toEqual({
          ...before,
          regs: { ...before.regs, rip: BigInt(CODE + 2) },
        });
        expect(smiOf(vcpu)).toEqual({ smm: 0, pending: 0, smm_inside_nmi: 0, latched_init: 0 });
        expect(vcpu.kvmRun.flags & 1).toBe(0);
      });
    }
  }

  test('leaves a handler that went into long mode itself', () => {
    // mov eax, 0x20; mov cr4, eax; mov ecx, 0xc0000080; mov eax, 0x100; xor edx, edx; wrmsr; mov eax, 0x80000001; mov cr0, eax; rsm
    const handler = [
      ...[0x66, 0xb8, 0x20, 0, 0, 0, 0x0f, 0x22, 0xe0, 0x66, 0xb9, 0x80, 0, 0, 0xc0],
      ...[0x66, 0xb8, 0, 1, 0, 0, 0x66, 0x31, 0xd2, 0x0f, 0x30],
      ...[0x66, 0xb8, 1, 0, 0, 0x80, 0x0f, 0x22, 0xc0, ...RESUME],
    ];
    const { vm, vcpu } = smmVm({ handler });
    const tables: [number, number][] = [
      [0x40000, 0x41007],
      [0x41000, 0x42007],
      [0x42000, 0x87],
    ];
    for (const [at, entry] of tables) {
      vm.write(at, new Uint8Array(new BigUint64Array([BigInt(entry)]).buffer), 1);
    }
    vcpu.setSregs({ cr3: 0x40000 });
    vcpu.smi();
    expect(runToOut(vcpu)).toBe(0x81);
    expect(vcpu.getSregs()).toMatchObject({ cr4: 0n, efer: 0n, cr3: 0x40000n });
  });

  test('loads what the handler wrote into the map', () => {
    // mov dword cs:[0xfff8], 0x1234
    const handler = [0x66, 0x2e, 0xc7, 0x06, 0xf8, 0xff, 0x34, 0x12, 0, 0, ...RESUME];
    const { vcpu } = smmVm({ handler });
    vcpu.smi();
    expect(runToOut(vcpu)).toBe(0x81);
    expect(vcpu.getRegs().rax).toBe(0x1234n);
  });

  test('moves SMBASE, and the next SMI comes in there', () => {
    const { vm, vcpu } = smmVm({ code: [...OUT_81, ...OUT_81, HLT] });
    // mov dword cs:[0xff00], 0x38000
    vm.write(HANDLER, new Uint8Array([0x66, 0x2e, 0xc7, 0x06, 0, 0xff, 0, 0x80, 3, 0, ...RESUME]), 1);
    vm.write(0x40000, new Uint8Array([0xe6, 0x84, ...RESUME]), 1);
    vcpu.smi();
    expect(runToOut(vcpu)).toBe(0x81);
    expect(msr(vcpu, MSR_SMBASE)).toBe(0x38000n);
    vcpu.smi();
    expect(runToOut(vcpu)).toBe(0x84);
    expect(vcpu.getSregs().cs).toMatchObject({ base: 0x38000n, selector: 0x3800 });
    expect(runToOut(vcpu)).toBe(0x81);
  });

  test('is #UD outside system management mode', () => {
    const { vm, vcpu } = smmVm({ code: RESUME });
    vm.write(6 * 4, new Uint8Array([0, 0x20, 0, 0]));
    vm.write(0x2000, new Uint8Array([0xe6, 0x82]));
    expect(runToOut(vcpu)).toBe(0x82);
  });

  const bad: [string, number, bigint][] = [
    ['paging without protection in CR0', 0x158, 0x80000010n],
    ['a reserved bit in CR4', 0x148, 1n << 40n],
    ['a reserved bit in CR3', 0x150, 1n << 50n],
    ['a bit above 31 in DR7', 0x160, 1n << 32n],
    ['a bit of EFER that does not exist', 0x0d0, 1n << 20n],
  ];
  for (const [what, offset, value] of bad) {
    test(`shuts down for ${what}`, () => {
      const { vm, vcpu } = smmVm();
      vcpu.smi();
      runToOut(vcpu);
      new SaveMap(vm).set(offset, value);
      expect(vcpu.run()).toBe(KVM_EXIT.SHUTDOWN);
      expect(smiOf(vcpu).smm).toBe(0);
    });
  }

  test('shuts down where no slot holds the map, and stays in SMM', () => {
    const { vm, vcpu } = smmVm();
    vcpu.smi();
    runToOut(vcpu);
    vm.setUserMemoryRegion({ slot: SMRAM, memory_size: 0 });
    addSlot(vm, SMRAM, SMBASE, 0xf000);
    vm.write(HANDLER, new Uint8Array([...REPORT, ...RESUME]), 1);
    expect(vcpu.run()).toBe(KVM_EXIT.SHUTDOWN);
    expect(smiOf(vcpu).smm).toBe(1);
  });
});

describe('stepping', () => {
  test('by TF traps first, skips the handler, and goes on behind RSM', () => {
    const { vm, vcpu } = smmVm({ code: [0x90, 0x90, ...OUT_81] });
    vm.write(4, new Uint8Array([0, 0x20, 0, 0]));
    vm.write(0x2000, new Uint8Array([0xe6, 0x82, 0xcf]));
    vcpu.setRegs({ rflags: 0x102 });
    vcpu.enter(1);
    vcpu.smi();
    // The trap's frame is written, then the SMI comes in before its handler's first instruction.
    expect([runToOut(vcpu), new SaveMap(vm).get(0x178, 8)]).toEqual([0x80, 0x2000n]);
    expect([runToOut(vcpu), runToOut(vcpu)]).toEqual([0x82, 0x82]);
  });

  test('by a debugger stops behind each instruction of the handler', () => {
    const { vcpu } = smmVm({ handler: [0x90, ...RESUME], code: [0x90, HLT] });
    vcpu.setGuestDebug({ control: 3 });
    vcpu.smi();
    const stops = [1, 2, 3].map(() => {
      expect(vcpu.run()).toBe(KVM_EXIT.DEBUG);
      return [smiOf(vcpu).smm, Number(vcpu.getRegs().rip)];
    });
    expect(stops).toEqual([
      [1, 0x8001],
      [0, CODE],
      [0, CODE + 1],
    ]);
  });
});

describe('a local APIC', () => {
  test('takes an SMI by MSI and by an IPI', () => {
    const { vm, vcpu } = smmVm({ irqchip: true });
    expect(vm.signalMsi({ address_lo: 0xfee00000, data: 0x200 })).toBe(1);
    expect([runToOut(vcpu), runToOut(vcpu)]).toEqual([0x80, 0x81]);
    // mov dword [0xfee00300], 0x44200: to itself; ds reaches it
    vm.write(
      CODE,
      new Uint8Array([0x67, 0x66, 0xc7, 0x05, 0, 3, 0xe0, 0xfe, 0, 0x42, 4, 0, 0xeb, 0, ...OUT_81]),
    );
    vcpu.setSregs({ ds: { base: 0, limit: 0xffff_ffff, g: 1 } });
    vcpu.setRegs({ rip: CODE });
    expect([runToOut(vcpu), runToOut(vcpu)]).toEqual([0x80, 0x81]);
  });

  test('takes an SMI by a pin of the IOAPIC', () => {
    const { vm, vcpu } = smmVm({ irqchip: true });
    const { dummy } = vm.getIrqchip(2).chip;
    new DataView(dummy.buffer, dummy.byteOffset).setUint32(24 + 5 * 8, 0x200, true);
    vm.setIrqchip({ chip_id: 2, chip: { dummy } });
    vm.irqLine(5, true);
    expect([runToOut(vcpu), runToOut(vcpu)]).toEqual([0x80, 0x81]);
  });

  test('latches an INIT in SMM until RSM, and loses a SIPI', () => {
    const { vm, vcpu } = smmVm({ irqchip: true });
    vcpu.smi();
    runToOut(vcpu);
    vm.signalMsi({ address_lo: 0xfee00000, data: 0x500 });
    vm.signalMsi({ address_lo: 0xfee00000, data: 0x620 });
    expect(smiOf(vcpu)).toMatchObject({ smm: 1, latched_init: 1 });
    vcpu.run();
    expect(smiOf(vcpu)).toMatchObject({ smm: 0, latched_init: 0 });
    expect([vcpu.getSregs().cs.base, vcpu.getRegs().rip]).toEqual([0xffff0000n, 0xfff0n]);
    expect([vcpu.getMpState(), msr(vcpu, MSR_SMBASE), msr(vcpu, MSR_SMI_COUNT)]).toEqual([0, 0x30000n, 0n]);
  });
});

describe('user space', () => {
  test('sees and sets the state of SMM', () => {
    const { vcpu } = smmVm({ irqchip: true });
    const smi = { smm: 1, pending: 1, smm_inside_nmi: 1, latched_init: 1 };
    vcpu.setVcpuEvents({ smi });
    expect(smiOf(vcpu).smm).toBe(0);
    vcpu.setVcpuEvents({ flags: KVM_VCPUEVENT.SMM, smi });
    expect(smiOf(vcpu)).toEqual(smi);
    vcpu.setVcpuEvents({ flags: KVM_VCPUEVENT.SMM, smi: {} });
    expect(smiOf(vcpu)).toEqual({ smm: 0, pending: 0, smm_inside_nmi: 0, latched_init: 0 });
  });

  test('puts a vCPU into SMM by hand: it runs in the other address space', () => {
    const { vcpu } = smmVm();
    vcpu.run();
    vcpu.setVcpuEvents({ flags: KVM_VCPUEVENT.SMM, smi: { smm: 1 } });
    vcpu.setSregs({ cs: { base: SMBASE, limit: 0xffff_ffff } });
    vcpu.setRegs({ rip: 0x8000 });
    expect(runToOut(vcpu)).toBe(0x80);
  });

  test('cannot have a vCPU wait for a SIPI where its INIT would be latched', () => {
    const { vcpu } = smmVm({ irqchip: true });
    vcpu.smi();
    refuses('EINVAL', () => vcpu.setMpState(2));
    refuses('EINVAL', () => vcpu.setMpState(4));
    vcpu.setVcpuEvents({ flags: KVM_VCPUEVENT.SMM });
    vcpu.setMpState(2);
    refuses('EINVAL', () => vcpu.setVcpuEvents({ flags: KVM_VCPUEVENT.SMM, smi: { pending: 1 } }));
  });

  test('reads and writes SMBASE and the count of SMIs; a guest reads the count alone', () => {
    expect(kvm.getMsrIndexList()).toEqual(expect.arrayContaining([MSR_SMBASE, MSR_SMI_COUNT]));
    const access = (index: number, write: boolean) => {
      const { vm, vcpu } = smmVm({
        code: [0x66, 0xb9, index, 0, 0, 0, 0x0f, write ? 0x30 : 0x32, ...OUT_81],
      });
      vm.write(13 * 4, new Uint8Array([0, 0x20, 0, 0]));
      vm.write(0x2000, new Uint8Array([0xe6, 0x8d]));
      vcpu.setMsrs([
        { index: MSR_SMBASE, data: 0x12000n },
        { index: MSR_SMI_COUNT, data: 5n },
      ]);
      const port = runToOut(vcpu);
      return [port, msr(vcpu, MSR_SMBASE), vcpu.getRegs().rax & 0xffn];
    };
    expect(access(MSR_SMI_COUNT, false)).toEqual([0x81, 0x12000n, 5n]);
    expect(access(MSR_SMI_COUNT, true)[0]).toBe(0x8d);
    expect(access(MSR_SMBASE, false)[0]).toBe(0x8d);
    expect(access(MSR_SMBASE, true)[0]).toBe(0x8d);
  });

  test('finds both capabilities', () => {
    expect([kvm.checkExtension('X86_SMM'), kvm.checkExtension('MULTI_ADDRESS_SPACE')]).toEqual([1, 2]);
  });
});
