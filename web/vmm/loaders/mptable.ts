// The MultiProcessor table, for kernels that do not read ACPI: processors, PCI and ISA buses, the IOAPIC and its interrupts.
//
// Source: Intel MultiProcessor Specification, version 1.4, chapter 4.

import { gsiOf, PCI_SLOTS } from '../../pci/index.ts';
import { type Hardware, IOAPIC_ADDRESS, LAPIC_ADDRESS, TIMER_PIN } from './acpi.ts';
import { Bytes, checksum } from './bytes.ts';

const FLOATING_POINTER_SIZE = 16;
const LAPIC_VERSION = 0x14;
const IOAPIC_VERSION = 0x11;
const CPU_ENABLED = 0x01;
const CPU_BOOTSTRAP = 0x02;
/** A PCI bus has its own number here. */
const PCI_BUS = 0;
const ISA_BUS = 1;
const ALL_LAPICS = 0xff;
// Interrupt types
const INT = 0;
const NMI = 1;
const EXTINT = 3;
/** Level-triggered and active low. */
const PCI_FLAGS = 0x0f;

/** The floating pointer and, right behind it, the configuration table; to be copied to `gpa` (16-byte aligned). */
export function buildMpTable(gpa: number, hardware: Hardware): Uint8Array<ArrayBuffer> {
  const { cpus } = hardware;
  const entries = new Bytes();
  let count = 0;
  const entry = (): Bytes => {
    count++;
    return entries;
  };
  for (let id = 0; id < cpus; id++) {
    const flags = CPU_ENABLED | (id === 0 ? CPU_BOOTSTRAP : 0);
    // Family 6 with an FPU and a local APIC, as CPUID leaf 1 has them.
    entry().u8(0, id, LAPIC_VERSION, flags).u32(0x600, 0x201, 0, 0);
  }
  entry().u8(1, PCI_BUS).text('PCI', 6);
  entry().u8(1, ISA_BUS).text('ISA', 6);
  entry().u8(2, cpus, IOAPIC_VERSION, 1).u32(IOAPIC_ADDRESS);
  const wire = (type: number, irq: number, pin: number): Bytes =>
    entry().u8(3, type).u16(0).u8(ISA_BUS, irq, cpus, pin);
  wire(EXTINT, 0, 0);
  for (let irq = 0; irq < 16; irq++) {
    // IRQ 2 is the cascade of the second 8259, and its pin takes the timer.
    if (irq !== 2) wire(INT, irq, irq === 0 ? TIMER_PIN : irq);
  }
  // INTA# of each device but the host bridge; its source IRQ is the device number and the pin.
  for (let slot = 1; slot < PCI_SLOTS; slot++) {
    entry()
      .u8(3, INT)
      .u16(PCI_FLAGS)
      .u8(PCI_BUS, slot << 2, cpus, gsiOf(slot));
  }
  entry().u8(4, EXTINT).u16(0).u8(ISA_BUS, 0, ALL_LAPICS, 0);
  entry().u8(4, NMI).u16(0).u8(ISA_BUS, 0, ALL_LAPICS, 1);

  const config = new Bytes()
    .text('PCMP')
    .u16(44 + entries.length)
    .u8(4, 0)
    .text('VITRINE', 8)
    .text('VITRINE', 12)
    .u32(0)
    .u16(0, count)
    .u32(LAPIC_ADDRESS, 0)
    .bytes(entries.take())
    .take();
  config[7] = checksum(config);
  const pointer = new Bytes()
    .text('_MP_')
    .u32(gpa + FLOATING_POINTER_SIZE)
    .u8(1, 4, 0, 0, 0, 0, 0, 0)
    .take();
  pointer[10] = checksum(pointer);
  return new Bytes().bytes(pointer).bytes(config).take();
}
