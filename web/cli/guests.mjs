// Fetches the guests that others wrote, by name from Debian's archive, into .guests/. Plain Node; needs apt and
// dpkg-deb, no root. Nothing fetched is ever committed; the manifest says what was got.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const TARGET = join(dirname(dirname(dirname(fileURLToPath(import.meta.url)))), '.guests');

/** Debian packages and the files that are taken from each: Debian's name, then ours. */
const PACKAGES = [
  {
    name: 'memtest86+',
    files: [
      { path: /(^|\/)mt86\+x64$|memtest86\+x64\.bin$/, as: 'memtest86+x64.bin' },
      { path: /(^|\/)mt86\+ia32$|memtest86\+ia32\.bin$/, as: 'memtest86+ia32.bin' },
    ],
  },
];

class GuestError extends Error {}

/** Runs a program in `cwd` and gives its stdout; a program that fails or is absent ends in one sentence. */
function run(cwd, program, args, hint) {
  const done = spawnSync(program, args, { cwd, encoding: 'utf8' });
  if (done.error?.code === 'ENOENT') {
    throw new GuestError(
      `${program} was not found: guests come from Debian's archive, so run this on Debian or Ubuntu.`,
    );
  }
  if (done.status !== 0) {
    const last = `${done.stderr}${done.stdout}`.trim().split('\n').pop();
    throw new GuestError(`${program} ${args.join(' ')} failed (${last}): ${hint}`);
  }
  return done.stdout;
}

/** Downloads and unpacks one package below `work`; gives its version and the list of unpacked files. */
function unpack(work, name) {
  const hint = `run "apt-get update" as root and check the network.`;
  // apt drops its rights when root downloads, and then may not write into a private folder.
  run(work, 'apt-get', ['-q', '-o', 'APT::Sandbox::User=root', 'download', name], hint);
  const archive = readdirSync(work).find((file) => file.endsWith('.deb'));
  if (!archive) throw new GuestError(`apt-get download ${name} left no package: ${hint}`);
  const version = run(
    work,
    'dpkg-deb',
    ['-f', archive, 'Version'],
    'the package is damaged, try again.',
  ).trim();
  run(work, 'dpkg-deb', ['-x', archive, 'tree'], 'the package is damaged, try again.');
  const tree = join(work, 'tree');
  const files = readdirSync(tree, { recursive: true, encoding: 'utf8' });
  return { version, files: files.map((file) => join(tree, file)) };
}

function fetchPackage({ name, files }) {
  const work = mkdtempSync(join(tmpdir(), 'vitrine-guests-'));
  try {
    const got = unpack(work, name);
    return files.map(({ path, as }) => {
      const source = got.files.find((file) => path.test(file));
      if (!source)
        throw new GuestError(`${name} ${got.version} holds no file for ${as}: its layout has changed.`);
      copyFileSync(source, join(TARGET, as));
      const bytes = readFileSync(source);
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      return {
        file: as,
        package: name,
        version: got.version,
        source: basename(source),
        size: bytes.length,
        sha256,
      };
    });
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

try {
  mkdirSync(TARGET, { recursive: true });
  const guests = PACKAGES.flatMap(fetchPackage);
  writeFileSync(join(TARGET, 'manifest.json'), `${JSON.stringify({ guests }, null, 2)}\n`);
  for (const { file, package: from, version, size } of guests) {
    process.stdout.write(`.guests/${file}  ${size} bytes  from ${from} ${version}\n`);
  }
} catch (error) {
  if (!(error instanceof GuestError)) throw error;
  process.stderr.write(`vitrine: ${error.message}\n`);
  process.exit(1);
}
