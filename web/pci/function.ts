// What a PCI function is made of and what it is given: the contract between the bus and those who build functions.
// No mechanism: config_space.ts, msix.ts and pci_function.ts have it.
//
// Source: PCI Local Bus Specification 3.0, chapter 6.

import type { BusRange, DevicePage, Registers } from '../devices/index.ts';

/** Who the function says it is: the read-only fields of its header. */
export interface Identity {
  readonly vendorId: number;
  readonly deviceId: number;
  readonly revisionId?: number;
  /** Base class, subclass and programming interface: 24 bits, as 0x060000 for a host bridge. */
  readonly classCode: number;
  readonly subsystemVendorId?: number;
  readonly subsystemId?: number;
}

/** A base address register; `registers` is reached while the guest has placed it and the command register lets it. */
export interface Bar {
  /** 0 to 5; a 'memory64' takes the next one too. */
  readonly index: number;
  readonly kind: 'io' | 'memory' | 'memory64';
  /** A power of two: 4 to 256 for 'io', at least 16 otherwise. */
  readonly bytes: number;
  readonly prefetchable?: boolean;
  /** The widest access that is handed over whole; 1 when left out, as on a bus. */
  readonly width?: 1 | 2 | 4;
  readonly registers: Registers;
}

/** An entry of the capabilities list. */
export interface Capability {
  readonly id: number;
  /** What follows the id and the link to the next entry: at `start` + 2. */
  readonly body: Uint8Array;
  /** Bits of `body` that the guest may write; none when left out. */
  readonly writable?: Uint8Array;
  /** Answers accesses that begin at `from` (an offset in `body`) or behind, instead of the stored bytes; offsets count from there. */
  readonly window?: { readonly from: number; readonly registers: Registers };
}

/** MSI-X: so many vectors, whose table (at 0) and pending bits (at MSIX_PBA) fill a 4 KiB memory BAR. */
export interface MsixDescription {
  /** 1 to MSIX_VECTORS. */
  readonly vectors: number;
  /** Index of its BAR, which is made for it. */
  readonly bar: number;
}

/** All that a PciFunction is built from; the same in every thread, since nothing of it is shared. */
export interface FunctionDescription {
  /** Four letters for the page's kind word, as a device's; see kind() in web/devices. */
  readonly kind: string;
  readonly name: string;
  readonly identity: Identity;
  readonly bars?: readonly Bar[];
  readonly capabilities?: readonly Capability[];
  readonly msix?: MsixDescription;
  /** The function raises INTA#. */
  readonly hasPin?: boolean;
  /** Brings its own state to that after power-on; the page's FUNCTION_STATE bytes are zero then. */
  reset?(): void;
  /** The guest has moved a BAR or switched one on or off: `ranges` tells anew. On the thread that did it, without the lock. */
  moved?(): void;
}

/** A message-signalled interrupt: what the function writes where. */
export interface Message {
  readonly address: bigint;
  readonly data: number;
}

/** A place on the bus, with what the bus gives to the function in it. All of it may be called under the page's lock. */
export interface Slot {
  /** Device number on bus 0. */
  readonly device: number;
  readonly page: DevicePage;
  /** The GSI that INTA# is wired to, an IOAPIC pin shared with other devices: level-triggered. */
  readonly gsi: number;
  /** The IRQ of the 8259 that it is wired to as well. */
  readonly irq: number;
  /** The GSI whose route is the message of `vector`, for an irqfd; its signals wait while the vector is masked. */
  vectorGsi(vector: number): number;
  /** INTA# of the function may have changed: the bus asks for `isPinAsserted` of all that share its line. */
  pinChanged(): void;
  /** A BAR or its decoding has changed: every thread's buses look anew. */
  moved(): void;
  /** Sends a message now. */
  send(message: Message): void;
  /** What `message(vector)` says has changed for some vector: the routes of irqfds are made anew, what waits is sent. */
  messagesChanged(): void;
  /** A signal of an irqfd waits for `vector` to be unmasked. */
  isWaiting(vector: number): boolean;
  /** Forgets signals that wait for any vector. */
  forgetWaiting(): void;
}

/** An entry of the MSI-X table, for whoever shows it. */
export interface VectorState extends Message {
  readonly vector: number;
  readonly isMasked: boolean;
  readonly isPending: boolean;
}

/** A range of a function that the guest has placed and enabled. */
export interface PlacedRange extends BusRange {
  readonly kind: 'io' | 'memory';
  /** BAR index. */
  readonly bar: number;
  readonly registers: Registers;
}

/**
 * What a function does for the bus and for whoever built it: `new PciFunction(slot, description)`, made anew in each
 * thread over the same page. Its builder's `registers` call these, under the page's lock or not: only `readConfig`,
 * `writeConfig` and `reset` take that lock.
 */
export interface BusFunction {
  readonly slot: Slot;
  readonly description: FunctionDescription;
  /** The description's and that of MSI-X, by index. */
  readonly bars: readonly Bar[];
  /** The guest lets it read and write memory: without that a builder must touch none. */
  readonly isBusMaster: boolean;
  /** MSI-X is switched on: then the pin stays low. */
  readonly isMsixEnabled: boolean;
  /** What the pin drives now: its level unless the command register forbids it or MSI-X is on. */
  readonly isPinAsserted: boolean;
  /** Raises or lowers INTA#. */
  setPin(level: boolean): void;
  /** Sends the message of a vector, or notes it as pending while it is masked; nothing while MSI-X is off. */
  raise(vector: number): void;
  /** What `raise` would send now: undefined while the vector may send nothing. */
  message(vector: number): Message | undefined;
  /** The MSI-X table as it is. */
  vectors(): VectorState[];
  /** Where in configuration space an entry of `description.capabilities` lies. */
  capabilityOffset(capability: Capability): number;
  /** Where the guest has put its BARs, as far as they answer, in the order of their indices. */
  ranges(): PlacedRange[];
  /** Accesses to configuration space of 1, 2 or 4 bytes, naturally aligned. */
  readConfig(offset: number, size: number): number;
  writeConfig(offset: number, size: number, value: number): void;
  /** Brings the page to power-on and calls the description's reset. */
  reset(): void;
}

// The function's page behind what every device's has (lock, kind):
//   0x010 level of INTA# before the interrupt disable bit, u32
//   0x018 pending bits of MSI-X, 8 bytes
//   0x100 configuration space, 256 bytes
//   0x200 MSI-X table, 16 bytes a vector
//   0x800 state of who built the function, to the page's end
export const FUNCTION_PIN = 0x010;
export const FUNCTION_PENDING = 0x018;
export const FUNCTION_CONFIG = 0x100;
export const FUNCTION_MSIX = 0x200;
/** First byte of the page that belongs to whoever built the function; a word there may be used with Atomics. */
export const FUNCTION_STATE = 0x800;

/** Bytes of a function's configuration space. */
export const CONFIG_BYTES = 256;
