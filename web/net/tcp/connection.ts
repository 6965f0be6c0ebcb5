// One TCP connection (RFC 9293) as a stream of bytes: handshake, states, acknowledgments. What is on its way is the
// sender's, what has come the receiver's; other connections are the stack's. No urgent data, no SACK, no timestamps.
import type { Clock } from '../link.ts';
import type { ByteStream, StreamEvents } from '../stream.ts';
import { type Segment, TCP } from '../wire/tcp.ts';
import { Receiver } from './receiver.ts';
import { Sender } from './sender.ts';
import { advance, distance } from './sequence.ts';
import { Timer } from './timer.ts';

/** The largest piece of data in a frame: 1500 bytes less the two headers. */
const MSS = 1460;
/** What a peer takes that says nothing (RFC 9293, 3.7.1). */
const DEFAULT_MSS = 536;
/** Bytes that may wait here in each direction; the window's shift makes them fit 16 bits. */
const BUFFER = 262_136;
const SCALE = 3;
/** How often a SYN is sent, 1, 2, 4... seconds apart. */
const SYN_TRIES = 6;
/** How long a closed connection answers a repeated FIN, in ms. Nothing lives as long on a switch. */
const TIME_WAIT = 10_000;
/** How long a piece without PSH may wait for its acknowledgment, in ms. */
const ACK_DELAY = 10;

/** What a connection needs from its stack. */
export interface ConnectionOwner {
  readonly clock: Clock;
  send(segment: Omit<Segment, 'sourcePort' | 'destinationPort'>): void;
  /** The connection has nothing more to say: its ports are free. */
  gone(): void;
}

type State = 'waiting' | 'syn-sent' | 'syn-received' | 'open' | 'time-wait' | 'closed';

const NO_DATA = new Uint8Array(0);
const NO_EVENTS: StreamEvents = { data: () => {}, end: () => {}, drain: () => {}, closed: () => {} };

/** One connection. `connect` or a peer's SYN made it; see `TcpStack`. */
export class TcpConnection implements ByteStream {
  readonly #owner: ConnectionOwner;
  readonly #iss: number;
  readonly #handshake: Timer;
  readonly #ackAlarm: Timer;
  #state: State;
  #events = NO_EVENTS;
  #opened: () => void = () => {};
  /** Cancels the end of TIME-WAIT. */
  #forget: () => void = () => {};
  #sender: Sender;
  #receiver: Receiver;
  /** Shifts of windows, both 0 unless both sides have said one. */
  #sendScale = 0;
  #receiveScale = 0;
  #tries = 0;
  /** The right edge of the window that the peer was told. */
  #told = 0;
  #unacknowledged = 0;
  #isAckComing = false;
  #isFull = false;
  #isEnding = false;
  #closesFirst = false;
  #hasToldEnd = false;

  /** With the peer's SYN the connection waits for `accept` or `refuse`; without one it sends its own. */
  constructor(owner: ConnectionOwner, iss: number, syn?: Segment) {
    this.#owner = owner;
    this.#iss = iss;
    this.#state = syn ? 'waiting' : 'syn-sent';
    this.#handshake = new Timer(owner.clock, () => this.#repeatSyn());
    this.#ackAlarm = new Timer(owner.clock, () => this.#acknowledge());
    [this.#sender, this.#receiver] = this.#halves(syn);
    if (!syn) this.#sendSyn();
  }

  /** Both sides have said all, or one has broken off. */
  get isOver(): boolean {
    return this.#state === 'time-wait' || this.#state === 'closed';
  }

  listen(events: StreamEvents): void {
    this.#events = events;
  }

  /** Calls back when the handshake is done. */
  onOpen(opened: () => void): void {
    this.#opened = opened;
  }

  /** Answers the peer's SYN: the connection is wanted. */
  accept(): void {
    if (this.#state !== 'waiting') return;
    this.#state = 'syn-received';
    this.#sendSyn();
  }

  write(bytes: Uint8Array): boolean {
    if (this.#state === 'closed' || this.#state === 'time-wait' || this.#isEnding) return true;
    this.#sender.write(bytes);
    this.#isFull = this.#sender.waiting >= BUFFER;
    return !this.#isFull;
  }

  end(): void {
    if (this.#isEnding || this.#state === 'closed') return;
    this.#isEnding = true;
    this.#closesFirst = !this.#receiver.hasEnded;
    this.#sender.end();
  }

  reset(): void {
    if (this.#state === 'closed') return;
    if (this.#state === 'time-wait') {
      this.#close();
      return;
    }
    const hasPeer = this.#state !== 'syn-sent';
    this.#transmit(this.#sender.next, hasPeer ? TCP.RST | TCP.ACK : TCP.RST, NO_DATA);
    this.#close();
  }

  pause(): void {
    this.#receiver.hold();
  }

  resume(): void {
    this.#receiver.release();
    this.#settle();
    const edge = advance(this.#receiver.next, this.#receiver.window);
    if (this.#state === 'open' && distance(edge, this.#told) >= 2 * MSS) this.#acknowledge();
  }

  /** Ends it without a word to the peer: the network goes away. */
  drop(): void {
    if (this.#state !== 'closed') this.#close('The network has ended.');
  }

  /** True when this SYN opens a new connection on the ports of one that is over (RFC 9293, 3.10.7.4). */
  isReplacedBy(segment: Segment): boolean {
    const isSyn = (segment.flags & (TCP.SYN | TCP.ACK | TCP.RST)) === TCP.SYN;
    return isSyn && this.#state === 'time-wait' && distance(segment.sequence, this.#receiver.next) > 0;
  }

  /** Takes a segment of this connection. */
  receive(segment: Segment): void {
    if (this.#state === 'closed') return;
    if (this.#state === 'waiting') {
      if (segment.flags & TCP.RST) this.#close('The peer has taken its request back.');
    } else if (this.#state === 'syn-sent') this.#receiveAnswer(segment);
    else this.#receiveOpen(segment);
  }

  /** The two halves, as far as the peer's SYN is known; both sides' options are settled by it. */
  #halves(syn?: Segment): [Sender, Receiver] {
    const mss = Math.max(64, Math.min(MSS, syn?.mss ?? DEFAULT_MSS));
    const hasScale = syn?.scale !== undefined;
    this.#sendScale = syn?.scale ?? 0;
    this.#receiveScale = hasScale ? SCALE : 0;
    const sender = new Sender(
      this.#owner.clock,
      {
        emit: (sequence, data, isLast, isPush) =>
          this.#transmit(
            sequence,
            TCP.ACK | (isLast ? TCP.FIN : 0) | (isPush && data.length > 0 ? TCP.PSH : 0),
            data,
          ),
        giveUp: () => {
          this.#transmit(this.#sender.next, TCP.RST | TCP.ACK, NO_DATA);
          this.#close('The peer answers no more.');
        },
      },
      advance(this.#iss, 1),
      mss,
    );
    const next = syn ? advance(syn.sequence, 1) : 0;
    const capacity = hasScale ? BUFFER : 65_535;
    return [sender, new Receiver(next, capacity, (bytes) => this.#events.data(bytes))];
  }

  #sendSyn(): void {
    const isAnswer = this.#state === 'syn-received';
    this.#told = advance(this.#receiver.next, this.#receiver.window);
    this.#owner.send({
      sequence: this.#iss,
      acknowledgment: isAnswer ? this.#receiver.next : 0,
      flags: isAnswer ? TCP.SYN | TCP.ACK : TCP.SYN,
      window: Math.min(65_535, this.#receiver.window),
      mss: MSS,
      scale: isAnswer && this.#receiveScale === 0 ? undefined : SCALE,
      data: NO_DATA,
    });
    this.#handshake.set(1000 * 2 ** this.#tries);
  }

  #repeatSyn(): void {
    this.#tries += 1;
    if (this.#tries >= SYN_TRIES) this.#close('The peer does not answer.');
    else this.#sendSyn();
  }

  /** A segment while our own SYN waits for its answer. */
  #receiveAnswer(segment: Segment): void {
    const isAcknowledged = (segment.flags & TCP.ACK) !== 0;
    if (isAcknowledged && segment.acknowledgment !== advance(this.#iss, 1)) {
      if (!(segment.flags & TCP.RST)) this.#transmit(segment.acknowledgment, TCP.RST, NO_DATA);
      return;
    }
    if (!isAcknowledged) return;
    if (segment.flags & TCP.RST) {
      this.#close('The peer refuses the connection.');
      return;
    }
    if (!(segment.flags & TCP.SYN)) return;
    const early = this.#sender;
    [this.#sender, this.#receiver] = this.#halves(segment);
    early.handOver(this.#sender);
    this.#establish(segment.window);
    this.#acknowledge();
  }

  /** The handshake is done; a SYN's window is never shifted, all others are. */
  #establish(window: number): void {
    this.#state = 'open';
    this.#handshake.stop();
    this.#opened();
    this.#sender.start(window);
  }

  /**
   * What a reset means. Where both ends have said that they are done it is no error (RFC 9293, 3.10.7.4, LAST-ACK): our FIN has
   * arrived, its acknowledgments were lost, and the peer has forgotten the connection meanwhile.
   */
  #resetSentence(): string | undefined {
    const isOver = this.#hasToldEnd && this.#sender.hasSentEnd;
    return isOver ? undefined : 'The peer has reset the connection.';
  }

  #receiveOpen(segment: Segment): void {
    const { flags, sequence } = segment;
    const length = segment.data.length + (flags & TCP.FIN ? 1 : 0);
    if (!this.#receiver.isAcceptable(sequence, length)) {
      if (this.#state === 'syn-received' && flags & TCP.SYN) this.#sendSyn();
      else if (!(flags & TCP.RST)) this.#acknowledge();
      return;
    }
    if (flags & TCP.RST) {
      // Only the very next number ends a connection; a guess of another one is asked for proof (RFC 5961).
      if (sequence === this.#receiver.next) this.#close(this.#resetSentence());
      else this.#acknowledge();
      return;
    }
    if (flags & TCP.SYN) {
      this.#acknowledge();
      return;
    }
    if (!(flags & TCP.ACK)) return;
    if (!this.#takeAcknowledgment(segment)) return;
    if (length > 0) this.#takeData(segment);
    this.#settle();
  }

  #takeAcknowledgment({ acknowledgment, sequence, window, data, flags }: Segment): boolean {
    const scaled = window * 2 ** this.#sendScale;
    if (this.#state === 'syn-received') {
      if (acknowledgment !== advance(this.#iss, 1)) {
        this.#transmit(acknowledgment, TCP.RST, NO_DATA);
        return false;
      }
      this.#establish(scaled);
    }
    if (!this.#sender.mayAcknowledge(acknowledgment)) {
      this.#acknowledge();
      return false;
    }
    this.#sender.acknowledge(acknowledgment, sequence, scaled, data.length === 0 && !(flags & TCP.FIN));
    if (this.#isFull && this.#sender.waiting <= BUFFER / 2) {
      this.#isFull = false;
      this.#events.drain();
    }
    return true;
  }

  #takeData({ sequence, data, flags }: Segment): void {
    this.#unacknowledged += data.length;
    const { isUrgent, ended } = this.#receiver.accept(sequence, data, (flags & TCP.FIN) !== 0);
    if (this.#state === 'closed') return;
    if (isUrgent) this.#acknowledge();
    else if (ended || flags & TCP.PSH || this.#unacknowledged >= 2 * MSS) this.#acknowledgeSoon();
    else if (!this.#ackAlarm.isSet) this.#ackAlarm.set(ACK_DELAY);
  }

  /** Tells the holder of the peer's end once all before it is taken, and is over when both sides have ended. */
  #settle(): void {
    if (this.#receiver.hasEnded && !this.#receiver.isHeld && !this.#hasToldEnd) {
      this.#hasToldEnd = true;
      this.#events.end();
    }
    if (this.#state !== 'open' || !this.#hasToldEnd || !this.#sender.hasEnded) return;
    if (!this.#closesFirst) {
      if (this.#isAckComing || this.#ackAlarm.isSet) this.#acknowledge();
      this.#close();
      return;
    }
    this.#state = 'time-wait';
    this.#sender.stop();
    this.#handshake.stop();
    this.#forget = this.#owner.clock.after(TIME_WAIT, () => this.#close());
    this.#finish();
  }

  #acknowledgeSoon(): void {
    if (this.#isAckComing) return;
    this.#isAckComing = true;
    this.#owner.clock.soon(() => {
      if (this.#isAckComing) this.#acknowledge();
    });
  }

  #acknowledge(): void {
    if (this.#state !== 'closed') this.#transmit(this.#sender.next, TCP.ACK, NO_DATA);
  }

  #transmit(sequence: number, flags: number, data: Uint8Array): void {
    if (this.#state === 'closed') return;
    this.#isAckComing = false;
    this.#unacknowledged = 0;
    this.#ackAlarm.clear();
    const window = Math.min(65_535, this.#receiver.window >> this.#receiveScale);
    this.#told = advance(this.#receiver.next, window << this.#receiveScale);
    const acknowledgment = flags & TCP.ACK ? this.#receiver.next : 0;
    this.#owner.send({ sequence, acknowledgment, flags, window, data });
  }

  #close(error?: string): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#sender.stop();
    this.#handshake.stop();
    this.#ackAlarm.stop();
    this.#forget();
    this.#owner.gone();
    this.#finish(error);
  }

  /** Says `closed`, once. */
  #finish(error?: string): void {
    const events = this.#events;
    this.#events = NO_EVENTS;
    events.closed(error);
  }
}
