// A first root file system for one kernel: busybox, our init and the modules for virtio devices, nothing else.
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { writeCpio } from './cpio.mjs';

/** Modules that a guest of Vitrine may use; what they need comes with them. */
export const WANTED = [
  'virtio_pci',
  'virtio_mmio',
  'virtio_blk',
  'virtio_net',
  'virtio_console',
  'virtio_rng',
  'virtio_balloon',
  // ext4 asks for its checksum by the name of the algorithm, which `depends` does not say.
  'crc32c_generic',
  'ext4',
  '9pnet_virtio',
  '9p',
];

const INIT = new URL('./init', import.meta.url);

/** `a/b/c` as the folders a, a/b and a/b/c. */
const foldersTo = (path) => path.split('/').map((_, at, parts) => parts.slice(0, at + 1).join('/'));

/** The image, a cpio archive packed with gzip: `busybox` is the program's bytes, `modules` what collectModules gave. */
export function makeInitramfs({ busybox, modules }) {
  const root = `lib/modules/${modules.release}`;
  const files = modules.files.map(({ path, bytes }) => ({ path: `${root}/${path}`, data: bytes }));
  const folders = new Set(['bin', 'dev', 'etc', 'mnt', 'proc', 'root', 'sys', 'tmp', ...foldersTo(root)]);
  for (const { path } of files) {
    for (const folder of foldersTo(path).slice(0, -1)) folders.add(folder);
  }
  const archive = writeCpio([
    ...[...folders].map((path) => ({ path })),
    // What init's own output goes to, before there is a devtmpfs.
    { path: 'dev/console', device: [5, 1], mode: 0o600 },
    { path: 'bin/busybox', data: busybox, mode: 0o755 },
    { path: 'init', data: readFileSync(INIT), mode: 0o755 },
    ...files,
  ]);
  return gzipSync(archive, { level: 9 });
}
