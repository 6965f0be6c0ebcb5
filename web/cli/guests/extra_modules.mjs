// Modules that a Debian kernel was built without, compiled for it from Debian's kernel sources and the kernel's own headers.
// It knows 9p, which the cloud kernel lacks.
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './apt.mjs';

const HINT = 'the sources do not fit the headers of the kernel.';

/** What is compiled: folders of the sources, the options that choose in them, and the modules that they give. */
const NINE_P = {
  folders: ['net/9p', 'fs/9p'],
  options: ['CONFIG_NET_9P=m', 'CONFIG_NET_9P_VIRTIO=m', 'CONFIG_9P_FS=m'],
  modules: ['net/9p/9pnet.ko', 'net/9p/9pnet_virtio.ko', 'fs/9p/9p.ko'],
};

/** The headers of a kernel in one folder, as they would lie below /; the folder in which make starts. */
function layOutHeaders(archive, release, folder) {
  const own = `linux-headers-${release}`;
  const needed = archive
    .show(own)
    .depends.map((text) => text.split(' ')[0] ?? '')
    .filter((name) => /^linux-(headers|kbuild)-/.test(name));
  for (const name of [own, ...needed]) {
    cpSync(archive.unpack(name).tree, folder, { recursive: true, verbatimSymlinks: true });
  }
  const common = needed.find((name) => name.startsWith('linux-headers-'));
  const headers = join(folder, 'usr', 'src');
  // As installed it names the place in the machine's /usr/src.
  writeFileSync(join(headers, own, 'Makefile'), `include ${join(headers, common, 'Makefile')}\n`);
  return join(headers, own);
}

/**
 * Compiles 9p for the kernel of this release and puts the modules into `tree`, its unpacked package, where modules of
 * others belong (updates/). `source` are the kernel's sources; `work` is a folder that goes away.
 */
export function addNineP(archive, { release, tree, source, work }) {
  const headers = layOutHeaders(archive, release, join(work, 'headers'));
  const build = join(work, '9p');
  for (const folder of NINE_P.folders) cpSync(join(source, folder), join(build, folder), { recursive: true });
  writeFileSync(
    join(build, 'Kbuild'),
    `obj-y += ${NINE_P.folders.map((folder) => `${folder}/`).join(' ')}\n`,
  );
  run('make', ['-s', '-C', headers, `M=${build}`, 'CC=gcc', ...NINE_P.options, 'modules'], HINT);
  const updates = join(tree, 'lib', 'modules', release, 'updates');
  mkdirSync(updates, { recursive: true });
  const built = NINE_P.modules.map((path) => join(build, path));
  run('strip', ['--strip-debug', ...built], HINT);
  for (const file of built) cpSync(file, join(updates, file.split('/').at(-1) ?? ''));
}
