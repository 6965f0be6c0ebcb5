// How each guest is made from Debian's packages: which kernel, which programs, which modules. It writes no guest.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { GuestError } from './apt.mjs';
import { addNineP } from './extra_modules.mjs';
import { DRIVERS, makeInitramfs } from './initramfs.mjs';
import { checkTools, compileKernel } from './linux.mjs';
import { collectModules } from './modules.mjs';
import { compileStress } from './stress.mjs';

/** The one file of an unpacked package whose path matches. */
function take(unpacked, path) {
  const files = readdirSync(unpacked.tree, { recursive: true, encoding: 'utf8' });
  const found = files.find((file) => path.test(file));
  if (!found) {
    throw new GuestError(
      `${unpacked.package} ${unpacked.version} holds no file ${path.source}: its layout has changed.`,
    );
  }
  return readFileSync(join(unpacked.tree, found));
}

const from = (...packages) => packages.map(({ package: name, version }) => ({ package: name, version }));

/** The first root file system of a guest: `modules` as collectModules gave them. Without a compiler it has no stress. */
function initrdOf(archive, modules, warn) {
  const busybox = archive.unpack('busybox-static');
  const programs = [];
  const packages = [busybox];
  try {
    const stress = compileStress(archive);
    programs.push({ name: 'stress', bytes: stress.bytes });
    packages.push(...stress.packages);
  } catch (error) {
    if (!(error instanceof GuestError)) throw error;
    warn(`The guest has no stress program: ${error.message}`);
  }
  return {
    bytes: makeInitramfs({ busybox: take(busybox, /(^|\/)bin\/busybox$/), programs, modules }),
    packages,
  };
}

function makeLinux(metapackage, architecture) {
  return (name, { archiveOf, sourceOf, work, warn, isBuilding }) => {
    const archive = archiveOf(architecture);
    // The package of this name is empty and depends on the kernel of the day.
    const image = archive
      .show(metapackage)
      .depends.map((text) => text.split(' ')[0] ?? '')
      .find((depended) => /^linux-image-\d/.test(depended));
    if (!image) throw new GuestError(`${metapackage} depends on no kernel: its layout has changed.`);
    const kernel = archive.unpack(image);
    const collect = () => collectModules(kernel.tree, Object.values(DRIVERS).flat());
    let modules = collect();
    if (isBuilding && modules.lacks.includes('9p')) {
      checkTools();
      const { source } = sourceOf('amd64');
      addNineP(archive, { release: modules.release, tree: kernel.tree, source, work });
      modules = collect();
    }
    const initrd = initrdOf(archive, modules, warn);
    return {
      kernel: { file: `${name}.vmlinuz`, bytes: take(kernel, /(^|\/)boot\/vmlinuz-/) },
      initrd: { file: `${name}.initrd.gz`, bytes: initrd.bytes },
      version: modules.release,
      lacks: Object.keys(DRIVERS).filter((kind) =>
        DRIVERS[kind].some((module) => modules.lacks.includes(module)),
      ),
      from: from(kernel, ...initrd.packages),
    };
  };
}

/** The package holds both programs, for either architecture. */
function makeMemtest(file, path) {
  return (_name, { archiveOf }) => {
    const unpacked = archiveOf('amd64').unpack('memtest86+');
    return {
      kernel: { file, bytes: take(unpacked, path) },
      version: unpacked.version,
      lacks: [],
      from: from(unpacked),
    };
  };
}

function makeSmall(architecture) {
  return (name, { archiveOf, sourceOf, work, warn }) => {
    checkTools();
    const { package: sources, source } = sourceOf('amd64');
    const kernel = compileKernel(name, source, join(work, name));
    const initrd = initrdOf(archiveOf(architecture), undefined, warn);
    return {
      kernel: { file: `${name}.vmlinuz`, bytes: kernel.bytes },
      initrd: { file: `${name}.initrd.gz`, bytes: initrd.bytes },
      version: kernel.release,
      lacks: [],
      from: from(sources, ...initrd.packages),
    };
  };
}

/**
 * How each guest is made: `make(name, { archiveOf, sourceOf, work, warn, isBuilding })` gives what putGuest takes.
 * `archiveOf` opens the archive of an architecture, `sourceOf` unpacks the kernel's sources from one, `work` is a folder
 * that goes away, `warn` takes a sentence about what a guest has to do without, `isBuilding` allows minutes of compiling.
 */
export const RECIPES = new Map([
  ['cloud', makeLinux('linux-image-cloud-amd64', 'amd64')],
  ['686', makeLinux('linux-image-686', 'i386')],
  ['small', makeSmall('amd64')],
  ['small32', makeSmall('i386')],
  ['memtest', makeMemtest('memtest86+x64.bin', /(^|\/)mt86\+x64$|memtest86\+x64\.bin$/)],
  ['memtest32', makeMemtest('memtest86+ia32.bin', /(^|\/)mt86\+ia32$|memtest86\+ia32\.bin$/)],
]);

/** The guests that `--build-linux` alone brings: they take minutes, and programs that not everybody has. */
export const BUILT = ['small', 'small32'];

/** The guests that `--build-linux` makes: the cloud kernel gets the modules that it was built without. */
export const BETTER_BUILT = ['cloud', ...BUILT];
