// Share links: a page's guest source, options and layout in a link's fragment, and back. It opens no page.
//
// `#v1=` + base64url(deflate-raw(JSON)). The fragment never leaves the browser, so a link needs no server. What is
// read is checked field by field: a link is input from a stranger.

import type { DeviceRequest, EntryMode, MachineOptions, SlotRequest } from './types.ts';

/** The options that travel in a link: the machine, and how the assembled image enters it. */
export type SharedOptions = Omit<MachineOptions, 'program'> & {
  /** Guest-physical address of the image. */
  at: number;
  mode: EntryMode;
};

/** Everything that a link carries. */
export interface SharedPage {
  /** Id of the lab guest that the source came from, if any. */
  guest?: string;
  /** The guest's assembly source. */
  source: string;
  options: SharedOptions;
  /** Panel layout: for each splitter group by name, the shares of its panels. */
  layout: Record<string, number[]>;
  /** What panels with several views show, by the choice's name. */
  shown?: Record<string, string>;
}

/** What a fragment holds: a page, nothing (no link at all), or one sentence about why it cannot be opened. */
export type OpenedLink =
  | { kind: 'page'; page: SharedPage }
  | { kind: 'none' }
  | { kind: 'bad'; sentence: string };

const PREFIX = 'v1=';
/** A link that unpacks to more than this is refused: no honest source is that long. */
const MOST_BYTES = 1 << 20;
const MODES: readonly EntryMode[] = ['real', 'protected', 'long'];

const BROKEN =
  'This link is damaged: copy it again from where it was shared. The default guest is loaded instead.';
const FUTURE =
  'This link was made by a newer Vitrine than this one: reload the page to update it, or open the link there. The default guest is loaded instead.';

/** The fragment for a page, with its `#`. */
export async function encodeLink(page: SharedPage): Promise<string> {
  const json = new TextEncoder().encode(JSON.stringify(page));
  const packed = await pass(json, new CompressionStream('deflate-raw'), Number.POSITIVE_INFINITY);
  return `#${PREFIX}${toBase64Url(packed)}`;
}

/** Reads a fragment, with or without its `#`. Never throws: a link that cannot be opened gives a sentence. */
export async function decodeLink(fragment: string): Promise<OpenedLink> {
  const text = fragment.replace(/^#/, '');
  if (text === '') return { kind: 'none' };
  const version = /^v(\d+)=/.exec(text);
  if (!version) return { kind: 'none' };
  if (!text.startsWith(PREFIX)) return { kind: 'bad', sentence: FUTURE };
  try {
    const packed = fromBase64Url(text.slice(PREFIX.length));
    const json = await pass(packed, new DecompressionStream('deflate-raw'), MOST_BYTES);
    const page = checked(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(json)));
    return page ? { kind: 'page', page } : { kind: 'bad', sentence: BROKEN };
  } catch {
    return { kind: 'bad', sentence: BROKEN };
  }
}

/** Bytes through a (de)compression stream; throws when more than `most` come out. */
async function pass(
  bytes: Uint8Array<ArrayBuffer>,
  stream: CompressionStream | DecompressionStream,
  most: number,
) {
  const source = new Blob([bytes]).stream();
  const reader = source
    .pipeThrough(stream as ReadableWritablePair<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>)
    .getReader();
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    size += next.value.length;
    if (size > most) {
      await reader.cancel();
      throw new RangeError('The link unpacks to more than a page.');
    }
    parts.push(next.value);
  }
  const whole = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function toBase64Url(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

function fromBase64Url(text: string): Uint8Array<ArrayBuffer> {
  const plain = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
  return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
}

type Fields = Record<string, unknown>;

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

/** The page in a parsed link, rebuilt from known fields only; undefined when one is missing or of the wrong kind. */
function checked(value: unknown): SharedPage | undefined {
  if (!isFields(value) || typeof value.source !== 'string' || !isFields(value.options)) return undefined;
  const options = checkedOptions(value.options);
  if (!options) return undefined;
  const page: SharedPage = { source: value.source, options, layout: checkedLayout(value.layout) };
  if (typeof value.guest === 'string') page.guest = value.guest;
  if (isFields(value.shown)) page.shown = checkedShown(value.shown);
  return page;
}

function checkedOptions(from: Fields): SharedOptions | undefined {
  const { memory, cpus, engine, at, mode } = from;
  if (!isCount(memory) || !isCount(cpus) || !isCount(at)) return undefined;
  if (engine !== 'parallel' && engine !== 'deterministic') return undefined;
  const entry = MODES.find((known) => known === mode);
  if (!entry) return undefined;
  const options: SharedOptions = { memory, cpus, engine, at, mode: entry };
  if (isCount(from.seed)) options.seed = from.seed;
  if (typeof from.logDirty === 'boolean') options.logDirty = from.logDirty;
  if (typeof from.irqchip === 'boolean') options.irqchip = from.irqchip;
  if (isCount(from.jit) || from.jit === 'off') options.jit = from.jit;
  if (isCount(from.jitMemory)) options.jitMemory = from.jitMemory;
  if (isCount(from.exitPort)) options.exitPort = from.exitPort;
  if (typeof from.reboot === 'boolean') options.reboot = from.reboot;
  if (Array.isArray(from.devices)) options.devices = from.devices.flatMap(checkedDevice);
  if (Array.isArray(from.slots)) options.slots = from.slots.flatMap(checkedSlot);
  return options;
}

/** Devices that have nothing of the person who opens the link: disks, networks and shares are chosen by that person. */
const HARMLESS = ['rng', 'console', 'balloon'] as const;

function checkedDevice(value: unknown): DeviceRequest[] {
  const kind = isFields(value) ? HARMLESS.find((known) => known === value.kind) : undefined;
  return kind === undefined ? [] : [{ kind }];
}

function checkedSlot(value: unknown): SlotRequest[] {
  if (!isFields(value) || !isCount(value.gpa) || !isCount(value.size)) return [];
  const slot: SlotRequest = { gpa: value.gpa, size: value.size };
  if (typeof value.readonly === 'boolean') slot.readonly = value.readonly;
  if (typeof value.logDirty === 'boolean') slot.logDirty = value.logDirty;
  return [slot];
}

/** A layout is decoration: what does not fit is left out instead of refused. */
function checkedLayout(value: unknown): Record<string, number[]> {
  if (!isFields(value)) return {};
  const isShares = (shares: unknown): shares is number[] =>
    Array.isArray(shares) && shares.every((share) => typeof share === 'number' && share > 0 && share <= 100);
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, number[]] => isShares(entry[1])),
  );
}

/** Names only; the page takes those that it knows. */
function checkedShown(value: Fields): Record<string, string> {
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}
