// The 8254 timer and port 0x61. Callers hold the irqchip lock. Counters are not stepped: everything is computed from the
// load time. Not modelled: a new count waiting for the end of the running period in modes 2 and 3 (it counts at once), or
// for the next trigger in modes 1 and 5 (it ends the running shot).
import {
  IRQ_SOURCE_PIT,
  KVM_IRQCHIP_IOAPIC,
  KVM_PIT_FLAGS_HPET_LEGACY,
  KVM_PIT_FLAGS_SPEAKER_DATA_ON,
  PIT_BACKLOG,
  PIT_BCD,
  PIT_CHANNEL_SIZE,
  PIT_COUNT,
  PIT_COUNT_LATCHED,
  PIT_COUNT_LOAD_TIME,
  PIT_FLAGS,
  PIT_GATE,
  PIT_HELD,
  PIT_HZ,
  PIT_IRQ_ACK,
  PIT_LATCHED_COUNT,
  PIT_MODE,
  PIT_NEXT,
  PIT_READ_STATE,
  PIT_REINJECT,
  PIT_RW_MODE,
  PIT_STATUS,
  PIT_STATUS_LATCHED,
  PIT_TICKS,
  PIT_WRITE_LATCH,
  PIT_WRITE_STATE,
  ROUTE_CHIP,
  ROUTE_GSI,
  ROUTE_PIN,
  ROUTE_SIZE,
  ROUTE_TYPE,
} from '../abi/irqchip';
import { PAGE_SIZE, PIT_PAGE } from '../abi/map';
import { host_now, vm_base } from '../host';
import { ioapic_is_masked } from './ioapic_chip';
import { lint0_nmi } from './lapic_bus';
import { pic_is_busy, pic_is_masked } from './pic_chip';
import { routes_end, routes_start } from './routes';
import { set_line } from './wiring';

const NS: u64 = 1000000000;
const CLOCK_HZ: u64 = PIT_HZ;
/** The guest cannot ask for more than 5,000 ticks a second (KVM's min_timer_period_us = 200). */
const MIN_TICK_CLOCKS: u64 = 239;
// Access modes, and states of a 16-bit access.
const RW_LSB: u32 = 1;
const RW_MSB: u32 = 2;
const RW_WORD_LSB: u32 = 3;
const RW_WORD_MSB: u32 = 4;

function channel(n: u32): u32 {
  return vm_base + PIT_PAGE + n * PIT_CHANNEL_SIZE;
}

function held_word(n: u32): u32 {
  return vm_base + PIT_PAGE + PIT_HELD + n * 8;
}

/** ns to clocks of the 8254, rounded down; exact for any length of time. */
function clocks_of(ns: u64): u64 {
  return (ns / NS) * CLOCK_HZ + ((ns % NS) * CLOCK_HZ) / NS;
}

/** Clocks to ns, rounded up, so that clocks_of(ns_of(n)) >= n. */
function ns_of(clocks: u64): u64 {
  return (clocks / CLOCK_HZ) * NS + ((clocks % CLOCK_HZ) * NS + CLOCK_HZ - 1) / CLOCK_HZ;
}

/** Clocks that a channel has counted since its count was loaded or its gate started it. */
function counted(n: u32): u64 {
  const held = load<u64>(held_word(n));
  if (held != 0) return held - 1;
  const loaded = load<u64>(channel(n) + PIT_COUNT_LOAD_TIME);
  const now = host_now();
  return now > loaded ? clocks_of(now - loaded) : 0;
}

/** The period in clocks: 1 to 65536, or 10000 in BCD. */
function period(n: u32): u64 {
  const count = load<u32>(channel(n) + PIT_COUNT);
  return count == 0 ? 0x10000 : count;
}

function to_bcd(value: u32): u32 {
  return (
    (value % 10) | (((value / 10) % 10) << 4) | (((value / 100) % 10) << 8) | (((value / 1000) % 10) << 12)
  );
}

function from_bcd(value: u32): u32 {
  return (value & 15) + ((value >> 4) & 15) * 10 + ((value >> 8) & 15) * 100 + ((value >> 12) & 15) * 1000;
}

/** What the counter shows. */
function current_count(n: u32): u32 {
  const c = channel(n);
  const clocks = counted(n);
  const count = period(n);
  let value: u64;
  switch (load<u8>(c + PIT_MODE) as u32) {
    case 2:
      value = count - (clocks % count);
      break;
    case 3: // counts by two, twice a period
      value = count - ((2 * clocks) % count);
      break;
    default:
      value = count - clocks;
  }
  if (!load<u8>(c + PIT_BCD)) return (value & 0xffff) as u32;
  // A decade counter wraps at 10000; a multiple of it keeps the difference positive.
  const wrapped = ((value as i64) % 10000) as i32;
  return to_bcd(wrapped < 0 ? wrapped + 10000 : wrapped);
}

/** Level of a channel's OUT pin. */
function output(n: u32): bool {
  const clocks = counted(n);
  const count = period(n);
  const held = load<u64>(held_word(n)) != 0;
  switch (load<u8>(channel(n) + PIT_MODE) as u32) {
    case 0:
      return clocks >= count;
    case 1: // held = waits for its trigger
      return held || clocks >= count;
    case 2:
      return held || clocks % count != count - 1;
    case 3:
      return held || clocks % count < (count + 1) >> 1;
    default:
      return held || clocks != count;
  }
}

/** Stops a counter where it is; a stopped counter is not moved. */
function hold(n: u32): void {
  if (load<u64>(held_word(n)) == 0) store<u64>(held_word(n), counted(n) + 1);
}

/** Lets a stopped counter count on from where it was. */
function release(n: u32): void {
  const held = load<u64>(held_word(n));
  if (held == 0) return;
  store<u64>(channel(n) + PIT_COUNT_LOAD_TIME, host_now() - ns_of(held - 1));
  store<u64>(held_word(n), 0);
}

/** Sets when channel 0 ticks next, from its load time and the ticks since. */
function schedule(): void {
  const c = channel(0);
  const mode: u32 = load<u8>(c + PIT_MODE);
  const done = load<u64>(vm_base + PIT_PAGE + PIT_TICKS);
  const periodic = mode == 2 || mode == 3;
  const silent =
    load<u32>(vm_base + PIT_PAGE + PIT_FLAGS) & KVM_PIT_FLAGS_HPET_LEGACY || load<u64>(held_word(0)) != 0;
  let next: u64 = 0;
  // Mode 5 waits for a rising gate, and channel 0's gate is tied high.
  if (!silent && mode != 5 && mode != 1 && (periodic || done == 0)) {
    next = load<u64>(c + PIT_COUNT_LOAD_TIME) + ns_of((done + 1) * tick_clocks());
  }
  atomic.store<u64>(vm_base + PIT_PAGE + PIT_NEXT, next);
}

function tick_clocks(): u64 {
  const count = period(0);
  return count < MIN_TICK_CLOCKS ? MIN_TICK_CLOCKS : count;
}

/** Who masks the timer's line: bit 0 the PIC, bit 1 every IOAPIC pin that GSI 0 leads to. */
export function pit_line_masks(): u32 {
  let masks: u32 = pic_is_masked(0) ? 3 : 2;
  const end = routes_end();
  for (let entry = routes_start(); entry < end; entry += ROUTE_SIZE) {
    if (load<u16>(entry + ROUTE_GSI) != 0 || load<u16>(entry + ROUTE_TYPE) != 1) continue;
    if (load<u32>(entry + ROUTE_CHIP) != KVM_IRQCHIP_IOAPIC) continue;
    if (!ioapic_is_masked(load<u32>(entry + ROUTE_PIN))) masks &= 1;
  }
  return masks;
}

/**
 * A chip's masks changed from `before`. When the line opens, a tick that got lost behind the mask counts as taken, else
 * no other would ever come. The PIC keeps what it latched: Linux masks it in every timer interrupt and loses no tick.
 */
export function pit_masks_changed(before: u32): void {
  const opened = before & ~pit_line_masks();
  if (opened & 2) pit_forget_backlog();
  else if (opened & 1 && !pic_is_busy(0)) store<u32>(vm_base + PIT_PAGE + PIT_IRQ_ACK, 1);
}

/** Forgets ticks that were held back: the guest programmed the timer anew or unmasked it. */
export function pit_forget_backlog(): void {
  store<u32>(vm_base + PIT_PAGE + PIT_BACKLOG, 0);
  store<u32>(vm_base + PIT_PAGE + PIT_IRQ_ACK, 1);
}

/** Starts a channel with a count as written (0 = the largest). */
function load_count(n: u32, value: u32): void {
  const c = channel(n);
  const bcd = load<u8>(c + PIT_BCD) != 0;
  let count = bcd ? from_bcd(value) : value;
  if (count == 0) count = bcd ? 10000 : 0x10000;
  const mode: u32 = load<u8>(c + PIT_MODE);
  store<u32>(c + PIT_COUNT, count);
  store<u64>(c + PIT_COUNT_LOAD_TIME, host_now());
  // Modes 1 and 5 wait for a rising gate; in the others a low gate holds the counter.
  const waits = mode == 1 || mode == 5 || load<u8>(c + PIT_GATE) == 0;
  store<u64>(held_word(n), waits ? 1 : 0);
  if (n == 0) pit_restart();
}

/** Channel 0 begins to tick from its load time. */
function pit_restart(): void {
  store<u64>(vm_base + PIT_PAGE + PIT_TICKS, 0);
  pit_forget_backlog();
  schedule();
}

/** Every counter begins anew from the registers in the page, as KVM_SET_PIT2 does it. */
export function pit_reload(): void {
  for (let n: u32 = 0; n < 3; n++) {
    const c = channel(n);
    const mode: u32 = load<u8>(c + PIT_MODE);
    const stands = mode > 5 || (load<u8>(c + PIT_GATE) == 0 && mode != 1 && mode != 5);
    store<u64>(c + PIT_COUNT_LOAD_TIME, host_now());
    store<u64>(held_word(n), stands ? 1 : 0);
  }
  pit_restart();
}

/** As after power on: channel 0 does not tick until it is programmed; the gates of 0 and 1 are tied high. */
export function pit_reset(): void {
  memory.fill(vm_base + PIT_PAGE, 0, PAGE_SIZE);
  for (let n: u32 = 0; n < 3; n++) {
    store<u8>(channel(n) + PIT_MODE, 0xff);
    store<u8>(channel(n) + PIT_RW_MODE, RW_WORD_LSB as u8);
    store<u8>(channel(n) + PIT_READ_STATE, RW_WORD_LSB as u8);
    store<u8>(channel(n) + PIT_WRITE_STATE, RW_WORD_LSB as u8);
    store<u8>(channel(n) + PIT_GATE, n == 2 ? 0 : 1);
    store<u32>(channel(n) + PIT_COUNT, 0x10000);
    store<u64>(held_word(n), 1);
  }
  store<u32>(vm_base + PIT_PAGE + PIT_IRQ_ACK, 1);
  store<u32>(vm_base + PIT_PAGE + PIT_REINJECT, 1);
}

function pulse(): void {
  set_line(IRQ_SOURCE_PIT, 0, true);
  set_line(IRQ_SOURCE_PIT, 0, false);
  lint0_nmi();
}

/** One tick if the guest has taken the one before; otherwise it waits in the backlog (KVM's reinjection). */
function inject_backlog(): void {
  const backlog = load<u32>(vm_base + PIT_PAGE + PIT_BACKLOG);
  if (backlog == 0 || load<u32>(vm_base + PIT_PAGE + PIT_IRQ_ACK) == 0) return;
  store<u32>(vm_base + PIT_PAGE + PIT_BACKLOG, backlog - 1);
  store<u32>(vm_base + PIT_PAGE + PIT_IRQ_ACK, 0);
  pulse();
}

/** The guest acknowledged IRQ 0. */
export function pit_acknowledged(): void {
  store<u32>(vm_base + PIT_PAGE + PIT_IRQ_ACK, 1);
  inject_backlog();
}

/** Fires what channel 0 owes at `now`. */
export function pit_poll(now: u64): void {
  const next = load<u64>(vm_base + PIT_PAGE + PIT_NEXT);
  if (next == 0 || now < next) return;
  const c = channel(0);
  const mode: u32 = load<u8>(c + PIT_MODE);
  const done = load<u64>(vm_base + PIT_PAGE + PIT_TICKS);
  let due: u64 = 1;
  if (mode == 2 || mode == 3) {
    due = clocks_of(now - load<u64>(c + PIT_COUNT_LOAD_TIME)) / tick_clocks() - done;
  }
  store<u64>(vm_base + PIT_PAGE + PIT_TICKS, done + due);
  schedule();
  // Behind masks ticks are not owed: nobody counts on them.
  if (load<u32>(vm_base + PIT_PAGE + PIT_REINJECT) && pit_line_masks() != 3) {
    store<u32>(vm_base + PIT_PAGE + PIT_BACKLOG, load<u32>(vm_base + PIT_PAGE + PIT_BACKLOG) + (due as u32));
    inject_backlog();
  } else pulse();
}

function latch_count(n: u32): void {
  const c = channel(n);
  if (load<u8>(c + PIT_COUNT_LATCHED)) return;
  store<u16>(c + PIT_LATCHED_COUNT, current_count(n) as u16);
  store<u8>(c + PIT_COUNT_LATCHED, load<u8>(c + PIT_RW_MODE));
}

function latch_status(n: u32): void {
  const c = channel(n);
  if (load<u8>(c + PIT_STATUS_LATCHED)) return;
  const status =
    ((output(n) ? 1 : 0) << 7) |
    ((load<u8>(c + PIT_RW_MODE) & 3) << 4) |
    ((load<u8>(c + PIT_MODE) & 7) << 1) |
    load<u8>(c + PIT_BCD);
  store<u8>(c + PIT_STATUS, status as u8);
  store<u8>(c + PIT_STATUS_LATCHED, 1);
}

function write_control(value: u32): void {
  const n = value >> 6;
  if (n == 3) {
    // Read-back command: bits 5 and 4 are active low.
    for (let i: u32 = 0; i < 3; i++) {
      if ((value & (2 << i)) == 0) continue;
      if ((value & 0x20) == 0) latch_count(i);
      if ((value & 0x10) == 0) latch_status(i);
    }
    return;
  }
  const access = (value >> 4) & 3;
  if (access == 0) {
    latch_count(n);
    return;
  }
  const c = channel(n);
  let mode = (value >> 1) & 7;
  if (mode > 5) mode -= 4;
  store<u8>(c + PIT_RW_MODE, access as u8);
  store<u8>(c + PIT_READ_STATE, access as u8);
  store<u8>(c + PIT_WRITE_STATE, access as u8);
  store<u8>(c + PIT_MODE, mode as u8);
  store<u8>(c + PIT_BCD, (value & 1) as u8);
  store<u8>(c + PIT_COUNT_LATCHED, 0);
  // The counter stands, and OUT shows the mode's first level, until a count comes.
  store<u64>(held_word(n), 1);
  if (n == 0) schedule();
}

function write_counter(n: u32, value: u32): void {
  const c = channel(n);
  switch (load<u8>(c + PIT_WRITE_STATE) as u32) {
    case RW_LSB:
      load_count(n, value);
      break;
    case RW_MSB:
      load_count(n, value << 8);
      break;
    case RW_WORD_LSB:
      store<u8>(c + PIT_WRITE_LATCH, value as u8);
      store<u8>(c + PIT_WRITE_STATE, RW_WORD_MSB as u8);
      // In mode 0 the first byte stops the count.
      if (load<u8>(c + PIT_MODE) == 0) {
        hold(n);
        if (n == 0) schedule();
      }
      break;
    case RW_WORD_MSB:
      load_count(n, load<u8>(c + PIT_WRITE_LATCH) | (value << 8));
      store<u8>(c + PIT_WRITE_STATE, RW_WORD_LSB as u8);
      break;
  }
}

function read_counter(n: u32): u32 {
  const c = channel(n);
  if (load<u8>(c + PIT_STATUS_LATCHED)) {
    store<u8>(c + PIT_STATUS_LATCHED, 0);
    return load<u8>(c + PIT_STATUS);
  }
  const latched: u32 = load<u16>(c + PIT_LATCHED_COUNT);
  switch (load<u8>(c + PIT_COUNT_LATCHED) as u32) {
    case RW_LSB:
      store<u8>(c + PIT_COUNT_LATCHED, 0);
      return latched & 0xff;
    case RW_MSB:
      store<u8>(c + PIT_COUNT_LATCHED, 0);
      return latched >> 8;
    case RW_WORD_LSB:
      store<u8>(c + PIT_COUNT_LATCHED, RW_WORD_MSB as u8);
      return latched & 0xff;
    case RW_WORD_MSB:
      store<u8>(c + PIT_COUNT_LATCHED, 0);
      return latched >> 8;
  }
  const count = current_count(n);
  switch (load<u8>(c + PIT_READ_STATE) as u32) {
    case RW_MSB:
      return count >> 8;
    case RW_WORD_LSB:
      store<u8>(c + PIT_READ_STATE, RW_WORD_MSB as u8);
      return count & 0xff;
    case RW_WORD_MSB:
      store<u8>(c + PIT_READ_STATE, RW_WORD_LSB as u8);
      return count >> 8;
    default:
      return count & 0xff;
  }
}

/** Channel 2's gate: a rising edge restarts modes 1, 2, 3 and 5; a low gate holds modes 0, 2, 3 and 4. */
function set_gate2(level: bool): void {
  const c = channel(2);
  const before = load<u8>(c + PIT_GATE) != 0;
  if (before == level) return;
  store<u8>(c + PIT_GATE, level ? 1 : 0);
  const mode: u32 = load<u8>(c + PIT_MODE);
  if (mode > 5) return; // never programmed
  if (!level) {
    if (mode != 1 && mode != 5) hold(2);
  } else if (mode == 0 || mode == 4) release(2);
  else {
    store<u64>(held_word(2), 0);
    store<u64>(c + PIT_COUNT_LOAD_TIME, host_now());
  }
}

function write_speaker(value: u32): void {
  const flags = load<u32>(vm_base + PIT_PAGE + PIT_FLAGS) & ~KVM_PIT_FLAGS_SPEAKER_DATA_ON;
  store<u32>(vm_base + PIT_PAGE + PIT_FLAGS, value & 2 ? flags | KVM_PIT_FLAGS_SPEAKER_DATA_ON : flags);
  set_gate2((value & 1) != 0);
}

/** Bit 5 is channel 2's output; bit 4 toggles with the DRAM refresh, about every 15 us as on a PC. */
function read_speaker(): u32 {
  const refresh = ((host_now() >> 14) & 1) as u32;
  const speaker = load<u32>(vm_base + PIT_PAGE + PIT_FLAGS) & KVM_PIT_FLAGS_SPEAKER_DATA_ON ? 2 : 0;
  return ((output(2) ? 1 : 0) << 5) | (refresh << 4) | speaker | load<u8>(channel(2) + PIT_GATE);
}

/** A byte written to 0x40..0x43 or 0x61. */
export function pit_port_write(port: u32, value: u32): void {
  value &= 0xff;
  if (port == 0x61) write_speaker(value);
  else if ((port & 3) == 3) write_control(value);
  else write_counter(port & 3, value);
}

/** A byte read from 0x40..0x43 or 0x61; the control word cannot be read. */
export function pit_port_read(port: u32): u32 {
  if (port == 0x61) return read_speaker();
  if ((port & 3) == 3) return 0;
  return read_counter(port & 3);
}
