// What becomes of the files and disks that a person gives the page or takes out of it, with the one sentence that says what
// was done. Dropped files and those of a file dialog come the same way. No React.

import type { DeviceRequest } from '../../session/types.ts';
import { DEFAULT_APPEND, kernelOptions } from '../guests.ts';
import { deviceOf, withDevice } from './devices.ts';
import { sortFiles } from './offered.ts';
import { type StoredKind, UNPROMISED } from './storage.ts';
import type { Workbench } from './workbench.ts';

/** The folder that guests and the Shell share, as guests find it. */
export const SHARE = { tag: 'files', path: '/share/files' } as const;

const sentenceOf = (error: unknown) =>
  (error instanceof Error ? error.message : String(error)).replace(/^E[A-Z0-9]+: /, '');
const bytesOf = async (file: File) => new Uint8Array(await file.arrayBuffer());
const percent = (done: number, of: number) => `${Math.floor((100 * done) / of)} %`;
const NAMED = 3;
const LONG = 40;
/** Names as a sentence has room for them. */
function listed(names: readonly string[]): string {
  if (names.length > NAMED) return `${names.length} files`;
  const short = names.map((name) => (name.length > LONG ? `${name.slice(0, LONG)}…` : name));
  return short.length < 2 ? short.join('') : `${short.slice(0, -1).join(', ')} and ${short.at(-1)}`;
}

/** Replaces the machine's device of this kind; `undefined` takes it away. It counts from the next Run or Reset. */
export function chooseDevice(bench: Workbench, kind: DeviceRequest['kind'], request?: DeviceRequest): void {
  const { devices = [] } = bench.state.get().options;
  // A device interrupts: some of the lab's guests have no chips for that until one is chosen.
  bench.setOptions({ devices: withDevice(devices, kind, request), ...(request && { irqchip: true }) });
}

/** Carries `work` out beside what the machine does; says its sentence, or why not. */
async function say(bench: Workbench, work: () => Promise<string | undefined>): Promise<boolean> {
  try {
    const sentence = await work();
    bench.state.patch({ failure: undefined, notice: sentence });
    return true;
  } catch (error) {
    bench.state.patch({ notice: undefined });
    bench.fail(sentenceOf(error));
    return false;
  }
}

/** Asks the browser to keep what is there; the sentence of its refusal, the first time. */
const promised = async (bench: Workbench) => {
  const refusal = await bench.storage.persist();
  return refusal === undefined ? '' : ` ${refusal}`;
};

async function keepDisk(bench: Workbench, image: File): Promise<string> {
  const progress = (done: number) =>
    bench.state.patch({
      notice: `${image.name} is being kept in this browser: ${percent(done, image.size)}.`,
    });
  const { name, isNew } = await bench.inTurn(async () => {
    const kept = await bench.storage.keepImage(image, progress);
    chooseDevice(bench, 'blk', { kind: 'blk', disk: kept.name });
    return kept;
  });
  const use = 'the machine has it as its disk from the next Run or Reset.';
  if (!isNew)
    return `${name} was kept here already, with what guests changed of it: ${use} To take the file anew, delete that one first.`;
  return `${name} is kept in this browser: ${use}${await promised(bench)}`;
}

async function shareFiles(bench: Workbench, files: readonly File[]): Promise<string> {
  const names: string[] = [];
  for (const file of files) {
    bench.state.patch({ notice: `${file.name} is being put into ${SHARE.path}.` });
    try {
      names.push(await bench.storage.shareFile(file));
    } catch (error) {
      const before = names.length > 0 ? `${listed(names)} went there before.` : '';
      throw new Error(
        `${file.name} cannot be put into ${SHARE.path}: ${sentenceOf(error)}. ${before}`.trim(),
      );
    }
  }
  const { devices = [] } = bench.state.get().options;
  const how = deviceOf(devices, '9p')
    ? `guests find it by "mount -t 9p ${SHARE.tag} /mnt".`
    : 'choose "Folder of this browser" in Machine options for guests to find it.';
  return `${listed(names)} ${names.length === 1 ? 'is' : 'are'} in ${SHARE.path}: ${how}${await promised(bench)}`;
}

/** Takes files that were dropped or chosen: a disk image for the machine, a kernel to start, others to share. */
export function takeFiles(bench: Workbench, given: readonly File[]): Promise<boolean> {
  return say(bench, async () => {
    const offered = await sortFiles(given);
    const said: string[] = [];
    try {
      if (offered.disk) said.push(await keepDisk(bench, offered.disk));
      if (offered.files.length > 0) said.push(await shareFiles(bench, offered.files));
      if (offered.kernel) said.unshift(await openKernel(bench, offered.kernel, offered.initrd));
    } catch (error) {
      // What was done before is said, too.
      throw new Error([sentenceOf(error), ...said].join(' '));
    }
    return said.join(' ');
  });
}

async function openKernel(bench: Workbench, file: File, initrd: File | undefined): Promise<string> {
  const kernel = await bytesOf(file);
  const options = kernelOptions(bench.state.get().options, kernel.length + (initrd?.size ?? 0));
  const more = initrd && { initrd: await bytesOf(initrd) };
  await bench.openKernel({ name: file.name, kernel, ...more, append: DEFAULT_APPEND }, options);
  const { failure } = bench.state.get();
  if (failure !== undefined) throw new Error(failure);
  return `${file.name}${initrd ? ` with ${initrd.name}` : ''} is loaded: Run starts it.`;
}

/** Takes a file as the machine's disk, whatever is in it. */
export function takeDisk(bench: Workbench, image: File): Promise<boolean> {
  return say(bench, () => keepDisk(bench, image));
}

/** Makes a disk and gives it to the machine; false when it was refused. */
export function addDisk(
  bench: Workbench,
  wanted: string,
  content: { bytes: number } | { url: string },
): Promise<boolean> {
  return say(bench, async () => {
    const name = await bench.inTurn(async () => {
      const made = await bench.storage.makeDisk(wanted, content);
      chooseDevice(bench, 'blk', { kind: 'blk', disk: made });
      return made;
    });
    const what =
      'url' in content
        ? `What guests change of ${name} is kept in this browser`
        : `${name} is kept in this browser`;
    return `${what}: the machine has it as its disk from the next Run or Reset.${await promised(bench)}`;
  });
}

/** Gives the machine the shared folder, or takes it away. */
export function chooseShare(bench: Workbench, isChosen: boolean): Promise<boolean> {
  chooseDevice(bench, '9p', isChosen ? { kind: '9p', ...SHARE } : undefined);
  if (!isChosen) return Promise.resolve(true);
  return say(bench, async () => {
    const refusal = await bench.storage.persist();
    return refusal && `${SHARE.path} is kept in this browser. ${UNPROMISED}`;
  });
}

/** Brings a disk or a file out of the browser, as a download. */
export function download(bench: Workbench, kind: StoredKind, name: string): Promise<boolean> {
  return say(bench, async () => {
    const blob = await bench.storage.read(kind, name, (done, of) =>
      bench.state.patch({ notice: `${name} is being read: ${percent(done, of)}.` }),
    );
    const link = document.createElement('a');
    link.href = URL.createObjectURL(blob);
    link.download = kind === 'disk' && !/\.(img|raw|iso|dd)$/i.test(name) ? `${name}.img` : name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    return `${link.download} goes to your downloads.`;
  });
}

/** Deletes a disk or a file. A disk goes out of the machine's options too. */
export function remove(bench: Workbench, kind: StoredKind, name: string): Promise<boolean> {
  return say(bench, async () => {
    await bench.storage.remove(kind, name);
    const { devices = [] } = bench.state.get().options;
    if (kind === 'disk' && deviceOf(devices, 'blk')?.disk === name) chooseDevice(bench, 'blk');
    return `${name} was deleted.`;
  });
}
