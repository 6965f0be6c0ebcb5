// A builder of AML: the few terms that our DSDT is made of, each as its bytes. It knows no device.
//
// Source: ACPI 6.5, chapters 20 (AML) and 6.4 (resource descriptors).

import { Bytes } from './bytes.ts';

/** A term as its bytes. */
export type Aml = Uint8Array;

const join = (parts: readonly Aml[]): Aml => {
  const bytes = new Bytes();
  for (const part of parts) bytes.bytes(part);
  return bytes.take();
};

/** An opcode, then a length that counts itself (20.2.4), then what it counts. */
function sized(opcode: readonly number[], contents: readonly Aml[]): Aml {
  const body = join(contents);
  const out = new Bytes().u8(...opcode);
  const oneByte = body.length + 1;
  if (oneByte < 0x40) return out.u8(oneByte).bytes(body).take();
  const more = body.length + 2 < 0x1000 ? 1 : 2;
  const length = body.length + 1 + more;
  out.u8((more << 6) | (length & 0xf), length >> 4);
  if (more === 2) out.u8(length >> 12);
  return out.bytes(body).take();
}

/** A name of four letters. */
export const name = (letters: string): Aml => new Bytes().text(letters, 4).take();

/** A whole number of at most 32 bits. */
export function integer(value: number): Aml {
  if (value <= 1) return new Bytes().u8(value).take();
  if (value <= 0xff) return new Bytes().u8(0x0a, value).take();
  if (value <= 0xffff) return new Bytes().u8(0x0b).u16(value).take();
  return new Bytes().u8(0x0c).u32(value).take();
}

/** A text. */
export const string = (text: string): Aml => new Bytes().u8(0x0d).text(text).u8(0).take();

/** Name (letters, value). */
export const define = (letters: string, value: Aml): Aml =>
  join([new Uint8Array([0x08]), name(letters), value]);
export const packageOf = (elements: readonly Aml[]): Aml =>
  sized([0x12], [new Uint8Array([elements.length]), ...elements]);
export const scope = (letters: string, terms: readonly Aml[]): Aml =>
  sized([0x10], [name(letters), ...terms]);
export const device = (letters: string, terms: readonly Aml[]): Aml =>
  sized([0x5b, 0x82], [name(letters), ...terms]);
export const method = (letters: string, parameters: number, terms: readonly Aml[]): Aml =>
  sized([0x14], [name(letters), new Uint8Array([parameters]), ...terms]);
/** If (predicate) { terms }. */
export const when = (predicate: Aml, terms: readonly Aml[]): Aml => sized([0xa0], [predicate, ...terms]);
export const giveBack = (value: Aml): Aml => join([new Uint8Array([0xa4]), value]);
/** Store (Arg0, target). */
export const storeArgument = (target: string): Aml => join([new Uint8Array([0x70, 0x68]), name(target)]);

/** EISAID: three letters and four hexadecimal digits, as a compressed id. */
export function eisaId(id: string): Aml {
  const letter = (n: number): number => id.charCodeAt(n) - 0x40;
  const vendor = (letter(0) << 10) | (letter(1) << 5) | letter(2);
  const product = Number.parseInt(id.slice(3), 16);
  return new Bytes().u8(0x0c, vendor >> 8, vendor, product >> 8, product).take();
}

/** ResourceTemplate: descriptors and the end tag, as a buffer. */
export function resources(descriptors: readonly Aml[]): Aml {
  const bytes = join([...descriptors, new Uint8Array([0x79, 0])]);
  return sized([0x11], [integer(bytes.length), bytes]);
}

// Address space descriptors: type, then flags (both ends are fixed), type-specific flags.
const BUSES = 2;
const PORTS = 1;
const MEMORY = 0;
const FIXED = 0x0c;
const ENTIRE_RANGE = 0x03;
const READ_WRITE = 0x01;

/** WordBusNumber: buses `first` to `last`, which the device hands on. */
export const busRange = (first: number, last: number): Aml =>
  new Bytes()
    .u8(0x88, 13, 0, BUSES, FIXED, 0)
    .u16(0, first, last, 0, last - first + 1)
    .take();
/** WordIO: ports that the device hands on. */
export const portRange = (first: number, last: number): Aml =>
  new Bytes()
    .u8(0x88, 13, 0, PORTS, FIXED, ENTIRE_RANGE)
    .u16(0, first, last, 0, last - first + 1)
    .take();
/** DWordMemory: addresses below 4 GiB that the device hands on, not cacheable. */
export const memoryRange = (first: number, last: number): Aml =>
  new Bytes()
    .u8(0x87, 23, 0, MEMORY, FIXED, READ_WRITE)
    .u32(0, first, last, 0, last - first + 1)
    .take();
/** QWordMemory: the same for any address below 2^53. */
export const wideMemoryRange = (first: number, last: number): Aml =>
  new Bytes()
    .u8(0x8a, 43, 0, MEMORY, FIXED, READ_WRITE)
    .u64(0, first, last, 0, last - first + 1)
    .take();
/** IO (Decode16): ports that the device itself takes. */
export const ownPorts = (first: number, count: number): Aml =>
  new Bytes().u8(0x47, 1).u16(first, first).u8(1, count).take();
/** Memory32Fixed (ReadWrite): registers of the device itself. */
export const ownMemory = (address: number, bytes: number): Aml =>
  new Bytes().u8(0x86).u16(9).u8(READ_WRITE).u32(address, bytes).take();
/** Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive): a global system interrupt. */
export const ownEdge = (gsi: number): Aml => new Bytes().u8(0x89).u16(6).u8(0x03, 1).u32(gsi).take();
