// What the VMM does with an exit: one switch over the reasons. Runs on the thread of the vCPU that exited.

import {
  KVM_EXIT_IO_OUT,
  RUN_IO_COUNT,
  RUN_IO_DATA_OFFSET,
  RUN_IO_DIRECTION,
  RUN_IO_PORT,
  RUN_IO_SIZE,
  RUN_MMIO_DATA,
  RUN_MMIO_IS_WRITE,
  RUN_MMIO_LEN,
  RUN_MMIO_PHYS_ADDR,
} from '../../assembly/abi/kvm_run.ts';
import { VCPU_RUN } from '../../assembly/abi/map.ts';
import { KVM_EXIT, type Vcpu, vcpuArea } from '../kvm/index.ts';
import type { Machine } from './machine.ts';
import { traceExit } from './trace.ts';

/** KVM_EXIT_IO: each element of a string access goes to the port bus by itself. Without a device it reads all ones. */
function handleIo({ vm, board }: Machine, id: number): boolean {
  const { memory } = vm;
  const run = vcpuArea(memory, id) + VCPU_RUN;
  const size = memory.u8(run + RUN_IO_SIZE);
  const port = memory.u16(run + RUN_IO_PORT);
  const out = memory.u8(run + RUN_IO_DIRECTION) === KVM_EXIT_IO_OUT;
  let at = run + Number(memory.u64(run + RUN_IO_DATA_OFFSET));
  let claimed = false;
  for (let n = memory.u32(run + RUN_IO_COUNT); n > 0; n--, at += size) {
    const data = memory.bytes(at, size);
    if (board === undefined) {
      if (!out) data.fill(0xff);
      continue;
    }
    claimed = (out ? board.ports.writeBytes(port, data) : board.ports.readBytes(port, data)) || claimed;
  }
  return claimed;
}

/** KVM_EXIT_MMIO. Without a device it reads all ones. */
function handleMmio({ vm, board }: Machine, id: number): boolean {
  const { memory } = vm;
  const run = vcpuArea(memory, id) + VCPU_RUN;
  const data = memory.bytes(run + RUN_MMIO_DATA, memory.u32(run + RUN_MMIO_LEN));
  const gpa = Number(memory.u64(run + RUN_MMIO_PHYS_ADDR));
  const write = memory.u8(run + RUN_MMIO_IS_WRITE) !== 0;
  if (board !== undefined) return write ? board.mmio.writeBytes(gpa, data) : board.mmio.readBytes(gpa, data);
  if (!write) data.fill(0xff);
  return false;
}

/** What becomes of the machine of a PC whose vCPU left for a reason that no device can answer. */
function endPc(machine: Machine, vcpu: Vcpu, reason: number): void {
  switch (reason) {
    case KVM_EXIT.HLT:
      machine.end('halted', 0);
      break;
    case KVM_EXIT.SHUTDOWN:
      machine.end('shutdown', 1);
      break;
    default:
      machine.words.parked = vcpu.id;
      machine.end('error', 1);
  }
}

/** The vCPU stands with its exit in the run page, until somebody lets it go on. */
function park(machine: Machine, vcpu: Vcpu, reason: number): void {
  const { words, board } = machine;
  const access = reason === KVM_EXIT.IO || reason === KVM_EXIT.MMIO || reason === KVM_EXIT.DEBUG;
  if (board !== undefined && !access) endPc(machine, vcpu, reason);
  else words.parked = vcpu.id;
  machine.vcpuWords(vcpu.id).park('exit');
  if (words.allStop) machine.requestPause();
  else machine.settle();
}

/**
 * Handles the exit in the run page of `vcpu`, on the thread that ran it. True when the vCPU may be entered again;
 * false when it has parked: then it must not be entered, since an unanswered read would complete.
 */
export function handleExit(machine: Machine, vcpu: Vcpu): boolean {
  const reason = vcpu.kvmRun.exitReason;
  const { words } = machine;
  let claimed = false;
  let goesOn = false;
  switch (reason) {
    case KVM_EXIT.IO:
      claimed = handleIo(machine, vcpu.id);
      goesOn = claimed || words.floats;
      break;
    case KVM_EXIT.MMIO:
      claimed = handleMmio(machine, vcpu.id);
      goesOn = claimed || words.floats;
      break;
    case KVM_EXIT.INTR:
      goesOn = true;
      claimed = true;
      break;
    case KVM_EXIT.HLT:
    case KVM_EXIT.SHUTDOWN:
    case KVM_EXIT.DEBUG:
    case KVM_EXIT.IRQ_WINDOW_OPEN:
      claimed = true;
      break;
    default:
    // Nobody can go on from here: the vCPU parks with its state visible.
  }
  traceExit(machine.vm.memory, vcpu.id, reason, claimed);
  if (!goesOn) park(machine, vcpu, reason);
  return goesOn;
}
