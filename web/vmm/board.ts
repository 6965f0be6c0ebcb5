// The devices of the machine on their buses, as views of one VM's memory. Every thread that handles exits has its own board;
// what they hold is shared. Starts nothing.
import {
  CONSOLE_IN_RING,
  CONSOLE_OUT_RING,
  DEVICES_BASE,
  PCI_FUNCTIONS_BASE,
} from '../../assembly/abi/map.ts';
import {
  Debugcon,
  DebugExit,
  DelayPort,
  type Device,
  type DevicePage,
  devicePage,
  type Host,
  I8042,
  type IrqLine,
  MmioBus,
  PmTimer,
  Port92,
  PortBus,
  Post,
  Power,
  ResetControl,
  Ring,
  Rtc,
  Serial,
} from '../devices/index.ts';
import { hasPic, KVM_IRQCHIP, machineNanoseconds, type Vm } from '../kvm/index.ts';
import { CONFIG_PORTS, HOST_BRIDGE, PCI_IRQS, PciBus, PciFunction } from '../pci/index.ts';
import { PciInterrupts } from './pci_interrupts.ts';
import { connectVirtio, placeMarks, planVirtio, type VirtioDevice, type VirtioPlan } from './virtio.ts';

const RING_BYTES = 0x10000;
const GSI = { keyboard: 1, serial: 4, rtc: 8, sci: 9 } as const;
/** Order of the device pages. */
const SLOT = {
  serial: 0,
  i8042: 1,
  rtc: 2,
  port92: 3,
  debugExit: 4,
  post: 5,
  delay: 6,
  power: 7,
  pmTimer: 8,
  resetControl: 9,
  debugcon: 10,
  pci: 11,
} as const;

export interface BoardOptions {
  /** Port of the debug exit device. */
  readonly exitPort?: number;
}

/** What a fresh board is made of. */
export interface BoardParts extends BoardOptions {
  /** What the RTC's NVRAM tells. */
  readonly ramBytes: number;
  /** Its virtio devices; none when left out. */
  readonly virtio?: VirtioPlan;
}

export class Board {
  readonly ports = new PortBus();
  readonly mmio = new MmioBus();
  readonly serial: Serial;
  readonly keyboard: I8042;
  readonly output: Ring;
  readonly input: Ring;
  readonly pci: PciBus;
  /** Its virtio devices, by number. */
  readonly virtio: readonly VirtioDevice[];
  readonly #rtc: Rtc;
  readonly #devices: Device[] = [];

  private constructor(vm: Vm, host: Host, options: BoardOptions) {
    const { base } = vm.memory;
    const buffer = vm.memory.wasm.buffer;
    const page = (slot: number): DevicePage => devicePage(buffer, base + DEVICES_BASE + slot * 0x1000);
    const line = (gsi: number): IrqLine => ({
      set: (level) => {
        if (vm.hasIrqchip) vm.irqLine(gsi, level);
      },
    });
    const clock = { now: () => machineNanoseconds(vm.memory) };
    this.output = Ring.at(buffer, base + CONSOLE_OUT_RING);
    this.input = Ring.at(buffer, base + CONSOLE_IN_RING);
    this.serial = new Serial(page(SLOT.serial), {
      irq: line(GSI.serial),
      output: this.output,
      input: this.input,
    });
    const port92 = new Port92(page(SLOT.port92), { host });
    this.keyboard = new I8042(page(SLOT.i8042), { irq: line(GSI.keyboard), host, a20: port92 });
    this.#rtc = new Rtc(page(SLOT.rtc), { irq: line(GSI.rtc), clock });
    this.#add({ start: 0x3f8, length: 8 }, this.serial, 'serial0');
    this.#add({ start: 0x60, length: 1 }, this.keyboard, 'i8042 data');
    this.ports.register({ start: 0x64, length: 1, offset: 4 }, this.keyboard, 'i8042 command');
    this.#add({ start: 0x70, length: 2 }, this.#rtc, 'rtc');
    this.#add({ start: 0x92, length: 1 }, port92, 'port 92');
    this.#add({ start: 0x80, length: 1 }, new Post(page(SLOT.post)), 'post');
    this.#add({ start: 0xed, length: 1 }, new DelayPort(page(SLOT.delay)), 'delay');
    this.#add(
      { start: 0xe9, length: 1 },
      new Debugcon(page(SLOT.debugcon), { output: this.output }),
      'debugcon',
    );
    this.#add(
      { start: 0x600, length: 8, width: 2 },
      new Power(page(SLOT.power), { host, sci: line(GSI.sci) }),
      'power',
    );
    this.#add({ start: 0x608, length: 4, width: 4 }, new PmTimer(page(SLOT.pmTimer), { clock }), 'pm timer');
    const resetControl = new ResetControl(page(SLOT.resetControl), { host });
    this.#devices.push(resetControl);
    this.pci = new PciBus(
      { bus: page(SLOT.pci), function: (n) => devicePage(buffer, base + PCI_FUNCTIONS_BASE + n * 0x1000) },
      new PciInterrupts(vm),
    );
    this.pci.plug(new PciFunction(this.pci.slot(0), HOST_BRIDGE));
    this.ports.register(CONFIG_PORTS, this.pci.configPorts(resetControl), 'pci configuration');
    if (options.exitPort !== undefined) {
      const exit = new DebugExit(page(SLOT.debugExit), { host });
      this.#add({ start: options.exitPort, length: 4, width: 4 }, exit, 'debug exit');
    }
    this.virtio = connectVirtio({ buffer, base, pci: this.pci, mmio: this.mmio, line });
    this.ports.follow(this.pci.ports);
    this.mmio.follow(this.pci.memory);
  }

  #add(range: Parameters<PortBus['register']>[0], device: Device, name: string): void {
    this.ports.register(range, device, name);
    this.#devices.push(device);
  }

  /** Lays rings and devices into a fresh machine and powers them on. */
  static create(vm: Vm, host: Host, { ramBytes, virtio, ...options }: BoardParts): Board {
    const { base } = vm.memory;
    const buffer = vm.memory.wasm.buffer;
    Ring.create(buffer, base + CONSOLE_OUT_RING, RING_BYTES);
    Ring.create(buffer, base + CONSOLE_IN_RING, RING_BYTES);
    if (virtio) planVirtio(buffer, base, virtio);
    const board = new Board(vm, host, options);
    for (const device of board.#devices) device.reset();
    board.pci.reset();
    if (virtio) placeMarks(board.virtio, virtio);
    if (hasPic(vm.memory)) makeLevelTriggered(vm, PCI_IRQS);
    board.#rtc.setMemorySize(ramBytes);
    board.#rtc.setTime(BigInt(Date.now()) * 1_000_000n);
    return board;
  }

  /** The board of a machine that another thread has created. */
  static attach(vm: Vm, host: Host, options: BoardOptions): Board {
    return new Board(vm, host, options);
  }

  /** Fixes the wall clock, so that two runs see the same time. */
  setTime(unixNs: bigint): void {
    this.#rtc.setTime(unixNs);
  }

  /** Lets devices do what is due; the machine time in ns of the next work. */
  poll(): bigint {
    let first = this.serial.poll();
    for (const time of [this.keyboard.poll(), this.#rtc.poll()]) if (time < first) first = time;
    return first;
  }
}

/** Firmware's part in the 8259s: these IRQs (8 to 15) are levels, as PCI's lines are. */
function makeLevelTriggered(vm: Vm, irqs: readonly number[]): void {
  const { chip_id, chip } = vm.getIrqchip(KVM_IRQCHIP.PIC_SLAVE);
  const elcr = irqs.reduce((bits, irq) => bits | (1 << (irq - 8)), chip.pic.elcr);
  vm.setIrqchip({ chip_id, chip: { pic: { ...chip.pic, elcr } } });
}
