// Pins as text: who holds a guest, and what each has attached. It pins nobody.

import { hex } from '../fs/index.ts';
import type { Attachment, PinInfo } from '../kvm/index.ts';

/** What a pin holds, in counts: `references=1 mapped=4096 vmaps=1 sgs=0 ioevents=1 irqfds=1 copies=0 bytes=0`. */
export function pinCounts(pin: PinInfo): string {
  const { references, mapped, vmaps, sgs, ioevents, irqfds, copies, bytes, revoked } = pin;
  const attached = `vmaps=${vmaps} sgs=${sgs} ioevents=${ioevents} irqfds=${irqfds}`;
  const moved = `copies=${copies} bytes=${bytes}${revoked ? ' revoked' : ''}`;
  return `references=${references} mapped=${mapped} ${attached} ${moved}`;
}

/** A pin as its guest shows it, with its holder before the counts. */
export const pinText = (pin: PinInfo): string => `${pin.kind} ${pin.name} ${pinCounts(pin)}`;

/** One thing that a pin has attached: `ioevent addr=0x510 len=4 pio=1`. */
export function attachmentText({ kind, address, length, pio, datamatch }: Attachment): string {
  const at = hex().format(address);
  if (kind === 'irqfd') return `irqfd gsi=${address}`;
  if (kind !== 'ioevent') return `${kind} gpa=${at} size=${length}`;
  const match = datamatch === undefined ? '' : ` datamatch=${hex().format(datamatch)}`;
  return `ioevent addr=${at} len=${length}${match}${pio ? ' pio=1' : ''}`;
}
