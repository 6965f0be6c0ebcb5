// `vitrine image`: a disk as a new raw image.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { openDisk } from '../../../web/disk/open_node.ts';
import { MAIN } from './vitrine.ts';

const folder = mkdtempSync(join(tmpdir(), 'vitrine-image-'));
afterAll(() => rmSync(folder, { recursive: true }));
const [base, changes, made] = ['base.img', 'mine.overlay', 'new.img'].map((name) => join(folder, name)) as [
  string,
  string,
  string,
];
const image = (...args: string[]) =>
  spawnSync(process.execPath, [MAIN, 'image', ...args], { encoding: 'utf8' });

test('an overlay is committed to a new image, once', async () => {
  writeFileSync(base, new Uint8Array(100_000).fill(1));
  const disk = await openDisk({
    kind: 'overlay',
    base: { kind: 'file', path: base },
    upper: { kind: 'file', path: changes },
  });
  await disk.write(50_000, new Uint8Array(10).fill(2));
  await disk.close();
  expect(image(`${base},changes=${changes}`, made).status).toBe(0);
  const content = readFileSync(made);
  expect([content.length, content[49_999], content[50_000], content[50_010]]).toEqual([100_000, 1, 2, 1]);
  const again = image(`${base},changes=${changes}`, made);
  expect({ status: again.status, says: /EEXIST/.test(again.stderr) }).toEqual({ status: 2, says: true });
});
