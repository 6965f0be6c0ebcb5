// KVM_ENABLE_CAP of a VM: a table of the capabilities that must be switched on, each with what switches it on. The
// mechanisms lie elsewhere.

import { type CapName, type Input, KVM_CAP, type KvmEnableCap, KvmError } from './abi/index.ts';
import type { Core } from './core.ts';
import { setManualProtect } from './dirty_log.ts';
import { enableDirtyRing } from './dirty_ring.ts';
import type { MachineMemory } from './memory.ts';
import { VM_SWITCHES } from './vm_settings.ts';

/** Switches a capability on with the `args` of the call (four numbers, missing ones 0), or throws KVM's errno. */
type Switch = (memory: MachineMemory, args: readonly bigint[], core: () => Core) => void;

const SWITCHES: Partial<Record<CapName, Switch>> = {
  DIRTY_LOG_RING: (memory, [bytes]) => enableDirtyRing(memory, bytes ?? 0n),
  DIRTY_LOG_RING_ACQ_REL: (memory, [bytes]) => enableDirtyRing(memory, bytes ?? 0n),
  ...VM_SWITCHES,
  MANUAL_DIRTY_LOG_PROTECT2: (memory, [options]) => setManualProtect(memory, options ?? 0n),
};

const BY_NUMBER = new Map(
  Object.entries(SWITCHES).map(([name, turnOn]) => [KVM_CAP[name as CapName] as number, turnOn]),
);

/**
 * KVM_ENABLE_CAP of a VM. EINVAL for a capability that is not in the table, for flags, and for what its own rules
 * refuse.
 */
export function enableCap(memory: MachineMemory, given: Input<KvmEnableCap>, core: () => Core): void {
  const { cap = 0, flags = 0, args = [] } = given;
  const turnOn = BY_NUMBER.get(cap);
  if (!turnOn) {
    throw new KvmError('EINVAL', `capability ${cap} is not one that a VM switches on; see KVM_CAP.`);
  }
  if (flags !== 0) {
    throw new KvmError('EINVAL', `flags ${flags} are not known; KVM_ENABLE_CAP has none, give 0.`);
  }
  turnOn(
    memory,
    Array.from({ length: 4 }, (_, n) => BigInt.asUintN(64, BigInt(args[n] ?? 0))),
    core,
  );
}
