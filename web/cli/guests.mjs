// `npm run guests [-- NAME... | --build-linux]`: brings the guests that others wrote, by name from Debian's archive, into
// .guests/, and makes small initramfs images for their kernels; with --build-linux it builds kernels of our configuration
// from Debian's sources. Plain Node; needs apt and dpkg-deb, no root. Nothing of it is ever committed.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { GuestError, openArchive } from './guests/apt.mjs';
import { unpackSource } from './guests/linux.mjs';
import { BETTER_BUILT, BUILT, RECIPES } from './guests/recipes.mjs';
import { CATALOGUE, putGuest, readGuests, TARGET, writeGuests } from './guests/store.mjs';

const BUILD = '--build-linux';

/** Remembers what a function gave for each text. */
function remember(give) {
  const known = new Map();
  return (text) => {
    if (!known.has(text)) known.set(text, give(text));
    return known.get(text);
  };
}

/** Makes the guests of these names; the rows of those that could be made, and the sentences of those that could not. */
function makeAll(names, work, isBuilding) {
  const archiveOf = remember((architecture) => {
    const archive = openArchive(join(work, architecture), architecture);
    return { ...archive, unpack: remember(archive.unpack) };
  });
  const sourceOf = remember((architecture) => unpackSource(archiveOf(architecture), work));
  const warn = (sentence) => process.stderr.write(`vitrine: ${sentence}\n`);
  const rows = [];
  const refusals = new Set();
  for (const name of names) {
    try {
      if (BUILT.includes(name)) process.stdout.write(`Building ${name}, which takes minutes ...\n`);
      const row = putGuest(name, RECIPES.get(name)(name, { archiveOf, sourceOf, work, warn, isBuilding }));
      rows.push(row);
      say(row);
    } catch (error) {
      if (!(error instanceof GuestError)) throw error;
      refusals.add(error.message);
    }
  }
  return { rows, refusals };
}

function say({ name, bytes, from, lacks }) {
  const packages = new Set(from.map((one) => `${one.package} ${one.version}`));
  const without = lacks.length === 0 ? '' : `; its kernel was built without ${lacks.join(', ')}`;
  process.stdout.write(`${name}: ${bytes} bytes, from ${[...packages].join(', ')}${without}\n`);
}

/** The names of the guests that the words ask for: those named, else all of a kind. Throws what is no name. */
function namesOf(words) {
  const all = CATALOGUE.map(({ name }) => name);
  const named = words.filter((word) => word !== BUILD);
  const unknown = named.find((word) => !RECIPES.has(word));
  if (unknown !== undefined)
    throw new GuestError(`There is no guest "${unknown}": name ${all.join(', ')}, or give ${BUILD}.`);
  if (named.length > 0) return named;
  return words.includes(BUILD) ? BETTER_BUILT : all.filter((name) => !BUILT.includes(name));
}

function main(words) {
  const work = mkdtempSync(join(tmpdir(), 'vitrine-guests-'));
  try {
    const { rows, refusals } = makeAll(namesOf(words), work, words.includes(BUILD));
    for (const sentence of refusals) process.stderr.write(`vitrine: ${sentence}\n`);
    // What was fetched before stays when nothing could be fetched now.
    if (rows.length > 0) writeGuests(rows);
    const [first] = readGuests();
    if (first) {
      const where = relative(process.cwd(), TARGET) || '.';
      process.stdout.write(`In ${where}; try "npm run --silent vitrine -- run --guest ${first.name}".\n`);
    }
    return refusals.size > 0 ? 1 : 0;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

try {
  process.exitCode = main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof GuestError)) throw error;
  process.stderr.write(`vitrine: ${error.message}\n`);
  process.exitCode = 2;
}
