// Disks in words: which options they mean, and which contradict each other.
import { expect, test } from 'vitest';
import { type DiskOptions, type DiskWords, diskOf } from '../../../web/disk/index.ts';

const over = (base: DiskOptions, name?: string): DiskOptions => ({
  kind: 'overlay',
  base,
  upper: name === undefined ? { kind: 'memory' } : { kind: 'kept', name },
});
const file = (readonly = false): DiskOptions => ({ kind: 'file', path: 'a.img', readonly });
const http: DiskOptions = { kind: 'http', url: 'https://host/a.img' };

test.each<[string, DiskWords, DiskOptions]>([
  ['a file is written in place', { file: 'a.img' }, file()],
  ['a file may be read only', { file: 'a.img', readonly: true }, file(true)],
  ['a file with changes stays as it is', { file: 'a.img', changes: 'b' }, over(file(), 'b')],
  ['a snapshot forgets', { file: 'a.img', snapshot: true }, over(file())],
  ['what is behind a URL is written in memory', { url: 'https://host/a.img' }, over(http)],
  ['or kept', { url: 'https://host/a.img', changes: 'b' }, over(http, 'b')],
  ['or read only', { url: 'https://host/a.img', readonly: true }, http],
  ['a size alone is an empty disk', { bytes: 4096 }, over({ kind: 'empty', bytes: 4096 })],
  [
    'private files are made',
    { opfs: 'a', bytes: 512 },
    { kind: 'opfs', name: 'a', readonly: false, bytes: 512 },
  ],
])('%s', (_, words, options) => {
  expect(diskOf(words)).toEqual(options);
});

test.each<[string, DiskWords]>([
  ['two contents', { file: 'a', url: 'b' }],
  ['no content and no size', {}],
  ['a size that is none', { bytes: 0.5 }],
  ['changes of what is read only', { file: 'a', readonly: true, changes: 'b' }],
  ['changes both kept and forgotten', { file: 'a', snapshot: true, changes: 'b' }],
])('%s are refused', (_, words) => {
  expect(() => diskOf(words)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
});
