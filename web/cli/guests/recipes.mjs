// How each guest is made from Debian's packages: which kernel, which programs, which modules. It knows no folder.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { GuestError } from './apt.mjs';
import { DRIVERS, makeInitramfs } from './initramfs.mjs';
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

/** The first root file system of a guest: `modules` as collectModules gave them. */
export function initrdOf(archive, modules) {
  const busybox = archive.unpack('busybox-static');
  const stress = compileStress(archive);
  const bytes = makeInitramfs({
    busybox: take(busybox, /(^|\/)bin\/busybox$/),
    programs: [{ name: 'stress', bytes: stress.bytes }],
    modules,
  });
  return { bytes, packages: [busybox, ...stress.packages] };
}

function makeLinux(metapackage) {
  return (name, archive) => {
    // The package of this name is empty and depends on the kernel of the day.
    const image = archive
      .show(metapackage)
      .depends.map((text) => text.split(' ')[0] ?? '')
      .find((depended) => /^linux-image-\d/.test(depended));
    if (!image) throw new GuestError(`${metapackage} depends on no kernel: its layout has changed.`);
    const kernel = archive.unpack(image);
    const modules = collectModules(kernel.tree, Object.values(DRIVERS).flat());
    const initrd = initrdOf(archive, modules);
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

function makeMemtest(file, path) {
  return (_name, archive) => {
    const unpacked = archive.unpack('memtest86+');
    return {
      kernel: { file, bytes: take(unpacked, path) },
      version: unpacked.version,
      lacks: [],
      from: from(unpacked),
    };
  };
}

/** What `make(name, archive)` gives is what putGuest takes. The package memtest86+ holds both of its programs. */
export const RECIPES = {
  cloud: { architecture: 'amd64', make: makeLinux('linux-image-cloud-amd64') },
  686: { architecture: 'i386', make: makeLinux('linux-image-686') },
  memtest: {
    architecture: 'amd64',
    make: makeMemtest('memtest86+x64.bin', /(^|\/)mt86\+x64$|memtest86\+x64\.bin$/),
  },
  memtest32: {
    architecture: 'amd64',
    make: makeMemtest('memtest86+ia32.bin', /(^|\/)mt86\+ia32$|memtest86\+ia32\.bin$/),
  },
};
