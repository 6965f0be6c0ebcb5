// The core's Wasm module: what it exports, what it asks of its host, and how an instance is made over a memory.
// One instance a thread; all of them share the machine, none of them owns it.

import { KvmError } from './abi/index.ts';
import type { MachineMemory } from './memory.ts';
import { type RegionHost, Regions } from './regions.ts';
import { machineNanoseconds } from './vm_page.ts';

/** The exported functions of the core. `v` is the offset of a vCPU page; results are 0 or 1 where they say "whether". */
export interface Core extends RegionHost {
  /** Runs a vCPU for at most `budget` instructions; RUN_* of the vCPU page says why it stopped. */
  run(v: number, budget: number): number;
  /** As `run`, with accesses to ports answered on the way by what `servePorts` has given the instance. */
  run_served(v: number, budget: number): number;
  /** Brings a zeroed vCPU area with its id and BSP flag to the state at power-up. */
  create_vcpu(v: number): void;
  /** Registers of a standing vCPU were set from outside: what the core derives from them is made anew. */
  state_changed(v: number): void;
  /** Whether the MSR exists; its value is then in V_MSR_VALUE. */
  read_msr(v: number, index: number): number;
  /** Whether the MSR exists and took the value. */
  write_msr(v: number, index: number, value: bigint): number;
  /** The engine lets a vCPU wait that could go on; `preempted`: not in the middle of an instruction. */
  vcpu_waits(v: number, preempted: number): void;
  /** Zeroes the pages in use between two offsets that are multiples of 4096. */
  wipe(from: number, to: number): void;
  /** A TSC, its frequency or kvmclock was set from outside: Hyper-V's reference time page follows. `v` 0 = no vCPU's. */
  reference_time_moved(v: number): void;
  // The irqchip; each function takes its lock.
  irqchip_create(): void;
  irqchip_reset(): void;
  irqchip_loaded(): void;
  /** The status of KVM_IRQ_LINE_STATUS. */
  irq_line(gsi: number, level: number): number;
  msi_send(address: bigint, data: number): number;
  /** An eventfd with an irqfd was signalled; its record's offset. Never blocks. */
  irqfd_signal(eventfd: number): void;
  /** The same for a thread that may be terminated at any moment: a vCPU injects. */
  irqfd_leave(eventfd: number): void;
  /** The last holder of an eventfd closes it: its irqfd goes. */
  irqfd_closed(eventfd: number): void;
  /** 0, 1 when the eventfd drives an irqfd already, 2 when there are too many; offsets of records, 0 = no resamplefd. */
  irqfd_assign(eventfd: number, gsi: number, resamplefd: number): number;
  irqfd_deassign(eventfd: number, gsi: number): void;
  /** Fires irqfds that were signalled by threads that could not. */
  irqfds_poll(): void;
  /** The routing table was written. */
  irq_routing_changed(): void;
  pit_create(): void;
  pit_loaded(): void;
  pit_set_reinject(on: number): void;
  lapic_save(v: number): void;
  lapic_loaded(v: number): void;
}

/** The devices of the thread that runs a vCPU, as the core asks them about an access of 1, 2 or 4 bytes to a port. */
export interface PortServer {
  /** Takes a write, `value` as 32 bits of either sign: 1, or 0 when the vCPU must exit for it. */
  write(port: number, bytes: number, value: number): number;
  /** Answers a read with an unsigned number, or -1 when the vCPU must exit for it. */
  read(port: number, bytes: number): number;
}

const NOBODY: PortServer = { write: () => 0, read: () => -1 };
/** Who serves the ports of an instance. */
const servers = new WeakMap<Core, { ports: PortServer }>();

/** From now on `server` answers accesses to ports under `run_served` of this instance; nobody does when left out. */
export function servePorts(core: Core, server: PortServer = NOBODY): void {
  const holder = servers.get(core);
  if (holder) holder.ports = server;
}

/** A number for an instance of the core that no other has, in whichever thread. */
function newInstanceNumber(): number {
  const number = crypto.getRandomValues(new Uint32Array(1))[0] as number;
  return number || 1;
}

/** Makes an instance of the core over `memory`. EINVAL when the module is not a core of this version. */
export function instantiateCore(module: WebAssembly.Module, memory: MachineMemory): Core {
  const server = { ports: NOBODY };
  const imports = {
    env: {
      memory: memory.wasm,
      base: memory.base,
      now: () => machineNanoseconds(memory),
      port_write: (port: number, bytes: number, value: number) => server.ports.write(port, bytes, value),
      port_read: (port: number, bytes: number) => server.ports.read(port, bytes),
      instance: newInstanceNumber(),
      compile: (v: number, at: number, bytes: number) => regions?.compile(v >>> 0, at >>> 0, bytes) ?? 0,
      release: (v: number, slot: number) => regions?.release(v >>> 0, slot),
      release_all: (v: number) => regions?.releaseAll(v >>> 0),
    },
  };
  let regions: Regions | undefined;
  try {
    const core = new WebAssembly.Instance(module, imports).exports as unknown as Core;
    regions = new Regions(memory, core);
    servers.set(core, server);
    return core;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new KvmError('EINVAL', `the module given is no core of this version (${why}); build it anew.`);
  }
}
