// The archives that become a guest's first root file system, read back by the format's own rules.
import { expect, test } from 'vitest';
import { writeCpio } from '../../../../web/cli/guests/cpio.mjs';

/** The records of a newc archive: 6 bytes of magic, 13 fields of 8 hexadecimal digits, name and data, padded to 4. */
function readCpio(archive: Buffer) {
  const records = [];
  for (let at = 0; ; ) {
    const field = (index: number) =>
      Number.parseInt(archive.toString('latin1', at + 6 + 8 * index, at + 14 + 8 * index), 16);
    const aligned = (offset: number) => (offset + 3) & ~3;
    const name = archive.toString('latin1', at + 110, at + 110 + field(11) - 1);
    const data = aligned(at + 110 + field(11));
    if (archive.toString('latin1', at, at + 6) !== '070701') throw new Error(`no record at ${at}`);
    if (name === 'TRAILER!!!') return records;
    const device = [field(9), field(10)];
    records.push({
      name,
      mode: field(1).toString(8),
      device,
      data: archive.toString('latin1', data, data + field(6)),
    });
    at = aligned(data + field(6));
  }
}

test('folders, files, links and devices come back as they were put in', () => {
  const archive = writeCpio([
    { path: 'bin' },
    { path: 'bin/sh', data: Buffer.from('#!x'), mode: 0o755 },
    { path: 'sbin', link: 'bin' },
    { path: 'empty', data: Buffer.alloc(0) },
    { path: 'null', device: [1, 3] },
  ]);
  expect(readCpio(archive)).toEqual([
    { name: 'bin', mode: '40755', device: [0, 0], data: '' },
    { name: 'bin/sh', mode: '100755', device: [0, 0], data: '#!x' },
    { name: 'sbin', mode: '120777', device: [0, 0], data: 'bin' },
    { name: 'empty', mode: '100644', device: [0, 0], data: '' },
    { name: 'null', mode: '20644', device: [1, 3], data: '' },
  ]);
  expect(archive.length % 512).toBe(0);
});

test('a file before its folder is refused: Linux would drop it without a word', () => {
  expect(() => writeCpio([{ path: 'lib/a', data: Buffer.from('a') }])).toThrow('lib/a lies in lib');
});
