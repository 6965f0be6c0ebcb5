// The two 8259A interrupt controllers, master and slave on IR2. Callers hold the irqchip lock. Not modelled: 8080 mode,
// a single 8259 without its slave, level sensing by ICW1.LTIM (the ELCR has that say on a PC).

import {
  KVM_IRQCHIP_PIC_MASTER,
  KVM_IRQCHIP_PIC_SLAVE,
  PIC_AUTO_EOI,
  PIC_ELCR,
  PIC_ELCR_MASK,
  PIC_IMR,
  PIC_INIT_STATE,
  PIC_INIT4,
  PIC_IRQ_BASE,
  PIC_IRR,
  PIC_ISR,
  PIC_LAST_IRR,
  PIC_MASTER,
  PIC_OUTPUT,
  PIC_POLL,
  PIC_PRIORITY_ADD,
  PIC_READ_REG_SELECT,
  PIC_ROTATE_ON_AUTO_EOI,
  PIC_SLAVE,
  PIC_SPECIAL_FULLY_NESTED_MODE,
  PIC_SPECIAL_MASK,
  PIC_STATE_SIZE,
} from '../abi/irqchip';
import { PIC_PAGE, VM_PAGE, VM_VCPUS } from '../abi/map';
import { vm_base } from '../host';
import { vcpu_page } from '../state/vcpu';
import { accepts_pic, kick } from './lapic_bus';
import { pin_acknowledged } from './routes';

function master(): u32 {
  return vm_base + PIC_PAGE + PIC_MASTER;
}

function slave(): u32 {
  return vm_base + PIC_PAGE + PIC_SLAVE;
}
const CASCADE: u32 = 2;
const NOTHING: u32 = 8;

function get(s: u32, field: u32): u32 {
  return load<u8>(s + field);
}

function set(s: u32, field: u32, value: u32): void {
  store<u8>(s + field, value as u8);
}

/** Both chips as after power on, lines low. */
export function pic_reset(): void {
  memory.fill(vm_base + PIC_PAGE, 0, PIC_STATE_SIZE * 2);
  // Lines of the timer, keyboard, cascade, RTC and coprocessor cannot be level triggered.
  set(master(), PIC_ELCR_MASK, 0xf8);
  set(slave(), PIC_ELCR_MASK, 0xde);
  atomic.store<u32>(vm_base + PIC_PAGE + PIC_OUTPUT, 0);
}

/** Rank of the most urgent bit of `bits` (0 is the highest priority), NOTHING when there is none. */
function rank(s: u32, bits: u32): u32 {
  if (bits == 0) return NOTHING;
  let priority: u32 = 0;
  while ((bits & (1 << ((priority + get(s, PIC_PRIORITY_ADD)) & 7))) == 0) priority++;
  return priority;
}

/** The line that the chip asks service for, or NOTHING. */
function requested(s: u32): u32 {
  const priority = rank(s, get(s, PIC_IRR) & ~get(s, PIC_IMR));
  if (priority == NOTHING) return NOTHING;
  let busy = get(s, PIC_ISR);
  // Special mask mode: lines in service that are masked hold nobody back.
  if (get(s, PIC_SPECIAL_MASK)) busy &= ~get(s, PIC_IMR);
  // Special fully nested: the slave may interrupt its own interrupt.
  if (s == master() && get(s, PIC_SPECIAL_FULLY_NESTED_MODE)) busy &= ~(1 << CASCADE);
  return priority < rank(s, busy) ? (priority + get(s, PIC_PRIORITY_ADD)) & 7 : NOTHING;
}

/** Moves a chip's line: 1, 0 when the request before it still waits, -1 when it is masked. */
function set_pin(s: u32, pin: u32, level: bool): i32 {
  const mask: u32 = 1 << pin;
  const last = get(s, PIC_LAST_IRR);
  const irr = get(s, PIC_IRR);
  let status: i32 = 1;
  if (level) {
    if ((get(s, PIC_ELCR) & mask) != 0 || (last & mask) == 0) {
      status = irr & mask ? 0 : 1;
      set(s, PIC_IRR, irr | mask);
    }
    set(s, PIC_LAST_IRR, last | mask);
  } else {
    if (get(s, PIC_ELCR) & mask) set(s, PIC_IRR, irr & ~mask);
    set(s, PIC_LAST_IRR, last & ~mask);
  }
  return get(s, PIC_IMR) & mask ? -1 : status;
}

/** Drives the cascade and the INTR output from the chips' state, and wakes who listens to it. */
export function pic_update(): void {
  if (requested(slave()) != NOTHING) {
    set_pin(master(), CASCADE, true);
    set_pin(master(), CASCADE, false);
  }
  const output = requested(master()) != NOTHING;
  atomic.store<u32>(vm_base + PIC_PAGE + PIC_OUTPUT, output ? 1 : 0);
  if (!output) return;
  for (let left = atomic.load<u32>(vm_base + VM_PAGE + VM_VCPUS); left != 0; left &= left - 1) {
    const v = vcpu_page(ctz<u32>(left));
    if (accepts_pic(v)) kick(v);
  }
}

/** Moves one of the sixteen lines; what came of it, as set_pin tells. */
export function pic_set_line(irq: u32, level: bool): i32 {
  const status = set_pin(irq < 8 ? master() : slave(), irq & 7, level);
  pic_update();
  return status;
}

function end_of_interrupt(s: u32, pin: u32): void {
  set(s, PIC_ISR, get(s, PIC_ISR) & ~(1 << pin));
  pin_acknowledged(s == master() ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE, pin);
}

/** What INTA does to the chip whose line was chosen. */
function in_service(s: u32, pin: u32): void {
  const mask: u32 = 1 << pin;
  set(s, PIC_ISR, get(s, PIC_ISR) | mask);
  if ((get(s, PIC_ELCR) & mask) == 0) set(s, PIC_IRR, get(s, PIC_IRR) & ~mask);
  if (!get(s, PIC_AUTO_EOI)) return;
  if (get(s, PIC_ROTATE_ON_AUTO_EOI)) set(s, PIC_PRIORITY_ADD, (pin + 1) & 7);
  end_of_interrupt(s, pin);
}

/** The interrupt-acknowledge cycle: the vector; IR7's of the chip that has nothing to say (spurious 7 and 15). */
export function pic_intack(): u32 {
  let vector: u32;
  const pin = requested(master());
  if (pin == NOTHING) vector = get(master(), PIC_IRQ_BASE) + 7;
  else {
    in_service(master(), pin);
    vector = get(master(), PIC_IRQ_BASE) + pin;
    if (pin == CASCADE) {
      const slave_pin = requested(slave());
      if (slave_pin != NOTHING) in_service(slave(), slave_pin);
      vector = get(slave(), PIC_IRQ_BASE) + (slave_pin & 7) + (slave_pin == NOTHING ? 7 : 0);
    }
  }
  pic_update();
  return vector;
}

function icw1(s: u32, value: u32): void {
  // What is forgotten here is over for whoever waits for its end.
  const over = (get(s, PIC_IRR) & ~get(s, PIC_ELCR)) | get(s, PIC_ISR);
  for (let left = over; left != 0; left &= left - 1) end_of_interrupt(s, ctz<u32>(left));
  set(s, PIC_INIT4, value & 1);
  set(s, PIC_LAST_IRR, 0);
  set(s, PIC_IRR, get(s, PIC_IRR) & get(s, PIC_ELCR));
  set(s, PIC_IMR, 0);
  set(s, PIC_ISR, 0);
  set(s, PIC_PRIORITY_ADD, 0);
  set(s, PIC_SPECIAL_MASK, 0);
  set(s, PIC_READ_REG_SELECT, 0);
  set(s, PIC_POLL, 0);
  if ((value & 1) == 0) {
    set(s, PIC_SPECIAL_FULLY_NESTED_MODE, 0);
    set(s, PIC_AUTO_EOI, 0);
  }
  set(s, PIC_INIT_STATE, 1);
}

function ocw2(s: u32, value: u32): void {
  const command = value >> 5;
  switch (command) {
    case 0: // rotate in automatic EOI mode: clear
    case 4: // and set
      set(s, PIC_ROTATE_ON_AUTO_EOI, command >> 2);
      break;
    case 1: // non-specific EOI
    case 5: {
      // rotate on non-specific EOI
      const busy = get(s, PIC_ISR) & ~(get(s, PIC_SPECIAL_MASK) ? get(s, PIC_IMR) : 0);
      const priority = rank(s, busy);
      if (priority == NOTHING) break;
      const pin = (priority + get(s, PIC_PRIORITY_ADD)) & 7;
      if (command == 5) set(s, PIC_PRIORITY_ADD, (pin + 1) & 7);
      end_of_interrupt(s, pin);
      break;
    }
    case 3: // specific EOI
      end_of_interrupt(s, value & 7);
      break;
    case 6: // set priority
      set(s, PIC_PRIORITY_ADD, (value + 1) & 7);
      break;
    case 7: // rotate on specific EOI
      set(s, PIC_PRIORITY_ADD, (value + 1) & 7);
      end_of_interrupt(s, value & 7);
      break;
  }
}

function ocw3(s: u32, value: u32): void {
  if (value & 4) set(s, PIC_POLL, 1);
  if (value & 2) set(s, PIC_READ_REG_SELECT, value & 1);
  if (value & 0x40) set(s, PIC_SPECIAL_MASK, (value >> 5) & 1);
}

/** The odd port: OCW1 outside initialisation, else ICW2 to ICW4. */
function write_data(s: u32, value: u32): void {
  switch (get(s, PIC_INIT_STATE)) {
    case 0:
      set(s, PIC_IMR, value);
      break;
    case 1:
      set(s, PIC_IRQ_BASE, value & 0xf8);
      set(s, PIC_INIT_STATE, 2);
      break;
    case 2:
      set(s, PIC_INIT_STATE, get(s, PIC_INIT4) ? 3 : 0);
      break;
    case 3:
      set(s, PIC_SPECIAL_FULLY_NESTED_MODE, (value >> 4) & 1);
      set(s, PIC_AUTO_EOI, (value >> 1) & 1);
      set(s, PIC_INIT_STATE, 0);
      break;
  }
}

/** The edge/level register: a line that becomes level triggered asks as long as it is high. */
function write_elcr(s: u32, value: u32): void {
  const elcr = value & get(s, PIC_ELCR_MASK);
  const fresh = elcr & ~get(s, PIC_ELCR);
  set(s, PIC_IRR, (get(s, PIC_IRR) & ~fresh) | (get(s, PIC_LAST_IRR) & fresh));
  set(s, PIC_ELCR, elcr);
}

/** A byte written to 0x20, 0x21, 0xa0, 0xa1, 0x4d0 or 0x4d1. */
export function pic_port_write(port: u32, value: u32): void {
  value &= 0xff;
  if (port == 0x4d0) write_elcr(master(), value);
  else if (port == 0x4d1) write_elcr(slave(), value);
  else {
    const s = port & 0x80 ? slave() : master();
    if (port & 1) write_data(s, value);
    else if (value & 0x10) icw1(s, value);
    else if (value & 8) ocw3(s, value);
    else ocw2(s, value);
  }
  pic_update();
}

/** A byte read from one of the same ports; a read after OCW3.P is the poll word and acknowledges. */
export function pic_port_read(port: u32): u32 {
  if (port == 0x4d0) return get(master(), PIC_ELCR);
  if (port == 0x4d1) return get(slave(), PIC_ELCR);
  const s = port & 0x80 ? slave() : master();
  if (get(s, PIC_POLL)) {
    set(s, PIC_POLL, 0);
    const pin = requested(s);
    if (pin == NOTHING) return 0;
    in_service(s, pin);
    pic_update();
    return 0x80 | pin;
  }
  if (port & 1) return get(s, PIC_IMR);
  return get(s, get(s, PIC_READ_REG_SELECT) ? PIC_ISR : PIC_IRR);
}

/** The mask bit of one of the sixteen lines. */
export function pic_is_masked(irq: u32): bool {
  return ((get(irq < 8 ? master() : slave(), PIC_IMR) >> (irq & 7)) & 1) != 0;
}

/** One of the sixteen lines is latched or in service. */
export function pic_is_busy(irq: u32): bool {
  const s = irq < 8 ? master() : slave();
  return (((get(s, PIC_IRR) | get(s, PIC_ISR)) >> (irq & 7)) & 1) != 0;
}
