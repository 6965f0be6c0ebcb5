// Going on: paused = 0 and single steps. A vCPU that stopped at a breakpoint of the debugger passes it: RF holds it back
// for one instruction, as on a processor. Stopping needs none of this.
import { FLAG_RF } from '../../assembly/abi/x86.ts';
import { KVM_EXIT, type Vcpu } from '../kvm/index.ts';
import { standsAtBreakpoint } from './debugger.ts';
import type { VmEntry } from './vm_entry.ts';

const EFER_LMA = 0x400n;

/** Where the vCPU stands, as breakpoints see it (SDM vol. 3, 18.2.4: linear addresses). */
function linearRip(vcpu: Vcpu): bigint {
  const { rip } = vcpu.getRegs();
  const { cs, efer } = vcpu.getSregs();
  return efer & EFER_LMA && cs.l ? rip : BigInt.asUintN(32, rip + cs.base);
}

function passBreakpoint({ machine, vm }: VmEntry, id: number): void {
  const vcpu = machine.vcpu(id);
  if (!vcpu.paused) return;
  const stopped = machine.vcpuWords(id).cause === 'exit' && vcpu.kvmRun.exitReason === KVM_EXIT.DEBUG;
  if (stopped && standsAtBreakpoint(vm.memory, vcpu, linearRip(vcpu)))
    vcpu.setRegs({ rflags: vcpu.getRegs().rflags | BigInt(FLAG_RF) });
}

/** paused = 0 of one vCPU. */
export function goOn(entry: VmEntry, id: number): void {
  if (!entry.machine.vcpu(id).paused) return;
  passBreakpoint(entry, id);
  entry.runner.resume(id);
}

/** paused = 0 of all vCPUs. ESHUTDOWN when the machine has ended. */
export function goOnAll(entry: VmEntry): void {
  for (const id of entry.vm.vcpuIds()) passBreakpoint(entry, id);
  entry.runner.run();
}

/** Runs `count` instructions of one vCPU, which then stands. */
export function stepOn(entry: VmEntry, id: number, count: number): Promise<void> {
  passBreakpoint(entry, id);
  return entry.runner.step(id, count);
}
