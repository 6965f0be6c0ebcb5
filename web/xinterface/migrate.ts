// Live migration of what a holder has attached: by guest-physical addresses, which stay what they are on the new machine.
// The guest's memory goes by its dirty log; the holder's own state is in that memory or is the holder's to carry.

import { KvmError } from '../kvm/abi/errno.ts';
import type { AttachmentRecord, Doorbell, GuestInterface, GuestMap, Interrupt } from './guest_interface.ts';

/** What `restore` has attached again, in the order of the records. */
export interface Restored {
  readonly maps: GuestMap[];
  readonly doorbells: Doorbell[];
  readonly interrupts: Interrupt[];
}

/**
 * Attaches to `guest` what `save` of another interface has listed: maps at the same guest-physical addresses, doorbells at
 * the same addresses, the same interrupt lines. Scatter lists are of one request and are left out. All or nothing: EINVAL
 * when a map's addresses do not lie in one slot there, and the errors of ioevent and irqfd.
 */
export async function restore(
  guest: GuestInterface,
  records: readonly AttachmentRecord[],
): Promise<Restored> {
  const restored: Restored = { maps: [], doorbells: [], interrupts: [] };
  try {
    for (const { kind, address, length, pio = false, datamatch } of records) {
      if (kind === 'vmap') restored.maps.push(await guest.vmap(address, length));
      else if (kind === 'ioevent') {
        const options = datamatch === undefined ? { pio } : { pio, datamatch };
        restored.doorbells.push(await guest.ioevent(address, length, options));
      } else if (kind === 'irqfd') restored.interrupts.push(await guest.irqfd(Number(address)));
      else if (kind !== 'sg') throw new KvmError('EINVAL', `nothing of the kind ${kind} can be attached.`);
    }
    return restored;
  } catch (error) {
    const all = [...restored.maps, ...restored.doorbells, ...restored.interrupts];
    for (const object of all) await object.release();
    throw error;
  }
}
