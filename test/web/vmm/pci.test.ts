// PCI on a machine's board: what leads from its functions to the chips of KVM, and what two threads' boards see.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { APIC_IRR } from '../../../assembly/abi/irqchip.ts';
import { VCPU_LAPIC } from '../../../assembly/abi/map.ts';
import { KVM_IRQCHIP, vcpuArea } from '../../../web/kvm/index.ts';
import { type FunctionDescription, PciFunction } from '../../../web/pci/index.ts';
import type { Board } from '../../../web/vmm/board.ts';
import { Machine } from '../../../web/vmm/index.ts';
import { thread } from '../kvm/thread.ts';
import { Echo, plain } from '../pci/parts.ts';

const core = new WebAssembly.Module(readFileSync('build/core.wasm'));
const TABLE = 0xe000_0000;

/** A machine that runs nothing; its first local APIC is switched on. */
function machine(): Machine {
  const program = { kind: 'flat', image: new Uint8Array([0xf4]), at: 0x1000, mode: 'real' } as const;
  const made = Machine.create(core, { memory: 0x20_0000, cpus: 1, engine: 'parallel', program });
  const lapic = made.vm.vcpu(0).getLapic();
  const regs = new Uint8Array(lapic.regs);
  regs[0xf1] = 1;
  made.vm.vcpu(0).setLapic({ regs: [...regs] });
  return made;
}

function boardOf(made: Machine, description: FunctionDescription): { board: Board; target: PciFunction } {
  const board = made.board as Board;
  const target = new PciFunction(board.pci.slot(1), description);
  board.pci.plug(target);
  board.ports.follow(board.pci.ports);
  board.mmio.follow(board.pci.memory);
  return { board, target };
}

/** Vectors that wait in the local APIC of vCPU 0. */
function requested({ vm }: Machine): number[] {
  const irr = vcpuArea(vm.memory, 0) + VCPU_LAPIC + APIC_IRR;
  return Array.from({ length: 256 }, (_, vector) => vector).filter(
    (vector) => (vm.memory.u32(irr + (vector >> 5) * 16) >>> (vector & 31)) & 1,
  );
}

/** A function with four vectors 0x40 up, all open but the last; MSI-X is on. */
function messaging(made: Machine) {
  const { board, target } = boardOf(made, plain({ hasPin: true, msix: { vectors: 4, bar: 0 } }));
  board.pci.reset();
  target.writeConfig(4, 2, 6);
  for (let n = 0; n < 4; n++) {
    board.mmio.write(TABLE + n * 16, 4, 0xfee0_0000);
    board.mmio.write(TABLE + n * 16 + 8, 4, 0x40 + n);
    board.mmio.write(TABLE + n * 16 + 12, 4, n === 3 ? 1 : 0);
  }
  target.writeConfig(0x42, 2, 0x8000);
  return { board, target };
}

test('a raised vector arrives at the local APIC', () => {
  const made = machine();
  messaging(made).target.raise(1);
  expect(requested(made)).toEqual([0x41]);
});

test('an irqfd on a vector’s GSI arrives without anybody’s help', () => {
  const made = machine();
  const fd = made.vm.createEventfd();
  made.vm.irqfd({ fd, gsi: messaging(made).target.slot.vectorGsi(2) });
  fd.signal();
  expect(requested(made)).toEqual([0x42]);
});

test('a signal for a masked vector is pending, and arrives when it opens', () => {
  const made = machine();
  const { board, target } = messaging(made);
  const fd = made.vm.createEventfd();
  made.vm.irqfd({ fd, gsi: target.slot.vectorGsi(3) });
  fd.signal();
  expect([requested(made), board.mmio.read(TABLE + 0x800, 4)]).toEqual([[], 8]);
  board.mmio.write(TABLE + 3 * 16 + 12, 4, 0);
  expect([requested(made), board.mmio.read(TABLE + 0x800, 4)]).toEqual([[0x43], 0]);
});

test('the routes of pins stay when a guest changes its messages', () => {
  const made = machine();
  made.vm.setGsiRouting([
    { gsi: 70, type: 2, u: { msi: { address_lo: 0xfee0_0000, data: 0x99 } } },
    { gsi: 17, type: 1, u: { irqchip: { irqchip: KVM_IRQCHIP.IOAPIC, pin: 17 } } },
  ]);
  const { target } = messaging(made);
  const fd = made.vm.createEventfd();
  made.vm.irqfd({ fd, gsi: 70 });
  fd.signal();
  target.raise(0);
  expect(requested(made)).toEqual([0x40]);
  target.writeConfig(0x42, 2, 0);
  target.setPin(true);
  const { chip } = made.vm.getIrqchip(KVM_IRQCHIP.IOAPIC);
  expect((chip.ioapic.irr >>> 17) & 1).toBe(1);
});

test.each([
  ['an APIC that is not there', 0xfee0_9000],
  ['memory', 0x1000],
])('a message to %s is lost', (_, address) => {
  const made = machine();
  const { board, target } = messaging(made);
  board.mmio.write(TABLE, 4, address);
  board.mmio.write(TABLE + 4, 4, 0x1234);
  target.raise(0);
  expect([requested(made), [...made.vm.read(0x1000, 1)]]).toEqual([[], [0xf4]]);
});

test('a pin stands at the IOAPIC and at the 8259, which firmware has made level-triggered', () => {
  const made = machine();
  const { target } = boardOf(made, plain({ hasPin: true }));
  made.board?.pci.reset();
  target.setPin(true);
  const irr = made.vm.getIrqchip(KVM_IRQCHIP.IOAPIC).chip.ioapic.irr;
  const { elcr, irr: slave } = made.vm.getIrqchip(KVM_IRQCHIP.PIC_SLAVE).chip.pic;
  expect([(irr >>> 17) & 1, elcr & 0x0c, slave & 0x0c]).toEqual([1, 0x0c, 0x08]);
});

test('a second board sees configuration, BARs and messages of the first', () => {
  const made = machine();
  const { board } = messaging(made);
  const other = boardOf(
    Machine.attach(made.vm.handle),
    plain({ hasPin: true, msix: { vectors: 4, bar: 0 } }),
  );
  board.ports.write(0xcf8, 4, 0x8000_0810);
  board.ports.write(0xcfc, 4, 0xf000_0000);
  expect([other.board.ports.read(0xcfc, 4), other.board.mmio.read(0xf000_0008, 4)]).toEqual([
    0xf000_0000, 0x40,
  ]);
  other.target.raise(2);
  expect(requested(made)).toEqual([0x42]);
});

test('a BAR answers at MMIO exits, bytes of any access in their place', () => {
  const made = machine();
  const registers = new Echo(0x5a);
  const { board } = boardOf(
    made,
    plain({ bars: [{ index: 0, kind: 'memory', bytes: 16, width: 4, registers }] }),
  );
  board.pci.reset();
  const data = new Uint8Array(8);
  board.mmio.readBytes(TABLE + 12, data);
  expect([...data]).toEqual([0x5a, 0x5a, 0x5a, 0x5a, 0xff, 0xff, 0xff, 0xff]);
});

test('no signal is lost while another thread masks and unmasks its vector', async () => {
  const made = machine();
  const { vm } = made;
  const { board, target } = messaging(made);
  const [fd, taken] = [vm.createEventfd(), vm.createEventfd()];
  vm.irqfd({ fd, gsi: target.slot.vectorGsi(0) });
  const ringer = `const [fd, taken] = data.map((handle) => kvm.Eventfd.attach(handle));
    for (let n = 0; n < 300; n++) { fd.signal(); taken.wait(); taken.read(); }
    return 300;`;
  let rung: unknown;
  const done = thread(ringer, [fd.handle, taken.handle]).then((count) => {
    rung = count;
  });
  const irr = vcpuArea(vm.memory, 0) + VCPU_LAPIC + APIC_IRR + 0x20;
  for (let n = 0; rung === undefined; n++) {
    board.mmio.write(TABLE + 12, 4, n & 1);
    if (vm.memory.load(irr) & 1) {
      vm.memory.and(irr, ~1);
      taken.signal();
    }
    if (n % 64 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await done;
  expect(rung).toBe(300);
});
