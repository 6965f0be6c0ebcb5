// Compiles the modules in C to Wasm, NAME.c beside this file to build/modules/NAME.wasm, where a clang for wasm32 is
// installed (Debian: apt install clang lld). `node web/modules/c/build.mjs` says what it made; nothing to do is no error.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const OUT = fileURLToPath(new URL('../../../build/modules/', import.meta.url));
const FLAGS = [
  '--target=wasm32',
  '-O2',
  '-std=c11',
  '-Wall',
  '-Wextra',
  '-Werror',
  '-nostdlib',
  '-ffreestanding',
];
const LINK = ['-Wl,--no-entry', '-Wl,--strip-all'];

/** clang runs any wasm-opt that it finds: not that of an npm package, which reads an older Wasm. */
const PATH = (process.env.PATH ?? '')
  .split(':')
  .filter((dir) => !dir.endsWith('node_modules/.bin'))
  .join(':');

/** The first clang that knows wasm32, or undefined. */
export function findClang() {
  const names = ['clang', ...[20, 19, 18, 17, 16, 15, 14].map((version) => `clang-${version}`)];
  return names.find((name) => {
    const done = spawnSync(name, ['--print-targets'], { encoding: 'utf8' });
    return done.status === 0 && done.stdout.includes('wasm32');
  });
}

/** Compiles all of them; the paths by name. undefined without a clang. */
export function buildModules() {
  const clang = findClang();
  if (clang === undefined) return undefined;
  mkdirSync(OUT, { recursive: true });
  const names = readdirSync(HERE).filter((name) => name.endsWith('.c'));
  return Object.fromEntries(
    names.map((name) => {
      const output = join(OUT, name.replace(/\.c$/, '.wasm'));
      const done = spawnSync(clang, [...FLAGS, ...LINK, join(HERE, name), '-o', output], {
        encoding: 'utf8',
        env: { ...process.env, PATH },
      });
      if (done.status !== 0) throw new Error(`${name}: ${done.stderr}`);
      return [name.replace(/\.c$/, ''), output];
    }),
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const built = buildModules();
  for (const path of Object.values(built ?? {})) console.log(path);
  if (built === undefined)
    console.error('vitrine: no clang with wasm32 is installed (apt install clang lld).');
}
