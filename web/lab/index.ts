// The lab's guests: small machines in assembly source, each with a lesson in its opening comment; and scripts. Data only:
// this floor starts no machine and draws nothing.

/// <reference path="../ambient/raw.d.ts" />
import type { EntryMode, SlotRequest } from '../session/types.ts';
import count from './guests/count.asm?raw';
import echo from './guests/echo.asm?raw';
import helloPort from './guests/hello_port.asm?raw';
import lock from './guests/lock.asm?raw';
import mmio from './guests/mmio.asm?raw';
import modes from './guests/modes.asm?raw';
import painter from './guests/painter.asm?raw';
import smp from './guests/smp.asm?raw';
import vectors from './guests/vectors.asm?raw';
import tour from './scripts/tour.sh?raw';

export { absentGuests, type PresentGuest, presentGuests, type RealGuest, realGuests } from './real.ts';

/** The machine that a guest is written for; `web/session` starts it. */
export interface GuestMachine {
  /** Guest memory in bytes, from address 0. */
  readonly memory: number;
  readonly cpus: number;
  /** Interrupt chips in the core; without them HLT is an exit that the VMM sees (KVM_EXIT_HLT). */
  readonly irqchip: boolean;
  /** How the first vCPU enters: real (CS base 0), protected (flat 4 GiB segments) or long (identity map). */
  readonly mode: EntryMode;
  /** Where the image is loaded and entered; the source's ORG says the same. */
  readonly at: number;
  /** Slots beside the main memory. */
  readonly slots: readonly SlotRequest[];
  /** A byte written here ends the machine with the status (byte << 1) | 1. */
  readonly exitPort: number;
}

/** One guest. */
export interface Guest {
  /** Stable, for links; the name of its source file. */
  readonly id: string;
  readonly title: string;
  /** One sentence about what it shows. */
  readonly sentence: string;
  /** NASM source; its opening comment tells a student what to look at. */
  readonly source: string;
  readonly machine: GuestMachine;
}

const MIB = 1 << 20;
const EXIT_PORT = 0xf4;

const small = (mode: EntryMode, at: number, more: Partial<GuestMachine> = {}): GuestMachine => ({
  memory: MIB,
  cpus: 1,
  irqchip: false,
  mode,
  at,
  slots: [],
  exitPort: EXIT_PORT,
  ...more,
});

/** All guests, in the order in which to meet them. */
export const guests: readonly Guest[] = [
  {
    id: 'hello_port',
    title: 'Two plus two',
    sentence: 'The smallest guest: it adds two numbers and sends the digit through an I/O port.',
    source: helloPort,
    machine: small('real', 0x1000),
  },
  {
    id: 'mmio',
    title: 'Where there is no memory',
    sentence:
      'Reads and writes outside the memory slots, and in a read-only one, and the exits that they make.',
    source: mmio,
    machine: small('protected', 0x10000, { slots: [{ gpa: 2 * MIB, size: 0x10000, readonly: true }] }),
  },
  {
    id: 'modes',
    title: 'From 1978 to 64 bits',
    sentence: 'Real mode, protected mode, paging and long mode, with a line on the console at each stage.',
    source: modes,
    machine: small('real', 0x8000, { memory: 4 * MIB }),
  },
  {
    id: 'echo',
    title: 'Interrupts answer',
    sentence: 'Each key wakes the sleeping processor through the serial port, the 8259 and the IDT.',
    source: echo,
    machine: small('protected', 0x10000, { irqchip: true }),
  },
  {
    id: 'painter',
    title: 'A picture of dirty pages',
    sentence: 'Writes rings of pages into a slot with a dirty log, so that the heat map shows them.',
    source: painter,
    machine: small('protected', 0x10000, { slots: [{ gpa: 16 * MIB, size: 16 * MIB, logDirty: true }] }),
  },
  {
    id: 'smp',
    title: 'Waking a second processor',
    sentence: 'INIT and SIPI through the local APIC, and a trampoline from real to protected mode.',
    source: smp,
    machine: small('protected', 0x8000, { cpus: 2, irqchip: true }),
  },
  {
    id: 'lock',
    title: 'A race, with and without LOCK',
    sentence:
      'Two processors add to one counter in three ways; only with LOCK is the total sure to be right.',
    source: lock,
    machine: small('protected', 0x8000, { cpus: 2, irqchip: true }),
  },
  {
    id: 'vectors',
    title: 'Four numbers at once',
    sentence: 'x87, MMX and SSE: a stack of numbers, the vectors that lie in it, and four products at once.',
    source: vectors,
    machine: small('protected', 0x10000),
  },
  {
    id: 'count',
    title: 'How fast is it?',
    sentence: 'A thousand million turns of a loop of four instructions.',
    source: count,
    machine: small('protected', 0x10000),
  },
];

/** A script for the shell, under the name that it has in /home. */
export interface Script {
  readonly name: string;
  readonly title: string;
  /** One sentence about what it shows. */
  readonly sentence: string;
  readonly text: string;
}

/** All scripts. */
export const scripts: readonly Script[] = [
  {
    name: 'tour.sh',
    title: 'Tour',
    sentence: 'Makes a VM of its own in /kvm, runs it through every kind of exit, and removes it.',
    text: tour,
  },
];

/** The guest of this id, or undefined. */
export function findGuest(id: string): Guest | undefined {
  return guests.find((guest) => guest.id === id);
}
