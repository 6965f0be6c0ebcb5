// balloon_pages: which pages the machine's balloon holds and which are free, by number, as text. It changes nothing.

import type { Slot } from '../kvm/index.ts';
import { BalloonMarks, DEVICE_TYPE, isZeroPage } from '../virtio/index.ts';
import type { VmEntry } from './vm_entry.ts';

const PAGE = 4096;

/** The marks of the entry's balloon; undefined where it has none. */
export function balloonMarks({ machine }: VmEntry): BalloonMarks | undefined {
  const device = machine.board?.virtio.find(({ registers }) => registers.type === DEVICE_TYPE.balloon);
  return device && BalloonMarks.of(device.registers.state);
}

const isSet = (bitmap: Uint8Array, page: number): boolean =>
  ((bitmap[page >> 3] as number) & (1 << (page & 7))) !== 0;

/** Where a page lies in the memory, in bytes; undefined without a slot. */
function placeOf(slots: readonly Slot[], page: number): number | undefined {
  const gpa = BigInt(page) * BigInt(PAGE);
  const slot = slots.find((each) => gpa >= each.gpa && gpa < each.gpa + BigInt(each.size));
  return slot && slot.hva + Number(gpa - slot.gpa);
}

/** A line for each range of pages: `held 4096-6143`, or `free 512-1023` for those reported free that are still zero. */
export function balloonText(entry: VmEntry): string {
  const marks = balloonMarks(entry);
  if (!marks) return '';
  const slots = entry.vm.slots();
  const { words } = entry.vm.memory;
  const kindOf = (page: number): string => {
    if (isSet(marks.held, page)) return 'held';
    const at = isSet(marks.reported, page) ? placeOf(slots, page) : undefined;
    return at !== undefined && isZeroPage(words, at) ? 'free' : '';
  };
  const lines: string[] = [];
  for (let page = 0; page < marks.pages; ) {
    const kind = kindOf(page);
    const first = page++;
    while (page < marks.pages && kindOf(page) === kind) page++;
    if (kind !== '') lines.push(`${kind} ${first === page - 1 ? first : `${first}-${page - 1}`}`);
  }
  return lines.join('\n');
}
