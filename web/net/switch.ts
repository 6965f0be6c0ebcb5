// A learning Ethernet switch in one thread: ports, bounded queues, counters. It looks at addresses, never at payloads.
import { KvmError } from '../kvm/abi/errno.ts';
import { type Clock, type FrameListener, FrameListeners, hostClock, type Link, MAX_FRAME } from './link.ts';
import { ETHERNET_HEADER, readMac } from './wire/ethernet.ts';

/**
 * What hangs on a port. `station`: a machine. `uplink`: the other switches of this network (other tabs); a switch has
 * at most one. `local`: a service that each switch has for itself, such as its gateway; it never meets an uplink.
 */
export type PortKind = 'station' | 'uplink' | 'local';

/**
 * What a port has seen: `received` came from its station, `sent` went to it. `dropped` are frames for which its queue had
 * no room, `refused` those that were no frames.
 */
export interface PortCounters {
  received: number;
  receivedBytes: number;
  sent: number;
  sentBytes: number;
  dropped: number;
  refused: number;
}

/** Whom a switch has heard: an Ethernet address, where, and what it has sent since it was first heard. */
export interface Heard {
  readonly mac: number;
  readonly port: SwitchPort;
  /** When it has sent its last frame, by the switch's clock. */
  readonly seen: number;
  readonly frames: number;
  readonly bytes: number;
}

/** The size of a switch and its time. */
export interface SwitchOptions {
  clock?: Clock;
  /** Sees each frame that comes into the switch. It must not alter it, nor send. */
  watch?: FrameListener;
  /** Frames that may wait at one port (256 by default). */
  queue?: number;
  /** Addresses that are remembered (4096 by default): the oldest goes first. */
  addresses?: number;
  /** How long an address stays known after its last frame, in ms (300,000 by default, as IEEE 802.1D says). */
  age?: number;
}

/** Frames that one turn of the event loop may deliver, so that timers and messages are not starved. */
const TURN = 512;

/** True for broadcast and multicast addresses: the lowest bit of the first byte. */
const isGroup = (frame: Uint8Array) => ((frame[0] ?? 0) & 1) === 1;

/** The rule that makes loops impossible: no way from uplink to uplink, and none between local and uplink. */
function mayPass(from: PortKind, to: PortKind): boolean {
  return from === 'station' || to === 'station' || (from === 'local' && to === 'local');
}

/** A learning switch. Frames are delivered after the sender's call has returned, in the order in which they came. */
export class Switch {
  readonly #clock: Clock;
  readonly #watch: FrameListener | undefined;
  readonly #queue: number;
  readonly #addresses: number;
  readonly #age: number;
  readonly #ports = new Set<SwitchPort>();
  /** By source address; the order is that of the last sight. */
  readonly #known = new Map<number, { -readonly [K in keyof Heard]: Heard[K] }>();
  readonly #waiting: SwitchPort[] = [];
  /** `#run` is on, or will be soon. */
  #isRunning = false;
  /** Frames of this turn of the event loop, and whether the rest waits for the next. */
  #delivered = 0;
  #isHeld = false;
  #isTurnAwaited = false;

  constructor(options: SwitchOptions = {}) {
    this.#clock = options.clock ?? hostClock;
    this.#watch = options.watch;
    this.#queue = options.queue ?? 256;
    this.#addresses = options.addresses ?? 4096;
    this.#age = options.age ?? 300_000;
  }

  /** Adds a port. EEXIST for a second uplink: two ways to the same switches would be a loop. */
  attach(kind: PortKind = 'station'): SwitchPort {
    if (kind === 'uplink' && [...this.#ports].some((port) => port.kind === 'uplink'))
      throw new KvmError('EEXIST', 'This switch has an uplink: close it before another one is attached.');
    const port = new SwitchPort(kind, this.#queue, {
      forward: (from, frame) => this.#forward(from, frame),
      queued: (to) => this.#schedule(to),
      closed: (gone) => this.#detach(gone),
    });
    this.#ports.add(port);
    return port;
  }

  /** The ports, in the order in which they were attached. */
  get ports(): readonly SwitchPort[] {
    return [...this.#ports];
  }

  /** Whom it has heard of late and knows the port of. */
  get heard(): readonly Heard[] {
    const oldest = this.#clock.now() - this.#age;
    return [...this.#known.values()].filter(({ seen }) => seen >= oldest);
  }

  #detach(gone: SwitchPort): void {
    this.#ports.delete(gone);
    for (const [mac, { port }] of this.#known) if (port === gone) this.#known.delete(mac);
  }

  #forward(from: SwitchPort, frame: Uint8Array): void {
    this.#watch?.(frame);
    this.#learn(readMac(frame, 6), from, frame.length);
    const known = isGroup(frame) ? undefined : this.#known.get(readMac(frame, 0));
    if (known && this.#clock.now() - known.seen <= this.#age) {
      if (known.port !== from && mayPass(from.kind, known.port.kind)) known.port.deliver(frame);
      return;
    }
    for (const port of this.#ports) if (port !== from && mayPass(from.kind, port.kind)) port.deliver(frame);
  }

  #learn(mac: number, port: SwitchPort, bytes: number): void {
    if (Math.floor(mac / 2 ** 40) & 1) return;
    const heard = this.#known.get(mac) ?? { mac, port, seen: 0, frames: 0, bytes: 0 };
    heard.port = port;
    heard.seen = this.#clock.now();
    heard.frames += 1;
    heard.bytes += bytes;
    this.#known.delete(mac);
    this.#known.set(mac, heard);
    if (this.#known.size <= this.#addresses) return;
    for (const oldest of this.#known.keys()) {
      this.#known.delete(oldest);
      return;
    }
  }

  #schedule(port: SwitchPort): void {
    this.#waiting.push(port);
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#clock.soon(() => this.#run());
  }

  #run(): void {
    this.#awaitTurn();
    let port = this.#waiting.shift();
    while (port) {
      port.drainOne();
      this.#delivered += 1;
      if (this.#delivered >= TURN) {
        this.#isHeld = true;
        return;
      }
      port = this.#waiting.shift();
    }
    this.#isRunning = false;
  }

  /** Notes when the event loop has gone round: then as many frames again may be delivered. */
  #awaitTurn(): void {
    if (this.#isTurnAwaited) return;
    this.#isTurnAwaited = true;
    this.#clock.after(0, () => {
      this.#isTurnAwaited = false;
      this.#delivered = 0;
      if (!this.#isHeld) return;
      this.#isHeld = false;
      this.#run();
    });
  }
}

/** What a port asks of its switch. */
interface PortOwner {
  forward(from: SwitchPort, frame: Uint8Array): void;
  queued(to: SwitchPort): void;
  closed(port: SwitchPort): void;
}

/** One port of a switch, as the station on it sees it: `send` goes into the switch, `onFrame` comes out of it. */
export class SwitchPort implements Link {
  readonly kind: PortKind;
  readonly counters: PortCounters = {
    received: 0,
    receivedBytes: 0,
    sent: 0,
    sentBytes: 0,
    dropped: 0,
    refused: 0,
  };
  readonly #room: number;
  readonly #owner: PortOwner;
  readonly #listeners = new FrameListeners();
  #queue: Uint8Array[] = [];
  #isClosed = false;

  /** Made by `Switch.attach`. */
  constructor(kind: PortKind, room: number, owner: PortOwner) {
    this.kind = kind;
    this.#room = room;
    this.#owner = owner;
  }

  send(frame: Uint8Array): void {
    if (this.#isClosed) return;
    if (frame.length < ETHERNET_HEADER || frame.length > MAX_FRAME) {
      this.counters.refused += 1;
      return;
    }
    this.counters.received += 1;
    this.counters.receivedBytes += frame.length;
    this.#owner.forward(this, frame);
  }

  onFrame(listener: FrameListener): () => void {
    return this.#listeners.add(listener);
  }

  /** Takes the port from its switch; what waits in it is gone. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#queue = [];
    this.#owner.closed(this);
  }

  /** The switch's side: puts a frame into the queue to the station. */
  deliver(frame: Uint8Array): void {
    if (this.#queue.length >= this.#room) {
      this.counters.dropped += 1;
      return;
    }
    this.#queue.push(frame);
    this.#owner.queued(this);
  }

  /** The switch's side: hands the oldest frame to the station. */
  drainOne(): void {
    const frame = this.#queue.shift();
    if (!frame) return;
    this.counters.sent += 1;
    this.counters.sentBytes += frame.length;
    this.#listeners.emit(frame);
  }
}
