// A virtio device as a module: makes the back end that was asked for and serves it. The registers are a page of the
// machine's memory, which it is given; the guest it reaches as every module does.

import { devicePage } from '../devices/index.ts';
import { gsiOf, irqOf, type PciFunction, vectorGsiOf } from '../pci/index.ts';
import {
  type BackendMeans,
  type DeviceRequest,
  DeviceServer,
  makeBackend,
  mmioBell,
  mmioSignals,
  PciTransport,
  pciBell,
  pciSignals,
  Registers,
  type ServerParts,
  Terminal,
} from '../virtio/index.ts';
import { type GuestInterface, type Interrupt, KvmError } from '../xinterface/index.ts';
import type { Module } from './module.ts';
import { addressOption, numberOption } from './options.ts';

/** What the module takes, beside its guest. */
export interface VirtioOptions {
  readonly device: DeviceRequest;
  /** The machine's memory, and where in it the device's page lies. */
  readonly memory: WebAssembly.Memory;
  readonly page: number;
  /** Its number among the machine's devices, from 1. */
  readonly number: number;
  /** Over MMIO: the line that it raises. */
  readonly gsi?: number;
  /** Where in the memory the machine's terminal lies, for a console. */
  readonly terminal?: number;
  /** The channel of BackendMeans, transferred. */
  readonly port?: BackendMeans['port'];
  /** The disk of BackendMeans. */
  readonly disk?: BackendMeans['disk'];
}

/** Interrupts are attached when they are first used: most vectors never are. */
function interrupts(guest: GuestInterface): (gsi: number) => Promise<void> {
  const attached = new Map<number, Promise<Interrupt>>();
  return async (gsi) => {
    let interrupt = attached.get(gsi);
    if (interrupt === undefined) {
      interrupt = Promise.resolve(guest.irqfd(gsi));
      attached.set(gsi, interrupt);
    }
    await (await interrupt).raise();
  };
}

/** INTA# of a function: a level that stands, by its page, until the guest has read the ISR status. */
function pinOf(guest: GuestInterface, target: PciFunction, gsi: number): () => Promise<void> {
  let line: Promise<Interrupt> | undefined;
  const follow = async (interrupt: Interrupt): Promise<void> => {
    try {
      for (;;) {
        await interrupt.ended?.();
        if (target.isPinAsserted) await interrupt.raise();
      }
    } catch {
      // The guest was let go.
    }
  };
  return async () => {
    target.setPin(true);
    if (!target.isPinAsserted) return;
    if (line === undefined) {
      line = Promise.resolve(guest.irqfd(gsi, { level: true }));
      void line.then(follow);
    }
    await (await line).raise();
  };
}

type Reach = Pick<ServerParts, 'signals' | 'bellOf'>;

function overMmio(guest: GuestInterface, registers: Registers, gsi: number): Reach {
  const raise = interrupts(guest);
  return {
    signals: mmioSignals(registers, () => raise(gsi)),
    bellOf: (queue) => mmioBell(registers.bells, queue),
  };
}

function overPci(guest: GuestInterface, registers: Registers, device: number): Reach {
  const raise = interrupts(guest);
  const nothing = (): void => {};
  // The function as this thread sees it: it looks at the page, and drives nothing itself.
  const slot = {
    device,
    page: registers.page,
    gsi: gsiOf(device),
    irq: irqOf(device),
    vectorGsi: (vector: number) => vectorGsiOf(device, vector),
    pinChanged: nothing,
    moved: nothing,
    send: nothing,
    messagesChanged: nothing,
    isWaiting: () => false,
    forgetWaiting: nothing,
  };
  const { target } = new PciTransport(slot, registers, registers.type, 'module');
  return {
    signals: pciSignals(registers, {
      get isMsixEnabled() {
        return target.isMsixEnabled;
      },
      message: (vector) => raise(slot.vectorGsi(vector)),
      pin: pinOf(guest, target, slot.gsi),
    }),
    bellOf: (queue) => pciBell(registers.bells, queue),
  };
}

export const virtio: Module = {
  kind: 'virtio',
  async run({ guest, options, signal, report }, ready) {
    const { device, memory, gsi, port, disk, terminal } = options as Partial<VirtioOptions>;
    if (device === undefined || !(memory instanceof WebAssembly.Memory))
      throw new KvmError(
        'EINVAL',
        'options device and memory are missing; give what the device is and where its page lies.',
      );
    const number = numberOption(options, 'number', 15);
    const registers = new Registers(devicePage(memory.buffer, Number(addressOption(options, 'page'))));
    const backend = await makeBackend(device, {
      port,
      disk,
      terminal: terminal === undefined ? undefined : Terminal.at(memory.buffer, terminal),
    });
    const reach = gsi === undefined ? overPci(guest, registers, number) : overMmio(guest, registers, gsi);
    try {
      const server = new DeviceServer({ guest, backend, registers, report, ...reach });
      ready();
      await server.serve(signal);
    } finally {
      await backend.close?.();
    }
    return undefined;
  },
};
