// A guest of `npm run guests` by its name, as the options of `vitrine run` that start it. It fetches nothing.
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { absentGuests, presentGuests } from '../lab/index.ts';
import { guestsFolder } from '../session/node_files.ts';
import { UsageError } from './usage_error.ts';

/** The options that start a guest, each as somebody would write it. */
export interface GuestOptions {
  readonly kernel: string;
  readonly initrd?: string;
  readonly append: string;
  readonly memory: string;
  readonly cpus: string;
}

const pathOf = (file: string): string => fileURLToPath(new URL(file, guestsFolder));

function readManifest(): unknown {
  const manifest = pathOf('manifest.json');
  if (!existsSync(manifest)) return undefined;
  try {
    return JSON.parse(readFileSync(manifest, 'utf8'));
  } catch {
    throw new UsageError(`${manifest} cannot be read; run "npm run guests" again.`);
  }
}

/** Names in groups, each with the command that brings it: `cloud, 686 come with "npm run guests"`. */
function absentSentence(absent: ReturnType<typeof absentGuests>): string {
  return [...new Set(absent.map(({ command }) => command))]
    .map((command) => {
      const names = absent.filter((guest) => guest.command === command).map(({ name }) => name);
      return `; "${command}" brings ${names.join(', ')}`;
    })
    .join('');
}

/** The options of a guest that is here. Throws one sentence that names those that are and how to get the rest. */
export function realGuest(name: string): GuestOptions {
  const present = presentGuests(readManifest());
  const guest = present.find((row) => row.name === name);
  if (guest === undefined) {
    const absent = absentGuests(present);
    const known = absent.some((row) => row.name === name);
    const here =
      present.length === 0 ? 'none is here' : `here are ${present.map((row) => row.name).join(', ')}`;
    const what = known ? `The guest "${name}" has not been fetched` : `There is no guest "${name}"`;
    throw new UsageError(`${what}; ${here}${absentSentence(absent)}.`);
  }
  return {
    kernel: pathOf(guest.kernel),
    ...(guest.initrd === undefined ? {} : { initrd: pathOf(guest.initrd) }),
    append: guest.append,
    memory: String(guest.memory),
    cpus: String(guest.cpus),
  };
}
