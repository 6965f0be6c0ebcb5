// The DSDT's definitions: how to power off, and the PCI root with its windows and interrupt wiring.
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
  ownPorts,
  packageOf,
  portRange,
  resources,
  scope,
  storeArgument,
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

/** The body of the DSDT. */
export function dsdtAml(): Uint8Array {
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
      .bytes(scope('_SB_', [root]))
      .take()
  );
}
