// The end of a pin: takes away what its holder has attached and frees its record. For the holder's last put, and for
// whoever watches a holder that has died, since all of it stands in the table of the VM.

import { freePin, type PinPlace, pins, type Vm } from '../kvm/index.ts';

/** Releases everything of a pin. Only when its holder is dead or is the caller. */
export function releasePin(vm: Vm, place: PinPlace): void {
  const pin = pins(vm.memory).find(({ index, serial }) => index === place.index && serial === place.serial);
  if (pin === undefined) return;
  freePin(vm.memory, place);
}
