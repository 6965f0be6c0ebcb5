// Completes package-lock.json after `npm install` from a registry that lacks other platforms' binaries.
// npm leaves such optional packages out of the lock and `npm ci` then refuses it everywhere; an entry with
// version, os and cpu is enough, for npm skips an optional package of another platform. Installs nothing.
// Run: node .ci/complete_lock.mjs
import { readFileSync, writeFileSync } from 'node:fs';

const SYSTEMS = ['android', 'darwin', 'freebsd', 'linux', 'openharmony', 'win32'];
const CPUS = ['arm64', 'x64', 'arm', 'ia32', 'ppc64', 'riscv64', 's390x', 'wasm32'];

const lock = JSON.parse(readFileSync('package-lock.json', 'utf8'));
for (const entry of Object.values({ ...lock.packages })) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const path = `node_modules/${name}`;
    if (lock.packages[path]) continue;
    const words = name.split(/[/-]/);
    const os = SYSTEMS.filter((word) => words.includes(word));
    const cpu = CPUS.filter((word) => words.includes(word));
    if (cpu.length === 0) throw new Error(`${name} names no platform: add its entry to the lock by hand.`);
    const libc = words.includes('musl') ? ['musl'] : words.includes('gnu') ? ['glibc'] : [];
    lock.packages[path] = {
      version,
      cpu,
      ...(entry.dev && { dev: true }),
      ...(libc.length > 0 && { libc }),
      optional: true,
      ...(os.length > 0 && { os }),
    };
  }
}
const byPath = Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1));
lock.packages = Object.fromEntries(byPath);
writeFileSync('package-lock.json', `${JSON.stringify(lock, null, 2)}\n`);
