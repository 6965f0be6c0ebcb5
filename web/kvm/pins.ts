// Pins: who holds a VM besides its vCPUs, and what they have attached to it, as a table in the VM page that every thread
// can read and that outlives a dead worker. What a holder does with the guest's memory is web/xinterface.

import {
  ENGINE_DETERMINISTIC,
  VM_ALIVE,
  VM_ENGINE,
  VM_LIFE,
  VM_TIME_ORIGIN,
  VM_VIRTUAL_NS,
} from '../../assembly/abi/map.ts';
import {
  ATTACHED_IOEVENT,
  ATTACHED_IRQFD,
  ATTACHED_SG,
  ATTACHED_VMAP,
  ATTACHMENT_ADDRESS,
  ATTACHMENT_DATAMATCH,
  ATTACHMENT_FLAGS,
  ATTACHMENT_GENERATION,
  ATTACHMENT_KIND,
  ATTACHMENT_LENGTH,
  ATTACHMENT_PIN,
  ATTACHMENT_PLACE,
  ATTACHMENT_SIZE,
  ATTACHMENTS_MAX,
  IOEVENT_DATAMATCH,
  IOEVENT_PIO,
  PIN_BYTES,
  PIN_CLAIMED,
  PIN_COPIES,
  PIN_FREE,
  PIN_INSIDE,
  PIN_KIND,
  PIN_KIND_SIZE,
  PIN_LIVE,
  PIN_LOST,
  PIN_NAME,
  PIN_NAME_SIZE,
  PIN_REFERENCES,
  PIN_REVOKED,
  PIN_SERIAL,
  PIN_SINCE,
  PIN_SIZE,
  PIN_STATE,
  PINS_MAX,
  VM_ATTACHMENTS,
  VM_PINS,
  VM_PINS_CLOSED,
} from '../../assembly/abi/pins.ts';
import { KvmError } from './abi/index.ts';
import type { MachineMemory } from './memory.ts';
import { hostMilliseconds } from './vm_page.ts';

/** Who binds: a name for people (`rng0`) and what it is (`module`, `vas`). */
export interface PinOwner {
  readonly name: string;
  readonly kind: string;
}

/** Where a pin's record is; it travels by postMessage to the thread that will use it. */
export interface PinPlace {
  readonly index: number;
  readonly serial: number;
}

export type AttachmentKind = 'vmap' | 'sg' | 'ioevent' | 'irqfd';

/** One thing that a pin has attached. */
export interface Attachment {
  /** Number of its record. */
  readonly index: number;
  readonly kind: AttachmentKind;
  /** Guest-physical address; a port of a `pio` ioevent; the GSI of an irqfd. */
  readonly address: bigint;
  /** Bytes; 0 of an irqfd, and of an ioevent for writes of any length. */
  readonly length: number;
  readonly pio: boolean;
  readonly datamatch: bigint | undefined;
  /** Offset in the memory: of the bytes of a vmap, of the eventfd of the others. */
  readonly place: number;
  /** Generation of that eventfd's record. */
  readonly generation: number;
}

/** A pin as it stands. */
export interface PinInfo extends PinOwner, PinPlace {
  readonly references: number;
  /** Calls of copyTo and copyFrom, and the bytes they copied. */
  readonly copies: bigint;
  readonly bytes: bigint;
  /** Bytes mapped by vmaps and scatter lists: what Linux charges to locked_vm. */
  readonly mapped: number;
  readonly vmaps: number;
  readonly sgs: number;
  readonly ioevents: number;
  readonly irqfds: number;
  /** When it was bound, in ms since the Unix epoch. */
  readonly since: number;
  /** It may not use the VM any more and will be released by whoever watches its holder. */
  readonly revoked: boolean;
  readonly attachments: readonly Attachment[];
}

const KINDS: Record<AttachmentKind, number> = {
  vmap: ATTACHED_VMAP,
  sg: ATTACHED_SG,
  ioevent: ATTACHED_IOEVENT,
  irqfd: ATTACHED_IRQFD,
};
const KIND_NAMES = Object.keys(KINDS) as AttachmentKind[];

/** Looks at a holder that is inside before this thread sleeps between looks: a section is a copy of 64 KiB at most. */
const SPINS = 2000;
const LOOK_MS = 1;
/** A holder inside for so long has died there, or stands in a debugger, and is given up; one that is being killed, sooner. */
const PATIENCE_MS = 1000;
const KILLED_MS = 50;

const recordOf = (memory: MachineMemory, index: number): number => memory.vm + VM_PINS + index * PIN_SIZE;
const attachmentOf = (memory: MachineMemory, index: number): number =>
  memory.vm + VM_ATTACHMENTS + index * ATTACHMENT_SIZE;

/** Milliseconds since the Unix epoch; in a deterministic machine its own, since two runs of it have the same memory. */
function nowOf(memory: MachineMemory): number {
  if (memory.u32(memory.vm + VM_ENGINE) !== ENGINE_DETERMINISTIC) return hostMilliseconds();
  const origin = memory.view().getFloat64(memory.vm + VM_TIME_ORIGIN, true);
  return origin + Number(memory.u64(memory.vm + VM_VIRTUAL_NS)) / 1e6;
}

/** Writes `text` as UTF-8 into a field of `room` bytes, cut at a whole character. */
function writeText(memory: MachineMemory, at: number, room: number, text: string): void {
  const characters = [...text];
  const encoder = new TextEncoder();
  let bytes = encoder.encode(text);
  while (bytes.length > room) bytes = encoder.encode(characters.splice(-1, 1) && characters.join(''));
  memory.bytes(at, room).fill(0).set(bytes);
}

function readText(memory: MachineMemory, at: number, room: number): string {
  const bytes = memory.bytes(at, room).slice();
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}

function readAttachment(memory: MachineMemory, index: number): Attachment {
  const at = attachmentOf(memory, index);
  const flags = memory.u32(at + ATTACHMENT_FLAGS);
  return {
    index,
    kind: KIND_NAMES[memory.u32(at + ATTACHMENT_KIND) - 1] ?? 'vmap',
    address: memory.u64(at + ATTACHMENT_ADDRESS),
    length: Number(memory.u64(at + ATTACHMENT_LENGTH)),
    pio: (flags & IOEVENT_PIO) !== 0,
    datamatch: flags & IOEVENT_DATAMATCH ? memory.u64(at + ATTACHMENT_DATAMATCH) : undefined,
    place: memory.u32(at + ATTACHMENT_PLACE),
    generation: memory.u32(at + ATTACHMENT_GENERATION),
  };
}

function attachmentsOf(memory: MachineMemory, pin: number): Attachment[] {
  return Array.from({ length: ATTACHMENTS_MAX }, (_, index) => index)
    .filter((index) => {
      const at = attachmentOf(memory, index);
      return memory.load(at + ATTACHMENT_PIN) === pin + 1 && memory.load(at + ATTACHMENT_KIND) !== 0;
    })
    .map((index) => readAttachment(memory, index));
}

function readPin(memory: MachineMemory, index: number): PinInfo | undefined {
  const at = recordOf(memory, index);
  const state = memory.load(at + PIN_STATE);
  if (state === PIN_FREE || state === PIN_CLAIMED) return undefined;
  const attachments = attachmentsOf(memory, index);
  const count = (kind: AttachmentKind) => attachments.filter((each) => each.kind === kind).length;
  const held = attachments.filter(({ kind }) => kind === 'vmap' || kind === 'sg');
  return {
    index,
    serial: memory.load(at + PIN_SERIAL),
    name: readText(memory, at + PIN_NAME, PIN_NAME_SIZE),
    kind: readText(memory, at + PIN_KIND, PIN_KIND_SIZE),
    references: memory.load(at + PIN_REFERENCES),
    copies: memory.u64(at + PIN_COPIES),
    bytes: memory.u64(at + PIN_BYTES),
    mapped: held.reduce((sum, { length }) => sum + length, 0),
    vmaps: count('vmap'),
    sgs: count('sg'),
    ioevents: count('ioevent'),
    irqfds: count('irqfd'),
    since: memory.view().getFloat64(at + PIN_SINCE, true),
    revoked: state !== PIN_LIVE,
    attachments,
  };
}

/** Everybody who holds this VM, in the order of their records. */
export function pins(memory: MachineMemory): PinInfo[] {
  return Array.from({ length: PINS_MAX }, (_, index) => index)
    .map((index) => readPin(memory, index))
    .filter((pin) => pin !== undefined);
}

/** Runs `body` while nobody can be bound. EBUSY, with their names, when somebody is: for the end of a VM. */
export function withoutPins<T>(memory: MachineMemory, body: () => T): T {
  memory.store(memory.vm + VM_PINS_CLOSED, 1);
  try {
    const holders = pins(memory).map(({ kind, name }) => `${kind} ${name}`);
    if (holders.length > 0) {
      throw new KvmError('EBUSY', `the VM is held by ${holders.join(', ')}; release or kill them first.`);
    }
    return body();
  } finally {
    memory.store(memory.vm + VM_PINS_CLOSED, 0);
  }
}

/** Waits until the holder of record `at` has left; a holder that stays for a second is given up. */
function waitForHolder(memory: MachineMemory, at: number): void {
  const inside = memory.load(at + PIN_INSIDE);
  if (inside % 2 === 0) return;
  for (let looks = 0; looks < SPINS; looks++) if (memory.load(at + PIN_INSIDE) !== inside) return;
  const since = performance.now();
  while (memory.load(at + PIN_INSIDE) === inside) {
    const patience = memory.load(at + PIN_STATE) === PIN_LIVE ? PATIENCE_MS : KILLED_MS;
    if (performance.now() - since > patience) {
      memory.store(at + PIN_STATE, PIN_LOST);
      return;
    }
    memory.wait(at + PIN_INSIDE, inside, LOOK_MS);
  }
}

/**
 * Waits until nobody uses a translation that was made before this call: for the slot table, after its generation was
 * bumped. A holder that stays inside for a second is dead or stands in a debugger, and is given up: it does not get in
 * again, and what it may still write is one piece of memory that was guest RAM a second ago.
 */
export function waitForPins(memory: MachineMemory): void {
  for (let index = 0; index < PINS_MAX; index++) {
    const at = recordOf(memory, index);
    const state = memory.load(at + PIN_STATE);
    if (state === PIN_LIVE || state === PIN_REVOKED) waitForHolder(memory, at);
  }
}

/** Bars the holder of a pin from the VM: its next use is ENODEV. Its record stays until `freePin`. */
export function revokePin(memory: MachineMemory, place: PinPlace): void {
  const at = recordOf(memory, place.index);
  if (memory.load(at + PIN_SERIAL) !== place.serial) return;
  Atomics.compareExchange(memory.words, (at + PIN_STATE) >>> 2, PIN_LIVE, PIN_REVOKED);
}

/** Frees the record of a pin and of all its attachments. Only when its holder is dead or is the caller. */
export function freePin(memory: MachineMemory, place: PinPlace): void {
  const at = recordOf(memory, place.index);
  if (memory.load(at + PIN_SERIAL) !== place.serial || memory.load(at + PIN_STATE) === PIN_FREE) return;
  for (let index = 0; index < ATTACHMENTS_MAX; index++) {
    const attachment = attachmentOf(memory, index);
    if (memory.load(attachment + ATTACHMENT_PIN) === place.index + 1) freeAttachment(memory, attachment);
  }
  memory.store(at + PIN_INSIDE, 0);
  memory.store(at + PIN_STATE, PIN_FREE);
}

function freeAttachment(memory: MachineMemory, at: number): void {
  memory.store(at + ATTACHMENT_KIND, 0);
  memory.store(at + ATTACHMENT_PIN, 0);
}

/** Takes the free word at `offset` for `value`; whether it was free. */
function take(memory: MachineMemory, offset: number, value: number): boolean {
  return Atomics.compareExchange(memory.words, offset >>> 2, 0, value) === 0;
}

/**
 * One holder's pin, used by one thread: whoever shall use the VM from another thread claims another pin. Between
 * `enter` and `leave` no slot goes away.
 */
export class Pin {
  readonly memory: MachineMemory;
  readonly place: PinPlace;
  readonly #at: number;
  readonly #counts: BigUint64Array;

  private constructor(memory: MachineMemory, place: PinPlace) {
    this.memory = memory;
    this.place = place;
    this.#at = recordOf(memory, place.index);
    this.#counts = new BigUint64Array(memory.wasm.buffer, this.#at + PIN_COPIES, 2);
  }

  /** Holds a VM. ENODEV when it was destroyed, ENFILE when it has PINS_MAX holders. */
  static claim(memory: MachineMemory, owner: PinOwner): Pin {
    for (let index = 0; index < PINS_MAX; index++) {
      const at = recordOf(memory, index);
      if (!take(memory, at + PIN_STATE, PIN_CLAIMED)) continue;
      memory.store(at + PIN_REFERENCES, 1);
      memory.setU64(at + PIN_COPIES, 0n);
      memory.setU64(at + PIN_BYTES, 0n);
      memory.view().setFloat64(at + PIN_SINCE, nowOf(memory), true);
      writeText(memory, at + PIN_KIND, PIN_KIND_SIZE, owner.kind);
      writeText(memory, at + PIN_NAME, PIN_NAME_SIZE, owner.name);
      const life = memory.load(memory.vm + VM_LIFE) & 0xffff;
      const serial = ((life << 16) | ((memory.load(at + PIN_SERIAL) + 1) & 0xffff)) >>> 0;
      memory.store(at + PIN_SERIAL, serial);
      memory.store(at + PIN_STATE, PIN_LIVE);
      // Last: who ends the VM closes the table first and looks at the pins then.
      if (memory.load(memory.vm + VM_ALIVE) !== 0 && memory.load(memory.vm + VM_PINS_CLOSED) === 0) {
        return new Pin(memory, { index, serial });
      }
      memory.store(at + PIN_STATE, PIN_FREE);
      throw new KvmError('ENODEV', 'this VM was destroyed; make another and bind to that.');
    }
    throw new KvmError('ENFILE', `this VM has ${PINS_MAX} holders already; release one.`);
  }

  /** The pin that another thread has claimed for this one. ENODEV when it was released. */
  static open(memory: MachineMemory, place: PinPlace): Pin {
    const pin = new Pin(memory, place);
    if (!pin.isLive) throw released();
    return pin;
  }

  /** It may be used. */
  get isLive(): boolean {
    const at = this.#at;
    return (
      this.memory.load(at + PIN_STATE) === PIN_LIVE && this.memory.load(at + PIN_SERIAL) === this.place.serial
    );
  }

  /** The slots that are looked up from now on stay until `leave`. Short: a change of slots waits for it. ENODEV. */
  enter(): void {
    if (!this.isLive) throw released();
    this.memory.add(this.#at + PIN_INSIDE, 1);
    // Again: who revokes it and sees it outside must be right.
    if (this.isLive) return;
    this.leave();
    throw released();
  }

  leave(): void {
    this.memory.add(this.#at + PIN_INSIDE, 1);
  }

  /** Counts one copy of `bytes` bytes. */
  copied(bytes: number): void {
    Atomics.add(this.#counts, 0, 1n);
    Atomics.add(this.#counts, 1, BigInt(bytes));
  }

  /** Notes an attachment; returns its number. ENOSPC when the VM's table is full, ENODEV. */
  attach(kind: AttachmentKind, details: Partial<Omit<Attachment, 'kind' | 'index'>>): number {
    const { memory } = this;
    if (!this.isLive) throw released();
    for (let index = 0; index < ATTACHMENTS_MAX; index++) {
      const at = attachmentOf(memory, index);
      if (!take(memory, at + ATTACHMENT_PIN, this.place.index + 1)) continue;
      const match = details.datamatch === undefined ? 0 : IOEVENT_DATAMATCH;
      memory.setU64(at + ATTACHMENT_ADDRESS, details.address ?? 0n);
      memory.setU64(at + ATTACHMENT_LENGTH, BigInt(details.length ?? 0));
      memory.setU32(at + ATTACHMENT_FLAGS, match | (details.pio ? IOEVENT_PIO : 0));
      memory.setU32(at + ATTACHMENT_PLACE, details.place ?? 0);
      memory.setU64(at + ATTACHMENT_DATAMATCH, details.datamatch ?? 0n);
      memory.setU32(at + ATTACHMENT_GENERATION, details.generation ?? 0);
      memory.store(at + ATTACHMENT_KIND, KINDS[kind]);
      return index;
    }
    throw new KvmError('ENOSPC', `this VM has ${ATTACHMENTS_MAX} attachments already; release one.`);
  }

  /** Forgets the attachment with this number. */
  detach(index: number): void {
    const at = attachmentOf(this.memory, index);
    if (!this.#isMine || this.memory.load(at + ATTACHMENT_PIN) !== this.place.index + 1) return;
    freeAttachment(this.memory, at);
  }

  get #isMine(): boolean {
    return this.memory.load(this.#at + PIN_SERIAL) === this.place.serial;
  }

  /** What it has attached. */
  get attachments(): Attachment[] {
    return this.#isMine ? attachmentsOf(this.memory, this.place.index) : [];
  }

  /** Another reference of the same holder. */
  get(): void {
    if (!this.isLive) throw released();
    this.memory.add(this.#at + PIN_REFERENCES, 1);
  }

  /** Gives a reference back; whether it was the last, whereupon the caller releases everything and calls freePin. */
  put(): boolean {
    if (!this.#isMine || this.memory.load(this.#at + PIN_REFERENCES) === 0) return false;
    return this.memory.add(this.#at + PIN_REFERENCES, -1) === 1;
  }
}

function released(): KvmError {
  return new KvmError('ENODEV', 'this interface was released or revoked; bind again.');
}
