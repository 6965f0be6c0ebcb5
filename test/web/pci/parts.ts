// What the PCI tests plug functions into: a bus over memory of its own, with outlets that remember. No function of the product.

import { devicePage, MmioBus, PortBus, type Registers } from '../../../web/devices/index.ts';
import {
  type Bar,
  CONFIG_PORTS,
  type FunctionDescription,
  HOST_BRIDGE,
  type Message,
  type MessageRoute,
  PCI_SLOTS,
  PciBus,
  PciFunction,
  type PciOutlets,
} from '../../../web/pci/index.ts';
import { Line } from '../devices/parts.ts';

/** Lines and messages, remembered. */
export class Outlets implements PciOutlets {
  readonly lines = new Map<number, Line>();
  readonly sent: Message[] = [];
  routes: readonly MessageRoute[] = [];
  readonly waiting = new Set<number>();

  line(gsi: number): Line {
    const line = this.lines.get(gsi) ?? new Line();
    this.lines.set(gsi, line);
    return line;
  }
  send(message: Message): void {
    this.sent.push(message);
  }
  route(routes: readonly MessageRoute[]): void {
    this.routes = routes;
    for (const route of routes) if (this.waiting.delete(route.gsi)) this.send(route);
  }
  isWaiting(gsi: number): boolean {
    return this.waiting.has(gsi);
  }
  forgetWaiting(gsi: number, count: number): void {
    for (let n = 0; n < count; n++) this.waiting.delete(gsi + n);
  }
  /** An irqfd's eventfd is signalled. */
  signal(gsi: number): void {
    const route = this.routes.find((entry) => entry.gsi === gsi);
    if (route) this.send(route);
    else this.waiting.add(gsi);
  }
}

/** Registers that read as `mark` in each byte and remember their last write. */
export class Echo implements Registers {
  readonly mark: number;
  last: string | undefined;
  constructor(mark: number) {
    this.mark = mark;
  }
  read(_offset: number, size: number): number {
    return (this.mark * 0x01010101) >>> (32 - 8 * size);
  }
  write(offset: number, size: number, value: number): void {
    this.last = `${offset}/${size}=${value.toString(16)}`;
  }
}

/** A function with nothing of its own, as a base for a test's. */
export const plain = (more: Partial<FunctionDescription> = {}): FunctionDescription => ({
  kind: 'TEST',
  name: 'test',
  identity: { vendorId: 0x1af4, deviceId: 0x1042, classCode: 0x01_8000 },
  ...more,
});

/** One BAR of `bytes` at `index` that answers with `mark`. */
export const bar = (index: number, kind: Bar['kind'], bytes: number, mark = 0x5a): Bar => ({
  index,
  kind,
  bytes,
  width: 4,
  registers: new Echo(mark),
});

/** One thread's view of a machine: the bus with its functions, and the two address spaces. */
export class View {
  readonly bus: PciBus;
  readonly ports = new PortBus();
  readonly mmio = new MmioBus();

  constructor(
    readonly buffer: SharedArrayBuffer,
    readonly outlets: Outlets,
    descriptions: readonly FunctionDescription[],
  ) {
    const page = (n: number) => devicePage(buffer, n * 0x1000);
    this.bus = new PciBus({ bus: page(PCI_SLOTS), function: page }, outlets);
    for (const [n, description] of [HOST_BRIDGE, ...descriptions].entries())
      this.bus.plug(new PciFunction(this.bus.slot(n), description));
    this.ports.register(CONFIG_PORTS, this.bus.configPorts(), 'configuration');
    this.ports.follow(this.bus.ports);
    this.mmio.follow(this.bus.memory);
  }

  /** What another thread sees of it; descriptions are made anew there. */
  beside(descriptions: readonly FunctionDescription[]): View {
    return new View(this.buffer, this.outlets, descriptions);
  }

  function(device: number): PciFunction {
    return this.bus.functions.find(({ slot }) => slot.device === device) as PciFunction;
  }

  read(device: number, offset: number, size: 1 | 2 | 4 = 4): number {
    this.ports.write(0xcf8, 4, 0x8000_0000 + (device << 11) + (offset & 0xfc));
    return this.ports.read(0xcfc + (offset & 3), size);
  }

  write(device: number, offset: number, value: number, size: 1 | 2 | 4 = 4): void {
    this.ports.write(0xcf8, 4, 0x8000_0000 + (device << 11) + (offset & 0xfc));
    this.ports.write(0xcfc + (offset & 3), size, value);
  }
}

/** A machine after power-on, its functions at devices 1, 2, 3... */
export function machine(...descriptions: FunctionDescription[]): View {
  const view = new View(new SharedArrayBuffer((PCI_SLOTS + 1) * 0x1000), new Outlets(), descriptions);
  view.bus.reset();
  return view;
}
