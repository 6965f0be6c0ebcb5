// The small kernels: Debian's linux-source with a configuration of ours, built out of its tree so that the same source
// and compiler make the same bytes. It fetches nothing by itself.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { GuestError, run } from './apt.mjs';

/** What a build needs beside gcc's own package: a program or a header, and the package that brings it. */
const NEEDED = [
  ['/usr/bin/gcc', 'gcc'],
  ['/usr/bin/make', 'make'],
  ['/usr/bin/flex', 'flex'],
  ['/usr/bin/bison', 'bison'],
  ['/usr/bin/bc', 'bc'],
  ['/usr/bin/lz4', 'lz4'],
  ['/usr/bin/xz', 'xz-utils'],
  ['/usr/include/gelf.h', 'libelf-dev'],
];

/** Throws a GuestError that names the packages that are missing. */
export function checkTools() {
  const missing = NEEDED.filter(([place]) => !existsSync(place)).map(([, name]) => name);
  if (missing.length > 0)
    throw new GuestError(`Building a kernel needs more packages: apt-get install ${missing.join(' ')}.`);
}

/** Who built it, and when, for all builds alike. */
const SAME_EVERYWHERE = {
  KBUILD_BUILD_USER: 'vitrine',
  KBUILD_BUILD_HOST: 'vitrine',
  KBUILD_BUILD_VERSION: '1',
  KBUILD_BUILD_TIMESTAMP: '1970-01-01T00:00:00Z',
  LC_ALL: 'C',
};

const configOf = (name) => readFileSync(new URL(`./${name}.config`, import.meta.url), 'utf8');

/**
 * Builds the kernel of the guest `name` from the unpacked sources in the folder `source` into the folder `output`, which
 * may hold an earlier build. Gives the bzImage's bytes and the release as uname says it.
 */
export function compileKernel(name, source, output) {
  mkdirSync(output, { recursive: true });
  const options = join(output, 'vitrine.config');
  writeFileSync(options, configOf('small') + configOf(name === 'small32' ? 'small32' : 'small64'));
  const env = { ...process.env, ...SAME_EVERYWHERE, KCONFIG_ALLCONFIG: options };
  const make = (...targets) => {
    const args = ['-s', '-C', source, `O=${output}`, 'ARCH=x86', `-j${availableParallelism()}`, ...targets];
    return run('make', args, 'the sources or the compiler do not fit the configuration.', { env });
  };
  make('allnoconfig');
  checkConfig(options, join(output, '.config'));
  make('bzImage');
  return {
    bytes: readFileSync(join(output, 'arch', 'x86', 'boot', 'bzImage')),
    release: readFileSync(join(output, 'include', 'config', 'kernel.release'), 'utf8').trim(),
  };
}

/** Options that another version of the sources has dropped or renamed would be lost without a word. */
function checkConfig(wanted, made) {
  const lines = new Set(readFileSync(made, 'utf8').split('\n'));
  const lost = readFileSync(wanted, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('CONFIG_'))
    .filter((line) => !lines.has(line.endsWith('=n') ? `# ${line.slice(0, -2)} is not set` : line));
  if (lost.length > 0)
    throw new GuestError(`The sources do not take ${lost.join(', ')}: their options have changed.`);
}

/** Unpacks Debian's kernel sources below `folder`; the package and where its sources lie. */
export function unpackSource(archive, folder) {
  // The package of this name is empty and depends on the sources of the day.
  const name = archive
    .show('linux-source')
    .depends.map((text) => text.split(' ')[0] ?? '')
    .find((depended) => /^linux-source-\d/.test(depended));
  if (!name) throw new GuestError('linux-source depends on no sources: its layout has changed.');
  const unpacked = archive.unpack(name);
  const source = join(folder, 'source');
  mkdirSync(source, { recursive: true });
  const packed = join(unpacked.tree, 'usr', 'src', `${name}.tar.xz`);
  run('tar', ['-xf', packed, '-C', source, '--strip-components=1'], 'the package is damaged.');
  return { package: unpacked, source };
}
