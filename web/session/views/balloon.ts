// The balloon of a machine as it stands in its memory: how much it shall have and has, and which pages. It asks no guest.
//
// A page that was reported free is the guest's to use again without a word. It was zeroed when it was reported, so it counts
// as free for as long as it is zero; a page that was taken back and holds zeroes still looks free, and nobody could tell.

import { PAGE_SIZE, PCI_FUNCTIONS_BASE } from '../../../assembly/abi/map.ts';
import { devicePage } from '../../devices/device.ts';
import { DEVICE_TYPE } from '../../virtio/backend.ts';
import { BalloonMarks, isZeroPage } from '../../virtio/balloon_marks.ts';
import { Registers, TRANSPORT } from '../../virtio/registers.ts';
import { DEVICES_MOST } from '../../virtio/request.ts';
import { countDirty, isDirty } from './dirty.ts';
import type { MachineMemory, Range } from './memory.ts';
import { hvaOf, readSlots, type Slot } from './slots.ts';

/** DeviceView.type of a balloon. */
export const BALLOON_TYPE = DEVICE_TYPE.balloon;
/** Pages that are looked at in one go of a sweep: 16 MiB, a few milliseconds. */
const SWEEP_PAGES = 4096;

/** What a balloon holds, all in pages. */
export interface BalloonView {
  /** Pages of RAM. */
  readonly pages: number;
  /** Pages that the guest is asked for. */
  readonly target: number;
  /** Pages that it has given. */
  readonly held: number;
}

/** What a page is to the balloon. */
export type BalloonPage = 'held' | 'free' | undefined;

function registersOf(memory: MachineMemory): Registers | undefined {
  for (let number = 1; number <= DEVICES_MOST; number++) {
    const page = PCI_FUNCTIONS_BASE + number * PAGE_SIZE;
    const registers = new Registers(devicePage(memory.bytes.buffer, page));
    if (registers.transport !== TRANSPORT.none && registers.type === DEVICE_TYPE.balloon) return registers;
  }
  return undefined;
}

function marksOf(memory: MachineMemory): BalloonMarks | undefined {
  const registers = registersOf(memory);
  return registers && BalloonMarks.of(registers.state);
}

/** The machine's balloon; undefined where it has none. */
export function readBalloon(memory: MachineMemory): BalloonView | undefined {
  const registers = registersOf(memory);
  const marks = registers && BalloonMarks.of(registers.state);
  if (!marks) return undefined;
  const { config } = registers;
  const target = new DataView(config.buffer, config.byteOffset, 4).getUint32(0, true);
  return { pages: marks.pages, target, held: countDirty(marks.held) };
}

/** Where the marks of the machine's balloon lie, for who copies them. */
export function balloonRanges(memory: MachineMemory): Range[] {
  const marks = marksOf(memory);
  return marks ? [{ offset: marks.offset, length: BalloonMarks.bytes(marks.pages) }] : [];
}

/** What the page at a guest-physical address is to the balloon. */
export function balloonPageAt(
  memory: MachineMemory,
  slots: readonly Slot[],
  gpa: number,
  marks = marksOf(memory),
): BalloonPage {
  const page = Math.floor(gpa / PAGE_SIZE);
  if (!marks) return undefined;
  if (isDirty(marks.held, page)) return 'held';
  return isDirty(marks.reported, page) && isStillZero(wordsOf(memory), slots, page) ? 'free' : undefined;
}

/** `balloonPageAt` for many addresses of one look. */
export function balloonPages(memory: MachineMemory, slots: readonly Slot[]): (gpa: number) => BalloonPage {
  const marks = marksOf(memory);
  return (gpa) => marks && balloonPageAt(memory, slots, gpa, marks);
}

const wordsOf = (memory: MachineMemory): Int32Array => new Int32Array(memory.bytes.buffer);

function isStillZero(words: Int32Array, slots: readonly Slot[], page: number): boolean {
  const hva = hvaOf(slots, page * PAGE_SIZE);
  return hva !== undefined && isZeroPage(words, hva);
}

/** Both bitmaps as KVM_GET_DIRTY_LOG has them, by guest frame number: pages held, and pages reported that are still zero. */
export interface BalloonMap {
  readonly held: Uint8Array;
  readonly free: Uint8Array;
}

/**
 * Follows the pages of a balloon. Each look shows marks as they are now, and tests some thousand of the reported pages
 * for zeroes, in turn: looking at all of a large guest's memory at once would take too long.
 */
export class BalloonSweep {
  /** Reported pages that were found in use. */
  #used = new Uint8Array();
  #next = 0;
  #memory: ArrayBufferLike | undefined;

  look(memory: MachineMemory): BalloonMap | undefined {
    const marks = marksOf(memory);
    if (!marks) return undefined;
    if (this.#memory !== memory.bytes.buffer) {
      this.#memory = memory.bytes.buffer;
      this.#used = new Uint8Array(marks.reported.length);
      this.#next = 0;
    }
    const reported = marks.reported.slice();
    this.#sweep(memory, marks.pages, reported);
    const free = reported.map((byte, n) => byte & ~(this.#used[n] as number));
    return { held: marks.held.slice(), free };
  }

  #sweep(memory: MachineMemory, pages: number, reported: Uint8Array): void {
    const slots = readSlots(memory);
    const words = wordsOf(memory);
    let left = SWEEP_PAGES;
    for (let n = 0; n < pages && left > 0; n++) {
      const page = this.#next;
      this.#next = (page + 1) % pages;
      if (!isDirty(reported, page)) continue;
      left--;
      const bit = 1 << (page & 7);
      const used = this.#used[page >> 3] as number;
      this.#used[page >> 3] = isStillZero(words, slots, page) ? used & ~bit : used | bit;
    }
  }
}
