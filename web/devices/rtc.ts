// The MC146818 real-time clock and its CMOS RAM: time, alarm, periodic and update interrupts, 128 bytes. It keeps no
// time of its own: the time is the machine's clock plus an offset. Daylight saving and the square wave do nothing.
//
// Source: Motorola MC146818A data sheet; CMOS bytes above 0x0d as PC firmware uses them. Names of Linux's mc146818rtc.h.

import {
  type Clock,
  clearPage,
  DEVICE_KIND,
  DEVICE_STATE,
  type Device,
  type DevicePage,
  type IrqLine,
  kind,
  locked,
  NEVER,
  type Polled,
} from './device.ts';

// The page, from DEVICE_STATE:
//   0x10 INDEX u8    register that port 0x71 shows (bit 7, NMI off, is kept but means nothing here)
//   0x18 OFFSET i64  ns since 1970 UTC = machine time + OFFSET
//   0x20 SEEN i64    machine time up to which the flags of register C are made
//   0x80..0xff       the 128 bytes; time registers hold the time only while it stands still
export const RTC_KIND = kind('CMOS');
export const RTC_INDEX = DEVICE_STATE;
export const RTC_OFFSET = DEVICE_STATE + 0x08;
const SEEN = DEVICE_STATE + 0x10;
export const RTC_NVRAM = 0x80;
const NVRAM_SIZE = 0x80;

const RTC_SECONDS = 0;
const RTC_SECONDS_ALARM = 1;
const RTC_MINUTES = 2;
const RTC_MINUTES_ALARM = 3;
const RTC_HOURS = 4;
const RTC_HOURS_ALARM = 5;
const RTC_DAY_OF_WEEK = 6;
const RTC_DAY_OF_MONTH = 7;
const RTC_MONTH = 8;
const RTC_YEAR = 9;
const RTC_REG_A = 10;
const RTC_REG_B = 11;
const RTC_REG_C = 12;
const RTC_REG_D = 13;
const RTC_CENTURY = 0x32;
const TIME_REGISTERS: ReadonlySet<number> = new Set([0, 2, 4, 6, 7, 8, 9, RTC_CENTURY]);

const RTC_UIP = 0x80;
const RTC_DIV_RESET = 0x60;
const RTC_RATE_SELECT = 0x0f;
const RTC_SET = 0x80;
const RTC_PIE = 0x40;
const RTC_AIE = 0x20;
const RTC_UIE = 0x10;
const RTC_SQWE = 0x08;
const RTC_DM_BINARY = 0x04;
const RTC_24H = 0x02;
const RTC_IRQF = 0x80;
const RTC_PF = 0x40;
const RTC_AF = 0x20;
const RTC_UF = 0x10;
const RTC_VRT = 0x80;
const HOURS_PM = 0x80;
const ALARM_ANY = 0xc0;

const SECOND = 1_000_000_000n;
const DAY = 86_400;
/** UIP is set from 244 us before an update of 1984 us; we end the update where the second turns. */
const UPDATE_NS = 2_228_000n;

/** Bytes to 64 KiB units and such, as CMOS counts them. */
const KIB = 1024;

/** The clock at ports 0x70 (index) and 0x71 (data): two byte registers. */
export class Rtc implements Device, Polled {
  readonly isQuick = true;
  readonly #page: DevicePage;
  readonly #irq: IrqLine;
  readonly #clock: Clock;

  constructor(page: DevicePage, outlets: { readonly irq: IrqLine; readonly clock: Clock }) {
    this.#page = page;
    this.#irq = outlets.irq;
    this.#clock = outlets.clock;
  }

  /** The battery keeps the bytes and the time: after power-on only interrupts are switched off. */
  reset(): void {
    locked(this.#page, () => {
      if (this.#page.view.getUint32(DEVICE_KIND, true) !== RTC_KIND) {
        clearPage(this.#page, RTC_KIND);
        this.#set(RTC_REG_A, 0x26);
        this.#set(RTC_REG_B, RTC_24H);
        this.#checksum();
      }
      this.#set(RTC_REG_B, this.#get(RTC_REG_B) & ~(RTC_PIE | RTC_AIE | RTC_UIE | RTC_SQWE));
      this.#set(RTC_REG_C, 0);
      this.#setTime(SEEN, this.#clock.now());
      this.#update();
    });
  }

  /** Sets the clock: it is `unixNs` ns since 1970 UTC now. */
  setTime(unixNs: bigint): void {
    locked(this.#page, () => {
      this.#advance();
      this.#setTime(RTC_OFFSET, unixNs - this.#clock.now());
    });
  }

  /** Writes the registers by which firmware tells the memory's size: bytes below 4 GiB, and from 4 GiB on. */
  setMemorySize(belowFourGiB: number, aboveFourGiB = 0): void {
    locked(this.#page, () => {
      const base = Math.min(640, Math.floor(belowFourGiB / KIB));
      const extended = Math.min(0xffff, Math.max(0, Math.floor(belowFourGiB / KIB) - 1024));
      const above16M = Math.min(0xffff, Math.max(0, Math.floor((belowFourGiB / KIB - 16384) / 64)));
      const above4G = Math.min(0xff_ffff, Math.floor(aboveFourGiB / KIB / 64));
      this.#setWord(0x15, base);
      this.#setWord(0x17, extended);
      this.#setWord(0x30, extended);
      this.#setWord(0x34, above16M);
      this.#setWord(0x5b, above4G & 0xffff);
      this.#set(0x5d, above4G >> 16);
      this.#checksum();
    });
  }

  read(offset: number, _size: number): number {
    return locked(this.#page, () => (offset === 0 ? 0xff : this.#readRegister(this.#index())));
  }

  write(offset: number, _size: number, value: number): void {
    locked(this.#page, () => {
      if (offset === 0) this.#page.view.setUint8(RTC_INDEX, value);
      else this.#writeRegister(this.#index(), value & 0xff);
    });
  }

  /** Makes the flags that are due and returns when the next interrupt is. An access may change that: ask again. */
  poll(): bigint {
    return locked(this.#page, () => {
      this.#advance();
      this.#update();
      return this.#deadline();
    });
  }

  #index(): number {
    return this.#page.view.getUint8(RTC_INDEX) & (NVRAM_SIZE - 1);
  }

  #get(register: number): number {
    return this.#page.view.getUint8(RTC_NVRAM + register);
  }

  #set(register: number, value: number): void {
    this.#page.view.setUint8(RTC_NVRAM + register, value);
  }

  #setWord(register: number, value: number): void {
    this.#page.view.setUint16(RTC_NVRAM + register, value, true);
  }

  #time(at: number): bigint {
    return this.#page.view.getBigInt64(at, true);
  }

  #setTime(at: number, value: bigint): void {
    this.#page.view.setBigInt64(at, value, true);
  }

  /** CMOS bytes 0x10 to 0x2d are summed, high byte first. */
  #checksum(): void {
    let sum = 0;
    for (let register = 0x10; register <= 0x2d; register++) sum += this.#get(register);
    this.#set(0x2e, sum >> 8);
    this.#set(0x2f, sum);
  }

  #readRegister(register: number): number {
    if (TIME_REGISTERS.has(register)) {
      if (!this.#stands()) this.#latch();
      return this.#get(register);
    }
    switch (register) {
      case RTC_REG_A:
        return this.#get(RTC_REG_A) | (this.#updates() ? RTC_UIP : 0);
      case RTC_REG_C: {
        this.#advance();
        const flags = this.#get(RTC_REG_C);
        const requests = (flags & this.#get(RTC_REG_B) & (RTC_PF | RTC_AF | RTC_UF)) !== 0;
        this.#set(RTC_REG_C, 0);
        this.#update();
        return requests ? flags | RTC_IRQF : flags;
      }
      case RTC_REG_D:
        return RTC_VRT;
      default:
        return this.#get(register);
    }
  }

  #writeRegister(register: number, value: number): void {
    if (register === RTC_REG_C || register === RTC_REG_D) return;
    this.#advance();
    if (register === RTC_REG_A || register === RTC_REG_B) this.#writeControl(register, value);
    else if (TIME_REGISTERS.has(register) && !this.#stands()) {
      this.#latch();
      this.#set(register, value);
      this.#adopt(this.#wall() % SECOND);
    } else this.#set(register, value);
    this.#update();
  }

  #writeControl(register: number, value: number): void {
    const stood = this.#stands();
    const dividerStood = this.#dividerStands();
    const before = this.#get(register);
    // Stopping: the registers keep the time of this moment, in the format of this moment.
    if (!stood) this.#latch();
    this.#set(register, register === RTC_REG_A ? value & ~RTC_UIP : value);
    // SET switches update interrupts off.
    if (register === RTC_REG_B && (value & ~before & RTC_SET) !== 0) this.#set(RTC_REG_B, value & ~RTC_UIE);
    if (stood && !this.#stands()) this.#adopt(dividerStood ? SECOND / 2n : 0n);
  }

  /** The divider chain is held in reset: no time, no periodic interrupt. */
  #dividerStands(): boolean {
    return (this.#get(RTC_REG_A) & RTC_DIV_RESET) === RTC_DIV_RESET;
  }

  #stands(): boolean {
    return (this.#get(RTC_REG_B) & RTC_SET) !== 0 || this.#dividerStands();
  }

  /** Nanoseconds since 1970 now. */
  #wall(): bigint {
    return this.#clock.now() + this.#time(RTC_OFFSET);
  }

  #updates(): boolean {
    return !this.#stands() && this.#wall() % SECOND >= SECOND - UPDATE_NS;
  }

  #encode(value: number): number {
    if ((this.#get(RTC_REG_B) & RTC_DM_BINARY) !== 0) return value;
    return (Math.floor(value / 10) << 4) | (value % 10);
  }

  #decode(value: number): number {
    return (this.#get(RTC_REG_B) & RTC_DM_BINARY) !== 0 ? value : (value >> 4) * 10 + (value & 0x0f);
  }

  #encodeHour(hour: number): number {
    if ((this.#get(RTC_REG_B) & RTC_24H) !== 0) return this.#encode(hour);
    return this.#encode(hour % 12 === 0 ? 12 : hour % 12) | (hour >= 12 ? HOURS_PM : 0);
  }

  #decodeHour(value: number): number {
    if ((this.#get(RTC_REG_B) & RTC_24H) !== 0) return this.#decode(value);
    return (this.#decode(value & ~HOURS_PM) % 12) + ((value & HOURS_PM) !== 0 ? 12 : 0);
  }

  /** Writes the time of this moment into the time registers. */
  #latch(): void {
    const date = new Date(Number(this.#wall() / 1_000_000n));
    const year = date.getUTCFullYear();
    this.#set(RTC_SECONDS, this.#encode(date.getUTCSeconds()));
    this.#set(RTC_MINUTES, this.#encode(date.getUTCMinutes()));
    this.#set(RTC_HOURS, this.#encodeHour(date.getUTCHours()));
    this.#set(RTC_DAY_OF_WEEK, this.#encode(date.getUTCDay() + 1));
    this.#set(RTC_DAY_OF_MONTH, this.#encode(date.getUTCDate()));
    this.#set(RTC_MONTH, this.#encode(date.getUTCMonth() + 1));
    this.#set(RTC_YEAR, this.#encode(year % 100));
    this.#set(RTC_CENTURY, this.#encode(Math.floor(year / 100)));
  }

  /** Makes the time registers the time now, `fraction` ns into their second. */
  #adopt(fraction: bigint): void {
    const year = this.#decode(this.#get(RTC_CENTURY)) * 100 + this.#decode(this.#get(RTC_YEAR));
    const milliseconds = Date.UTC(
      year,
      this.#decode(this.#get(RTC_MONTH)) - 1,
      this.#decode(this.#get(RTC_DAY_OF_MONTH)),
      this.#decodeHour(this.#get(RTC_HOURS)),
      this.#decode(this.#get(RTC_MINUTES)),
      this.#decode(this.#get(RTC_SECONDS)),
    );
    this.#setTime(RTC_OFFSET, BigInt(milliseconds) * 1_000_000n + fraction - this.#clock.now());
  }

  /** Periodic interrupts a second, 0 for none. */
  #rate(): bigint {
    const select = this.#get(RTC_REG_A) & RTC_RATE_SELECT;
    if (select === 0 || this.#dividerStands()) return 0n;
    return BigInt(select < 3 ? 512 >> select : 65536 >> select);
  }

  /** Makes the flags of everything that happened since SEEN. */
  #advance(): void {
    const now = this.#clock.now();
    const seen = this.#time(SEEN);
    if (now <= seen) return;
    this.#setTime(SEEN, now);
    let flags = this.#get(RTC_REG_C);
    const rate = this.#rate();
    if ((now * rate) / SECOND > (seen * rate) / SECOND) flags |= RTC_PF;
    if (!this.#stands()) {
      const offset = this.#time(RTC_OFFSET);
      const from = Number((seen + offset) / SECOND);
      const to = Number((now + offset) / SECOND);
      if (to > from) flags |= RTC_UF;
      if ((flags & RTC_AF) === 0 && this.#alarmBetween(from, to)) flags |= RTC_AF;
    }
    this.#set(RTC_REG_C, flags);
  }

  /** Whether the alarm matches a second after `from`, up to and with `to`. */
  #alarmBetween(from: number, to: number): boolean {
    const matches = (register: number, value: number): boolean => {
      const alarm = this.#get(register);
      if ((alarm & ALARM_ANY) === ALARM_ANY) return true;
      return (register === RTC_HOURS_ALARM ? this.#decodeHour(alarm) : this.#decode(alarm)) === value;
    };
    for (let second = Math.max(from + 1, to - DAY + 1); second <= to; second++) {
      const time = second % DAY;
      if (
        matches(RTC_SECONDS_ALARM, time % 60) &&
        matches(RTC_MINUTES_ALARM, Math.floor(time / 60) % 60) &&
        matches(RTC_HOURS_ALARM, Math.floor(time / 3600))
      ) {
        return true;
      }
    }
    return false;
  }

  #update(): void {
    this.#irq.set((this.#get(RTC_REG_B) & this.#get(RTC_REG_C) & (RTC_PF | RTC_AF | RTC_UF)) !== 0);
  }

  #deadline(): bigint {
    // A cause whose flag is set already has raised its interrupt; register C must be read before the next.
    const waits = this.#get(RTC_REG_B) & ~this.#get(RTC_REG_C);
    const now = this.#time(SEEN);
    const rate = this.#rate();
    let next = NEVER;
    if ((waits & RTC_PIE) !== 0 && rate > 0n) {
      const ticks = (now * rate) / SECOND + 1n;
      next = (ticks * SECOND + rate - 1n) / rate;
    }
    if ((waits & (RTC_AIE | RTC_UIE)) !== 0 && !this.#stands()) {
      const offset = this.#time(RTC_OFFSET);
      const second = ((now + offset) / SECOND + 1n) * SECOND - offset;
      if (second < next) next = second;
    }
    return next;
  }
}
