// The stress program of our guests: compiled from stress/*.c into one static program, with Debian's gcc and the C library
// musl of the guest's architecture, so that the machine needs no second architecture. Runs nothing.
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from './apt.mjs';

const SOURCES = fileURLToPath(new URL('./stress', import.meta.url));

/** gcc's options by Debian's architecture; 32-bit programs keep the FPU's 80 bits, as old programs do. */
const MACHINE = { amd64: ['-m64'], i386: ['-m32', '-march=i686'] };

/** The folder below an unpacked package in which a file lies. */
function folderOf({ tree }, file) {
  const found = readdirSync(tree, { recursive: true, encoding: 'utf8' }).find((path) =>
    path.endsWith(`/${file}`),
  );
  return join(tree, found ?? '', '..');
}

/** The program's bytes and the unpacked packages that are in it. Throws a GuestError where there is no compiler. */
export function compileStress(archive) {
  const hint = "check that Debian's gcc is installed.";
  const version = run('gcc', ['-dumpversion'], hint).toString().trim().split('.')[0];
  const musl = archive.unpack('musl-dev');
  const libgcc = archive.unpack(`libgcc-${version}-dev`);
  const lib = folderOf(musl, 'crt1.o');
  const output = join(mkdtempSync(join(tmpdir(), 'vitrine-stress-')), 'stress');
  const sources = readdirSync(SOURCES)
    .filter((name) => name.endsWith('.c'))
    .sort();
  run(
    'gcc',
    [
      ...MACHINE[archive.architecture],
      ...[
        '-std=gnu11',
        '-D_GNU_SOURCE',
        '-O2',
        '-Wall',
        '-Wextra',
        '-fno-pie',
        '-no-pie',
        '-static',
        '-s',
        '-o',
        output,
      ],
      ...['-nostdinc', '-isystem', folderOf(musl, 'stdlib.h'), '-nostdlib', '-Wl,--build-id=none'],
      ...[join(lib, 'crt1.o'), join(lib, 'crti.o'), ...sources],
      ...[
        '-Wl,--start-group',
        join(lib, 'libc.a'),
        join(folderOf(libgcc, 'libgcc.a'), 'libgcc.a'),
        '-Wl,--end-group',
      ],
      join(lib, 'crtn.o'),
    ],
    hint,
    { cwd: SOURCES },
  );
  return { bytes: readFileSync(output), packages: [musl, libgcc] };
}
