// The board's quick devices answer accesses to their ports while the vCPU stays in the core (`run_served`). What they do not
// take is an exit, handled in exits.ts. One for each thread of a vCPU.

import { KVM_EXIT_IO_IN, KVM_EXIT_IO_OUT } from '../../assembly/abi/kvm_run.ts';
import type { PortBus } from '../devices/index.ts';
import type { PortServer } from '../kvm/index.ts';
import type { Machine } from './machine.ts';
import { PortTrace } from './trace.ts';

export class BoardServer implements PortServer {
  /** Accesses that may still be answered before the vCPU shall leave, so that timers and devices are looked at. */
  left = 0;
  readonly #ports: PortBus | undefined;
  readonly #trace: PortTrace;
  #failure: { readonly error: unknown } | undefined;

  constructor({ vm, board }: Machine, id: number) {
    this.#ports = board?.ports;
    this.#trace = new PortTrace(vm.memory, id);
  }

  write(port: number, bytes: number, value: number): number {
    if (this.left <= 1) return 0;
    const entry = this.#ports?.findQuick(port, bytes);
    if (entry === undefined) return 0;
    this.left--;
    try {
      entry.device.write(port - entry.start + entry.offset, bytes, value >>> 0);
    } catch (error) {
      this.#failure = { error };
      return 0;
    }
    this.#trace.note(KVM_EXIT_IO_OUT, port, bytes, value);
    return 1;
  }

  read(port: number, bytes: number): number {
    if (this.left <= 1) return -1;
    const entry = this.#ports?.findQuick(port, bytes);
    if (entry === undefined) return -1;
    this.left--;
    let value: number;
    try {
      value = entry.device.read(port - entry.start + entry.offset, bytes) >>> 0;
    } catch (error) {
      this.#failure = { error };
      return -1;
    }
    if (bytes < 4) value &= bytes === 1 ? 0xff : 0xffff;
    this.#trace.note(KVM_EXIT_IO_IN, port, bytes, value);
    return value;
  }

  /** A device has thrown inside the core, which the vCPU has left as with an exit. */
  get hasFailed(): boolean {
    return this.#failure !== undefined;
  }

  /** Throws what a device has thrown, on the vCPU's own stack. */
  check(): void {
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure) throw failure.error;
  }
}
