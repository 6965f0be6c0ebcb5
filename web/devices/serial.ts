// A 16550A UART: registers, both FIFOs, interrupts, loopback. It does not model the time that a bit takes on the
// wire (a byte written is sent at once), break, parity or framing errors, since no wire could cause them.
//
// Source: National Semiconductor PC16550D data sheet; register and bit names are those of Linux's serial_reg.h.

import {
  type ByteSink,
  type ByteSource,
  clearPage,
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
//   0x10 IER  0x11 FCR  0x12 LCR  0x13 MCR  0x14 LSR  0x15 MSR  0x16 SCR  0x17 DLL  0x18 DLM
//   0x19 PENDING   causes that are events, not levels: bit 0 transmitter empty, bit 1 receive timeout
//   0x1a COUNT     bytes in the receive FIFO      0x1b FIRST  index of the oldest
//   0x20..0x2f     receive FIFO
//   0x30 SENT u32  0x34 RECEIVED u32  0x38 OVERRUNS u32    for the panel, modulo 2^32
export const SERIAL_KIND = kind('UART');
export const SERIAL_IER = DEVICE_STATE + 0x0;
export const SERIAL_FCR = DEVICE_STATE + 0x1;
export const SERIAL_LCR = DEVICE_STATE + 0x2;
export const SERIAL_MCR = DEVICE_STATE + 0x3;
export const SERIAL_LSR = DEVICE_STATE + 0x4;
export const SERIAL_MSR = DEVICE_STATE + 0x5;
export const SERIAL_SCR = DEVICE_STATE + 0x6;
export const SERIAL_DLL = DEVICE_STATE + 0x7;
export const SERIAL_DLM = DEVICE_STATE + 0x8;
const PENDING = DEVICE_STATE + 0x9;
const COUNT = DEVICE_STATE + 0xa;
const FIRST = DEVICE_STATE + 0xb;
const FIFO = DEVICE_STATE + 0x10;
export const SERIAL_SENT = DEVICE_STATE + 0x20;
export const SERIAL_RECEIVED = DEVICE_STATE + 0x24;
export const SERIAL_OVERRUNS = DEVICE_STATE + 0x28;

const FIFO_SIZE = 16;

const UART_IER_RDI = 0x01;
const UART_IER_THRI = 0x02;
const UART_IER_RLSI = 0x04;
const UART_IER_MSI = 0x08;
const UART_IIR_NO_INT = 0x01;
const UART_IIR_MSI = 0x00;
const UART_IIR_THRI = 0x02;
const UART_IIR_RDI = 0x04;
const UART_IIR_RLSI = 0x06;
const UART_IIR_RX_TIMEOUT = 0x0c;
const UART_IIR_FIFO_ENABLED = 0xc0;
const UART_FCR_ENABLE_FIFO = 0x01;
const UART_FCR_CLEAR_RCVR = 0x02;
/** What FCR keeps: enable, DMA mode, trigger level. Bit 5 is not kept, or the chip would pass for a 16750. */
const FCR_KEPT = 0xc9;
const UART_LCR_DLAB = 0x80;
const UART_MCR_DTR = 0x01;
const UART_MCR_RTS = 0x02;
const UART_MCR_OUT1 = 0x04;
const UART_MCR_OUT2 = 0x08;
const UART_MCR_LOOP = 0x10;
const UART_LSR_DR = 0x01;
const UART_LSR_OE = 0x02;
const UART_LSR_ERRORS = 0x1e;
const UART_LSR_THRE = 0x20;
const UART_LSR_TEMT = 0x40;
const UART_MSR_TERI = 0x04;
const UART_MSR_CTS = 0x10;
const UART_MSR_DSR = 0x20;
const UART_MSR_RI = 0x40;
const UART_MSR_DCD = 0x80;
const TRIGGER_LEVELS = [1, 4, 8, 14] as const;

const PENDING_THRE = 1;
const PENDING_TIMEOUT = 2;

/** What a serial port is wired to. `input` may be shared with a host thread that writes it at any time. */
export interface SerialOutlets {
  readonly irq: IrqLine;
  readonly output: ByteSink;
  readonly input: ByteSource;
}

/** A serial port: eight byte registers. */
export class Serial implements Device, Polled {
  readonly #page: DevicePage;
  readonly #outlets: SerialOutlets;

  constructor(page: DevicePage, outlets: SerialOutlets) {
    this.#page = page;
    this.#outlets = outlets;
  }

  reset(): void {
    locked(this.#page, () => {
      clearPage(this.#page, SERIAL_KIND);
      this.#set(SERIAL_LSR, UART_LSR_THRE | UART_LSR_TEMT);
      // 9600 baud, and a terminal that is switched on and ready.
      this.#set(SERIAL_DLL, 12);
      this.#set(SERIAL_MSR, UART_MSR_CTS | UART_MSR_DSR | UART_MSR_DCD);
      this.#update();
    });
  }

  read(offset: number, _size: number): number {
    return locked(this.#page, () => {
      const value = this.#read(offset);
      this.#update();
      return value;
    });
  }

  write(offset: number, _size: number, value: number): void {
    locked(this.#page, () => {
      this.#write(offset, value & 0xff);
      this.#update();
    });
  }

  /**
   * Takes what the input has, as far as the FIFO has room: so nothing that waits in a ring is ever overrun. A guest that
   * wants no interrupt looks for itself: what lay in the FIFO before a guest sets it up would be lost by that.
   */
  poll(): bigint {
    locked(this.#page, () => {
      if (this.#has(SERIAL_IER, UART_IER_RDI)) this.#fill();
      this.#update();
    });
    return NEVER;
  }

  /** One byte from the wire now, past the input: overruns when the FIFO is full, as a real sender can make it. */
  receive(byte: number): void {
    locked(this.#page, () => {
      if (!this.#has(SERIAL_MCR, UART_MCR_LOOP)) this.#arrive(byte & 0xff);
      this.#update();
    });
  }

  #get(at: number): number {
    return this.#page.view.getUint8(at);
  }

  #set(at: number, value: number): void {
    this.#page.view.setUint8(at, value);
  }

  #has(at: number, bits: number): boolean {
    return (this.#get(at) & bits) !== 0;
  }

  #change(at: number, clear: number, set: number): void {
    this.#set(at, (this.#get(at) & ~clear) | set);
  }

  #count(at: number): void {
    this.#page.view.setUint32(at, this.#page.view.getUint32(at, true) + 1, true);
  }

  #read(offset: number): number {
    const divisor = this.#has(SERIAL_LCR, UART_LCR_DLAB);
    switch (offset) {
      case 0:
        return divisor ? this.#get(SERIAL_DLL) : this.#takeByte();
      case 1:
        return this.#get(divisor ? SERIAL_DLM : SERIAL_IER);
      case 2:
        return this.#readIir();
      case 3:
        return this.#get(SERIAL_LCR);
      case 4:
        return this.#get(SERIAL_MCR);
      case 5: {
        this.#fill();
        const status = this.#get(SERIAL_LSR);
        this.#change(SERIAL_LSR, UART_LSR_ERRORS, 0);
        return status;
      }
      case 6: {
        const status = this.#modemStatus();
        this.#change(SERIAL_MSR, 0x0f, 0);
        return status;
      }
      default:
        return this.#get(SERIAL_SCR);
    }
  }

  #write(offset: number, value: number): void {
    const divisor = this.#has(SERIAL_LCR, UART_LCR_DLAB);
    switch (offset) {
      case 0:
        if (divisor) this.#set(SERIAL_DLL, value);
        else this.#send(value);
        return;
      case 1:
        if (divisor) this.#set(SERIAL_DLM, value);
        else this.#writeIer(value & 0x0f);
        return;
      case 2:
        this.#writeFcr(value);
        return;
      case 3:
        this.#set(SERIAL_LCR, value);
        return;
      case 4:
        this.#writeMcr(value & 0x1f);
        return;
      case 7:
        this.#set(SERIAL_SCR, value);
        return;
      default:
      // LSR and MSR are for reading; factory test writes do nothing here.
    }
  }

  #takeByte(): number {
    this.#fill();
    const count = this.#get(COUNT);
    const first = this.#get(FIRST);
    // An empty receiver shows the byte it had last.
    if (count === 0) return this.#get(FIFO + ((first + FIFO_SIZE - 1) % FIFO_SIZE));
    const byte = this.#get(FIFO + first);
    this.#set(COUNT, count - 1);
    this.#set(FIRST, (first + 1) % FIFO_SIZE);
    this.#change(PENDING, PENDING_TIMEOUT, 0);
    if (count === 1) this.#change(SERIAL_LSR, UART_LSR_DR, 0);
    // Only now: the refill may use the slot that has just become free.
    this.#fill();
    return byte;
  }

  #send(byte: number): void {
    this.#count(SERIAL_SENT);
    // The holding register is full for no time at all, yet the interrupt must fall and rise: the 8259 counts edges.
    this.#change(PENDING, PENDING_THRE, 0);
    this.#update();
    if (this.#has(SERIAL_MCR, UART_MCR_LOOP)) this.#arrive(byte);
    else this.#outlets.output.put(byte);
    this.#change(PENDING, 0, PENDING_THRE);
  }

  #writeIer(value: number): void {
    const before = this.#get(SERIAL_IER);
    this.#set(SERIAL_IER, value);
    // Enabling the transmitter interrupt while the transmitter is empty raises it.
    if ((value & ~before & UART_IER_THRI) !== 0) this.#change(PENDING, 0, PENDING_THRE);
  }

  #writeFcr(value: number): void {
    const toggled = ((value ^ this.#get(SERIAL_FCR)) & UART_FCR_ENABLE_FIFO) !== 0;
    const enabled = (value & UART_FCR_ENABLE_FIFO) !== 0;
    this.#set(SERIAL_FCR, enabled ? value & FCR_KEPT : 0);
    if (toggled || (enabled && (value & UART_FCR_CLEAR_RCVR) !== 0)) {
      this.#set(COUNT, 0);
      this.#change(SERIAL_LSR, UART_LSR_DR, 0);
      this.#change(PENDING, PENDING_TIMEOUT, 0);
    }
  }

  #writeMcr(value: number): void {
    const before = this.#modemStatus();
    this.#set(SERIAL_MCR, value);
    const after = this.#modemStatus();
    // Bits 4, 5, 7 changed set bits 0, 1, 3; bit 6 (ring) sets bit 2 when it ends.
    let deltas = ((before ^ after) >> 4) & 0x0b;
    if ((before & ~after & UART_MSR_RI) !== 0) deltas |= UART_MSR_TERI;
    this.#change(SERIAL_MSR, 0, deltas);
  }

  /** MSR: the terminal's lines, or in loopback our own outputs (DTR to DSR, RTS to CTS, OUT1 to RI, OUT2 to DCD). */
  #modemStatus(): number {
    const msr = this.#get(SERIAL_MSR);
    const mcr = this.#get(SERIAL_MCR);
    if ((mcr & UART_MCR_LOOP) === 0) return msr;
    let lines = msr & 0x0f;
    if ((mcr & UART_MCR_RTS) !== 0) lines |= UART_MSR_CTS;
    if ((mcr & UART_MCR_DTR) !== 0) lines |= UART_MSR_DSR;
    if ((mcr & UART_MCR_OUT1) !== 0) lines |= UART_MSR_RI;
    if ((mcr & UART_MCR_OUT2) !== 0) lines |= UART_MSR_DCD;
    return lines;
  }

  #depth(): number {
    return this.#has(SERIAL_FCR, UART_FCR_ENABLE_FIFO) ? FIFO_SIZE : 1;
  }

  #arrive(byte: number): void {
    this.#count(SERIAL_RECEIVED);
    const count = this.#get(COUNT);
    const depth = this.#depth();
    if (count >= depth) {
      this.#count(SERIAL_OVERRUNS);
      this.#change(SERIAL_LSR, 0, UART_LSR_OE);
      // Without a FIFO the new byte takes the old one's place; with one, it is the new byte that is lost.
      if (depth === 1) this.#set(FIFO + this.#get(FIRST), byte);
      return;
    }
    this.#set(FIFO + ((this.#get(FIRST) + count) % FIFO_SIZE), byte);
    this.#set(COUNT, count + 1);
    this.#change(SERIAL_LSR, 0, UART_LSR_DR);
  }

  /** Takes input while there is room. An input that runs dry is a quiet line, so the timeout is due at once. */
  #fill(): void {
    const depth = this.#depth();
    let byte = this.#has(SERIAL_MCR, UART_MCR_LOOP) ? -1 : 0;
    while (byte >= 0 && this.#get(COUNT) < depth) {
      byte = this.#outlets.input.take();
      if (byte >= 0) this.#arrive(byte);
    }
    if (depth > 1 && this.#get(COUNT) > 0) this.#change(PENDING, 0, PENDING_TIMEOUT);
  }

  /** IIR's low four bits: the most urgent cause that IER lets through. */
  #cause(): number {
    const ier = this.#get(SERIAL_IER);
    const pending = this.#get(PENDING);
    if ((ier & UART_IER_RLSI) !== 0 && this.#has(SERIAL_LSR, UART_LSR_ERRORS)) return UART_IIR_RLSI;
    if ((ier & UART_IER_RDI) !== 0) {
      const fcr = this.#get(SERIAL_FCR);
      const trigger = (fcr & UART_FCR_ENABLE_FIFO) === 0 ? 1 : (TRIGGER_LEVELS[fcr >> 6] ?? 1);
      if (this.#get(COUNT) >= trigger) return UART_IIR_RDI;
      if ((pending & PENDING_TIMEOUT) !== 0) return UART_IIR_RX_TIMEOUT;
    }
    if ((ier & UART_IER_THRI) !== 0 && (pending & PENDING_THRE) !== 0) return UART_IIR_THRI;
    if ((ier & UART_IER_MSI) !== 0 && this.#has(SERIAL_MSR, 0x0f)) return UART_IIR_MSI;
    return UART_IIR_NO_INT;
  }

  #readIir(): number {
    this.#fill();
    const cause = this.#cause();
    if (cause === UART_IIR_THRI) this.#change(PENDING, PENDING_THRE, 0);
    return cause | (this.#has(SERIAL_FCR, UART_FCR_ENABLE_FIFO) ? UART_IIR_FIFO_ENABLED : 0);
  }

  /** On a PC the chip's interrupt pin passes a gate that OUT2 opens; in loopback the OUT2 pin is off. */
  #update(): void {
    const open = (this.#get(SERIAL_MCR) & (UART_MCR_OUT2 | UART_MCR_LOOP)) === UART_MCR_OUT2;
    this.#outlets.irq.set(open && this.#cause() !== UART_IIR_NO_INT);
  }
}
