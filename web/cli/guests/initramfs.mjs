// A first root file system for one kernel: busybox, our init, the stress program and the modules for virtio devices.
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { writeCpio } from './cpio.mjs';

/**
 * The modules that a guest of Vitrine may use, by what they serve; what they need comes with them. Init loads those whose
 * device is there, the kernel asks for the rest when a file system is mounted.
 */
export const DRIVERS = {
  pci: ['virtio_pci'],
  mmio: ['virtio_mmio'],
  blk: ['virtio_blk'],
  net: ['virtio_net'],
  console: ['virtio_console'],
  rng: ['virtio_rng'],
  balloon: ['virtio_balloon'],
  // ext4 asks for its checksum by the name of the algorithm, which `depends` does not say.
  ext4: ['crc32c_generic', 'ext4'],
  '9p': ['9pnet_virtio', '9p'],
};

const textOf = (name) => readFileSync(new URL(name, import.meta.url));

/** `a/b/c` as the folders a, a/b and a/b/c. */
const foldersTo = (path) => path.split('/').map((_, at, parts) => parts.slice(0, at + 1).join('/'));

/**
 * The image, a cpio archive packed with gzip. `busybox` is the program's bytes, `programs` are more for /bin:
 * `{ name, bytes }`, `modules` what collectModules gave, or nothing for a kernel that has all built in.
 */
export function makeInitramfs({ busybox, programs, modules }) {
  const root = `lib/modules/${modules?.release}`;
  const files = (modules?.files ?? []).map(({ path, bytes }) => ({ path: `${root}/${path}`, data: bytes }));
  const folders = new Set(['bin', 'dev', 'etc', 'mnt', 'proc', 'root', 'sys', 'tmp']);
  for (const { path } of files) {
    for (const folder of foldersTo(path).slice(0, -1)) folders.add(folder);
  }
  const archive = writeCpio([
    ...[...folders].map((path) => ({ path })),
    // The kernel calls /sbin/modprobe.
    { path: 'sbin', link: 'bin' },
    // What init's own output goes to, before there is a devtmpfs.
    { path: 'dev/console', device: [5, 1], mode: 0o600 },
    { path: 'bin/busybox', data: busybox, mode: 0o755 },
    ...programs.map(({ name, bytes }) => ({ path: `bin/${name}`, data: bytes, mode: 0o755 })),
    { path: 'etc/dhcp', data: textOf('./dhcp'), mode: 0o755 },
    { path: 'init', data: textOf('./init'), mode: 0o755 },
    ...files,
  ]);
  return gzipSync(archive, { level: 9 });
}
