// The virtio devices of a board: where each one's page, registers and interrupts are, on either transport. What serves them
// is chosen by a floor above.

import { PCI_FUNCTIONS_BASE, TERMINAL_BASE } from '../../assembly/abi/map.ts';
import { devicePage, type IrqLine, type MmioBus } from '../devices/index.ts';
import type { MachineMemory } from '../kvm/index.ts';
import type { PciBus } from '../pci/index.ts';
import {
  BalloonMarks,
  DEVICE_TYPE,
  DEVICES_MOST,
  type MarksPlace,
  MMIO_BYTES,
  MmioTransport,
  mmioSignals,
  PciTransport,
  pciSignals,
  Registers,
  type Signals,
  Terminal,
  TRANSPORT,
  type TransportName,
} from '../virtio/index.ts';

/** Addresses of the MMIO registers, a page for each device: behind those of messages, below a firmware's ROM. */
const MMIO_BASE = 0xfef0_0000;
const MMIO_STRIDE = 0x1000;
/** Pins of the IOAPIC by device number, from 1: edges, and none that another device of a machine without PCI devices has. */
const MMIO_GSIS = [16, 17, 18, 19, 20, 21, 22, 23, 5, 6, 7, 10, 11, 14, 15] as const;

/** A device type and how the guest reaches it. */
export interface VirtioPlan {
  readonly transport: TransportName;
  /** DEVICE_TYPE of each, in the order of their numbers from 1. */
  readonly types: readonly number[];
  /** Where a balloon notes the pages that it has. */
  readonly marks?: MarksPlace | undefined;
}

/** Where the MMIO registers of device `number` (from 1) lie, and which line it has. */
export function mmioPlace(number: number): {
  readonly address: number;
  readonly bytes: number;
  readonly gsi: number;
} {
  const gsi = MMIO_GSIS[number - 1] ?? 0;
  return { address: MMIO_BASE + number * MMIO_STRIDE, bytes: MMIO_BYTES, gsi };
}

/** A device of the board, as this thread sees it. */
export interface VirtioDevice {
  /** Its number, from 1: of its page, and on the bus. */
  readonly number: number;
  readonly transport: TransportName;
  readonly registers: Registers;
  /** Offset of its page in the memory. */
  readonly page: number;
  /** Interrupts from this thread. */
  readonly signals: Signals;
}

/** What the devices are connected to. */
export interface VirtioBuses {
  readonly buffer: ArrayBufferLike;
  /** Base of the VM in its memory. */
  readonly base: number;
  readonly pci: PciBus;
  readonly mmio: MmioBus;
  line(gsi: number): IrqLine;
}

const offsetOf = (base: number, number: number): number => base + PCI_FUNCTIONS_BASE + number * 0x1000;

/** Writes which devices there are into the pages of a fresh machine; every thread's board then finds them there. */
export function planVirtio(buffer: ArrayBufferLike, base: number, { transport, types }: VirtioPlan): void {
  if (types.includes(DEVICE_TYPE.console)) Terminal.create(buffer, base + TERMINAL_BASE);
  types.forEach((type, n) => {
    const registers = new Registers(devicePage(buffer, offsetOf(base, n + 1)));
    if (transport === 'mmio') {
      MmioTransport.create(registers, type);
      registers.bells = BigInt(mmioPlace(n + 1).address);
    } else {
      // The rest comes with the bus's reset.
      registers.transport = TRANSPORT.pci;
      registers.type = type;
    }
  });
}

/** Tells the balloon, where there is one, of its marks: once the bus is reset, which clears the pages. */
export function placeMarks(devices: readonly VirtioDevice[], { marks }: VirtioPlan): void {
  const balloon = devices.find(({ registers }) => registers.type === DEVICE_TYPE.balloon);
  if (balloon && marks) BalloonMarks.place(balloon.registers.state, marks);
}

/** The terminal of a machine's virtio console; undefined where it has none. */
export function terminalOf(memory: MachineMemory): Terminal | undefined {
  try {
    return Terminal.at(memory.wasm.buffer, memory.base + TERMINAL_BASE);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** Connects the devices that the pages tell of. */
export function connectVirtio(buses: VirtioBuses): VirtioDevice[] {
  const devices: VirtioDevice[] = [];
  for (let number = 1; number <= DEVICES_MOST; number++) {
    const page = offsetOf(buses.base, number);
    const registers = new Registers(devicePage(buses.buffer, page));
    const signals = connect(buses, number, registers);
    if (signals === undefined) continue;
    const transport = registers.transport === TRANSPORT.pci ? 'pci' : 'mmio';
    devices.push({ number, transport, registers, page, signals });
  }
  return devices;
}

function connect(
  { pci, mmio, line }: VirtioBuses,
  number: number,
  registers: Registers,
): Signals | undefined {
  const name = `virtio${number}`;
  switch (registers.transport) {
    case TRANSPORT.pci: {
      const { target } = new PciTransport(pci.slot(number), registers, registers.type, name);
      pci.plug(target);
      return pciSignals(registers, {
        get isMsixEnabled() {
          return target.isMsixEnabled;
        },
        message: (vector) => target.raise(vector),
        pin: () => target.setPin(true),
      });
    }
    case TRANSPORT.mmio: {
      const { address, bytes, gsi } = mmioPlace(number);
      mmio.register({ start: address, length: bytes, width: 4 }, new MmioTransport(registers), name);
      const irq = line(gsi);
      return mmioSignals(registers, () => {
        irq.set(true);
        irq.set(false);
      });
    }
    default:
      return undefined;
  }
}
