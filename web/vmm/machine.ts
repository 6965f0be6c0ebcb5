// A machine: a VM with what the VMM adds to it, its board, its words and its rules for exits. `create` makes a PC from
// parts: memory slots, devices, a program in memory and the first vCPU at its entry. Runs nothing.

import { KVM_MEM_LOG_DIRTY_PAGES, KVM_MEM_READONLY } from '../../assembly/abi/kvm_run.ts';
import {
  ENGINE_DETERMINISTIC,
  ENGINE_PARALLEL,
  VM_ENGINE,
  VM_SEED,
  VM_TIME_ORIGIN,
} from '../../assembly/abi/map.ts';
import type { Host } from '../devices/index.ts';
import { cpuidOf, Kvm, type Vcpu, Vm, type VmHandle } from '../kvm/index.ts';
import { MEMORY_WINDOW } from '../pci/index.ts';
import {
  BalloonMarks,
  DEVICES_MOST,
  type DeviceRequest,
  deviceType,
  type MarksPlace,
  type TransportName,
} from '../virtio/index.ts';
import { Board, type BoardParts } from './board.ts';
import { JIT_ENTRIES } from './defaults.ts';
import { type EntryMode, type EntryState, firmwareMtrrs, loadFlat, loadKernel } from './loaders/index.ts';
import { VcpuWords } from './vcpu_words.ts';
import { mmioPlace, type VirtioPlan } from './virtio.ts';
import { type EndingName, MachineWords } from './words.ts';

/** What the machine is made of; the same fields as a session's options. */
export interface MachineSpec {
  readonly memory: number;
  readonly cpus: number;
  readonly engine: 'parallel' | 'deterministic';
  readonly seed?: number | undefined;
  readonly irqchip?: boolean | undefined;
  readonly logDirty?: boolean | undefined;
  readonly slots?:
    | readonly { gpa: number; size: number; readonly?: boolean | undefined; logDirty?: boolean | undefined }[]
    | undefined;
  readonly jit?: number | 'off' | undefined;
  readonly jitMemory?: number | undefined;
  readonly exitPort?: number | undefined;
  readonly reboot?: boolean | undefined;
  /** Virtio devices, by number from 1. */
  readonly devices?: readonly DeviceRequest[] | undefined;
  /** How the guest reaches them: PCI when left out. */
  readonly transport?: TransportName | undefined;
  readonly program: Program;
}

/** What a fresh board is told beside what stands in the machine's words. */
type FreshBoard = Omit<BoardParts, 'exitPort'>;

/** What runs: a flat image, or a kernel with its protocol found by looking at the bytes. */
export type Program =
  | { kind: 'flat'; image: Uint8Array; at: number; mode: EntryMode }
  | { kind: 'kernel'; kernel: Uint8Array; initrd?: Uint8Array | undefined; append?: string | undefined };

/** A deterministic machine starts at this wall-clock time: 2026-01-01 00:00 UTC. In ns. */
const FIXED_TIME = 1_767_225_600_000_000_000n;
const PAGE = 4096;
const MIB = 2 ** 20;
/** What a VM's memory may grow to: all that 32-bit offsets reach. */
const MEMORY_LIMIT = 2 ** 32;
/** RAM ends where PCI's addresses begin. */
const RAM_LIMIT = MEMORY_WINDOW.start;

/** A machine of this thread: handles into the one memory. */
export class Machine {
  readonly vm: Vm;
  readonly words: MachineWords;
  /** The devices; undefined for a bare VM. */
  readonly board: Board | undefined;
  readonly #vcpus = new Map<number, VcpuWords>();
  readonly #host: Host = {
    powerOff: () => this.end('poweroff', 0),
    reset: () => this.end('reset', 0),
    exit: (status) => this.end('exit', status),
  };

  private constructor(vm: Vm, fresh?: FreshBoard) {
    this.vm = vm;
    this.words = new MachineWords(vm.memory);
    const { board, exitPort } = this.words;
    if (board === 'none') return;
    const options = exitPort === undefined ? {} : { exitPort };
    this.board =
      fresh === undefined
        ? Board.attach(vm, this.#host, options)
        : Board.create(vm, this.#host, { ...options, ...fresh });
  }

  /** The machine of a VM that another thread, or this one, has made. */
  static attach(handle: VmHandle): Machine {
    return Machine.of(Vm.attach(handle));
  }

  /** The machine that a VM of this thread is: bare, unless it has been given a board. */
  static of(vm: Vm): Machine {
    return new Machine(vm);
  }

  /** Gives a VM without a board the devices of a PC; its machine is the one returned. */
  static withBoard(vm: Vm, fresh: FreshBoard, exitPort?: number): Machine {
    const words = new MachineWords(vm.memory);
    words.board = 'pc';
    words.exitPort = exitPort;
    words.floats = true;
    words.allStop = true;
    const machine = new Machine(vm, fresh);
    if (machine.isDeterministic) machine.board?.setTime(FIXED_TIME);
    return machine;
  }

  /** Makes and loads a machine. KvmError and LoadError carry one sentence for the user. */
  static create(core: WebAssembly.Module, spec: MachineSpec): Machine {
    checkSpec(spec);
    const kvm = Kvm.open({ core });
    const extra = (spec.slots ?? []).reduce((sum, slot) => sum + slot.size, 0);
    const vm = kvm.createVm({ maxVcpus: spec.cpus, memoryLimit: MEMORY_LIMIT });
    vm.memory.setU32(
      vm.memory.vm + VM_ENGINE,
      spec.engine === 'deterministic' ? ENGINE_DETERMINISTIC : ENGINE_PARALLEL,
    );
    // Without a seed a parallel machine keeps the random one of its VM.
    if (spec.engine === 'deterministic' || spec.seed !== undefined)
      vm.memory.setU64(vm.memory.vm + VM_SEED, BigInt(spec.seed ?? 1) | 1n);
    const ram = spec.memory;
    const pages = spec.devices?.some(({ kind }) => kind === 'balloon') ? ram / PAGE : 0;
    // Grown once, so that every view of the memory that is made later covers all of it.
    const base = vm.allocate(ram + extra + BalloonMarks.bytes(pages));
    let next = base + ram;
    vm.setUserMemoryRegion({
      slot: 0,
      flags: spec.logDirty ? KVM_MEM_LOG_DIRTY_PAGES : 0,
      guest_phys_addr: 0n,
      memory_size: BigInt(ram),
      userspace_addr: BigInt(base),
    });
    for (const [n, slot] of (spec.slots ?? []).entries()) {
      vm.setUserMemoryRegion({
        slot: n + 1,
        flags: (slot.readonly ? KVM_MEM_READONLY : 0) | (slot.logDirty ? KVM_MEM_LOG_DIRTY_PAGES : 0),
        guest_phys_addr: BigInt(slot.gpa),
        memory_size: BigInt(slot.size),
        userspace_addr: BigInt(next),
      });
      next += slot.size;
    }
    if (spec.irqchip ?? true) {
      vm.createIrqchip();
      vm.createPit2();
    }
    const jit = spec.jit ?? JIT_ENTRIES;
    vm.compileAfter(jit === 'off' ? undefined : jit, spec.jitMemory);
    const cpuid = kvm.getSupportedCpuid();
    for (let id = 0; id < spec.cpus; id++) vm.createVcpu(id).setCpuid2(cpuidOf(cpuid, id, spec.cpus));
    bootProgram(vm, spec);
    const virtio = planOf(spec, { offset: base + ram + extra, pages });
    const machine = Machine.withBoard(vm, { ramBytes: ram, ...(virtio && { virtio }) }, spec.exitPort);
    machine.words.reboots = spec.reboot ?? spec.program.kind === 'kernel';
    for (const id of vm.vcpuIds()) machine.vcpu(id).requestPause();
    if (spec.engine === 'deterministic') {
      fixTime(vm);
    } else {
      vm.stopTime();
    }
    return machine;
  }

  /** True when one thread runs all vCPUs in turn and time is virtual. */
  get isDeterministic(): boolean {
    return this.vm.memory.u32(this.vm.memory.vm + VM_ENGINE) === ENGINE_DETERMINISTIC;
  }

  /** The VMM's words of a vCPU. ENOENT when it does not exist. */
  vcpuWords(id: number): VcpuWords {
    let words = this.#vcpus.get(id);
    if (words === undefined) {
      words = new VcpuWords(this.vm.memory, this.vm.vcpu(id));
      this.#vcpus.set(id, words);
    }
    return words;
  }

  /** A vCPU that exists; the same object each time. ENOENT when it does not exist. */
  vcpu(id: number): Vcpu {
    return this.vcpuWords(id).vcpu;
  }

  /** Lets every vCPU go on. Somebody must run them. */
  run(): void {
    this.words.parked = undefined;
    for (const id of this.vm.vcpuIds()) this.vcpu(id).resume();
    this.settle();
  }

  /** Asks every vCPU to stand, without waiting for it. */
  requestPause(): void {
    for (const id of this.vm.vcpuIds()) if (!this.vcpu(id).paused) this.vcpu(id).requestPause();
    this.settle();
  }

  /** Ends the machine and makes every vCPU leave the core. */
  end(reason: EndingName, status: number): void {
    if (!this.words.end(reason, status)) return;
    for (const id of this.vm.vcpuIds()) {
      this.vcpu(id).requestPause();
      this.vcpuWords(id).park('ended');
    }
    this.settle();
  }

  /**
   * Brings the machine's state in line with its vCPUs: it runs while one of them may, and its time stands while none
   * may. To be called after any of them was paused, parked or resumed.
   */
  settle(): void {
    const { vm, words } = this;
    words.locked(() => {
      const runs = vm.vcpuIds().some((id) => !this.vcpu(id).paused);
      if (!this.isDeterministic) {
        if (runs) vm.startTime();
        else vm.stopTime();
      }
      const { state } = words;
      if (state === 'ended') return;
      const next = runs ? 'running' : state === 'running' ? 'paused' : state;
      if (next !== state) words.state = next;
    });
  }
}

/** Gives a VM of the deterministic engine its wall clock: nothing of the host's stays in the memory, which two runs have alike. */
export function fixTime(vm: Vm): void {
  vm.memory.view().setFloat64(vm.memory.vm + VM_TIME_ORIGIN, Number(FIXED_TIME / 1_000_000n), true);
}

function planOf({ devices = [], transport = 'pci' }: MachineSpec, marks: MarksPlace): VirtioPlan | undefined {
  return devices.length === 0 ? undefined : { transport, types: devices.map(deviceType), marks };
}

/** A request that no machine can be made of, in one sentence. */
export class SpecError extends Error {
  override readonly name = 'SpecError';
}

function checkSpec(spec: MachineSpec): void {
  if (!Number.isSafeInteger(spec.memory) || spec.memory < 0x1000 || spec.memory % 0x1000 !== 0) {
    throw new SpecError(
      `Guest memory of ${spec.memory} bytes is no whole number of 4 KiB pages; give a size such as 64M.`,
    );
  }
  if (spec.memory > RAM_LIMIT) {
    const most = Math.floor(RAM_LIMIT / MIB);
    throw new SpecError(
      `Guest memory of ${Math.round(spec.memory / MIB)} MiB does not fit below the addresses of PCI; give at most ${most}M.`,
    );
  }
  if (!Number.isInteger(spec.cpus) || spec.cpus < 1 || spec.cpus > 32) {
    throw new SpecError(`A machine has 1 to 32 CPUs; ${spec.cpus} were asked for.`);
  }
  const devices = spec.devices?.length ?? 0;
  if (devices > DEVICES_MOST)
    throw new SpecError(`A machine has at most ${DEVICES_MOST} virtio devices; ${devices} were asked for.`);
  for (const only of ['console', 'balloon'] as const) {
    if ((spec.devices ?? []).filter(({ kind }) => kind === only).length > 1)
      throw new SpecError(`A machine has one ${only} at most; give it once.`);
  }
  if (devices > 0 && spec.irqchip === false)
    throw new SpecError('Virtio devices need interrupt chips; leave irqchip=0 out.');
}

/** A program and the RAM from address 0 on (in bytes) that it goes into. */
type Boot = Pick<MachineSpec, 'memory' | 'cpus' | 'program' | 'devices' | 'transport'>;

/** Loads a program and sets vCPU 0 to its entry; a kernel finds processors as firmware leaves them. LoadError. */
export function bootProgram(vm: Vm, boot: Boot): void {
  const { sregs, regs } = load(vm, boot);
  const vcpu = vm.vcpu(0);
  vcpu.setSregs(sregs as Parameters<Vcpu['setSregs']>[0]);
  vcpu.setRegs(regs as Parameters<Vcpu['setRegs']>[0]);
  if (boot.program.kind === 'kernel')
    for (const id of vm.vcpuIds()) vm.vcpu(id).setMsrs(firmwareMtrrs(boot.memory));
}

function load(vm: Vm, spec: Boot): EntryState {
  const memory = { size: spec.memory, write: (gpa: number, bytes: Uint8Array) => vm.write(gpa, bytes) };
  const { program } = spec;
  if (program.kind === 'flat') return loadFlat(memory, program.image, program.at, program.mode);
  return loadKernel(memory, program.kernel, {
    cpus: spec.cpus,
    ...(spec.transport === 'mmio' && { virtioMmio: (spec.devices ?? []).map((_, n) => mmioPlace(n + 1)) }),
    ...(program.initrd ? { initrd: program.initrd } : {}),
    ...(program.append === undefined ? {} : { append: program.append }),
  });
}
