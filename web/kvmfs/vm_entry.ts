// A VM of the tree: what its directory stands for. It makes the VM and its machine, and keeps what only the tree knows:
// slots that are declared but not set, memory that slots have left, what is to be booted. No files here.

import {
  ENGINE_DETERMINISTIC,
  ENGINE_PARALLEL,
  VM_ENGINE,
  VM_SEED,
  VM_VCPUS,
} from '../../assembly/abi/map.ts';
import { Emitter, type Subscribe } from '../fs/index.ts';
import { cpuidOf, KVM_CAP, type Kvm, KvmError, type Vcpu, type Vm } from '../kvm/index.ts';
import { fixTime, Machine, type Program, Runner, type RunnerEvents, type VcpuPool } from '../vmm/index.ts';
import { type Vas, vasOf } from '../xinterface/index.ts';
import { Eventfds } from './eventfds.ts';
import { type FreePieces, RamPieces } from './ram_pieces.ts';
import { onAny } from './words.ts';

/** An address space in whose memory a VM lives, and what of that memory is free. */
export interface Home {
  readonly vas: Vas;
  readonly free: FreePieces;
}

/** How a VM is made. */
export interface VmSettings {
  readonly engine: 'parallel' | 'deterministic';
  readonly seed: number | undefined;
  /** Bytes that the VM's memory may grow to. */
  readonly limit: number;
  /** vCPU areas to reserve. */
  readonly vcpus: number;
  /** Bytes of each vCPU's dirty ring; 0: dirty pages are noted in bitmaps. */
  readonly dirtyRing: number;
  /** Without one it has a memory of its own. */
  readonly home: Home | undefined;
}

/** What all VMs of a tree share. */
export interface VmHost {
  readonly kvm: Kvm;
  readonly pool: VcpuPool;
  /** Whether vCPUs may have threads; without, every VM is deterministic. */
  readonly threads: boolean;
}

/** A machine that its owner has made; the tree shows it, and runs it for him. */
export interface OwnMachine {
  readonly machine: Machine;
  /** What its owner wants to be told. */
  readonly events: RunnerEvents;
  /** What was loaded into it: a reset loads it again. */
  readonly program: Program;
  /** Takes what is typed, all of it: its owner keeps what the serial port has no room for. */
  readonly input: (bytes: Uint8Array) => void;
}

export const DEFAULT_VCPUS = 16;
const DEFAULT_LIMIT = 2 ** 31;

export class VmEntry {
  readonly name: string;
  readonly host: VmHost;
  /** Names of entries that came, went or changed, by directory: `memory`, `cpu`. */
  readonly news = new Emitter<{
    dir: 'memory' | 'cpu';
    kind: 'made' | 'removed' | 'changed';
    name: string;
  }>();
  /** Ids of slots whose directory was made and that are not set yet. */
  readonly declared = new Set<number>();
  #ram = new RamPieces(() => this.vm);
  /** The eventfds that the tree holds. */
  readonly eventfds = new Eventfds(() => this.vm);
  /** Memory that was taken for slots, by id. */
  readonly slotRam = new Map<number, { readonly offset: number; readonly size: number }>();
  /** What boot/ctl has loaded last: a reset loads it again. */
  program: Program | undefined;
  /** Where what is typed goes, if the machine's owner wants it. */
  readonly input: ((bytes: Uint8Array) => void) | undefined;
  readonly #deaths = new Map<number, string>();
  readonly #gone = new Emitter();
  #events: RunnerEvents = {};
  #settings: VmSettings;
  #machine: Machine;
  #runner: Runner;
  #alive = true;

  constructor(name: string, host: VmHost, own?: OwnMachine) {
    this.name = name;
    this.host = host;
    this.#settings = {
      engine: host.threads ? 'parallel' : 'deterministic',
      seed: undefined,
      limit: DEFAULT_LIMIT,
      vcpus: DEFAULT_VCPUS,
      dirtyRing: 0,
      home: undefined,
    };
    if (own !== undefined) {
      this.#machine = own.machine;
      this.#events = own.events;
      this.program = own.program;
      this.input = own.input;
      this.#settings = {
        ...this.#settings,
        engine: own.machine.isDeterministic ? 'deterministic' : 'parallel',
        vcpus: own.machine.vm.maxVcpus,
      };
    } else {
      this.#machine = this.#make();
    }
    this.#runner = this.#makeRunner();
  }

  get vm(): Vm {
    return this.#machine.vm;
  }

  get machine(): Machine {
    return this.#machine;
  }

  /** Memory for slots. */
  get ram(): RamPieces {
    return this.#ram;
  }

  /** The address space whose regions this VM has now. */
  get vas(): Vas | undefined {
    const { home } = this.#settings;
    return home?.vas.isBound(this.vm) ? home.vas : undefined;
  }

  get runner(): Runner {
    return this.#runner;
  }

  get settings(): VmSettings {
    return this.#settings;
  }

  #make(): Machine {
    const { engine, seed, limit, vcpus, dirtyRing, home } = this.#settings;
    const where = home === undefined ? { memoryLimit: limit } : { memory: home.vas.memory.wasm };
    const vm = this.host.kvm.createVm({ maxVcpus: vcpus, ...where });
    try {
      if (dirtyRing > 0) vm.enableCap({ cap: KVM_CAP.DIRTY_LOG_RING_ACQ_REL, args: [BigInt(dirtyRing)] });
    } catch (error) {
      vm.destroy();
      throw error;
    }
    const { memory } = vm;
    if (engine === 'deterministic' || seed !== undefined)
      memory.setU64(memory.vm + VM_SEED, BigInt(seed ?? 1) | 1n);
    memory.setU32(memory.vm + VM_ENGINE, engine === 'deterministic' ? ENGINE_DETERMINISTIC : ENGINE_PARALLEL);
    if (engine === 'deterministic') fixTime(vm);
    else vm.stopTime();
    return Machine.of(vm);
  }

  #makeRunner(): Runner {
    return new Runner(this.#machine, this.host.pool, {
      ...this.#events,
      onDeath: (sentence, id) => {
        if (id !== undefined) this.#deaths.set(id, sentence);
        this.#events.onDeath?.(sentence, id);
      },
    });
  }

  /** Why the worker of a vCPU died. */
  deathOf(id: number): string | undefined {
    return this.#deaths.get(id);
  }

  /** Nothing has been made in the VM yet. */
  get isUntouched(): boolean {
    const { vm, eventfds } = this;
    const slots = vm.slots().length + vm.slots(1).length;
    const isEmpty = vm.vcpuIds().length === 0 && slots === 0 && !vm.hasIrqchip;
    const isShared = vasOf(vm.memory) !== undefined || vm.pins().length > 0;
    return isEmpty && eventfds.names.length === 0 && !isShared;
  }

  /** Makes the VM anew with other settings. EBUSY once something was made in it, EOPNOTSUPP without threads. */
  configure(settings: Partial<VmSettings>): void {
    if (!this.isUntouched) {
      throw new KvmError(
        'EBUSY',
        'this VM has slots, vCPUs, eventfds, an irqchip or an address space: set these before the first of them',
      );
    }
    if (settings.engine === 'parallel' && !this.host.threads) {
      throw new KvmError('EOPNOTSUPP', 'vCPUs have no threads here, so VMs run by the deterministic engine');
    }
    const before = this.#settings;
    const { machine } = this;
    this.#settings = { ...before, ...settings };
    try {
      this.#machine = this.#make();
    } catch (error) {
      this.#settings = before;
      throw error;
    }
    this.#machine.words.floats = machine.words.floats;
    this.#machine.words.allStop = machine.words.allStop;
    this.#runner = this.#makeRunner();
    machine.vm.destroy();
    this.#ram = new RamPieces(() => this.vm, this.#settings.home?.free);
    this.slotRam.clear();
  }

  /**
   * Gives the VM the regions of an address space; one in which nothing was made moves into its memory for that. EXDEV for
   * one that has a memory of its own, EBUSY when it is bound already, EEXIST when its slots are in the way.
   */
  bindTo(home: Home): void {
    if (vasOf(this.vm.memory) !== undefined)
      throw new KvmError('EBUSY', `VM ${this.name} shares an address space already: unbind it first`);
    if (this.vm.memory.wasm !== home.vas.memory.wasm) {
      if (!this.isUntouched)
        throw new KvmError(
          'EXDEV',
          `VM ${this.name} has slots, vCPUs or chips in a memory of its own: bind it right after its mkdir`,
        );
      this.configure({ home });
    }
    home.vas.bindVm(this.vm);
    this.#tellSlots(home.vas, 'made');
  }

  /** Takes the regions away; a VM in which nothing else was made gets a memory of its own again. ENOENT. */
  unbindFrom({ vas }: Home): void {
    vas.unbindVm(this.vm);
    this.#tellSlots(vas, 'removed');
    if (this.isUntouched) this.configure({ home: undefined });
  }

  #tellSlots(vas: Vas, kind: 'made' | 'removed'): void {
    for (const { id } of vas.regions()) this.news.emit({ dir: 'memory', kind, name: String(id) });
  }

  /** Replaces the machine by one that `make` derives from the VM (another board). EBUSY while a vCPU runs. */
  async rebuild(make: (vm: Vm) => Machine): Promise<void> {
    this.needStanding();
    await this.#runner.close();
    try {
      this.#machine = make(this.vm);
    } finally {
      this.#runner = this.#makeRunner();
    }
  }

  /** EBUSY while some vCPU is not paused. */
  needStanding(): void {
    const running = this.vm.vcpuIds().find((id) => !this.machine.vcpu(id).paused);
    if (running === undefined) return;
    throw new KvmError('EBUSY', `vCPU ${running} runs: write 1 to cpu/${running}/paused first`);
  }

  /** Calls `body` while a vCPU stands: it is stopped for it if it runs, and goes on afterwards. ENOENT. */
  standing<T>(id: number, body: (vcpu: Vcpu) => T | Promise<T>): Promise<T> {
    return this.runner.hold([id], () => body(this.machine.vcpu(id)));
  }

  /** KVM_CREATE_VCPU, with the CPUID that KVM supports; it is paused. */
  createVcpu(id: number): void {
    const vcpu = this.vm.createVcpu(id);
    vcpu.requestPause();
    vcpu.setCpuid2(cpuidOf(this.host.kvm.getSupportedCpuid(), id, this.vm.vcpuIds().length));
    this.news.emit({ dir: 'cpu', kind: 'made', name: String(id) });
  }

  /** Takes a vCPU away: its worker is free, its id too. EBUSY while it runs. */
  async removeVcpu(id: number): Promise<void> {
    if (!this.machine.vcpu(id).paused)
      throw new KvmError('EBUSY', `vCPU ${id} runs: write 1 to cpu/${id}/paused first`);
    await this.runner.release(id);
    const { memory } = this.vm;
    memory.and(memory.vm + VM_VCPUS, ~(1 << id));
    this.#deaths.delete(id);
    this.news.emit({ dir: 'cpu', kind: 'removed', name: String(id) });
    this.#gone.emit();
  }

  /** Whether this vCPU is still there for whoever waits for it. */
  has(id: number): boolean {
    return this.#alive && this.vm.vcpuIds().includes(id);
  }

  /** `subscribe`, and when a vCPU or the VM goes: who waits must look again. */
  orGone(subscribe: Subscribe): Subscribe {
    return onAny(subscribe, this.#gone.on);
  }

  /** The VM's memory holds another machine now (a snapshot): what the tree knew of the old one is void. */
  adopted(): void {
    this.ram.clear();
    this.slotRam.clear();
    this.declared.clear();
    this.#deaths.clear();
    this.eventfds.forget();
    this.#settings = {
      ...this.#settings,
      engine: this.machine.isDeterministic ? 'deterministic' : 'parallel',
      vcpus: this.vm.maxVcpus,
    };
    this.#gone.emit();
  }

  /** It stands in the tree no more: who waits for it is told. */
  left(): void {
    this.#alive = false;
    this.#gone.emit();
  }

  get isAlive(): boolean {
    return this.#alive;
  }

  /** EBUSY while modules hold the VM, with their names; those `besides` may. */
  needUnheld(besides: readonly string[] = []): void {
    const others = this.vm.pins().filter(({ name }) => !besides.includes(name));
    const holders = others.map(({ kind, name }) => `${kind} ${name}`);
    if (holders.length > 0)
      throw new KvmError('EBUSY', `the VM is held by ${holders.join(', ')}; release or kill them first`);
  }

  /** Ends the VM. EBUSY while a vCPU runs or somebody holds it, with their names. */
  async destroy(): Promise<void> {
    this.needStanding();
    this.needUnheld();
    await this.runner.close();
    const { vas } = this;
    vas?.unbindVm(this.vm);
    this.vm.destroy();
    // The memory stays, with the address space: what was taken of it is the next VM's.
    for (const { offset, size } of this.slotRam.values()) this.ram.give(offset, size);
    this.left();
  }
}
