// Synthetic timers (TLFS, 12.4): four for each vCPU, which count reference time and send a message or raise a vector. All on
// the vCPU's own thread; a timer that is due is looked at at block edges, and a halted vCPU is woken for it.
import {
  HV_STIMER_DIRECT_MODE_AVAILABLE,
  HV_STIMERS,
  STIMER_CONFIG,
  STIMER_COUNT,
  STIMER_EXPIRES,
  STIMER_SIZE,
  STIMER_WAITS,
  V_HV_STIMER,
  V_HV_TIMERS,
} from '../abi/hyperv';
import { APIC_DM_FIXED } from '../abi/irqchip';
import { host_now } from '../host';
import { accept } from '../irqchip/lapic_bus';
import { may_use_feature } from './access';
import { reference_time } from './reference_time';
import { has_synic, look_again, MESSAGE_SENT, send_message } from './synic';

const ENABLE: u64 = 1;
const PERIODIC: u64 = 2;
const AUTO_ENABLE: u64 = 8;
const DIRECT: u64 = 0x1000;
const TIMER_EXPIRED: u32 = 0x80000010;
/** Units of 100 ns in a year or so: a timer further away is looked at again then. */
const FAR: u64 = 1 << 48;

function timer_at(v: u32, n: u32): u32 {
  return v + V_HV_STIMER + n * STIMER_SIZE;
}

function vector_of(config: u64): u32 {
  return ((config >> 4) & 0xff) as u32;
}

function sint_of(config: u64): u32 {
  return ((config >> 16) & 0xf) as u32;
}

function is_enabled(timer: u32): bool {
  return (load<u64>(timer + STIMER_CONFIG) & ENABLE) != 0;
}

/** Ends what the timer was doing; it begins anew if it is enabled. */
function restart(v: u32, n: u32): void {
  const timer = timer_at(v, n);
  store<u64>(timer + STIMER_EXPIRES, 0);
  store<u64>(timer + STIMER_WAITS, 0);
  const bit: u32 = 1 << n;
  if (is_enabled(timer)) {
    atomic.or<u32>(v + V_HV_TIMERS, bit);
    look_again(v);
  } else atomic.and<u32>(v + V_HV_TIMERS, ~bit);
}

/** Reads CONFIG (`count` false) or COUNT of a timer into `to`; only the host sees one where there is no SynIC. */
export function read_stimer(v: u32, n: u32, count: bool, to: u32, host: bool): bool {
  if (!has_synic(v) && !host) return false;
  store<u64>(to, load<u64>(timer_at(v, n) + (count ? STIMER_COUNT : STIMER_CONFIG)));
  return true;
}

/** Writes CONFIG; false where there is no SynIC or the mode was not announced. */
export function set_stimer_config(v: u32, n: u32, value: u64, host: bool): bool {
  if (!has_synic(v) && (!host || value != 0)) return false;
  if (!host && value & DIRECT && !may_use_feature(v, HV_STIMER_DIRECT_MODE_AVAILABLE)) return false;
  const timer = timer_at(v, n);
  // A message to SINT 0 cannot be: a running timer that is sent there stops.
  const stops = is_enabled(timer) && (value & DIRECT) == 0 && sint_of(value) == 0;
  store<u64>(timer + STIMER_CONFIG, stops ? value & ~ENABLE : value);
  restart(v, n);
  return true;
}

/** Writes COUNT: 0 stops the timer, another starts it if it enables itself. */
export function set_stimer_count(v: u32, n: u32, value: u64, host: bool): bool {
  if (!has_synic(v) && (!host || value != 0)) return false;
  const timer = timer_at(v, n);
  store<u64>(timer + STIMER_COUNT, value);
  const config = load<u64>(timer + STIMER_CONFIG);
  if (!host) {
    if (value == 0) store<u64>(timer + STIMER_CONFIG, config & ~ENABLE);
    else if (config & AUTO_ENABLE) store<u64>(timer + STIMER_CONFIG, config | ENABLE);
  }
  restart(v, n);
  return true;
}

/** Sends what an expired timer sends; one that repeats does not wait for its message's slot. */
function expire(v: u32, n: u32, now: u64): void {
  const timer = timer_at(v, n);
  const config = load<u64>(timer + STIMER_CONFIG);
  const repeats = (config & PERIODIC) != 0;
  let sent: bool;
  if (config & DIRECT) sent = accept(v, APIC_DM_FIXED, vector_of(config), false);
  else {
    const expired = load<u64>(timer + STIMER_EXPIRES);
    sent = send_message(v, sint_of(config), TIMER_EXPIRED, n, expired, now, repeats) == MESSAGE_SENT;
  }
  store<u64>(timer + STIMER_WAITS, !sent as u64);
  if (sent && !repeats) store<u64>(timer + STIMER_CONFIG, config & ~ENABLE);
}

/** Works out when the timer expires next: a count is a time, or the length of a period. */
function start(timer: u32, now: u64): void {
  const count = load<u64>(timer + STIMER_COUNT);
  let expires = count;
  if (load<u64>(timer + STIMER_CONFIG) & PERIODIC) {
    expires = load<u64>(timer + STIMER_EXPIRES);
    if (expires == 0) expires = now + count;
    else if (now >= expires) expires = now + count - ((now - expires) % count);
  }
  store<u64>(timer + STIMER_EXPIRES, expires);
}

/** One step of a timer, as KVM takes it: expire if it is due, then start it or let it rest. */
function step(v: u32, n: u32, now: u64): void {
  const timer = timer_at(v, n);
  const expires = load<u64>(timer + STIMER_EXPIRES);
  if (expires != 0 && now >= expires) expire(v, n, now);
  if (load<u64>(timer + STIMER_WAITS)) return;
  if (!is_enabled(timer) || load<u64>(timer + STIMER_COUNT) == 0) {
    atomic.and<u32>(v + V_HV_TIMERS, ~((1 as u32) << n));
    store<u64>(timer + STIMER_EXPIRES, 0);
    return;
  }
  start(timer, now);
}

/** Lets the timers do what is due. */
export function stimers_poll(v: u32): void {
  const now = reference_time(v);
  for (let left = atomic.load<u32>(v + V_HV_TIMERS); left != 0; left &= left - 1) {
    const n = ctz<u32>(left);
    const timer = timer_at(v, n);
    if (load<u64>(timer + STIMER_WAITS)) continue;
    step(v, n, now);
    // One that is in the past expires at once, and only once in a look.
    const expires = load<u64>(timer + STIMER_EXPIRES);
    if (expires != 0 && now >= expires && load<u64>(timer + STIMER_WAITS) == 0) step(v, n, now);
  }
}

/** A SINT's interrupt has ended: messages of timers that waited for its slot are tried again. */
export function stimers_retry(v: u32, n: u32): void {
  for (let i: u32 = 0; i < HV_STIMERS; i++) {
    const timer = timer_at(v, i);
    const config = load<u64>(timer + STIMER_CONFIG);
    if (load<u64>(timer + STIMER_WAITS) == 0 || config & DIRECT || sint_of(config) != n) continue;
    store<u64>(timer + STIMER_WAITS, 0);
  }
}

/** When a timer of this vCPU is due (ns of machine time); 0 = never. */
export function stimers_next(v: u32): u64 {
  let next: u64 = 0;
  for (let left = atomic.load<u32>(v + V_HV_TIMERS); left != 0; left &= left - 1) {
    const timer = timer_at(v, ctz<u32>(left));
    const expires = load<u64>(timer + STIMER_EXPIRES);
    if (expires != 0 && load<u64>(timer + STIMER_WAITS) == 0 && (next == 0 || expires < next)) next = expires;
  }
  if (next == 0) return 0;
  const now = reference_time(v);
  const left: u64 = next > now ? (next - now < FAR ? next - now : FAR) : 0;
  return host_now() + left * 100;
}
