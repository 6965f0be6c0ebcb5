// The 256 bytes of a function's configuration space: what is in them after power-on and which bits a guest may change. No access.
//
// Source: PCI Local Bus Specification 3.0, chapter 6.

import { type Bar, type Capability, CONFIG_BYTES, type FunctionDescription } from './function.ts';
import { MSIX_VECTORS } from './wiring.ts';

export const PCI_VENDOR_ID = 0x00;
export const PCI_DEVICE_ID = 0x02;
export const PCI_COMMAND = 0x04;
export const PCI_STATUS = 0x06;
export const PCI_REVISION_ID = 0x08;
export const PCI_CLASS_PROG = 0x09;
export const PCI_CACHE_LINE_SIZE = 0x0c;
export const PCI_LATENCY_TIMER = 0x0d;
export const PCI_BASE_ADDRESS_0 = 0x10;
export const PCI_SUBSYSTEM_VENDOR_ID = 0x2c;
export const PCI_SUBSYSTEM_ID = 0x2e;
export const PCI_CAPABILITY_LIST = 0x34;
export const PCI_INTERRUPT_LINE = 0x3c;
export const PCI_INTERRUPT_PIN = 0x3d;
/** Where the first capability lies. */
const CAPABILITIES = 0x40;
/** BARs of a type 0 header. */
export const BARS = 6;

export const PCI_COMMAND_IO = 0x0001;
export const PCI_COMMAND_MEMORY = 0x0002;
export const PCI_COMMAND_MASTER = 0x0004;
const PCI_COMMAND_PARITY = 0x0040;
const PCI_COMMAND_SERR = 0x0100;
export const PCI_COMMAND_INTX_DISABLE = 0x0400;
const COMMAND_WRITABLE =
  PCI_COMMAND_IO |
  PCI_COMMAND_MEMORY |
  PCI_COMMAND_MASTER |
  PCI_COMMAND_PARITY |
  PCI_COMMAND_SERR |
  PCI_COMMAND_INTX_DISABLE;
export const PCI_STATUS_INTERRUPT = 0x0008;
const PCI_STATUS_CAP_LIST = 0x0010;

const PCI_BASE_ADDRESS_SPACE_IO = 0x1;
const PCI_BASE_ADDRESS_MEM_TYPE_64 = 0x4;
const PCI_BASE_ADDRESS_MEM_PREFETCH = 0x8;

export const PCI_CAP_ID_MSIX = 0x11;
/** Offset of message control in the capability; the offsets of table and PBA follow. */
export const PCI_MSIX_FLAGS = 2;
export const PCI_MSIX_FLAGS_ENABLE = 0x8000;
export const PCI_MSIX_FLAGS_MASKALL = 0x4000;
/** Bytes of the BAR that MSI-X is given. */
export const MSIX_BAR_BYTES = 0x1000;
/** Where in it the pending bits lie. */
export const MSIX_PBA = 0x800;

/** A description that no function can be made of: a mistake of whoever wrote it. */
export class PciError extends Error {
  override readonly name = 'PciError';
  readonly code: 'EINVAL' | 'EEXIST' | 'ENOSPC';
  constructor(code: 'EINVAL' | 'EEXIST' | 'ENOSPC', message: string) {
    super(message);
    this.code = code;
  }
}

/** A capability and where it lies. */
export interface PlacedCapability {
  readonly start: number;
  readonly capability: Capability;
}

/** Configuration space as a table. */
export interface ConfigLayout {
  /** The bytes after power-on. */
  readonly initial: Uint8Array;
  /** Bits that a guest's write changes; the others stay. */
  readonly writable: Uint8Array;
  readonly capabilities: readonly PlacedCapability[];
  /** Where MSI-X's capability lies; 0 without it. */
  readonly msix: number;
}

/** The offset of a BAR. */
export const barOffset = (index: number): number => PCI_BASE_ADDRESS_0 + 4 * index;

function checkBar(bar: Bar, taken: Set<number>, name: string): void {
  const { index, kind, bytes } = bar;
  const least = kind === 'io' ? 4 : 16;
  const most = kind === 'io' ? 256 : 2 ** 31;
  const isPower = Number.isInteger(Math.log2(bytes));
  const indices = kind === 'memory64' ? [index, index + 1] : [index];
  if (!isPower || bytes < least || bytes > most) {
    throw new PciError(
      'EINVAL',
      `BAR ${index} of ${name} has ${bytes} bytes; give a power of two, ${least} to ${most}.`,
    );
  }
  for (const at of indices) {
    if (!(Number.isInteger(at) && at >= 0 && at < BARS))
      throw new PciError('EINVAL', `BAR ${at} of ${name} does not exist; there are 0 to ${BARS - 1}.`);
    if (taken.has(at)) throw new PciError('EEXIST', `BAR ${at} of ${name} is taken twice.`);
    taken.add(at);
  }
}

/** The capability of MSI-X; its `body` begins with message control. */
function msixCapability(vectors: number, bar: number): Capability {
  const body = new Uint8Array(10);
  const view = new DataView(body.buffer);
  view.setUint16(0, vectors - 1, true);
  view.setUint32(2, bar, true);
  view.setUint32(6, MSIX_PBA | bar, true);
  const writable = new Uint8Array(10);
  new DataView(writable.buffer).setUint16(0, PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL, true);
  return { id: PCI_CAP_ID_MSIX, body, writable };
}

/** Configuration space of a function. PciError for a description that cannot be. `bars` are its own and that of MSI-X. */
export function layConfigSpace(description: FunctionDescription, bars: readonly Bar[]): ConfigLayout {
  const { name, identity, capabilities = [], msix, hasPin } = description;
  const initial = new Uint8Array(CONFIG_BYTES);
  const writable = new Uint8Array(CONFIG_BYTES);
  const start = new DataView(initial.buffer);
  const mask = new DataView(writable.buffer);
  start.setUint16(PCI_VENDOR_ID, identity.vendorId, true);
  start.setUint16(PCI_DEVICE_ID, identity.deviceId, true);
  start.setUint8(PCI_REVISION_ID, identity.revisionId ?? 0);
  start.setUint8(PCI_CLASS_PROG, identity.classCode);
  start.setUint16(PCI_CLASS_PROG + 1, identity.classCode >>> 8, true);
  start.setUint16(PCI_SUBSYSTEM_VENDOR_ID, identity.subsystemVendorId ?? 0, true);
  start.setUint16(PCI_SUBSYSTEM_ID, identity.subsystemId ?? 0, true);
  start.setUint8(PCI_INTERRUPT_PIN, hasPin ? 1 : 0);
  mask.setUint16(PCI_COMMAND, COMMAND_WRITABLE, true);
  for (const at of [PCI_CACHE_LINE_SIZE, PCI_LATENCY_TIMER, PCI_INTERRUPT_LINE]) mask.setUint8(at, 0xff);

  const taken = new Set<number>();
  for (const bar of bars) {
    checkBar(bar, taken, name);
    const at = barOffset(bar.index);
    let type = bar.kind === 'io' ? PCI_BASE_ADDRESS_SPACE_IO : 0;
    if (bar.kind === 'memory64') type |= PCI_BASE_ADDRESS_MEM_TYPE_64;
    if (bar.kind !== 'io' && bar.prefetchable) type |= PCI_BASE_ADDRESS_MEM_PREFETCH;
    start.setUint32(at, type, true);
    mask.setUint32(at, -bar.bytes, true);
    if (bar.kind === 'memory64') mask.setUint32(at + 4, 0xffff_ffff, true);
  }

  if (msix && !(Number.isInteger(msix.vectors) && msix.vectors >= 1 && msix.vectors <= MSIX_VECTORS)) {
    throw new PciError('EINVAL', `${name} has ${msix.vectors} vectors; give 1 to ${MSIX_VECTORS}.`);
  }
  const placed: PlacedCapability[] = [];
  let at = CAPABILITIES;
  let link = PCI_CAPABILITY_LIST;
  for (const capability of [...(msix ? [msixCapability(msix.vectors, msix.bar)] : []), ...capabilities]) {
    const { id, body, writable: bits = new Uint8Array(body.length) } = capability;
    if (at + 2 + body.length > CONFIG_BYTES || bits.length > body.length) {
      throw new PciError('ENOSPC', `The capabilities of ${name} do not fit; make them shorter.`);
    }
    initial[link] = at;
    initial[at] = id;
    initial.set(body, at + 2);
    writable.set(bits, at + 2);
    placed.push({ start: at, capability });
    link = at + 1;
    at = (at + 2 + body.length + 3) & ~3;
  }
  if (placed.length > 0) start.setUint16(PCI_STATUS, PCI_STATUS_CAP_LIST, true);
  return { initial, writable, capabilities: placed, msix: msix ? CAPABILITIES : 0 };
}
