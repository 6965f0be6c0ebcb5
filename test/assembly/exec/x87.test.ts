// What golden cases of x87 do not show: reports of exceptions, pointers to the last instruction, order of faults.
import { expect, test } from 'vitest';
import { flatVcpu, load, vmWithRam } from '../run/machine.ts';

const HANDLERS = 0x4000;
const IDT = 0x2000;
/** CR0: protected mode, NE. */
const NE = 0x31n;
const NO_NE = 0x11n;
/** 1 / 0 with #Z unmasked, from address `here`; the report comes with the next waiting instruction, at `next`. */
const DIVIDE = 'fninit\nfldcw [word_]\nfld1\nhere: fdiv dword [zero]\nmov ecx, 5\nnext: fld1\nhlt\n';
const DATA = 'word_: dw 0x37b\nzero: dd 0\n';

/** Runs `source` to HLT; each vector in `handlers` has its code there. */
function run(source: string, cr0: bigint, handlers: Record<number, string> = {}, irqchip = false) {
  const vm = vmWithRam();
  if (irqchip) vm.createIrqchip();
  const labels = load(vm, source);
  const idt = new DataView(new ArrayBuffer(0x800));
  let at = HANDLERS;
  for (const [vector, code] of Object.entries(handlers)) {
    load(vm, code, at);
    idt.setUint32(Number(vector) * 8, 0x80000 | at, true);
    idt.setUint32(Number(vector) * 8 + 4, 0x8e00, true);
    at += 0x100;
  }
  vm.write(IDT, new Uint8Array(idt.buffer));
  const vcpu = flatVcpu(vm);
  vcpu.setSregs({ cr0, idt: { base: BigInt(IDT), limit: 0x7ff } });
  for (let turn = 0; turn < 20 && vcpu.getMpState() === 0; turn++) vcpu.enter(1000);
  return { vm, vcpu, labels, regs: vcpu.getRegs() };
}

test('an unmasked exception is #MF at the next waiting instruction', () => {
  const { regs, labels } = run(`${DIVIDE}${DATA}`, NE, { 16: 'pop ebx\nhlt' }, true);
  expect([regs.rcx, regs.rbx]).toEqual([5n, labels.get('next')]);
});

test('FNSTENV tells the failed instruction, its opcode and its operand', () => {
  const source = `${DIVIDE.replace('next: fld1', 'fnstenv [0x6000]')}${DATA}`;
  const { vm, labels } = run(source, NE, {}, true);
  const view = new DataView(vm.read(0x6000, 28).buffer);
  const [ip, opcode, dp] = [12, 16, 20].map((place) => view.getUint32(place, true));
  expect([BigInt(ip as number), opcode, BigInt(dp as number)]).toEqual([
    labels.get('here'),
    0x0035 << 16,
    labels.get('zero'),
  ]);
});

test('#NM comes before #MF', () => {
  const source = DIVIDE.replace('next: fld1', 'mov eax, cr0\nor al, 8\nmov cr0, eax\nnext: fld1');
  const { regs } = run(`${source}${DATA}`, NE, { 7: 'mov edx, 7\nhlt', 16: 'mov edx, 16\nhlt' }, true);
  expect(regs.rdx).toBe(7n);
});

test('#MF comes before a fault of the memory operand', () => {
  const source = DIVIDE.replace('next: fld1', 'fld dword [fs:0x20000]');
  const { regs } = run(`${source}${DATA}`, NE, { 13: 'mov edx, 13\nhlt', 16: 'mov edx, 16\nhlt' }, true);
  expect(regs.rdx).toBe(16n);
  const alone = run('fninit\nfld dword [fs:0x20000]\nhlt', NE, { 13: 'mov edx, 13\nhlt' }, true);
  expect(alone.regs.rdx).toBe(13n);
});

test('with CR0.NE = 0 the report is IRQ 13, and port 0xf0 lets the handler go on', () => {
  const open =
    'mov al, 0x11\nout 0x20, al\nout 0xa0, al\nmov al, 0x20\nout 0x21, al\nmov al, 0x28\nout 0xa1, al\nmov al, 4\n';
  const rest =
    'out 0x21, al\nmov al, 2\nout 0xa1, al\nmov al, 1\nout 0x21, al\nout 0xa1, al\nxor eax, eax\nout 0x21, al\nout 0xa1, al\nsti\n';
  const handler =
    'pop ebx\npush ebx\ninc edx\nout 0xf0, al\nfld1\nfnclex\nmov al, 0x20\nout 0xa0, al\nout 0x20, al\niret';
  const { regs, labels } = run(`${open}${rest}${DIVIDE}${DATA}`, NO_NE, { 45: handler }, true);
  expect([regs.rdx, regs.rbx]).toEqual([1n, labels.get('next')]);
});
