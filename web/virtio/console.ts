// A console: bytes between a guest's hvc0 and a terminal, whose size the guest is told. One port; several are not offered.
//
// Source: VIRTIO 1.2, 5.3.

import { type Backend, DEVICE_TYPE, type Device } from './backend.ts';
import type { Terminal } from './terminal.ts';

const VIRTIO_CONSOLE_F_SIZE = 1n << 0n;
const RECEIVE = 0;
const TRANSMIT = 1;
const DESCRIPTORS = 64;
const CONFIG_BYTES = 12;

/** struct virtio_console_config. */
function configOf({ size: { columns, rows } }: Terminal): Uint8Array {
  const bytes = new Uint8Array(CONFIG_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, columns, true);
  view.setUint16(2, rows, true);
  view.setUint32(4, 1, true);
  return bytes;
}

class Console implements Backend {
  readonly type = DEVICE_TYPE.console;
  readonly features = VIRTIO_CONSOLE_F_SIZE;
  readonly queues = [DESCRIPTORS, DESCRIPTORS];
  readonly #terminal: Terminal;
  #device: Device | undefined;
  #isSizeTold = false;
  /** Input that lay there before the driver waits for its first output: Linux throws away what comes before its console is there. */
  #isHeld = false;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  config(): Uint8Array {
    return configOf(this.#terminal);
  }

  start(device: Device): void {
    this.#device = device;
    this.#isSizeTold = false;
    this.#isHeld = this.#terminal.input.length > 0;
    void this.#watch(device);
  }

  stop(): void {
    this.#device = undefined;
  }

  /**
   * Hears of what is typed and of resizes for as long as the device runs. It acts on changes alone, never because time has
   * passed: what lies there from the start on is then a part of a deterministic run.
   */
  async #watch(device: Device): Promise<void> {
    const terminal = this.#terminal;
    let size = this.config();
    let seen = terminal.changes;
    while (this.#device === device) {
      const { changes } = terminal;
      if (changes === seen) {
        await terminal.changed(seen);
        continue;
      }
      seen = changes;
      if (terminal.input.length > 0) device.wake(RECEIVE);
      const now = this.config();
      if (now.some((byte, n) => byte !== size[n])) {
        size = now;
        await device.setConfig(now);
      }
    }
  }

  notify(queue: number): Promise<void> {
    return queue === TRANSMIT ? this.#print() : this.#type();
  }

  /** What the guest has written goes to the terminal. */
  async #print(): Promise<void> {
    const queue = this.#device?.queues[TRANSMIT];
    if (queue === undefined) return;
    let hasPrinted = false;
    for (let chain = await queue.pop(); chain !== undefined; chain = await queue.pop()) {
      hasPrinted = true;
      const bytes = new Uint8Array(Math.min(chain.readable, this.#terminal.output.capacity));
      for (let at = 0; at < chain.readable; at += bytes.length) {
        const read = await chain.read(at, bytes);
        for (const byte of bytes.subarray(0, read)) this.#terminal.output.put(byte);
        if (read < bytes.length) break;
      }
      await queue.push(chain, 0);
    }
    await queue.interrupt();
    // A driver looks at the size when it changes, and its console is there once it has printed.
    if (this.#isSizeTold || !hasPrinted) return;
    this.#isSizeTold = true;
    await this.#device?.setConfig(this.config());
    if (!this.#isHeld) return;
    this.#isHeld = false;
    await this.#type();
  }

  /** What was typed goes into the guest's buffers, as far as it has given some. */
  async #type(): Promise<void> {
    const queue = this.#device?.queues[RECEIVE];
    const { input } = this.#terminal;
    if (queue === undefined || this.#isHeld) return;
    while (input.length > 0) {
      const chain = await queue.pop();
      if (chain === undefined) break;
      await queue.push(chain, await chain.write(0, input.read(chain.writable)));
    }
    await queue.interrupt();
  }
}

/** The device. */
export function virtioConsole(terminal: Terminal): Backend {
  return new Console(terminal);
}
