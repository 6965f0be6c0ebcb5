// A machine without processors for the tests of the irqchip: chips, vCPU areas and a clock that the test moves.
import asc from 'assemblyscript/asc';
import { APIC_BASE_BSP, ROUTE_COUNT, ROUTE_SIZE } from '../../../assembly/abi/irqchip.ts';
import {
  IOAPIC_PAGE,
  ROUTES_PAGE,
  VCPU_BASE,
  VCPU_LAPIC,
  VCPU_PAGE,
  VCPU_STRIDE,
  VM_PAGE,
  VM_TSC_KHZ,
  VM_VCPUS,
  WASM_PAGE,
} from '../../../assembly/abi/map.ts';
import { V_APIC_BASE } from '../../../assembly/abi/vcpu_page.ts';

const FLAGS = [
  '--runtime stub --importMemory --noExportMemory --sharedMemory --initialMemory 16 --maximumMemory 65536',
  '--memoryBase 1024 --enable threads,simd --optimizeLevel 0',
];

async function compile(): Promise<WebAssembly.Module> {
  let wasm: Uint8Array<ArrayBuffer> | undefined;
  const args = ['assembly/irqchip/index.ts', ...FLAGS.join(' ').split(' '), '--outFile', 'irqchip.wasm'];
  const { error, stderr } = await asc.main(args, {
    writeFile: (_name, contents) => {
      wasm = new Uint8Array(contents as Uint8Array);
    },
  });
  if (error || !wasm) throw new Error(`the irqchip does not compile: ${stderr.toString()}`);
  return new WebAssembly.Module(wasm);
}

/** The irqchip's Wasm module. */
export const chips = await compile();
type Call = (...args: (number | bigint)[]) => never;

/** One machine: `core` are the exports, `now` is its time in ns. */
export class Machine {
  now = 0n;
  readonly wasm: WebAssembly.Memory;
  readonly memory: DataView;
  readonly core: Record<string, Call>;

  constructor(vcpus = 1) {
    this.wasm = new WebAssembly.Memory({
      initial: (VCPU_BASE + vcpus * VCPU_STRIDE) / WASM_PAGE,
      maximum: 65536,
      shared: true,
    });
    this.memory = new DataView(this.wasm.buffer);
    const ports = {
      port_write: () => 0,
      port_read: () => -1,
      instance: 1,
      compile: () => 0,
      release() {},
      release_all() {},
    };
    const env = { memory: this.wasm, base: 0, now: () => this.now, ...ports };
    this.core = new WebAssembly.Instance(chips, { env }).exports as Record<string, Call>;
    this.memory.setBigUint64(VM_PAGE + VM_TSC_KHZ, 1_000_000n, true);
    this.memory.setUint32(VM_PAGE + VM_VCPUS, 2 ** vcpus - 1, true);
    this.call('irqchip_create');
    this.call('pit_create');
    for (let id = 0; id < vcpus; id++) {
      if (id === 0) this.memory.setUint32(this.v(0) + V_APIC_BASE, APIC_BASE_BSP, true);
      this.call('lapic_reset', this.v(id), id);
    }
  }

  call(name: string, ...args: (number | bigint)[]): number {
    return this.core[name]?.(...args) as unknown as number;
  }

  /** Address of a vCPU's page. */
  v(id: number): number {
    return VCPU_BASE + id * VCPU_STRIDE + VCPU_PAGE;
  }

  /** A word of a vCPU's page. */
  word(id: number, offset: number): number {
    return this.memory.getUint32(this.v(id) + offset, true);
  }

  outb(port: number, value: number): void {
    this.call(
      port < 0x60 && port >= 0x40 ? 'pit_write' : port === 0x61 ? 'pit_write' : 'pic_write',
      port,
      value,
    );
  }

  inb(port: number): number {
    return this.call(port === 0x61 || (port >= 0x40 && port < 0x60) ? 'pit_read' : 'pic_read', port);
  }

  /** The two PICs as an operating system sets them up, at vectors 0x20 and 0x28, with these lines open. */
  setUpPics(open: number[], icw4 = 1): void {
    const mask = open.reduce((bits, irq) => bits & ~(1 << irq), 0xffff);
    for (const [base, vector, wiring] of [
      [0x20, 0x20, 4],
      [0xa0, 0x28, 2],
    ] as const) {
      this.outb(base, 0x11);
      for (const icw of [vector, wiring, icw4]) this.outb(base + 1, icw);
      this.outb(base + 1, (base === 0x20 ? mask : mask >> 8) & 0xff);
    }
  }

  line(gsi: number, level: number): void {
    this.call('irq_line', gsi, level);
  }

  /** The routing table: GSI, type, chip or low half, pin or high half, data. */
  setRoutes(routes: readonly (readonly [number, number, number, number, number])[]): void {
    for (const [n, [gsi, type, low, high, data]] of routes.entries()) {
      const at = ROUTES_PAGE + n * ROUTE_SIZE;
      this.memory.setUint16(at, gsi, true);
      this.memory.setUint16(at + 2, type, true);
      for (const [word, value] of [low, high, data].entries())
        this.memory.setUint32(at + 4 + word * 4, value, true);
    }
    this.memory.setUint32(IOAPIC_PAGE + ROUTE_COUNT, routes.length, true);
    this.call('irq_routing_changed');
  }

  /** An edge on a line. */
  pulse(gsi: number): void {
    this.line(gsi, 1);
    this.line(gsi, 0);
  }

  /** The vector that a vCPU takes now, or -1. */
  take(id = 0): number {
    return this.call('has_interrupt', this.v(id)) ? this.call('take_interrupt', this.v(id)) : -1;
  }

  apic(id: number, register: number): number {
    return this.call('lapic_read', this.v(id), register) >>> 0;
  }

  setApic(id: number, register: number, value: number): void {
    this.call('lapic_write', this.v(id), register, value | 0);
  }

  /** A register of the LAPIC page as KVM_GET_LAPIC copies it. */
  apicPage(id: number, register: number): number {
    return this.memory.getUint32(this.v(id) - VCPU_PAGE + VCPU_LAPIC + register, true);
  }

  /** Software-enables a vCPU's APIC. */
  enableApic(id: number): void {
    this.setApic(id, 0xf0, 0x1ff);
  }

  ioapic(register: number): number {
    this.call('ioapic_write', 0, register);
    return this.call('ioapic_read', 0x10) >>> 0;
  }

  setIoapic(register: number, value: number): void {
    this.call('ioapic_write', 0, register);
    this.call('ioapic_write', 0x10, value | 0);
  }

  /** Programs an IOAPIC pin: low half of its redirection entry, and the destination field. */
  route(pin: number, low: number, destination = 0): void {
    this.setIoapic(0x11 + pin * 2, destination << 24);
    this.setIoapic(0x10 + pin * 2, low);
  }

  /** Moves time on and fires what is due. */
  pass(ns: bigint | number): void {
    this.now += BigInt(ns);
    this.call('timers_poll', this.now);
  }
}
