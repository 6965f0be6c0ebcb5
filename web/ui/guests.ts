// What can be chosen to run: the lab's guests, guests fetched beside the page, and the options a kernel starts with.

import { guests, type PresentGuest, presentGuests } from '../lab/index.ts';
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

/** What a kernel is told where nobody says otherwise: to talk through the serial port. */
export const DEFAULT_APPEND = 'console=ttyS0,115200';

const MANIFEST = new URL('guests/manifest.json', document.baseURI);
const MIB = 1 << 20;

/** The real guests beside the page; none when nothing was fetched. */
export async function fetchedGuests(): Promise<readonly PresentGuest[]> {
  try {
    const answer = await fetch(MANIFEST);
    // A server that answers every path with its page has no manifest either.
    if (!answer.ok || !answer.headers.get('content-type')?.includes('json')) return [];
    return presentGuests(await answer.json());
  } catch {
    return [];
  }
}

/**
 * Fetches a guest's files; the options are its own, but for the devices: those were chosen by the person. Throws one sentence
 * when a file is missing.
 */
export async function loadFetched(
  guest: PresentGuest,
  { devices }: Pick<SharedOptions, 'devices'>,
): Promise<{ files: KernelFiles; options: SharedOptions }> {
  const { title: name, append, initrd, memory, cpus } = guest;
  const kernel = await fetchBytes(guest.kernel, guest.command);
  const files: KernelFiles = { name, kernel, append };
  const base = kernelOptions(defaultGuest.options, guest.bytes);
  const options = { ...base, memory, cpus, ...(devices && { devices }) };
  if (initrd === undefined) return { files, options };
  return { files: { ...files, initrd: await fetchBytes(initrd, guest.command) }, options };
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

async function fetchBytes(path: string, command: string): Promise<Uint8Array> {
  const answer = await fetch(new URL(path, MANIFEST));
  if (!answer.ok)
    throw new Error(`${path} is not beside the page (${answer.status}): run "${command}" again.`);
  return new Uint8Array(await answer.arrayBuffer());
}
