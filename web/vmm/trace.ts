// The exit trace: a ring of entries in the machine's memory that the page reads. Layout in assembly/abi/map.ts.
//
//   0 ns u64 | 8 vcpu u32 | 12 exit_reason u32 | 16 first 40 bytes of the exit union | 56 claimed u32 | 60 repeats u32
//
// Behind the 16 bytes of the IO arm stand up to 8 bytes of its data, which kvm_run keeps in the next page.

import {
  KVM_EXIT_IO,
  RUN_IO_COUNT,
  RUN_IO_DATA_OFFSET,
  RUN_IO_SIZE,
  RUN_UNION,
} from '../../assembly/abi/kvm_run.ts';
import { TRACE_ENTRIES, TRACE_ENTRY_SIZE, TRACE_HEADER, TRACE_RING } from '../../assembly/abi/map.ts';
import { V_VMM_WORDS } from '../../assembly/abi/vcpu_page.ts';
import { type MachineMemory, machineNanoseconds, vcpuArea, vcpuPage } from '../kvm/index.ts';

const UNION_BYTES = 40;
/** Bytes of the IO arm of the exit union. */
const IO_ARM = 16;
/** Exits of each reason, u64 each, in the vCPU's page. */
const EXIT_COUNTS = V_VMM_WORDS + 0x100;
const REASONS = 64;

/** How often vCPU `id` has exited for each reason that occurred. */
export function exitCounts(memory: MachineMemory, id: number): Map<number, number> {
  const counts = new Map<number, number>();
  for (let reason = 0; reason < REASONS; reason++) {
    const count = Number(memory.u64(vcpuPage(memory, id) + EXIT_COUNTS + reason * 8));
    if (count > 0) counts.set(reason, count);
  }
  return counts;
}

/** Writes one exit of vCPU `id`, from its run page; the same exit again only counts. */
export function traceExit(memory: MachineMemory, id: number, reason: number, claimed: boolean): void {
  if (reason < REASONS) {
    const at = vcpuPage(memory, id) + EXIT_COUNTS + reason * 8;
    memory.setU64(at, memory.u64(at) + 1n);
  }
  const head = memory.load(memory.base + TRACE_RING);
  const run = vcpuArea(memory, id);
  const union = memory.bytes(run + RUN_UNION, UNION_BYTES).slice();
  if (reason === KVM_EXIT_IO) {
    const bytes = Math.min(8, memory.u8(run + RUN_IO_SIZE) * memory.u32(run + RUN_IO_COUNT));
    union.fill(0, IO_ARM);
    union.set(memory.bytes(run + Number(memory.u64(run + RUN_IO_DATA_OFFSET)), bytes), IO_ARM);
  }
  if (head > 0) {
    const last = memory.base + TRACE_RING + TRACE_HEADER + ((head - 1) % TRACE_ENTRIES) * TRACE_ENTRY_SIZE;
    if (
      memory.u32(last + 8) === id &&
      memory.u32(last + 12) === reason &&
      memory.u32(last + 56) === (claimed ? 1 : 0)
    ) {
      const before = memory.bytes(last + 16, UNION_BYTES);
      let same = true;
      for (let i = 0; i < UNION_BYTES && same; i++) same = before[i] === union[i];
      if (same) {
        memory.setU32(last + 60, memory.u32(last + 60) + 1);
        return;
      }
    }
  }
  const number = memory.add(memory.base + TRACE_RING, 1);
  const at = memory.base + TRACE_RING + TRACE_HEADER + (number % TRACE_ENTRIES) * TRACE_ENTRY_SIZE;
  memory.setU64(at, machineNanoseconds(memory));
  memory.setU32(at + 8, id);
  memory.setU32(at + 12, reason);
  memory.bytes(at + 16, UNION_BYTES).set(union);
  memory.setU32(at + 56, claimed ? 1 : 0);
  memory.setU32(at + 60, 1);
}
