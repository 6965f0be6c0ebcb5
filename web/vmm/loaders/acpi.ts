// ACPI tables of the machine: RSDP, RSDT, XSDT, FADT, FACS, MADT and DSDT, whose contents are in dsdt.ts.
//
// Source: ACPI 6.5, chapter 5. Addresses are those where web/vmm registers devices.

import { Bytes, checksum } from './bytes.ts';
import { dsdtAml, type MmioPlace } from './dsdt.ts';

/** What the tables tell of. */
export interface Hardware {
  /** Number of processors; APIC ids are 0, 1, 2... */
  readonly cpus: number;
  /** Virtio devices over MMIO; none when left out. */
  readonly virtioMmio?: readonly MmioPlace[];
}

export const LAPIC_ADDRESS = 0xfee0_0000;
export const IOAPIC_ADDRESS = 0xfec0_0000;
/** The 8254's IRQ 0 arrives at this pin of the IOAPIC, as on a PC. */
export const TIMER_PIN = 2;
export const SCI_IRQ = 9;
const PM1_EVENT_PORT = 0x600;
const PM1_CONTROL_PORT = 0x604;
const PM_TIMER_PORT = 0x608;
const RESET_PORT = 0xcf9;
const RESET_VALUE = 0x06;
const CMOS_CENTURY = 0x32;

// FADT: IA-PC boot architecture flags and fixed feature flags.
const LEGACY_DEVICES = 0x01;
const HAS_8042 = 0x02;
const VGA_NOT_PRESENT = 0x04;
const WBINVD = 1 << 0;
const PROC_C1 = 1 << 2;
const NO_SLEEP_BUTTON = 1 << 5;
const NO_FIXED_RTC_WAKE = 1 << 6;
const TMR_VAL_EXT = 1 << 8;
const RESET_REG_SUP = 1 << 10;

// MADT
const PCAT_COMPAT = 1;
const LAPIC_ENABLED = 1;
const LEVEL_ACTIVE_HIGH = 0x0d;

/** The tables' bytes, to be copied to `gpa` (64-byte aligned), and where in the guest the RSDP then is: at `gpa`. */
export function buildAcpi(gpa: number, hardware: Hardware): Uint8Array<ArrayBuffer> {
  const out = new Bytes().zeros(64);
  const place = (table: Uint8Array): number => {
    out.zeros(-out.length & 63);
    const at = gpa + out.length;
    out.bytes(table);
    return at;
  };
  const facs = place(buildFacs());
  const dsdt = place(describe('DSDT', 2, dsdtAml(hardware.virtioMmio)));
  const fadt = place(buildFadt(facs, dsdt));
  const madt = place(buildMadt(hardware.cpus));
  const rsdt = place(describe('RSDT', 1, new Bytes().u32(fadt, madt).take()));
  const xsdt = place(describe('XSDT', 1, new Bytes().u64(fadt, madt).take()));
  const bytes = out.take();
  bytes.set(buildRsdp(rsdt, xsdt), 0);
  return bytes;
}

function buildRsdp(rsdt: number, xsdt: number): Uint8Array {
  const bytes = new Bytes()
    .text('RSD PTR ')
    .u8(0)
    .text('VITRIN')
    .u8(2)
    .u32(rsdt, 36)
    .u64(xsdt)
    .zeros(4)
    .take();
  bytes[8] = checksum(bytes.subarray(0, 20));
  bytes[32] = checksum(bytes);
  return bytes;
}

/** A system description table: the common header of 36 bytes, and its body. */
function describe(signature: string, revision: number, body: Uint8Array): Uint8Array {
  const bytes = new Bytes()
    .text(signature)
    .u32(36 + body.length)
    .u8(revision, 0)
    .text('VITRIN')
    .text('VITRINE', 8)
    .u32(1)
    .text('VTRN')
    .u32(1)
    .bytes(body)
    .take();
  bytes[9] = checksum(bytes);
  return bytes;
}

function buildFacs(): Uint8Array {
  return new Bytes().text('FACS').u32(64, 0, 0, 0, 0).u64(0).u8(2).zeros(31).take();
}

/** A generic address structure for an I/O port; port 0 means that there is none. */
function ioAddress(port: number, bits: number): Uint8Array {
  if (port === 0) return new Uint8Array(12);
  const accessSize = Math.log2(bits / 8) + 1;
  return new Bytes().u8(1, bits, 0, Math.min(accessSize, 3)).u64(port).take();
}

function buildFadt(facs: number, dsdt: number): Uint8Array {
  const features = WBINVD | PROC_C1 | NO_SLEEP_BUTTON | NO_FIXED_RTC_WAKE | TMR_VAL_EXT | RESET_REG_SUP;
  const body = new Bytes()
    .u32(facs, dsdt)
    .u8(0, 0) // interrupt model of ACPI 1.0, no preferred power profile
    .u16(SCI_IRQ)
    .u32(0) // no SMI command port: the machine is in ACPI mode always
    .u8(0, 0, 0, 0)
    .u32(PM1_EVENT_PORT, 0, PM1_CONTROL_PORT, 0, 0, PM_TIMER_PORT, 0, 0)
    .u8(4, 2, 0, 4, 0, 0, 0, 0) // lengths: PM1 event, PM1 control, PM2, timer, GPE0, GPE1; GPE1 base; _CST
    .u16(0xfff, 0xffff) // latencies that say: no C2, no C3
    .u16(0, 0)
    .u8(0, 0, 0, 0, CMOS_CENTURY)
    .u16(LEGACY_DEVICES | HAS_8042 | VGA_NOT_PRESENT)
    .u8(0)
    .u32(features)
    .bytes(ioAddress(RESET_PORT, 8))
    .u8(RESET_VALUE)
    .zeros(3)
    .u64(facs, dsdt)
    .bytes(ioAddress(PM1_EVENT_PORT, 32))
    .bytes(ioAddress(0, 0))
    .bytes(ioAddress(PM1_CONTROL_PORT, 16))
    .bytes(ioAddress(0, 0))
    .bytes(ioAddress(0, 0))
    .bytes(ioAddress(PM_TIMER_PORT, 32))
    .zeros(24); // GPE0, GPE1
  return describe('FACP', 4, body.take());
}

function buildMadt(cpus: number): Uint8Array {
  const body = new Bytes().u32(LAPIC_ADDRESS, PCAT_COMPAT);
  for (let id = 0; id < cpus; id++) body.u8(0, 8, id, id).u32(LAPIC_ENABLED);
  body.u8(1, 12, cpus, 0).u32(IOAPIC_ADDRESS, 0);
  body.u8(2, 10, 0, 0).u32(TIMER_PIN).u16(0);
  body.u8(2, 10, 0, SCI_IRQ).u32(SCI_IRQ).u16(LEVEL_ACTIVE_HIGH);
  // LINT1 of every processor is the NMI.
  body.u8(4, 6, 0xff).u16(0).u8(1);
  return describe('APIC', 3, body.take());
}
