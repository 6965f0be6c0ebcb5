// Events at block edges: interrupts, NMI, shadows, HLT, INIT and SIPI, by small real-mode guests. What a handler's frame
// looks like is tested in system/.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { KVM_MP_STATE_HALTED, KVM_MP_STATE_UNINITIALIZED } from '../../assembly/abi/kvm_run.ts';
import { RUN_HALTED } from '../../assembly/abi/vcpu_page.ts';
import { assemble } from '../../web/asm/index.ts';
import { KVM_EXIT, Kvm, type Vcpu, type Vm } from '../../web/kvm/index.ts';

const kvm = Kvm.open({ core: new WebAssembly.Module(readFileSync('build/core.wasm')) });
const MEMORY = 0x100000;

interface Guest {
  readonly vm: Vm;
  readonly vcpu: Vcpu;
}

/** A guest whose code lies at 0x1000; vectors 2, 13 and 0x20 lead to `nmi`, `gp` and `irq` where the source has such labels. */
function guest(source: string, { irqchip = false, vcpus = 1 } = {}): Guest {
  const program = assemble(`bits 16\norg 0x1000\n${source}`);
  if (program.errors) throw new Error(program.errors.map((e) => e.message).join('\n'));
  const vm = kvm.createVm({ maxVcpus: vcpus });
  vm.setUserMemoryRegion({
    slot: 0,
    flags: 0,
    guest_phys_addr: 0n,
    memory_size: BigInt(MEMORY),
    userspace_addr: BigInt(vm.allocate(MEMORY)),
  });
  if (irqchip) vm.createIrqchip();
  vm.write(0x1000, program.bytes);
  const vector = (n: number, label: string) => {
    const at = program.symbols.get(label);
    if (at !== undefined) vm.write(n * 4, new Uint8Array([Number(at) & 255, Number(at) >> 8, 0, 0]));
  };
  vector(2, 'nmi');
  vector(13, 'gp');
  vector(0x20, 'irq');
  const vcpu = vm.createVcpu(0);
  for (let id = 1; id < vcpus; id++) vm.createVcpu(id);
  const cs = { ...vcpu.getSregs().cs, base: 0n, selector: 0 };
  vcpu.setSregs({ ...vcpu.getSregs(), cs });
  vcpu.setRegs({ ...vcpu.getRegs(), rip: 0x1000n, rsp: 0x8000n, rflags: 2n });
  return { vm, vcpu };
}

/** Runs to the next exit and gives what the guest has put into AX, or the exit's number. */
function ax(vcpu: Vcpu): number {
  vcpu.enter();
  return Number(vcpu.getRegs().rax & 0xffffn);
}

describe('an interrupt', () => {
  test('waits until IF is set, and one instruction longer behind STI', () => {
    const { vcpu } = guest('mov ax, 1\nsti\ninc ax\ninc ax\nhlt\nirq: hlt');
    vcpu.interrupt(0x20);
    expect(ax(vcpu)).toBe(2);
  });

  test('is held back behind a load of SS', () => {
    const { vcpu } = guest(
      'sti\nnop\nmov ax, 1\nout 0x80, al\nmov bx, ss\nmov ss, bx\ninc ax\ninc ax\nhlt\nirq: hlt',
    );
    expect(ax(vcpu)).toBe(1);
    vcpu.enter(3);
    vcpu.interrupt(0x20);
    expect(ax(vcpu)).toBe(2);
  });

  test('returns to where the guest was', () => {
    const { vcpu } = guest('sti\nnop\nmov ax, 5\nout 0x80, al\nadd ax, 2\nhlt\nirq: mov bx, ax\niret');
    expect(ax(vcpu)).toBe(5);
    vcpu.interrupt(0x20);
    expect(ax(vcpu)).toBe(7);
    expect(vcpu.getRegs().rbx & 0xffffn).toBe(5n);
  });
});

describe('an NMI', () => {
  test('does not ask IF, and masks the next until IRET', () => {
    const { vcpu } = guest('mov ax, 1\nout 0x80, al\nnop\nhlt\nnmi: inc ax\nout 0x80, al\ninc ax\niret');
    expect(ax(vcpu)).toBe(1);
    vcpu.nmi();
    expect(ax(vcpu)).toBe(2);
    vcpu.nmi();
    // The handler goes on to its IRET; only then the second one comes.
    expect(ax(vcpu)).toBe(4);
    expect(vcpu.kvmRun.exitReason).toBe(KVM_EXIT.IO);
  });

  test('is unmasked by an IRET that faults, before the handler of the fault', () => {
    const { vcpu } = guest(
      'mov ax, 1\nout 0x80, al\nnop\nnmi: inc ax\nout 0x80, al\npush dword 2\npush dword 0\npush dword 0x10000\niretd\ngp: mov ax, 99\nhlt',
    );
    expect(ax(vcpu)).toBe(1);
    vcpu.nmi();
    expect(ax(vcpu)).toBe(2);
    vcpu.nmi();
    expect(ax(vcpu)).toBe(3);
  });

  test('comes before an interrupt', () => {
    const { vcpu } = guest('sti\nnop\nout 0x80, al\nhlt\nnmi: mov ax, 2\nhlt\nirq: mov ax, 3\nhlt');
    vcpu.enter();
    vcpu.interrupt(0x20);
    vcpu.nmi();
    expect(ax(vcpu)).toBe(2);
  });
});

describe('HLT', () => {
  test('is an exit without an irqchip', () => {
    const { vcpu } = guest('hlt');
    vcpu.enter();
    expect(vcpu.kvmRun.exitReason).toBe(KVM_EXIT.HLT);
    expect(vcpu.getRegs().rip).toBe(0x1001n);
  });

  test('waits inside with one, and ends with an interrupt', () => {
    // The PIC with base 0x20, everything open.
    const pic = [0x11, 0x20, 0x04, 0x01].map((v, n) => `mov al, ${v}\nout ${n ? 0x21 : 0x20}, al`).join('\n');
    const { vm, vcpu } = guest(
      `${pic}\nmov al, 0\nout 0x21, al\nsti\nhlt\ninc ax\nout 0x80, al\nirq: mov ax, 7\niret`,
      {
        irqchip: true,
      },
    );
    expect(vcpu.enter()).toBe(RUN_HALTED);
    expect(vcpu.getMpState()).toBe(KVM_MP_STATE_HALTED);
    vm.irqLine(0, true);
    expect(ax(vcpu)).toBe(8);
  });

  test('with interrupts closed goes on waiting', () => {
    const { vm, vcpu } = guest('cli\nhlt\nhlt', { irqchip: true });
    expect(vcpu.enter()).toBe(RUN_HALTED);
    vm.irqLine(0, true);
    expect(vcpu.enter()).toBe(RUN_HALTED);
  });
});

test('INIT and SIPI start an application processor at the page of the vector', () => {
  const icr = (value: number) => `mov dword [ebx + 0x300], ${value}`;
  const source = `
    mov eax, cr0
    or al, 1
    lgdt [table]
    mov cr0, eax
    mov ax, 8
    mov ds, ax
    mov eax, cr0
    and al, 0xfe
    mov cr0, eax
    mov ebx, 0xfee00000
    mov dword [ebx + 0x310], 0x01000000
    ${icr(0x4500)}
    ${icr(0x4602)}
    mov al, 1
    out 0x80, al
    align 8
    gdt: dq 0, 0x00cf92000000ffff
    table: dw 15
    dd gdt
    times 0x1000 - ($ - $$) nop
    mov ax, cs
    out 0x81, al`;
  const { vm, vcpu } = guest(source, { irqchip: true, vcpus: 2 });
  const other = vm.vcpu(1);
  expect(other.getMpState()).toBe(KVM_MP_STATE_UNINITIALIZED);
  expect(other.enter()).toBe(RUN_HALTED);
  vcpu.enter();
  expect(vcpu.kvmRun.io.port).toBe(0x80);
  other.enter();
  expect(other.kvmRun.io.port).toBe(0x81);
  expect(other.getRegs().rax & 0xffffn).toBe(0x200n);
  expect(other.getRegs().rip).toBe(4n);
});
