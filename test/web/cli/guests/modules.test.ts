// Kernel modules of a package: what one needs, what it is asked for by, and the order that loads them.
import { expect, test } from 'vitest';
import { aliasesOf, dependsOf, loadOrder, modulesDep } from '../../../../web/cli/guests/modules.mjs';

const MODULE = Buffer.from(
  '\x7fELF\0license=GPL\0alias=pci:v00001AF4d*\0alias=virtio-pci\0depends=virtio-ring,virtio\0name=virtio_pci\0',
  'latin1',
);
const NEEDS: Record<string, string[]> = { ext4: ['jbd2', 'crc16'], jbd2: ['crc16'], crc16: [] };
const needs = (name: string) => NEEDS[name] ?? [];

test('a module says what it needs and by which patterns it is asked for', () => {
  expect(dependsOf(MODULE)).toEqual(['virtio_ring', 'virtio']);
  expect(aliasesOf(MODULE)).toEqual(['pci:v00001AF4d*', 'virtio-pci']);
});

test('a module that needs nothing has an empty field', () => {
  expect(dependsOf(Buffer.from('\0depends=\0'))).toEqual([]);
});

test('a module is loaded once, after all that it needs', () => {
  expect(loadOrder(['ext4', 'jbd2'], needs)).toEqual(['crc16', 'jbd2', 'ext4']);
});

test('modules.dep names the deepest need last, as depmod does', () => {
  expect(modulesDep(['crc16', 'jbd2', 'ext4'], needs, (name: string) => `${name}.ko`)).toBe(
    'crc16.ko:\njbd2.ko: crc16.ko\next4.ko: jbd2.ko crc16.ko\n',
  );
});
