// `npm run guests [-- NAME...]`: fetches the guests that others wrote, by name from Debian's archive, into .guests/, and
// makes small initramfs images for its kernels. Plain Node; needs apt and dpkg-deb, no root. Nothing fetched is committed.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { GuestError, openArchive } from './guests/apt.mjs';
import { RECIPES } from './guests/recipes.mjs';
import { CATALOGUE, putGuest, readGuests, TARGET, writeGuests } from './guests/store.mjs';

/** Remembers what a function gave for each text. */
function remember(give) {
  const known = new Map();
  return (text) => {
    if (!known.has(text)) known.set(text, give(text));
    return known.get(text);
  };
}

/** Makes the guests of these names; the rows of those that could be made, and the sentences of those that could not. */
function makeAll(names, work) {
  const archiveOf = remember((architecture) => {
    const archive = openArchive(join(work, architecture), architecture);
    return { ...archive, unpack: remember(archive.unpack) };
  });
  const rows = [];
  const refusals = new Set();
  for (const name of names) {
    const { architecture, make } = RECIPES[name];
    try {
      const row = putGuest(name, make(name, archiveOf(architecture)));
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

function main(asked) {
  const unknown = asked.find((name) => !Object.hasOwn(RECIPES, name));
  if (unknown !== undefined) {
    process.stderr.write(
      `vitrine: there is no guest "${unknown}": name ${Object.keys(RECIPES).join(', ')}.\n`,
    );
    return 2;
  }
  const work = mkdtempSync(join(tmpdir(), 'vitrine-guests-'));
  try {
    const names = CATALOGUE.map(({ name }) => name).filter((name) => Object.hasOwn(RECIPES, name));
    const { rows, refusals } = makeAll(asked.length === 0 ? names : asked, work);
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

process.exitCode = main(process.argv.slice(2));
