// The i8042 keyboard controller and the keyboard behind it: scan codes with IRQ1, A20, reset. There is no mouse:
// the auxiliary port's commands are answered as by a controller whose second connector is dead.
//
// Sources: IBM PS/2 Hardware Interface Technical Reference, "Keyboard/Auxiliary Device Controller"; AT keyboard
// commands and scan code sets 1 and 2 from the same manual. Names are those of Linux's i8042.h.

import {
  type A20Gate,
  clearPage,
  DEVICE_STATE,
  type Device,
  type DevicePage,
  type Host,
  type IrqLine,
  kind,
  lock,
  locked,
  NEVER,
  type Polled,
  unlock,
} from './device.ts';
import { SET2_TO_SET1, set2Of } from './scan_codes.ts';

// The page, from DEVICE_STATE:
//   0x10 STATUS   0x11 OUTPUT  the byte that port 0x60 shows
//   0x12 REPLY    0x13 REPLIES 1 = the controller's own answer waits in REPLY
//   0x14 EXPECT   controller command that waits for its data byte, 0 = none
//   0x15 BREAK    1 = translation has seen 0xf0 and marks the next code as a release
//   0x18 KBD_EXPECT  keyboard command that waits for its data byte, 0 = none
//   0x19 SCANNING 0x1a SET (1 or 2)  0x1b LEDS  0x1c TYPEMATIC  0x1d LAST byte sent, for 0xfe
//   0x1e FIRST    0x1f COUNT   of the keyboard's queue
//   0x20..0x3f    controller RAM; its byte 0 is the command byte
//   0x80..0xff    the keyboard's queue
export const I8042_KIND = kind('8042');
export const I8042_STATUS = DEVICE_STATE + 0x0;
const OUTPUT = DEVICE_STATE + 0x1;
const REPLY = DEVICE_STATE + 0x2;
const REPLIES = DEVICE_STATE + 0x3;
const EXPECT = DEVICE_STATE + 0x4;
const BREAK = DEVICE_STATE + 0x5;
const KBD_EXPECT = DEVICE_STATE + 0x8;
const SCANNING = DEVICE_STATE + 0x9;
const SET = DEVICE_STATE + 0xa;
export const I8042_LEDS = DEVICE_STATE + 0xb;
const TYPEMATIC = DEVICE_STATE + 0xc;
const LAST = DEVICE_STATE + 0xd;
const FIRST = DEVICE_STATE + 0xe;
const COUNT = DEVICE_STATE + 0xf;
const RAM = DEVICE_STATE + 0x10;
export const I8042_COMMAND_BYTE = RAM;
const QUEUE = 0x80;
const QUEUE_SIZE = 0x80;

const STR_OBF = 0x01;
const STR_SYS = 0x04;
const STR_CMDDAT = 0x08;
const STR_UNLOCKED = 0x10;
const CTR_KBDINT = 0x01;
const CTR_SYS = 0x04;
const CTR_KBDDIS = 0x10;
const CTR_AUXDIS = 0x20;
const CTR_XLATE = 0x40;

const ACK = 0xfa;
const RESEND = 0xfe;
const SELF_TEST_PASSED = 0xaa;
const DEFAULT_TYPEMATIC = 0x2b;

/** What an i8042 is wired to. */
export interface I8042Outlets {
  /** IRQ 1. */
  readonly irq: IrqLine;
  readonly host: Host;
  readonly a20: A20Gate;
}

/** The controller: data at offset 0 (port 0x60), command and status at offset 4 (port 0x64); what lies between is not its own. */
export class I8042 implements Device, Polled {
  readonly #page: DevicePage;
  readonly #outlets: I8042Outlets;

  constructor(page: DevicePage, outlets: I8042Outlets) {
    this.#page = page;
    this.#outlets = outlets;
  }

  /** The state in which a PC's firmware leaves it: translation and IRQ 1 on, keyboard scanning. */
  reset(): void {
    locked(this.#page, () => {
      clearPage(this.#page, I8042_KIND);
      this.#set(I8042_STATUS, STR_UNLOCKED | STR_CMDDAT | STR_SYS);
      this.#set(I8042_COMMAND_BYTE, CTR_XLATE | CTR_AUXDIS | CTR_SYS | CTR_KBDINT);
      this.#keyboardDefaults();
      this.#update();
    });
  }

  read(offset: number, _size: number): number {
    return locked(this.#page, () => {
      if (offset === 4) return this.#get(I8042_STATUS);
      const byte = this.#get(OUTPUT);
      this.#set(I8042_STATUS, this.#get(I8042_STATUS) & ~STR_OBF);
      // The line falls before the next byte raises it: the 8259 counts edges.
      this.#update();
      this.#deliver();
      return byte;
    });
  }

  write(offset: number, _size: number, value: number): void {
    lock(this.#page);
    let resets = false;
    try {
      const status = this.#get(I8042_STATUS) & ~STR_CMDDAT;
      this.#set(I8042_STATUS, offset === 4 ? status | STR_CMDDAT : status);
      resets = offset === 4 ? this.#command(value & 0xff) : this.#data(value & 0xff);
      this.#deliver();
    } finally {
      unlock(this.#page);
    }
    if (resets) this.#outlets.host.reset();
  }

  /** Nothing is due by time; it only sends what waits. */
  poll(): bigint {
    locked(this.#page, () => this.#deliver());
    return NEVER;
  }

  /**
   * Presses or releases a key, named by its set 1 make code (0x01..0x7f, or 0xe001..0xe07f for the grey keys).
   * Returns false when the key is lost: scanning is off, or the queue (128 bytes) has no room for the whole code.
   */
  key(code: number, down: boolean): boolean {
    return locked(this.#page, () => {
      if (this.#get(SCANNING) === 0) return false;
      const bytes = code > 0xff ? [code >> 8] : [];
      const make = code & 0x7f;
      if (this.#get(SET) === 1) bytes.push(down ? make : make | 0x80);
      else bytes.push(...(down ? [set2Of(make)] : [0xf0, set2Of(make)]));
      return this.#enqueue(bytes);
    });
  }

  /** Bytes as the keyboard would send them in its present scan code set; false when the queue has no room. */
  inject(bytes: readonly number[]): boolean {
    return locked(this.#page, () => this.#enqueue(bytes));
  }

  #get(at: number): number {
    return this.#page.view.getUint8(at);
  }

  #set(at: number, value: number): void {
    this.#page.view.setUint8(at, value);
  }

  /** A byte written to port 0x64; true when the machine must reset. */
  #command(command: number): boolean {
    this.#set(EXPECT, 0);
    if (command >= 0x20 && command < 0x40) {
      this.#reply(this.#get(RAM + command - 0x20));
      return false;
    }
    // Pulse output bits low: bit 0 is the processor's RESET.
    if (command >= 0xf0) return (command & 1) === 0;
    if ((command >= 0x60 && command < 0x80) || (command >= 0xd1 && command <= 0xd4)) {
      this.#set(EXPECT, command);
      return false;
    }
    switch (command) {
      case 0xa7:
        this.#setCommandByte(this.#get(I8042_COMMAND_BYTE) | CTR_AUXDIS);
        break;
      case 0xa8:
        this.#setCommandByte(this.#get(I8042_COMMAND_BYTE) & ~CTR_AUXDIS);
        break;
      case 0xa9:
        // Auxiliary clock line stuck low: so nobody looks for a mouse.
        this.#reply(0x01);
        break;
      case 0xaa:
        this.#setCommandByte(this.#get(I8042_COMMAND_BYTE) | CTR_SYS);
        this.#reply(0x55);
        break;
      case 0xab:
        this.#reply(0x00);
        break;
      case 0xad:
        this.#setCommandByte(this.#get(I8042_COMMAND_BYTE) | CTR_KBDDIS);
        break;
      case 0xae:
        this.#setCommandByte(this.#get(I8042_COMMAND_BYTE) & ~CTR_KBDDIS);
        break;
      case 0xc0:
        // Input port: keyboard not locked, factory jumper off.
        this.#reply(0xa0);
        break;
      case 0xd0:
        this.#reply(this.#outputPort());
        break;
      case 0xdd:
        this.#outlets.a20.setOpen(false);
        break;
      case 0xdf:
        this.#outlets.a20.setOpen(true);
        break;
      default:
      // A command that this controller does not have.
    }
    return false;
  }

  /** A byte written to port 0x60; true when the machine must reset. */
  #data(value: number): boolean {
    const expected = this.#get(EXPECT);
    this.#set(EXPECT, 0);
    if (expected === 0) this.#keyboard(value);
    else if (expected === 0x60) this.#setCommandByte(value);
    else if (expected < 0x80) this.#set(RAM + expected - 0x60, value);
    else if (expected === 0xd1) {
      this.#outlets.a20.setOpen((value & 2) !== 0);
      return (value & 1) === 0;
    } else if (expected !== 0xd4) {
      // 0xd2 and 0xd3: the byte comes back; without an auxiliary port it never counts as one of its bytes.
      this.#reply(value);
    }
    return false;
  }

  #setCommandByte(value: number): void {
    this.#set(I8042_COMMAND_BYTE, value);
    const status = this.#get(I8042_STATUS) & ~STR_SYS;
    this.#set(I8042_STATUS, (value & CTR_SYS) !== 0 ? status | STR_SYS : status);
  }

  #outputPort(): number {
    const full = (this.#get(I8042_STATUS) & STR_OBF) !== 0;
    return 0xc1 | (this.#outlets.a20.isOpen() ? 2 : 0) | (full ? 0x10 : 0);
  }

  #keyboardDefaults(): void {
    this.#set(KBD_EXPECT, 0);
    this.#set(SCANNING, 1);
    this.#set(SET, 2);
    this.#set(I8042_LEDS, 0);
    this.#set(TYPEMATIC, DEFAULT_TYPEMATIC);
    this.#set(COUNT, 0);
  }

  /** A byte that reaches the keyboard. */
  #keyboard(value: number): void {
    // Speaking to the keyboard switches its clock on again.
    this.#setCommandByte(this.#get(I8042_COMMAND_BYTE) & ~CTR_KBDDIS);
    const expected = this.#get(KBD_EXPECT);
    this.#set(KBD_EXPECT, 0);
    if (expected !== 0) {
      this.#keyboardData(expected, value);
      return;
    }
    switch (value) {
      case 0xed:
      case 0xf0:
      case 0xf3:
        this.#set(KBD_EXPECT, value);
        this.#enqueue([ACK]);
        return;
      case 0xee:
        this.#enqueue([0xee]);
        return;
      case 0xf2:
        this.#enqueue([ACK, 0xab, 0x83]);
        return;
      case 0xf4:
        this.#set(COUNT, 0);
        this.#set(SCANNING, 1);
        this.#enqueue([ACK]);
        return;
      case 0xf5:
      case 0xf6:
        this.#keyboardDefaults();
        if (value === 0xf5) this.#set(SCANNING, 0);
        this.#enqueue([ACK]);
        return;
      case 0xf7:
      case 0xf8:
      case 0xf9:
      case 0xfa:
        // Key types of scan code set 3, which this keyboard does not have: taken, without effect.
        this.#enqueue([ACK]);
        return;
      case 0xfe:
        this.#enqueue([this.#get(LAST)]);
        return;
      case 0xff:
        this.#keyboardDefaults();
        this.#enqueue([ACK, SELF_TEST_PASSED]);
        return;
      default:
        this.#enqueue([RESEND]);
    }
  }

  #keyboardData(command: number, value: number): void {
    if (command === 0xed) this.#set(I8042_LEDS, value & 7);
    if (command === 0xf3) this.#set(TYPEMATIC, value & 0x7f);
    if (command === 0xf0) {
      if (value > 2) {
        this.#enqueue([RESEND]);
        return;
      }
      this.#enqueue(value === 0 ? [ACK, this.#get(SET)] : [ACK]);
      if (value !== 0) this.#set(SET, value);
      return;
    }
    this.#enqueue([ACK]);
  }

  #enqueue(bytes: readonly number[]): boolean {
    const count = this.#get(COUNT);
    if (count + bytes.length > QUEUE_SIZE) return false;
    const first = this.#get(FIRST);
    for (const [i, byte] of bytes.entries()) this.#set(QUEUE + ((first + count + i) % QUEUE_SIZE), byte);
    this.#set(COUNT, count + bytes.length);
    this.#deliver();
    return true;
  }

  #reply(value: number): void {
    this.#set(REPLY, value);
    this.#set(REPLIES, 1);
  }

  /** Moves the next byte into the output buffer if it is empty: the controller's answer first, then the keyboard's. */
  #deliver(): void {
    while ((this.#get(I8042_STATUS) & STR_OBF) === 0) {
      if (this.#get(REPLIES) !== 0) {
        this.#set(REPLIES, 0);
        this.#show(this.#get(REPLY));
        return;
      }
      if (this.#get(COUNT) === 0 || (this.#get(I8042_COMMAND_BYTE) & CTR_KBDDIS) !== 0) break;
      const first = this.#get(FIRST);
      const byte = this.#get(QUEUE + first);
      this.#set(FIRST, (first + 1) % QUEUE_SIZE);
      this.#set(COUNT, this.#get(COUNT) - 1);
      this.#set(LAST, byte);
      const code = this.#translate(byte);
      if (code >= 0) this.#show(code);
    }
    this.#update();
  }

  /** The byte that the processor sees for one of the keyboard's, -1 for none. */
  #translate(byte: number): number {
    if ((this.#get(I8042_COMMAND_BYTE) & CTR_XLATE) === 0) return byte;
    if (byte === 0xf0) {
      this.#set(BREAK, 0x80);
      return -1;
    }
    const released = this.#get(BREAK);
    this.#set(BREAK, 0);
    return (SET2_TO_SET1[byte] ?? byte) | released;
  }

  #show(byte: number): void {
    this.#set(OUTPUT, byte);
    this.#set(I8042_STATUS, this.#get(I8042_STATUS) | STR_OBF);
    this.#update();
  }

  #update(): void {
    const full = (this.#get(I8042_STATUS) & STR_OBF) !== 0;
    this.#outlets.irq.set(full && (this.#get(I8042_COMMAND_BYTE) & CTR_KBDINT) !== 0);
  }
}
