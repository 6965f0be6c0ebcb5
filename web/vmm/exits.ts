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
import { KVM_EXIT, type Vcpu, type Vm, vcpuArea } from '../kvm/index.ts';
import type { Board } from './board.ts';
import { traceExit } from './trace.ts';
import type { MachineWords } from './words.ts';

/** KVM_EXIT_IO: each element of a string access goes to the port bus by itself. */
function handleIo(vm: Vm, id: number, board: Board): boolean {
  const memory = vm.memory;
  const run = vcpuArea(memory, id) + VCPU_RUN;
  const size = memory.u8(run + RUN_IO_SIZE);
  const port = memory.u16(run + RUN_IO_PORT);
  const out = memory.u8(run + RUN_IO_DIRECTION) === KVM_EXIT_IO_OUT;
  let at = run + Number(memory.u64(run + RUN_IO_DATA_OFFSET));
  let claimed = false;
  for (let n = memory.u32(run + RUN_IO_COUNT); n > 0; n--, at += size) {
    const data = memory.bytes(at, size);
    claimed = (out ? board.ports.writeBytes(port, data) : board.ports.readBytes(port, data)) || claimed;
  }
  return claimed;
}

/** KVM_EXIT_MMIO: nobody answers with all ones. */
function handleMmio(vm: Vm, id: number, board: Board): boolean {
  const memory = vm.memory;
  const run = vcpuArea(memory, id) + VCPU_RUN;
  const data = memory.bytes(run + RUN_MMIO_DATA, memory.u32(run + RUN_MMIO_LEN));
  const gpa = Number(memory.u64(run + RUN_MMIO_PHYS_ADDR));
  return memory.u8(run + RUN_MMIO_IS_WRITE)
    ? board.mmio.writeBytes(gpa, data)
    : board.mmio.readBytes(gpa, data);
}

/** Handles the exit in the run page of `vcpu`; afterwards the vCPU may be entered again unless the machine has ended. */
export function handleExit(vm: Vm, vcpu: Vcpu, board: Board, words: MachineWords): void {
  const reason = vcpu.kvmRun.exitReason;
  let claimed = true;
  switch (reason) {
    case KVM_EXIT.IO:
      claimed = handleIo(vm, vcpu.id, board);
      break;
    case KVM_EXIT.MMIO:
      claimed = handleMmio(vm, vcpu.id, board);
      break;
    case KVM_EXIT.HLT:
      words.end('halted', 0);
      break;
    case KVM_EXIT.SHUTDOWN:
      words.end('shutdown', 1);
      break;
    case KVM_EXIT.DEBUG:
      words.parked = vcpu.id;
      words.state = 'paused';
      break;
    case KVM_EXIT.IRQ_WINDOW_OPEN:
    case KVM_EXIT.INTR:
      break;
    default:
      // Nobody can go on from here: the vCPU parks with its state visible.
      claimed = false;
      words.parked = vcpu.id;
      words.end('error', 1);
  }
  traceExit(vm.memory, vcpu.id, reason, claimed);
}
