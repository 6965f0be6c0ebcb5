import { expect, test } from 'vitest';
import { deviceOf, diskName, isNetworkName, withDevice } from '../../../web/ui/state/devices.ts';

const RNG = { kind: 'rng' } as const;
const DISK = { kind: 'blk', disk: 'a' } as const;

test('devices stand in one order, whatever was chosen first', () => {
  expect(withDevice([RNG], 'blk', DISK)).toEqual([DISK, RNG]);
});

test('a device replaces the one of its kind, and goes when there is none', () => {
  const other = { kind: 'blk', disk: 'b' } as const;
  expect(withDevice([DISK, RNG], 'blk', other)).toEqual([other, RNG]);
  expect(withDevice([DISK, RNG], 'blk', undefined)).toEqual([RNG]);
  expect(deviceOf([DISK, RNG], 'net')).toBeUndefined();
});

test('a disk is called by the last part of its path or URL', () => {
  expect(diskName('my disk.img')).toBe('my-disk.img');
  expect(diskName('https://example.org/images/debian.img?x=1')).toBe('debian.img');
  expect(diskName('https://example.org/')).toBe('example.org');
});

test('a network has a name of letters, digits, dots and dashes', () => {
  expect(['lan', 'a.b-c_1', '', 'two words', 'x'.repeat(65)].map(isNetworkName)).toEqual([
    true,
    true,
    false,
    false,
    false,
  ]);
});
