// The end of a pin whose holder has died: takes away what it has attached and frees its record. All of that stands in the
// table of the VM, so whoever watches the holder can do it.

import { VM_SLOT_LOCK } from '../../assembly/abi/map.ts';
import { type Attachment, freePin, type PinPlace, pins, type Vm } from '../kvm/index.ts';
import { adoptEvent, deassignBell, deassignInterrupt } from './slot_events.ts';

/** Ends what an ioevent or an irqfd does, and the dead holder's hold of its eventfd. */
function releaseEvent(vm: Vm, attachment: Attachment): void {
  const { kind, place, generation } = attachment;
  if (kind !== 'ioevent' && kind !== 'irqfd') return;
  const fd = adoptEvent(vm, place, generation);
  if (fd === undefined) return;
  try {
    if (kind === 'ioevent') deassignBell(vm, fd, attachment);
    else deassignInterrupt(vm, fd, Number(attachment.address));
  } finally {
    fd.close();
  }
}

/** What the holder of a pin writes into locks, so that they can be told from those of the living. */
export function lockTag(place: PinPlace): number {
  return place.index + 2;
}

/** Releases everything of a pin whose holder is dead. */
export function releasePin(vm: Vm, place: PinPlace): void {
  const { memory } = vm;
  const pin = pins(memory).find(({ index, serial }) => index === place.index && serial === place.serial);
  if (pin === undefined) return;
  memory.breakLock(memory.vm + VM_SLOT_LOCK, lockTag(place));
  for (const attachment of pin.attachments) {
    try {
      releaseEvent(vm, attachment);
    } catch {
      // It died between noting and assigning: there is nothing to take away.
    }
  }
  freePin(memory, place);
}
