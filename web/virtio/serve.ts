// Serves a device: drives its back end by what the driver does to its registers and doorbells. It knows no transport, no
// thread and no kind of device.
//
// Source: VIRTIO 1.2, 3.1 (initialisation) and 2.4 (reset).

import type { Doorbell, GuestInterface, Maybe } from '../xinterface/index.ts';
import type { Backend, Device } from './backend.ts';
import { type QueueOwner, SplitQueue } from './queue.ts';
import { type QueueRegisters, type Registers, STATUS } from './registers.ts';

/** A wait for the control word is looked after at least this often, in ms. */
const PATIENCE_MS = 1000;
/** Where there is no Atomics.waitAsync, it is looked at this often, in ms. */
const POLL_MS = 2;

/** How the driver is interrupted. */
export interface Signals {
  /** Queue `index` has buffers for it. */
  queue(index: number): Maybe<void>;
  /** The configuration has changed, or the device needs a reset. */
  config(): Maybe<void>;
}

/** Where a queue's notifications are written. */
export interface BellPlace {
  readonly address: bigint;
  readonly length: number;
  readonly datamatch?: number;
}

/** What a device is served with. */
export interface ServerParts {
  readonly guest: GuestInterface;
  readonly backend: Backend;
  readonly registers: Registers;
  readonly signals: Signals;
  /** Where notifications are to be heard without an exit; none where the guest's exits ring by themselves. */
  readonly bellOf?: (queue: number) => BellPlace | undefined;
  /** Takes what the back end says of itself. */
  readonly report?: (value: unknown) => void;
  /** Called when there is something to do though the guest did nothing. */
  readonly onWake?: () => void;
}

/** A started device, until its driver resets it. */
class Run implements Device, QueueOwner {
  readonly queues: SplitQueue[];
  readonly features: bigint;
  readonly resets: number;
  readonly #parts: ServerParts;
  readonly #wake: (queue: number) => void;
  #isOver = false;

  constructor(parts: ServerParts, resets: number, wake: (queue: number) => void) {
    const { registers } = parts;
    this.#parts = parts;
    this.#wake = wake;
    this.resets = resets;
    this.features = registers.accepted;
    this.queues = parts.backend.queues.map(
      (_, index) => new SplitQueue(index, this, registers.queues[index] as QueueRegisters),
    );
  }

  get guest(): GuestInterface {
    return this.#parts.guest;
  }

  get state(): Uint8Array {
    return this.#parts.registers.state;
  }

  get isOver(): boolean {
    return this.#isOver || this.#parts.registers.resets !== this.resets;
  }

  end(): void {
    this.#isOver = true;
  }

  async setConfig(bytes: Uint8Array): Promise<void> {
    this.#parts.registers.setConfig(bytes);
    if (!this.isOver) await this.#parts.signals.config();
  }

  wake(queue: number): void {
    if (!this.isOver) this.#wake(queue);
  }

  report(value: unknown): void {
    this.#parts.report?.(value);
  }

  async interrupt(index: number): Promise<void> {
    await this.#parts.signals.queue(index);
  }

  async fail(sentence: string): Promise<void> {
    if (!this.#parts.registers.needReset(this.resets)) return;
    this.#isOver = true;
    this.report({ failed: sentence });
    await this.#parts.signals.config();
  }
}
const sentenceOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

export class DeviceServer {
  readonly #parts: ServerParts;
  #run: Run | undefined;
  /** Resets that have been carried out here. */
  #resets: number;
  /** The control word when all was done. */
  #seen = -1;
  /** A bit for each queue to be looked at. */
  #due = 0;
  #bells: Doorbell[] = [];
  #bellsAt: bigint | undefined;
  #stirred: (() => void) | undefined;
  #isWatching = false;

  /** Writes what the device is into its registers. */
  constructor(parts: ServerParts) {
    const { registers, backend } = parts;
    this.#parts = parts;
    this.#resets = registers.resets;
    const { type, features, queues } = backend;
    registers.describe({ type, features, queues, config: backend.config() });
  }

  /** Whether there is something to do. */
  get isDue(): boolean {
    return this.#due !== 0 || this.#parts.registers.control !== this.#seen;
  }

  /** Does all that is due. Never throws for what a guest or the back end does. One call at a time. */
  async attend(): Promise<void> {
    const { registers } = this.#parts;
    while (this.isDue) {
      this.#seen = registers.control;
      await this.#attendReset();
      await this.#attendStart();
      await this.#attendConfig();
      this.#due |= registers.takeRung();
      await this.#attendQueues();
    }
  }

  async #attendReset(): Promise<void> {
    const { registers } = this.#parts;
    const { resets } = registers;
    if (resets === this.#resets) return;
    await this.#stop();
    this.#due = 0;
    this.#resets = resets;
    registers.acknowledge(resets);
  }

  async #stop(): Promise<void> {
    const run = this.#run;
    this.#run = undefined;
    run?.end();
    try {
      await this.#parts.backend.stop();
    } catch (error) {
      this.#parts.report?.({ failed: sentenceOf(error) });
    }
    for (const queue of run?.queues ?? []) await queue.close();
  }

  async #attendStart(): Promise<void> {
    const { registers, backend } = this.#parts;
    const failed = (registers.status & STATUS.needsReset) !== 0;
    if (this.#run !== undefined || !registers.isStarted || failed || registers.resets !== this.#resets)
      return;
    const run = new Run(this.#parts, this.#resets, (queue) => this.#wake(queue));
    this.#run = run;
    for (const queue of run.queues) if (!run.isOver) await queue.open();
    await this.#guarded(run, () => backend.start(run));
    this.#due = (1 << run.queues.length) - 1;
  }

  async #attendConfig(): Promise<void> {
    const { registers, backend } = this.#parts;
    const written = registers.takeWritten();
    if (written === undefined || this.#run === undefined) return;
    await this.#guarded(this.#run, () => backend.configWritten?.(written.offset, written.bytes));
  }

  async #attendQueues(): Promise<void> {
    const run = this.#run;
    const due = this.#due;
    this.#due = 0;
    if (run === undefined) return;
    for (const { index } of run.queues) {
      if (due & (1 << index)) await this.#guarded(run, () => this.#parts.backend.notify(index));
    }
  }

  /** Calls the back end, which may fail. */
  async #guarded(run: Run, body: () => Maybe<void>): Promise<void> {
    if (run.isOver) return;
    try {
      await body();
    } catch (error) {
      await run.fail(sentenceOf(error));
    }
  }

  #wake(queue: number): void {
    this.#due |= 1 << queue;
    this.#stir();
    this.#parts.onWake?.();
  }

  #stir(): void {
    this.#stirred?.();
  }

  /** Serves until `signal` is aborted; then the back end has stopped, and the driver's next reset waits for nobody. */
  async serve(signal: AbortSignal): Promise<void> {
    const { registers } = this.#parts;
    registers.isServed = true;
    signal.addEventListener('abort', () => this.#stir(), { once: true });
    try {
      while (!signal.aborted) {
        await this.#followBells(signal);
        await this.attend();
        await new Promise<void>((resolve) => {
          this.#stirred = resolve;
          if (this.isDue || signal.aborted) resolve();
          else void this.#watch();
        });
      }
    } finally {
      await this.#stop();
      await this.#dropBells();
      registers.isServed = false;
    }
  }

  /** Stirs when the control word has changed since all was done; one such wait at a time. */
  async #watch(): Promise<void> {
    if (this.#isWatching) return;
    this.#isWatching = true;
    const { words, index } = this.#parts.registers.controlWord;
    if (Atomics.waitAsync === undefined) {
      await new Promise<void>((resolve) => setTimeout(resolve, POLL_MS));
    } else {
      await Atomics.waitAsync(words, index, this.#seen | 0, PATIENCE_MS).value;
    }
    this.#isWatching = false;
    this.#stir();
  }

  /** Puts doorbells where the guest has placed the notification registers. */
  async #followBells(signal: AbortSignal): Promise<void> {
    const { registers, bellOf, guest, backend } = this.#parts;
    if (bellOf === undefined || registers.bells === this.#bellsAt) return;
    await this.#dropBells();
    this.#bellsAt = registers.bells;
    for (const [queue] of backend.queues.entries()) {
      const place = bellOf(queue);
      if (place === undefined) continue;
      const { address, length, datamatch } = place;
      try {
        const bell = await guest.ioevent(address, length, datamatch === undefined ? {} : { datamatch });
        this.#bells.push(bell);
        void this.#listen(bell, queue, signal);
      } catch {
        // Without a doorbell the write leaves the guest, and the transport rings.
      }
    }
  }

  async #listen(bell: Doorbell, queue: number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted && this.#bells.includes(bell)) {
      try {
        await bell.ready(signal);
      } catch {
        return;
      }
      if (bell.read() === undefined) continue;
      this.#due |= 1 << queue;
      this.#stir();
    }
  }

  async #dropBells(): Promise<void> {
    const bells = this.#bells;
    this.#bells = [];
    for (const bell of bells) await bell.release();
  }

  /** Stops and closes the back end; for one that was served by `attend`. */
  async end(): Promise<void> {
    await this.#stop();
    await this.#parts.backend.close?.();
  }
}
