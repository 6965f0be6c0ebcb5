// What can be chosen to run: the lab's guests, guests fetched beside the page, and the options a kernel starts with.

import { guests } from '../lab/index.ts';
import type { SharedOptions } from '../session/share.ts';
import type { KernelFiles } from './state/workbench.ts';

/** A guest with its source and the options that the page starts it with. */
export interface LabGuest {
  id: string;
  title: string;
  sentence: string;
  source: string;
  options: SharedOptions;
}

/** The lab's guests in teaching order. Main memory logs its dirty pages unless a slot is there to show that. */
export const labGuests: readonly LabGuest[] = guests.map(({ id, title, sentence, source, machine }) => {
  const { slots, ...rest } = machine;
  const logDirty = !slots.some((slot) => slot.logDirty);
  return {
    id,
    title,
    sentence,
    source,
    options: { ...rest, slots: [...slots], engine: 'parallel', seed: 1, logDirty },
  };
});

/** What the page opens with. */
export const defaultGuest: LabGuest = (() => {
  const [first] = labGuests;
  if (!first) throw new Error('The lab has no guest.');
  return first;
})();

/** A real program that `npm run guests` has fetched, as its manifest tells; the file lies beside the manifest. */
export interface FetchedGuest {
  file: string;
  package: string;
  version: string;
}

/** The name of a fetched guest in the list, e.g. `memtest86+x64 6.10-4`. */
export function titleOf(guest: FetchedGuest): string {
  return `${guest.file.replace(/\.bin$/, '')} ${guest.version}`;
}

/** What a kernel is told where nobody says otherwise: to talk through the serial port. */
export const DEFAULT_APPEND = 'console=ttyS0,115200';

const MANIFEST = new URL('guests/manifest.json', document.baseURI);
const MIB = 1 << 20;

/** The guests beside the page; none when nothing was fetched. */
export async function fetchedGuests(): Promise<readonly FetchedGuest[]> {
  try {
    const answer = await fetch(MANIFEST);
    // A server that answers every path with its page has no manifest either.
    if (!answer.ok || !answer.headers.get('content-type')?.includes('json')) return [];
    const { guests } = (await answer.json()) as { guests?: FetchedGuest[] };
    return guests ?? [];
  } catch {
    return [];
  }
}

/** Fetches a guest's file. Throws one sentence when it is missing. */
export async function loadFetched(
  guest: FetchedGuest,
): Promise<{ files: KernelFiles; options: SharedOptions }> {
  const kernel = await fetchBytes(guest.file);
  const files: KernelFiles = { name: titleOf(guest), kernel, append: DEFAULT_APPEND };
  return { files, options: kernelOptions(defaultGuest.options, kernel.length) };
}

/** Options for a kernel whose files have this size: enough memory, the rest as it was. */
export function kernelOptions(from: SharedOptions, size: number): SharedOptions {
  const { slots: _, ...rest } = from;
  const needed = size * 3 + 16 * MIB;
  return {
    ...rest,
    irqchip: true,
    logDirty: true,
    memory: Math.max(64 * MIB, 2 ** Math.ceil(Math.log2(needed))),
  };
}

async function fetchBytes(path: string): Promise<Uint8Array> {
  const answer = await fetch(new URL(path, MANIFEST));
  if (!answer.ok)
    throw new Error(`${path} is not beside the page (${answer.status}): run npm run guests and build again.`);
  return new Uint8Array(await answer.arrayBuffer());
}
