// The two engines: a thread per vCPU, and one thread that runs all vCPUs in turn by instruction count and virtual time.

import { KVM_MP_STATE_HALTED, KVM_MP_STATE_RUNNABLE } from '../../assembly/abi/kvm_run.ts';
import { VM_SEED, VM_VIRTUAL_NS } from '../../assembly/abi/map.ts';
import {
  RUN_BUDGET,
  RUN_EXIT,
  RUN_HALTED,
  RUN_INTERRUPTED,
  V_BUDGET,
  V_MP_STATE,
  V_NMI_PENDING,
  V_RFLAGS,
  V_WAKE_AT,
} from '../../assembly/abi/vcpu_page.ts';
import { FLAG_IF } from '../../assembly/abi/x86.ts';
import { HaltPoll, machineNanoseconds, servePorts, type Vcpu } from '../kvm/index.ts';
import { BoardServer } from './board_server.ts';
import { handleExit } from './exits.ts';
import type { Machine } from './machine.ts';

/** Instructions between two looks at timers and devices: about a millisecond. */
const SLICE = 200_000;
/** Exits that are answered in a row before timers and devices are looked at. */
const EXITS = 1000;
/** A halted vCPU that may be the last to move looks again after so long, in ms. */
const DEAD_LOOK_MS = 20;
/** A halted vCPU 0 looks at the devices at least this often, in ms, though what comes in wakes it. */
const HALT_MS = 250;
/** A standing vCPU looks around at least this often, in ms, though every change wakes it. */
const STAND_MS = 1000;
/** A machine whose vCPUs all halted with interrupts off has ended when nothing moves for so long, in ms. */
const DEAD_MS = 100;
/** Virtual time: 5 ns an instruction, a processor of 200 MIPS. */
const NS_PER_INSTRUCTION = 5n;
/** And an exit takes time too, so that a guest that polls a clock gets on. */
const NS_PER_EXIT = 1000n;
const QUANTUM = 2000;
const NEVER = (1n << 63n) - 1n;

/** Every vCPU waits, and no interrupt can wake any of them: HLT with IF clear, or a processor never started. */
function isDead(machine: Machine): boolean {
  const memory = machine.vm.memory;
  return machine.vm.vcpuIds().every((id) => {
    const { page, paused } = machine.vcpu(id);
    const state = memory.load(page + V_MP_STATE);
    if (paused || state === KVM_MP_STATE_RUNNABLE || memory.load(page + V_NMI_PENDING) !== 0) return false;
    return state !== KVM_MP_STATE_HALTED || (memory.u32(page + V_RFLAGS) & FLAG_IF) === 0;
  });
}

/** What moves when anything happens in the machine: instructions and wake-ups of all vCPUs. */
function pulse(machine: Machine): string {
  return machine.vm
    .vcpuIds()
    .map((id) => `${machine.vcpu(id).instructions}:${machine.vcpuWords(id).wakeups}`)
    .join();
}

/** Notices that a machine with a board can never move again, and ends it: one look is not enough. */
class DeathWatch {
  readonly #machine: Machine;
  #since = 0;
  #pulse = '';

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  /** Called by a halted vCPU. True when the machine may be dead, so that the caller has no deadline to wait for. */
  look(): boolean {
    const machine = this.#machine;
    // A bare VM sleeps in HLT for ever, as KVM_RUN does: somebody may still raise a line.
    if (machine.board === undefined || !isDead(machine)) {
      this.#pulse = '';
      return false;
    }
    // vCPUs wake each other while they are looked at: the machine is dead when it stays so without a pulse.
    const now = performance.now();
    const beat = pulse(machine);
    if (beat !== this.#pulse) {
      this.#pulse = beat;
      this.#since = now;
    } else if (now - this.#since > DEAD_MS) {
      machine.end('halted', 0);
    }
    return true;
  }
}

/**
 * The thread of vCPU `id`: runs it unless it shall stand (paused, parked or held), and returns when it is told to leave.
 * It looks at nothing but the words of its own vCPU.
 */
export function runVcpuThread(machine: Machine, id: number): void {
  const { vm, board } = machine;
  const own = machine.vcpuWords(id);
  const { vcpu } = own;
  const { memory } = vm;
  const watch = new DeathWatch(machine);
  const halts = new HaltPoll(memory, id);
  const server = new BoardServer(machine, id);
  servePorts(vm.core, server);
  // vCPU 0 looks at the devices; another does after exits, as long as something that it may have set going is to come.
  let looks = id === 0;
  while (!own.leaving) {
    const wake = own.wakeups;
    if (own.stands) {
      own.busy = false;
      if (own.stands && !own.leaving) own.sleep(wake, STAND_MS);
      continue;
    }
    own.busy = true;
    // Again, now that whoever wants it to stand would wait for this thread.
    if (own.stands) continue;
    server.left = EXITS;
    let why = vcpu.enter(SLICE, true);
    while (why === RUN_EXIT && !server.hasFailed && handleExit(machine, vcpu) && --server.left > 0)
      why = vcpu.enter(SLICE, true);
    server.check();
    if (server.left < EXITS) looks = true;
    const due = looks && board !== undefined ? board.poll() : NEVER;
    if (due === NEVER) looks = id === 0;
    if (why !== RUN_HALTED) continue;
    const dead = watch.look();
    const timer = memory.u64(vcpu.page + V_WAKE_AT);
    const first = timer !== 0n && timer < due ? timer : due;
    const ms = first === NEVER ? STAND_MS : Number(first - machineNanoseconds(memory)) / 1e6;
    // A machine that may be dead is looked at again soon; another sleeps until it is woken or something is due.
    const most = dead ? DEAD_LOOK_MS : id === 0 && board !== undefined ? HALT_MS : STAND_MS;
    if (ms > 0) halts.sleep(wake, Math.min(ms, most));
  }
  own.busy = false;
}

/** Runs one instruction of a vCPU that nobody else runs, with the exit that it may take. */
export function stepVcpu(machine: Machine, vcpu: Vcpu): void {
  const before = vcpu.instructions;
  for (let tries = 0; tries < 8 && vcpu.instructions === before; tries++) {
    const why = vcpu.enter(1);
    if (why === RUN_EXIT && !handleExit(machine, vcpu)) return;
    if (why === RUN_HALTED || why === RUN_INTERRUPTED) return;
  }
}

/** Next pseudo-random number of the schedule; its state lies in the machine's memory (xorshift64). */
function nextRandom(machine: Machine): number {
  const memory = machine.vm.memory;
  let x = memory.u64(memory.vm + VM_SEED);
  x ^= BigInt.asUintN(64, x << 13n);
  x ^= x >> 7n;
  x ^= BigInt.asUintN(64, x << 17n);
  memory.setU64(memory.vm + VM_SEED, x);
  return Number(x & 0xffffn);
}

function advance(machine: Machine, ns: bigint): void {
  const memory = machine.vm.memory;
  memory.setU64(memory.vm + VM_VIRTUAL_NS, memory.u64(memory.vm + VM_VIRTUAL_NS) + ns);
}

/** One vCPU's turn of at most `quantum` instructions; the machine time in ns of its next timer if it halted. A vCPU that could go on when its turn ends waits for the next one, which its guest may call stolen time. */
function takeTurn(machine: Machine, vcpu: Vcpu, quantum: number): bigint {
  let left = quantum;
  let why = RUN_BUDGET;
  while (left > 0) {
    why = vcpu.enter(left);
    // What was used up is more than has retired where exceptions follow each other.
    const used = left - (machine.vm.memory.load(vcpu.page + V_BUDGET) | 0);
    left -= used;
    advance(machine, BigInt(used) * NS_PER_INSTRUCTION);
    if (why === RUN_EXIT) {
      const goesOn = handleExit(machine, vcpu);
      advance(machine, NS_PER_EXIT);
      left--;
      if (!goesOn || vcpu.paused) return NEVER;
      continue;
    }
    if (why === RUN_HALTED) return machine.vm.memory.u64(vcpu.page + V_WAKE_AT) || NEVER;
    if (why !== RUN_BUDGET) return NEVER;
  }
  vcpu.waits(why === RUN_BUDGET);
  return NEVER;
}

/**
 * One round of the deterministic engine: every vCPU that may run once, for a number of instructions that the seed
 * decides. Virtual time moves by what was executed, or to the next deadline when nobody could run: `pass` says how much of
 * that many nanoseconds passes now. False when nothing will happen until more has passed, or until somebody does something
 * from outside.
 */
export function runRound(machine: Machine, pass: (ns: bigint) => bigint = (ns) => ns): boolean {
  const { vm, words, board } = machine;
  const memory = vm.memory;
  const ids = vm.vcpuIds();
  const single = ids.length === 1;
  const seed = memory.u64(memory.vm + VM_SEED);
  const start = machineNanoseconds(memory);
  let due = board?.poll() ?? NEVER;
  for (const id of ids) {
    const own = machine.vcpuWords(id);
    if (own.stands) continue;
    const timer = takeTurn(machine, own.vcpu, single ? SLICE : QUANTUM + (nextRandom(machine) % QUANTUM));
    if (timer < due) due = timer;
  }
  if (machineNanoseconds(memory) > start || !words.isRunning) return true;
  if (board !== undefined && isDead(machine)) {
    machine.end('halted', 0);
    return false;
  }
  const now = machineNanoseconds(memory);
  const left = due > now ? due - now : 0n;
  const passed = due === NEVER ? 0n : pass(left);
  if (passed > 0n) memory.setU64(memory.vm + VM_VIRTUAL_NS, now + passed);
  if (passed === left) return true;
  // How often an idle machine is looked at is the host's affair: the schedule does not move by it.
  memory.setU64(memory.vm + VM_SEED, seed);
  return false;
}
