// How the bus is wired: how many devices, which lines and GSIs they have, and the windows in which BARs may lie. Numbers only, for
// the bus, for its firmware, and for the tables that tell a guest.

/** Device numbers of bus 0 that a function may have. */
export const PCI_SLOTS = 16;

/** INTA# of a device goes to one of the IOAPIC's pins that the ISA bus does not use. */
const FIRST_GSI = 16;
const GSIS = 8;
export const gsiOf = (device: number): number => FIRST_GSI + (device % GSIS);

/** And to one of these IRQs of the 8259 pair, which firmware makes level-triggered. */
export const PCI_IRQS = [10, 11] as const;
export const irqOf = (device: number): number => PCI_IRQS[device % 2] ?? PCI_IRQS[0];

/** MSI-X vectors that a device may have; each has a GSI of its own, none of which is an IOAPIC pin. */
export const MSIX_VECTORS = 64;
export const vectorGsiOf = (device: number, vector: number): number => device * MSIX_VECTORS + vector;
/** Device 0, the host bridge, has none. */
export const FIRST_MESSAGE_GSI = vectorGsiOf(1, 0);

/** Addresses that belong to the bus: `end` is one past the last. */
export interface Window {
  readonly start: number;
  readonly end: number;
}

/** Ports around those of configuration mechanism 1, and where firmware places I/O BARs. */
export const IO_WINDOWS: readonly Window[] = [
  { start: 0x0000, end: 0x0cf8 },
  { start: 0x0d00, end: 0x1_0000 },
];
export const IO_PLACES: Window = { start: 0xc000, end: 0x1_0000 };

/** RAM ends below it, and the IOAPIC begins behind it. */
export const MEMORY_WINDOW: Window = { start: 0xe000_0000, end: 0xfec0_0000 };

/** For BARs of 64 bits; below 2^36, which every long mode processor reaches. */
export const MEMORY64_WINDOW: Window = { start: 2 ** 34, end: 2 ** 35 };
