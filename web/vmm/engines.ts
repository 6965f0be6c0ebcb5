// The two engines: a thread per vCPU, and one thread that runs all vCPUs in turn by instruction count and virtual time.

import { KVM_MP_STATE_HALTED, KVM_MP_STATE_RUNNABLE } from '../../assembly/abi/kvm_run.ts';
import { VM_SEED, VM_VIRTUAL_NS } from '../../assembly/abi/map.ts';
import {
  RUN_BUDGET,
  RUN_EXIT,
  RUN_HALTED,
  RUN_INTERRUPTED,
  V_MP_STATE,
  V_NMI_PENDING,
  V_RFLAGS,
  V_WAKE,
  V_WAKE_AT,
} from '../../assembly/abi/vcpu_page.ts';
import { FLAG_IF } from '../../assembly/abi/x86.ts';
import { machineNanoseconds, retired, type Vcpu, vcpuPage } from '../kvm/index.ts';
import { handleExit } from './exits.ts';
import type { Machine } from './machine.ts';

/** Instructions between two looks at timers and devices: about a millisecond. */
const SLICE = 200_000;
/** A halted vCPU looks at its devices at least this often, in ms. */
const HALT_MS = 20;
/** A machine whose vCPUs all halted with interrupts off has ended when nothing moves for so long, in ms. */
const DEAD_MS = 100;
/** Virtual time: 5 ns an instruction, a processor of 200 MIPS. */
const NS_PER_INSTRUCTION = 5n;
const QUANTUM = 2000;
const NEVER = (1n << 63n) - 1n;

/** Every vCPU waits, and no interrupt can wake any of them: HLT with IF clear, or a processor never started. */
function isDead(machine: Machine): boolean {
  const memory = machine.vm.memory;
  return machine.vm.vcpuIds().every((id) => {
    const v = vcpuPage(memory, id);
    const state = memory.load(v + V_MP_STATE);
    if (state === KVM_MP_STATE_RUNNABLE || memory.load(v + V_NMI_PENDING) !== 0) return false;
    return state !== KVM_MP_STATE_HALTED || (memory.u32(v + V_RFLAGS) & FLAG_IF) === 0;
  });
}

/** What moves when anything happens in the machine: instructions and wake-ups of all vCPUs. */
function pulse(machine: Machine): string {
  const memory = machine.vm.memory;
  return machine.vm
    .vcpuIds()
    .map((id) => `${retired(memory, vcpuPage(memory, id))}:${memory.load(vcpuPage(memory, id) + V_WAKE)}`)
    .join();
}

/** The thread of vCPU `id`: runs it while the machine runs, stands while it is paused, returns when it is closed. */
export function runVcpuThread(machine: Machine, id: number): void {
  const { vm, words, board } = machine;
  const vcpu = vm.vcpu(id);
  const memory = vm.memory;
  // vCPUs wake each other while they are looked at: the machine is dead when it stays so without a pulse.
  let deadSince = 0;
  let deadPulse = '';
  for (;;) {
    const state = words.state;
    if (state === 'closed') return;
    if (state !== 'running') {
      words.setBusy(id, false);
      words.waitWhile(state, 1000);
      continue;
    }
    words.setBusy(id, true);
    // Again, now that a pause would wait for this thread.
    if (!words.isRunning) continue;
    const wake = memory.load(vcpuPage(memory, id) + V_WAKE);
    const why = vcpu.enter(SLICE);
    if (why === RUN_EXIT) {
      handleExit(vm, vcpu, board, words);
      continue;
    }
    const due = id === 0 ? board.poll() : NEVER;
    if (why !== RUN_HALTED) continue;
    if (isDead(machine)) {
      const now = performance.now();
      const beat = pulse(machine);
      if (beat !== deadPulse) {
        deadPulse = beat;
        deadSince = now;
      } else if (now - deadSince > DEAD_MS) {
        if (words.end('halted', 0)) for (const other of vm.vcpuIds()) vm.vcpu(other).kick();
        continue;
      }
    } else {
      deadPulse = '';
    }
    const timer = memory.u64(vcpuPage(memory, id) + V_WAKE_AT);
    const first = timer !== 0n && timer < due ? timer : due;
    const ms = first === NEVER ? HALT_MS : Number(first - machineNanoseconds(memory)) / 1e6;
    if (ms > 0) memory.wait(vcpuPage(memory, id) + V_WAKE, wake, Math.min(ms, HALT_MS));
  }
}

/** Runs one instruction of a standing vCPU, with the exit that it may take. */
export function stepVcpu(machine: Machine, vcpu: Vcpu): void {
  const before = vcpu.instructions;
  for (let tries = 0; tries < 8 && vcpu.instructions === before; tries++) {
    const why = vcpu.enter(1);
    if (why === RUN_EXIT) handleExit(machine.vm, vcpu, machine.board, machine.words);
    else if (why === RUN_HALTED || why === RUN_INTERRUPTED) return;
    if (machine.words.state === 'ended') return;
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

/**
 * One round of the deterministic engine: every vCPU once, for a number of instructions that the seed decides. Virtual
 * time moves by what was executed, or to the next deadline when nobody could run. False when nothing will ever happen.
 */
export function runRound(machine: Machine): boolean {
  const { vm, words, board } = machine;
  const memory = vm.memory;
  const ids = vm.vcpuIds();
  const single = ids.length === 1;
  const seed = memory.u64(memory.vm + VM_SEED);
  let executed = 0n;
  let due = board.poll();
  for (const id of ids) {
    const vcpu = vm.vcpu(id);
    const quantum = single ? SLICE : QUANTUM + (nextRandom(machine) % QUANTUM);
    const before = vcpu.instructions;
    let left = quantum;
    while (left > 0 && words.isRunning) {
      const start = vcpu.instructions;
      const why = vcpu.enter(left);
      const ran = vcpu.instructions - start;
      left -= Number(ran);
      memory.setU64(
        memory.vm + VM_VIRTUAL_NS,
        memory.u64(memory.vm + VM_VIRTUAL_NS) + ran * NS_PER_INSTRUCTION,
      );
      if (why === RUN_EXIT) {
        handleExit(vm, vcpu, board, words);
        // An exit takes time too, so that a guest that polls a clock gets on.
        memory.setU64(memory.vm + VM_VIRTUAL_NS, memory.u64(memory.vm + VM_VIRTUAL_NS) + 1000n);
        left--;
        continue;
      }
      if (why === RUN_BUDGET) break;
      if (why === RUN_HALTED) {
        const timer = memory.u64(vcpuPage(memory, id) + V_WAKE_AT);
        if (timer !== 0n && timer < due) due = timer;
        break;
      }
      if (why === RUN_INTERRUPTED) break;
      return true;
    }
    executed += vcpu.instructions - before;
  }
  if (executed > 0n || !words.isRunning) return true;
  if (isDead(machine)) {
    words.end('halted', 0);
    return false;
  }
  if (due === NEVER) {
    // How often an idle machine is looked at is the host's affair: the schedule does not move by it.
    memory.setU64(memory.vm + VM_SEED, seed);
    return false;
  }
  const now = machineNanoseconds(memory);
  if (due > now) memory.setU64(memory.vm + VM_VIRTUAL_NS, due);
  return true;
}
