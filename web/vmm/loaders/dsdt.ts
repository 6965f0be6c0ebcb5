// The DSDT's definitions: how to power off, the PCI root with its windows and interrupt wiring, and virtio devices over MMIO.
//
// Source: ACPI 6.5, 7.4.2.5 (_S5), 6.2.13 (_PRT), 5.8.1 (_PIC). Numbers are those of web/pci/wiring.ts.

import {
  CONFIG_PORTS,
  gsiOf,
  IO_WINDOWS,
  irqOf,
  MEMORY_WINDOW,
  MEMORY64_WINDOW,
  PCI_SLOTS,
} from '../../pci/index.ts';
import {
  type Aml,
  busRange,
  define,
  device,
  eisaId,
  giveBack,
  integer,
  memoryRange,
  method,
  name,
  ownEdge,
  ownMemory,
  ownPorts,
  packageOf,
  portRange,
  resources,
  scope,
  storeArgument,
  string,
  when,
  wideMemoryRange,
} from './aml.ts';
import { Bytes } from './bytes.ts';

/** A _PRT: INTA# of each device leads to a global system interrupt, without a link device between. */
function routingTable(gsi: (device: number) => number): Aml {
  const anyFunction = 0xffff;
  return packageOf(
    Array.from({ length: PCI_SLOTS }, (_, slot) =>
      packageOf([integer(slot * 0x1_0000 + anyFunction), integer(0), integer(0), integer(gsi(slot))]),
    ),
  );
}

/** A device over MMIO: where its registers are, and the edge that it makes. */
export interface MmioPlace {
  readonly address: number;
  readonly bytes: number;
  readonly gsi: number;
}

/** LNRO0005 is what Linux, QEMU and others call a virtio device over MMIO. */
function virtioMmio({ address, bytes, gsi }: MmioPlace, index: number): Aml {
  return device(`VR${String(index).padStart(2, '0')}`, [
    define('_HID', string('LNRO0005')),
    define('_UID', integer(index)),
    define('_CRS', resources([ownMemory(address, bytes), ownEdge(gsi)])),
  ]);
}

/** The body of the DSDT. */
export function dsdtAml(mmio: readonly MmioPlace[] = []): Uint8Array {
  const zero = integer(0);
  const root = device('PCI0', [
    define('_HID', eisaId('PNP0A03')),
    define('_UID', zero),
    define('_BBN', zero),
    define(
      '_CRS',
      resources([
        busRange(0, 0xff),
        ownPorts(CONFIG_PORTS.start, CONFIG_PORTS.length),
        ...IO_WINDOWS.map(({ start, end }) => portRange(start, end - 1)),
        memoryRange(MEMORY_WINDOW.start, MEMORY_WINDOW.end - 1),
        wideMemoryRange(MEMORY64_WINDOW.start, MEMORY64_WINDOW.end - 1),
      ]),
    ),
    define('PRTA', routingTable(gsiOf)),
    define('PRTP', routingTable(irqOf)),
    method('_PRT', 0, [when(name('PICM'), [giveBack(name('PRTA'))]), giveBack(name('PRTP'))]),
  ]);
  return (
    new Bytes()
      // The sleep type that web/devices/power.ts takes for power off.
      .bytes(define('_S5_', packageOf([zero, zero, zero, zero])))
      // The interrupt model that the system has chosen: 0 the 8259s, 1 the IOAPIC.
      .bytes(define('PICM', zero))
      .bytes(method('_PIC', 1, [storeArgument('PICM')]))
      .bytes(scope('_SB_', [root, ...mmio.map(virtioMmio)]))
      .take()
  );
}
