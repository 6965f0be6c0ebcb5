// The sending half of a TCP connection: what is on its way, NewReno's congestion window (RFC 5681, 6582), the timer of
// RFC 6298, probes of a closed window. It knows neither addresses nor handshakes.
import type { Clock } from '../link.ts';
import { ByteQueue } from './byte_queue.ts';
import { advance, distance } from './sequence.ts';
import { Timer } from './timer.ts';

const FIRST_RTO = 1000;
const MIN_RTO = 200;
const MAX_RTO = 60_000;
/** Timeouts in a row after which the peer is given up: about a quarter of an hour. */
const MAX_TRIES = 15;

/** What a sender asks of its connection. */
export interface SenderOutlets {
  /** Sends bytes from `sequence` on; `isLast` adds the FIN. */
  emit(sequence: number, data: Uint8Array, isLast: boolean, isPush: boolean): void;
  /** The peer answers no more. */
  giveUp(): void;
}

/** The sending half. */
export class Sender {
  readonly #clock: Clock;
  readonly #out: SenderOutlets;
  readonly #mss: number;
  readonly #queue = new ByteQueue();
  readonly #alarm: Timer;
  /** SND.UNA: the first byte that is not acknowledged, which is the queue's first. */
  #una: number;
  /** SND.NXT: the next byte to send; behind `#top` while bytes are sent again. */
  #next: number;
  /** One past the last byte that was ever sent. */
  #top: number;
  #window = 0;
  /** The number of the segment that told the window, SND.WL1: an older one does not change it. */
  #toldBy: number | undefined;
  #isStarted = false;
  #cwnd: number;
  #ssthresh = Number.POSITIVE_INFINITY;
  #duplicates = 0;
  /** In fast recovery: its end. */
  #recover: number | undefined;
  /** Losses below this number are being mended already: duplicates of that time start no second recovery. */
  #mended: number;
  #rto = FIRST_RTO;
  #srtt: number | undefined;
  #rttvar = 0;
  #timed: { until: number; at: number } | undefined;
  #tries = 0;
  #isEnding = false;
  /** The FIN is acknowledged. */
  hasEnded = false;

  /** `first` is the first byte's number, `mss` the largest piece. Bytes wait until `start`. */
  constructor(clock: Clock, out: SenderOutlets, first: number, mss: number) {
    this.#clock = clock;
    this.#out = out;
    this.#mss = mss;
    this.#una = first;
    this.#next = first;
    this.#top = first;
    this.#mended = first;
    this.#cwnd = 10 * mss;
    this.#alarm = new Timer(clock, () => this.#expire());
  }

  /** The number that a segment without data carries. */
  get next(): number {
    return this.#top;
  }

  /** Bytes that are not acknowledged. */
  get waiting(): number {
    return this.#queue.length;
  }

  /** The FIN has been sent, with all before it; whether it has arrived is another thing. */
  get hasSentEnd(): boolean {
    return this.#isEnding && distance(this.#top, this.#una) > this.#queue.length;
  }

  write(bytes: Uint8Array): void {
    this.#queue.append(bytes);
    this.pump();
  }

  /** No more bytes follow: the FIN goes behind the last. */
  end(): void {
    this.#isEnding = true;
    this.pump();
  }

  /** Gives what was written so far to another sender, which knows the peer's first number. */
  handOver(to: Sender): void {
    to.#queue.append(this.#queue.copy(0, this.#queue.length));
    to.#isEnding = this.#isEnding;
    this.stop();
  }

  /** The handshake is done, and the peer's window is open this far. */
  start(window: number): void {
    this.#window = window;
    this.#isStarted = true;
    this.pump();
  }

  stop(): void {
    this.#isStarted = false;
    this.#alarm.stop();
  }

  /** True when the peer may acknowledge this number; one past all that was sent is a mistake. */
  mayAcknowledge(number: number): boolean {
    return distance(number, this.#top) <= 0;
  }

  /** An acknowledgment has come, in the segment `sequence` with or without data. */
  acknowledge(number: number, sequence: number, window: number, isPure: boolean): void {
    const count = distance(number, this.#una);
    if (count < 0) return;
    const isSameWindow = window === this.#window;
    if (count > 0) this.#advance(number, count);
    else if (isPure && isSameWindow && this.#top !== this.#una && window > 0) this.#duplicate();
    if (this.#toldBy === undefined || count > 0 || distance(sequence, this.#toldBy) >= 0)
      this.#takeWindow(sequence, window);
    this.pump();
  }

  #takeWindow(sequence: number, window: number): void {
    this.#toldBy = sequence;
    // Who answers probes is alive, however long its window stays closed.
    if (window === 0) this.#tries = 0;
    else if (this.#window === 0) {
      this.#rto = this.#timeout();
      this.#alarm.clear();
    }
    this.#window = window;
  }

  /** Sends what the windows let through. */
  pump(): void {
    while (this.#isStarted) {
      const flight = distance(this.#next, this.#una);
      const unsent = this.#queue.length - flight;
      const room = Math.min(this.#window, this.#cwnd) - flight;
      const size = Math.min(this.#mss, unsent, room);
      const isFin = this.#isEnding && !this.hasEnded && unsent >= 0 && size === unsent;
      if (unsent < 0 || (size <= 0 && !isFin)) break;
      // A piece cut short by the window waits for a larger one while acknowledgments are on their way.
      if (size < this.#mss && size < unsent && flight > 0) break;
      this.#emit(flight, size, isFin);
    }
    if (this.#isStarted && (this.#next !== this.#una || this.#queue.length > 0)) {
      if (!this.#alarm.isSet) this.#alarm.set(this.#rto);
    } else this.#alarm.clear();
  }

  #emit(flight: number, size: number, isFin: boolean): void {
    const data = this.#queue.copy(flight, size);
    const sequence = this.#next;
    const isNew = sequence === this.#top;
    this.#next = advance(sequence, size + (isFin ? 1 : 0));
    if (distance(this.#next, this.#top) > 0) this.#top = this.#next;
    if (isNew && !this.#timed) this.#timed = { until: this.#next, at: this.#clock.now() };
    this.#out.emit(sequence, data, isFin, flight + size === this.#queue.length);
  }

  /** Sends the first piece again, without moving on. */
  #emitFirst(): void {
    const size = Math.min(this.#mss, this.#queue.length);
    const isFin = this.#isEnding && size === this.#queue.length;
    this.#timed = undefined;
    this.#out.emit(this.#una, this.#queue.copy(0, size), isFin, false);
  }

  #advance(number: number, count: number): void {
    const bytes = Math.min(count, this.#queue.length);
    this.#queue.drop(bytes);
    if (count > bytes) this.hasEnded = true;
    this.#una = number;
    if (distance(this.#next, number) < 0) this.#next = number;
    if (this.#timed && distance(number, this.#timed.until) >= 0)
      this.#measure(this.#clock.now() - this.#timed.at);
    this.#tries = 0;
    this.#duplicates = 0;
    this.#open(number, count);
    this.#alarm.clear();
  }

  /** The congestion window after `count` bytes more have arrived. */
  #open(number: number, count: number): void {
    if (this.#recover === undefined) {
      const isSlowStart = this.#cwnd < this.#ssthresh;
      this.#cwnd += isSlowStart ? Math.min(count, 2 * this.#mss) : (this.#mss * this.#mss) / this.#cwnd;
    } else if (distance(number, this.#recover) >= 0) {
      this.#recover = undefined;
      this.#cwnd = this.#ssthresh;
    } else {
      this.#cwnd = Math.max(this.#mss, this.#cwnd - count + this.#mss);
      this.#emitFirst();
    }
  }

  #duplicate(): void {
    this.#duplicates += 1;
    if (this.#recover !== undefined) this.#cwnd += this.#mss;
    else if (this.#duplicates === 3 && distance(this.#una, this.#mended) >= 0) {
      this.#halve();
      this.#recover = this.#top;
      this.#mended = this.#top;
      this.#cwnd = this.#ssthresh + 3 * this.#mss;
      this.#emitFirst();
    }
  }

  #halve(): void {
    this.#ssthresh = Math.max(distance(this.#top, this.#una) / 2, 2 * this.#mss);
  }

  #measure(rtt: number): void {
    this.#timed = undefined;
    if (this.#srtt === undefined) {
      this.#srtt = rtt;
      this.#rttvar = rtt / 2;
    } else {
      this.#rttvar += (Math.abs(this.#srtt - rtt) - this.#rttvar) / 4;
      this.#srtt += (rtt - this.#srtt) / 8;
    }
    this.#rto = this.#timeout();
  }

  /** The timeout that the measured times ask for. */
  #timeout(): number {
    if (this.#srtt === undefined) return FIRST_RTO;
    return Math.min(MAX_RTO, Math.max(MIN_RTO, this.#srtt + 4 * this.#rttvar));
  }

  #expire(): void {
    this.#tries += 1;
    if (this.#tries > MAX_TRIES) {
      this.#out.giveUp();
      return;
    }
    this.#timed = undefined;
    this.#rto = Math.min(MAX_RTO, this.#rto * 2);
    if (this.#window === 0) this.#probe();
    else {
      if (this.#tries === 1) this.#halve();
      this.#cwnd = this.#mss;
      this.#recover = undefined;
      this.#mended = this.#top;
      this.#duplicates = 0;
      this.#next = this.#una;
      this.pump();
    }
    this.#alarm.set(this.#rto);
  }

  /** One byte past a closed window makes the peer say how it stands. */
  #probe(): void {
    const size = Math.min(1, this.#queue.length);
    const isFin = this.#isEnding && size === this.#queue.length;
    const end = advance(this.#una, size + (isFin ? 1 : 0));
    if (distance(end, this.#top) > 0) this.#top = end;
    this.#out.emit(this.#una, this.#queue.copy(0, size), isFin, true);
  }
}
