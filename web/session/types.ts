// What a session is: one machine as its user sees it, the same in a page and in Node. Types only.
import type { Fs } from '../fs/index.ts';
import type { DeviceRequest, Terminal, TransportName } from '../virtio/index.ts';
import type { GivenOptions } from './given.ts';

export type { DeviceRequest } from '../virtio/index.ts';
export type { GivenOptions } from './given.ts';

/** How a guest's code enters: see web/vmm/loaders. */
export type EntryMode = 'real' | 'protected' | 'long';

/** A memory slot beyond the machine's main memory, or a change to it. */
export interface SlotRequest {
  gpa: number;
  size: number;
  readonly?: boolean;
  logDirty?: boolean;
}

/** What runs: one of a flat image, or a kernel with its protocol found by looking at the bytes. */
export type Program =
  | { kind: 'flat'; image: Uint8Array; at: number; mode: EntryMode }
  | { kind: 'kernel'; kernel: Uint8Array; initrd?: Uint8Array; append?: string };

export interface MachineOptions {
  /** Guest memory in bytes, a multiple of 4096. */
  memory: number;
  cpus: number;
  engine: 'parallel' | 'deterministic';
  /** Seed of the deterministic engine's schedule. */
  seed?: number;
  /** Log dirty pages of the main memory slot. */
  logDirty?: boolean;
  slots?: SlotRequest[];
  /** KVM_CREATE_IRQCHIP and PIT2 before the first vCPU; true when left out. Without it HLT is an exit. */
  irqchip?: boolean;
  /** Entries after which a block of code is compiled (Vm.compileAfter), 0 to 1,000,000, or `off`; 2000 when left out. */
  jit?: number | 'off';
  /** Bytes that the compiled code of a vCPU may have before the engine makes machine code of it; 8 MiB when left out. */
  jitMemory?: number;
  /** Port of the debug exit device (status = (value << 1) | 1). */
  exitPort?: number;
  /**
   * Whether a guest's reset (ports 0xcf9, 0x64 and 0x92, ACPI's reset register) and its triple fault start the machine anew,
   * as on a PC; otherwise it ends. When left out a kernel's do and a flat image's do not.
   */
  reboot?: boolean;
  /** Virtio devices, by number from 1; at most 15. */
  devices?: DeviceRequest[];
  /** How the guest reaches them: PCI when left out. */
  transport?: TransportName;
  /** Serial input that lies ready before the first instruction: for the deterministic engine a part of the run. */
  input?: Uint8Array;
  program: Program;
}

/** stopped: made, never run. running, paused: as they say. ended: powered off, exited or crashed; memory stays readable. */
export type MachineState = 'stopped' | 'running' | 'paused' | 'ended';

/** How a machine ended, with one sentence for a person. */
export interface Ending {
  /** `exit`: debug exit port. `unclaimed`: an exit that no device claims parked the vCPU. */
  reason: 'poweroff' | 'exit' | 'reset' | 'shutdown' | 'halted' | 'error';
  status: number;
  sentence: string;
}

export interface SessionStatus {
  state: MachineState;
  ending?: Ending;
  /** A vCPU parked on an exit that nobody claimed. */
  parked?: { vcpu: number; reason: number; sentence: string };
  /** What keeps a device from its work (a host without room): one sentence. The machine goes on. */
  trouble?: string;
  /** Error that the user must see (a worker died, memory refused). */
  error?: string;
}

/** parallel: a worker per vCPU. deterministic: one worker. messages: one worker, and the page has no shared memory. */
export type Tier = 'parallel' | 'deterministic' | 'messages';

/** What a session has done on its tree: the commands of a shell that do the same, and how it was refused. */
export interface Command {
  readonly text: string;
  readonly error?: string;
}

/**
 * One machine. Every method that changes it is an action on files (actions.ts), and resolves when the change is true
 * (paused means that every vCPU stands).
 */
export interface Session {
  /** The tree of the machine worker: /kvm, /vas, /modules, /net, /share, /home, /tmp, /dev; in a page /disk, too. */
  readonly fs: Fs;
  /** How the machine at hand runs. */
  readonly tier: Tier;
  /** One plain sentence about the tier for the user. */
  readonly tierSentence: string;
  readonly status: SessionStatus;
  /** Calls back on every change of `status`; returns the unsubscriber. */
  onStatus(listener: (status: SessionStatus) => void): () => void;
  /** Calls back after each action, done or refused; returns the unsubscriber. */
  onCommand(listener: (command: Command) => void): () => void;
  /**
   * Calls back when a machine was made, by whomever: its memory is another one. `again`: its guest has reset it, and it goes
   * on. Returns the unsubscriber.
   */
  onMade(listener: (again: boolean) => void): () => void;
  /** The terminal of the machine's virtio console; undefined without one, and where memory is not shared. */
  terminal(): Terminal | undefined;
  /** Bytes that the guest wrote to its serial console. */
  onConsole(listener: (bytes: Uint8Array) => void): () => void;
  /** The machine's memory: shared and live in the isolated tiers, else the last copy that was asked for. */
  memory(): ArrayBufferLike;
  /** Tier `messages`: asks for a fresh copy of the parts that views read; resolves at once elsewhere. */
  refresh(ranges?: { offset: number; length: number }[]): Promise<void>;
  /** Gives machines more of this host, by names that their options may say from now on. Rejects with one sentence. */
  give(given: GivenOptions): Promise<void>;
  /** Makes a machine of other options, in place of the one at hand; it stands until `run`. Rejects with one sentence. */
  make(options: MachineOptions): Promise<void>;
  run(): Promise<void>;
  pause(): Promise<void>;
  /** Runs exactly one instruction of a vCPU of a paused machine. */
  step(vcpu: number): Promise<void>;
  /** Back to the state after loading. */
  reset(): Promise<void>;
  /** Serial input from the user. */
  input(bytes: Uint8Array): void;
  /** KVM_GET_DIRTY_LOG of a slot: returns the bitmap and clears it. */
  harvest(slot: number): Promise<Uint8Array>;
  /** Writes words to a vCPU's debugger: `break=0x1000`, `watch=0x2000,4,w`, `clear=0x1000`, `off`. A reset keeps them. */
  debug(vcpu: number, words: string): Promise<void>;
  /** Puts bytes into a slot's memory, `offset` bytes from its start. */
  poke(slot: number, offset: number, bytes: Uint8Array): Promise<void>;
  /** Asks the guest to have `mib` MiB in its balloon. ENODEV without one. */
  balloon(mib: number): Promise<void>;
  /** Compiles blocks of the machine after so many entries, or none, from now on. */
  jit(entries: number | 'off'): Promise<void>;
  /** Forgets a compiled region of a vCPU. ENOENT when it is gone. */
  forget(vcpu: number, region: number): Promise<void>;
  /** Guest-virtual to guest-physical, as KVM_TRANSLATE; undefined when not mapped. */
  translate(vcpu: number, gva: bigint): Promise<bigint | undefined>;
  /**
   * SHA-256 of the machine's whole memory in hexadecimal, see machineHash. Pauses a machine that runs.
   * Rejects when the host has no room for a copy.
   */
  hash(): Promise<string>;
  close(): Promise<void>;
}
