// `npm run guests`: fetches the guests that others wrote, by name from Debian's archive, into .guests/, and makes small
// initramfs images for its kernels. Plain Node; needs apt and dpkg-deb, no root. Nothing fetched is ever committed.
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { GuestError, openArchive } from './guests/apt.mjs';
import { makeInitramfs, WANTED } from './guests/initramfs.mjs';
import { collectModules } from './guests/modules.mjs';

const TARGET = join(dirname(dirname(dirname(fileURLToPath(import.meta.url)))), '.guests');

/** The guests in the order in which they are listed; `make` is one of the functions below. */
const GUESTS = [
  {
    name: 'linux64',
    title: 'Linux, 64 bits',
    architecture: 'amd64',
    package: 'linux-image-cloud-amd64',
    make: makeLinux,
  },
  { name: 'linux32', title: 'Linux, 32 bits', architecture: 'i386', package: 'linux-image-686', make: makeLinux },
  {
    name: 'memtest64',
    title: 'memtest86+, 64 bits',
    architecture: 'amd64',
    package: 'memtest86+',
    path: /(^|\/)mt86\+x64$|memtest86\+x64\.bin$/,
    file: 'memtest86+x64.bin',
    make: makeMemtest,
  },
  {
    name: 'memtest32',
    title: 'memtest86+, 32 bits',
    architecture: 'amd64',
    package: 'memtest86+',
    path: /(^|\/)mt86\+ia32$|memtest86\+ia32\.bin$/,
    file: 'memtest86+ia32.bin',
    make: makeMemtest,
  },
];

/** Writes a file of .guests; its row in the manifest. `from` are the packages that its bytes come from. */
function put(file, bytes, from) {
  writeFileSync(join(TARGET, file), bytes);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return { file, size: bytes.length, sha256, from: from.map(({ package: name, version }) => ({ package: name, version })) };
}

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

function makeLinux({ name, title, package: metapackage }, unpack, show) {
  // The package of this name is empty and depends on the kernel of the day.
  const image = show(metapackage)
    .depends.map((text) => text.split(' ')[0] ?? '')
    .find((depended) => /^linux-image-\d/.test(depended));
  if (!image) throw new GuestError(`${metapackage} depends on no kernel: its layout has changed.`);
  const kernel = unpack(image);
  const busybox = unpack('busybox-static');
  const modules = collectModules(kernel.tree, WANTED);
  const initrd = makeInitramfs({ busybox: take(busybox, /(^|\/)bin\/busybox$/), modules });
  const files = [
    put(`${name}.vmlinuz`, take(kernel, /(^|\/)boot\/vmlinuz-/), [kernel]),
    put(`${name}.initrd.gz`, initrd, [busybox, kernel]),
  ];
  const [{ file: kernelFile }, { file: initrdFile }] = files;
  return {
    files,
    guest: {
      name,
      title: `${title}, ${modules.release}`,
      kernel: kernelFile,
      initrd: initrdFile,
      append: 'console=ttyS0',
      memory: '256M',
      lacks: modules.lacks,
    },
  };
}

function makeMemtest({ name, title, package: from, path, file }, unpack) {
  const unpacked = unpack(from);
  return {
    files: [put(file, take(unpacked, path), [unpacked])],
    guest: {
      name,
      title: `${title}, ${unpacked.version}`,
      kernel: file,
      append: 'console=ttyS0,115200',
      memory: '64M',
      lacks: [],
    },
  };
}

/** Remembers what a function gave for each text. */
function remember(give) {
  const known = new Map();
  return (text) => {
    if (!known.has(text)) known.set(text, give(text));
    return known.get(text);
  };
}

/** Makes every guest that can be made; the sentences of those that cannot. */
function makeAll(work) {
  const archiveOf = remember((architecture) => {
    const { show, unpack } = openArchive(join(work, architecture), architecture);
    return { show, unpack: remember(unpack) };
  });
  const made = [];
  const refusals = new Set();
  for (const recipe of GUESTS) {
    try {
      const { show, unpack } = archiveOf(recipe.architecture);
      made.push(recipe.make(recipe, unpack, show));
    } catch (error) {
      if (!(error instanceof GuestError)) throw error;
      refusals.add(error.message);
    }
  }
  return { made, refusals };
}

function say({ files, guest }) {
  const packages = new Set(files.flatMap(({ from }) => from.map((one) => `${one.package} ${one.version}`)));
  const size = files.reduce((sum, file) => sum + file.size, 0);
  const lacks = guest.lacks.length === 0 ? '' : `; its kernel has no ${guest.lacks.join(', ')}`;
  process.stdout.write(`${guest.name}  ${size} bytes  from ${[...packages].join(', ')}${lacks}\n`);
}

const work = mkdtempSync(join(tmpdir(), 'vitrine-guests-'));
try {
  mkdirSync(TARGET, { recursive: true });
  const { made, refusals } = makeAll(work);
  for (const one of made) say(one);
  for (const sentence of refusals) process.stderr.write(`vitrine: ${sentence}\n`);
  if (refusals.size > 0) process.exitCode = 1;
  // What was fetched before stays when nothing could be fetched now.
  if (made.length > 0) {
    const manifest = { guests: made.map(({ guest }) => guest), files: made.flatMap(({ files }) => files) };
    writeFileSync(join(TARGET, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
    process.stdout.write(`They lie in ${relative(process.cwd(), TARGET)}: vitrine run --guest ${made[0].guest.name}\n`);
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}
