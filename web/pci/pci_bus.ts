// PCI bus 0: the functions on it, their ports and ranges, and their interrupt lines. Every thread has its own over the same pages.
// It knows no KVM: levels and messages leave through PciOutlets.

import {
  clearPage,
  type DevicePage,
  type IrqLine,
  kind,
  locked,
  type MovingRange,
  type MovingRanges,
} from '../devices/index.ts';
import { ConfigPorts } from './config_ports.ts';
import { PciError } from './config_space.ts';
import { assignResources } from './firmware.ts';
import type { BusFunction, Message, PlacedRange, Slot } from './function.ts';
import { gsiOf, irqOf, MSIX_VECTORS, PCI_SLOTS, vectorGsiOf } from './wiring.ts';

// The bus's page: its lock is taken to drive lines and to make routes, after that of a function and never before it.
//   0x10 CONFIG_ADDRESS u32   0x14 generation of the ranges u32, which is never set back
export const PCI_BUS_KIND = kind('PCI ');
const CONFIG_ADDRESS = 0x10;
const GENERATION = 0x14;

/** A GSI that is a message. */
export interface MessageRoute extends Message {
  readonly gsi: number;
}

/** Where levels and messages of the bus go. */
export interface PciOutlets {
  /** The line of a GSI. */
  line(gsi: number): IrqLine;
  /** A message for the local APICs; one that no APIC takes is lost. */
  send(message: Message): void;
  /** These and no others are the messages of GSIs; a signal that waited for one of them is sent. */
  route(routes: readonly MessageRoute[]): void;
  /** An irqfd of the GSI was signalled while it had no route. */
  isWaiting(gsi: number): boolean;
  /** Forgets such signals of `count` GSIs. */
  forgetWaiting(gsi: number, count: number): void;
}

/** The pages of a bus: its own, and one for each device number below PCI_SLOTS. */
export interface PciPages {
  readonly bus: DevicePage;
  function(device: number): DevicePage;
}

export class PciBus {
  readonly #page: DevicePage;
  readonly #pages: PciPages;
  readonly #outlets: PciOutlets;
  readonly #functions: (BusFunction | undefined)[] = new Array(PCI_SLOTS).fill(undefined);

  constructor(pages: PciPages, outlets: PciOutlets) {
    this.#page = pages.bus;
    this.#pages = pages;
    this.#outlets = outlets;
  }

  /** All functions, by device number. */
  get functions(): readonly BusFunction[] {
    return this.#functions.filter((entry) => entry !== undefined);
  }

  /** What a function at a device number is given. PciError EINVAL for a number beyond the bus. */
  slot(device: number): Slot {
    if (!(Number.isInteger(device) && device >= 0 && device < PCI_SLOTS)) {
      throw new PciError('EINVAL', `The bus has no device ${device}; give 0 to ${PCI_SLOTS - 1}.`);
    }
    const outlets = this.#outlets;
    return {
      device,
      page: this.#pages.function(device),
      gsi: gsiOf(device),
      irq: irqOf(device),
      vectorGsi: (vector) => vectorGsiOf(device, vector),
      pinChanged: () => this.#driveLines(device),
      moved: () => this.#moved(),
      send: (message) => outlets.send(message),
      messagesChanged: () => this.#makeRoutes(),
      isWaiting: (vector) => outlets.isWaiting(vectorGsiOf(device, vector)),
      forgetWaiting: () => outlets.forgetWaiting(vectorGsiOf(device, 0), MSIX_VECTORS),
    };
  }

  /**
   * Puts a function into its slot, in this thread, before a bus follows the ranges. Whoever makes the machine then calls
   * `reset`; other threads find the pages as they are. PciError EEXIST, EINVAL.
   */
  plug(target: BusFunction): void {
    const { device } = target.slot;
    if (device === 0 && target.description.msix) {
      throw new PciError('EINVAL', 'Device 0 has no GSIs for messages; give the function another number.');
    }
    const other = this.#functions[device];
    if (other !== undefined) {
      const names = `${other.description.name} and ${target.description.name}`;
      throw new PciError('EEXIST', `${names} both want to be device ${device}; give one another number.`);
    }
    this.#functions[device] = target;
  }

  /** Power-on or the RESET line: every function as its description begins, then what firmware does. */
  reset(): void {
    locked(this.#page, () => {
      const generation = this.#generation;
      clearPage(this.#page, PCI_BUS_KIND);
      Atomics.store(this.#page.i32, GENERATION >> 2, generation);
    });
    const { functions } = this;
    for (const target of functions) target.reset();
    assignResources(functions);
    this.#moved();
  }

  /** The ports of configuration mechanism 1, to be registered at CONFIG_PORTS. */
  configPorts(resetControl?: ConstructorParameters<typeof ConfigPorts>[3]): ConfigPorts {
    return new ConfigPorts(this.#page, CONFIG_ADDRESS, (device) => this.#functions[device], resetControl);
  }

  /** I/O BARs, for PortBus.follow. A lower device number wins, then a lower BAR. */
  readonly ports: MovingRanges = this.#moving('io');
  /** Memory BARs, for MmioBus.follow. */
  readonly memory: MovingRanges = this.#moving('memory');

  #moving(space: PlacedRange['kind']): MovingRanges {
    const bus = this;
    return {
      get generation() {
        return bus.#generation;
      },
      ranges: () =>
        bus.functions.flatMap((target): MovingRange[] =>
          target
            .ranges()
            .filter((range) => range.kind === space)
            .map((range) => ({ ...range, name: `${target.description.name} BAR ${range.bar}` })),
        ),
    };
  }

  get #generation(): number {
    return Atomics.load(this.#page.i32, GENERATION >> 2);
  }

  #moved(): void {
    Atomics.add(this.#page.i32, GENERATION >> 2, 1);
  }

  /** A line is high while one of the functions on it asserts its pin. */
  #driveLines(device: number): void {
    const { functions } = this;
    const drive = (gsi: number, isOn: (slot: Slot) => boolean): void =>
      this.#outlets.line(gsi).set(functions.some((target) => isOn(target.slot) && target.isPinAsserted));
    locked(this.#page, () => {
      drive(gsiOf(device), ({ gsi }) => gsi === gsiOf(device));
      drive(irqOf(device), ({ irq }) => irq === irqOf(device));
    });
  }

  #makeRoutes(): void {
    locked(this.#page, () => {
      const routes = this.functions.flatMap((target) => {
        const vectors = target.description.msix?.vectors ?? 0;
        return Array.from({ length: vectors }, (_, vector): MessageRoute[] => {
          const message = target.message(vector);
          return message ? [{ gsi: target.slot.vectorGsi(vector), ...message }] : [];
        }).flat();
      });
      this.#outlets.route(routes);
    });
  }
}
