// Assembles every guest here into one C header of arrays, with the assembler of this project (build/cli).
// `node test/cvmm/guests/make.mjs` writes guests.h anew; a test says when it is stale.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const HERE = dirname(fileURLToPath(import.meta.url));
const VITRINE = join(HERE, '..', '..', '..', 'build', 'cli', 'main.js');

function bytesOf(source) {
  const folder = mkdtempSync(join(tmpdir(), 'guest-'));
  const out = join(folder, 'guest.bin');
  try {
    const done = spawnSync(process.execPath, [VITRINE, 'asm', source, '--out', out], { encoding: 'utf8' });
    if (done.status !== 0) throw new Error(done.stderr);
    return [...readFileSync(out)];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function arrayOf(name, bytes) {
  const rows = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const row = bytes.slice(at, at + 16).map((byte) => `0x${byte.toString(16).padStart(2, '0')}`);
    rows.push(`    ${row.join(', ')},`);
  }
  return `static const unsigned char guest_${name}[] = {\n${rows.join('\n')}\n};\n`;
}

/** The text of guests.h. */
export function guestsHeader() {
  const sources = readdirSync(HERE)
    .filter((name) => name.endsWith('.asm'))
    .sort();
  const arrays = sources.map((name) => {
    const array = arrayOf(name.replace('.asm', ''), bytesOf(join(HERE, name)));
    return `/* ${name} */\n__attribute__((unused))\n${array}`;
  });
  return `/* Machine code of the guests, each to be loaded at 0x1000. Made by make.mjs from the .asm files. */\n\n${arrays.join('\n')}`;
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  writeFileSync(join(HERE, 'guests.h'), guestsHeader());
}
