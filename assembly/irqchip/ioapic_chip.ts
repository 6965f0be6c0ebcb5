// The I/O APIC with 24 pins, an 82093AA as KVM shows it (version 0x11). Callers hold the irqchip lock. Not modelled:
// pin polarity (KVM_CAP_IOAPIC_POLARITY_IGNORED), the EOI register of later versions.

import {
  APIC_DEST_LOGICAL,
  APIC_LEVEL_TRIG,
  APIC_MASKED,
  APIC_REMOTE_IRR,
  IOAPIC_BASE_ADDRESS,
  IOAPIC_DEFAULT_ADDRESS,
  IOAPIC_EOI_VECTORS,
  IOAPIC_ID,
  IOAPIC_IOREGSEL,
  IOAPIC_IRR,
  IOAPIC_PINS,
  IOAPIC_REDIRTBL,
  IOAPIC_STATE_SIZE,
  KVM_IRQCHIP_IOAPIC,
} from '../abi/irqchip';
import { IOAPIC_PAGE } from '../abi/map';
import { vm_base } from '../host';
import { deliver } from './lapic_bus';
import { ioapic_pin_is_heard, pin_acknowledged } from './routes';

const VERSION: u32 = ((IOAPIC_PINS - 1) << 16) | 0x11;
const STATUS: u32 = 0x1000;
/** Bits of an entry's low half that the guest cannot write. */
const READ_ONLY: u32 = STATUS | APIC_REMOTE_IRR;

function get(field: u32): u32 {
  return load<u32>(vm_base + IOAPIC_PAGE + field);
}

function set(field: u32, value: u32): void {
  store<u32>(vm_base + IOAPIC_PAGE + field, value);
}

/** Offset of the low half of a pin's redirection entry; the high half is 4 bytes on. */
function entry_of(pin: u32): u32 {
  return IOAPIC_REDIRTBL + pin * 8;
}

/** As after power on: every pin masked. Routing and private words stay. */
export function ioapic_reset(): void {
  memory.fill(vm_base + IOAPIC_PAGE, 0, IOAPIC_STATE_SIZE);
  memory.fill(vm_base + IOAPIC_PAGE + IOAPIC_EOI_VECTORS, 0, 32);
  store<u64>(vm_base + IOAPIC_PAGE + IOAPIC_BASE_ADDRESS, IOAPIC_DEFAULT_ADDRESS);
  for (let pin: u32 = 0; pin < IOAPIC_PINS; pin++) set(entry_of(pin), APIC_MASKED);
}

/** Address of the word of the EOI bitmap that holds a vector. */
function eoi_word(vector: u32): u32 {
  return vm_base + IOAPIC_PAGE + IOAPIC_EOI_VECTORS + (vector >> 5) * 4;
}

/** The IOAPIC wants to hear of the EOI of this edge-triggered vector; asked without the lock. */
export function ioapic_listens(vector: u32): bool {
  return ((atomic.load<u32>(eoi_word(vector)) >> (vector & 31)) & 1) != 0;
}

/** Sends a pin's message if its entry allows: how many local APICs took it, -1 when none was asked. */
function service(pin: u32): i32 {
  const low = get(entry_of(pin));
  const level = (low & APIC_LEVEL_TRIG) != 0;
  if (low & APIC_MASKED || (level && low & APIC_REMOTE_IRR)) return -1;
  const vector = low & 0xff;
  if (!level && ioapic_pin_is_heard(pin)) {
    atomic.or<u32>(eoi_word(vector), 1 << (vector & 31));
  }
  const destination = get(entry_of(pin) + 4) >> 24;
  const taken = deliver((low & APIC_DEST_LOGICAL) != 0, destination, false, (low >> 8) & 7, vector, level);
  if (level && taken > 0) set(entry_of(pin), low | APIC_REMOTE_IRR);
  return taken;
}

/** Moves a pin's line; what came of it, as KVM_IRQ_LINE_STATUS tells. */
export function ioapic_set_line(pin: u32, level: bool): i32 {
  const mask: u32 = 1 << pin;
  const before = get(IOAPIC_IRR);
  if (!level) {
    set(IOAPIC_IRR, before & ~mask);
    return 1;
  }
  set(IOAPIC_IRR, before | mask);
  const edge = (get(entry_of(pin)) & APIC_LEVEL_TRIG) == 0;
  return edge && (before & mask) != 0 ? 0 : service(pin);
}

/** A local APIC's EOI message: ends level interrupts of that vector, and sends again while the line is high. */
export function ioapic_eoi(vector: u32): void {
  for (let pin: u32 = 0; pin < IOAPIC_PINS; pin++) {
    const low = get(entry_of(pin));
    if ((low & 0xff) != vector) continue;
    if (low & APIC_LEVEL_TRIG && (low & APIC_REMOTE_IRR) == 0) continue;
    pin_acknowledged(KVM_IRQCHIP_IOAPIC, pin);
    if ((low & APIC_LEVEL_TRIG) == 0) continue;
    set(entry_of(pin), low & ~APIC_REMOTE_IRR);
  }
}

/** Sends again what is still asked for; after ioapic_eoi, once resampled lines have had their say. */
export function ioapic_service_levels(): void {
  for (let left = get(IOAPIC_IRR); left != 0; left &= left - 1) {
    const pin = ctz<u32>(left);
    if (get(entry_of(pin)) & APIC_LEVEL_TRIG) service(pin);
  }
}

function write_entry(index: u32, value: u32): void {
  const pin = index >> 1;
  if (pin >= IOAPIC_PINS) return;
  if (index & 1) {
    set(entry_of(pin) + 4, value);
    return;
  }
  let low = (value & ~READ_ONLY) | (get(entry_of(pin)) & READ_ONLY);
  // Linux ends a stuck level interrupt by making the pin edge triggered for a moment.
  if ((low & APIC_LEVEL_TRIG) == 0) low &= ~APIC_REMOTE_IRR;
  low &= 0x1ffff;
  set(entry_of(pin), low);
  // An edge that came while the pin was masked is lost, as on the chip; a level still stands.
  if (low & APIC_LEVEL_TRIG && get(IOAPIC_IRR) & (1 << pin)) service(pin);
}

/** The redirection entry of a pin is masked. */
export function ioapic_is_masked(pin: u32): bool {
  return (get(entry_of(pin)) & APIC_MASKED) != 0;
}

/** A write of up to 8 bytes at an offset in the IOAPIC's window: IOREGSEL at 0, IOWIN at 0x10. */
export function ioapic_window_write(offset: u32, value: u32): void {
  if (offset == 0) set(IOAPIC_IOREGSEL, value & 0xff);
  if (offset != 0x10) return;
  const select = get(IOAPIC_IOREGSEL);
  if (select == 0) set(IOAPIC_ID, (value >> 24) & 0xf);
  else if (select >= 0x10) write_entry(select - 0x10, value);
}

/** A read at an offset in the window. */
export function ioapic_window_read(offset: u32): u32 {
  const select = get(IOAPIC_IOREGSEL);
  if (offset == 0) return select;
  if (offset != 0x10) return 0;
  if (select == 0 || select == 2) return get(IOAPIC_ID) << 24;
  if (select == 1) return VERSION;
  const index = select - 0x10;
  if (select < 0x10 || index >= IOAPIC_PINS * 2) return 0xffffffff;
  return get(IOAPIC_REDIRTBL + index * 4);
}
