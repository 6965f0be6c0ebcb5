// The folder of fetched guests and its manifest, which the page and `vitrine run --guest` read. It fetches nothing.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** Where the guests lie; git ignores it. */
export const TARGET = join(ROOT, '.guests');

const MANIFEST = join(TARGET, 'manifest.json');

/** All guests that there are, in the order of the list: the rows of web/lab/real.json. */
export const CATALOGUE = JSON.parse(readFileSync(join(ROOT, 'web', 'lab', 'real.json'), 'utf8'));

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

/**
 * Writes a guest's files and gives its row of the manifest. `kernel` and `initrd` are `{ file, bytes }`, the rest goes
 * into the row as it is.
 */
export function putGuest(name, { kernel, initrd, ...rest }) {
  const row = CATALOGUE.find((one) => one.name === name);
  mkdirSync(TARGET, { recursive: true });
  const files = [kernel, initrd].filter((one) => one !== undefined);
  for (const { file, bytes } of files) writeFileSync(join(TARGET, file), bytes);
  return {
    ...row,
    kernel: kernel.file,
    ...(initrd === undefined ? {} : { initrd: initrd.file }),
    bytes: files.reduce((sum, { bytes }) => sum + bytes.length, 0),
    sha256: Object.fromEntries(files.map(({ file, bytes }) => [file, sha256(bytes)])),
    ...rest,
  };
}

/** The rows of the manifest as it stands, without those whose files have gone. */
export function readGuests() {
  if (!existsSync(MANIFEST)) return [];
  const { guests } = JSON.parse(readFileSync(MANIFEST, 'utf8'));
  return guests.filter((row) =>
    Object.keys(row.sha256 ?? {}).every((file) => existsSync(join(TARGET, file))),
  );
}

/** Puts rows into the manifest, beside what it has of other guests. */
export function writeGuests(rows) {
  const known = new Map([...readGuests(), ...rows].map((row) => [row.name, row]));
  const guests = CATALOGUE.flatMap(({ name }) => known.get(name) ?? []);
  writeFileSync(MANIFEST, `${JSON.stringify({ guests }, null, 2)}\n`);
}
