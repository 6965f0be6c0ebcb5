// Compiles the C VMMs of this folder, for Linux by gcc and for Vitrine by clang to Wasm, from the same sources.
// `node test/cvmm/build.mjs [NAME...]` puts NAME and NAME.wasm into build/cvmm.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const HERE = dirname(fileURLToPath(import.meta.url));
const ROOT = join(HERE, '..', '..');
const OUT = join(ROOT, 'build', 'cvmm');

/** Every program here. */
export const PROGRAMS = ['vmm', 'dirty', 'debug', 'irq', 'errors'];

/** What the compilers are, with the Debian package of each. */
const TOOLS = {
  native: { gcc: '/usr/bin/gcc', 'linux-libc-dev': '/usr/include/linux/kvm.h' },
  wasm: {
    'clang-14': '/usr/bin/clang-14',
    'lld-14': '/usr/bin/wasm-ld-14',
    'wasi-libc': '/usr/lib/wasm32-wasi/libc.a',
    'libclang-rt-14-dev-wasm32': '/usr/lib/llvm-14/lib/clang/14.0.6/lib/wasi/libclang_rt.builtins-wasm32.a',
    'linux-libc-dev': '/usr/include/linux/kvm.h',
  },
};

/** Debian packages that are missing for a target. */
export function missingPackages(target) {
  return Object.entries(TOOLS[target])
    .filter(([, file]) => !existsSync(file))
    .map(([name]) => name);
}

const STRICT = ['-O1', '-Wall', '-Wextra', '-Werror'];

/** -idirafter: the kernel's headers, behind those of wasi-libc. The base keeps clear of what KVM lays at the start. */
const WASM = [
  '--target=wasm32-wasi',
  '--sysroot=/usr',
  '-isystem',
  join(HERE, 'wasm', 'include'),
  '-idirafter',
  '/usr/include/x86_64-linux-gnu',
  '-idirafter',
  '/usr/include',
  '-fuse-ld=/usr/bin/wasm-ld-14',
  '-Wl,--import-memory,--shared-memory,--no-check-features',
  '-Wl,--max-memory=4294901760,--global-base=41943040',
];

function compile(program, args, out) {
  mkdirSync(OUT, { recursive: true });
  // clang runs any wasm-opt that it finds, and npm puts one on the path that knows nothing of threads.
  const env = { ...process.env, PATH: '/usr/bin:/bin' };
  const done = spawnSync(program, [...args, '-o', out], { encoding: 'utf8', env });
  if (done.status !== 0) throw new Error(`${program}: ${done.stderr || done.error}`);
  return out;
}

/** The program for this machine's KVM; its file. */
export function compileNative(name) {
  return compile('gcc', [...STRICT, join(HERE, `${name}.c`)], join(OUT, name));
}

/** The program for Vitrine; its file. */
export function compileWasm(name) {
  const sources = [join(HERE, `${name}.c`), join(HERE, 'wasm', 'shim.c')];
  return compile('clang-14', [...STRICT, ...WASM, ...sources], join(OUT, `${name}.wasm`));
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const names = process.argv.length > 2 ? process.argv.slice(2) : PROGRAMS;
  for (const name of names) {
    for (const file of [compileNative(name), compileWasm(name)]) console.log(relative(process.cwd(), file));
  }
}
