import { describe, expect, test } from 'vitest';
import { fileKind, sortFiles } from '../../../web/ui/state/offered.ts';
import { freeName } from '../../../web/ui/state/storage.ts';

/** A file of `size` zeroes with bytes or text at places. */
function file(name: string, size: number, marks: Record<number, string | number[]> = {}): File {
  const bytes = new Uint8Array(size);
  for (const [at, mark] of Object.entries(marks))
    bytes.set(typeof mark === 'string' ? [...mark].map((letter) => letter.charCodeAt(0)) : mark, Number(at));
  return new File([bytes], name);
}

const MULTIBOOT = file('kernel', 4096, {
  0: [0x02, 0xb0, 0xad, 0x1b, 0, 0, 0, 0, 0xfe, 0x4f, 0x52, 0xe4],
});
const DISK = file('disk', 4096, { 1080: [0x53, 0xef] });

describe('a file is', () => {
  test.each([
    ['a kernel', MULTIBOOT, 'kernel'],
    ['a disk by its boot signature', file('x', 1024, { 510: [0x55, 0xaa] }), 'disk'],
    ['a disk by its file system', DISK, 'disk'],
    ['a disk by its name', file('empty.IMG', 1024), 'disk'],
    ['a disk that is packed', file('x.img', 1024, { 0: 'QFI\xfb' }), 'packed'],
    ['an initrd by its name', file('initrd.img-6.1', 1024), 'initrd'],
    ['an initrd by its bytes', file('x', 1024, { 0: '070701' }), 'initrd'],
    ['a file where an ELF program is no kernel', file('x', 1024, { 0: '\x7fELF' }), 'file'],
    ['a file where it is too short for a disk', file('x.img', 100), 'file'],
  ])('%s', async (_, given, kind) => {
    expect(await fileKind(given)).toBe(kind);
  });
});

test('an initrd goes with a kernel, and is a file of its own without one', async () => {
  const [initrd, note] = [file('initrd.gz', 10), file('note', 3)];
  const both = await sortFiles([note, initrd, MULTIBOOT, DISK]);
  expect(both).toEqual({ kernel: MULTIBOOT, initrd, disk: DISK, files: [note] });
  expect((await sortFiles([initrd])).files).toEqual([initrd]);
});

test('two disks are refused with what to do', async () => {
  await expect(sortFiles([DISK, file('b.img', 512)])).rejects.toThrow(
    'disk and b.img are disk images: a machine takes one, so give one of them.',
  );
});

test('a name that is taken is numbered before its end', () => {
  expect(freeName('a.img', [])).toBe('a.img');
  expect(freeName('a.img', ['a.img', 'a-2.img'])).toBe('a-3.img');
  expect(freeName('.profile', ['.profile'])).toBe('.profile-2');
});
