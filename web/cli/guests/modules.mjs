// Kernel modules of a Debian kernel package: which files a guest needs and the order to load them in. A package has no
// modules.dep (depmod writes it where a kernel is installed), so what a module needs is read from the module itself.
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { GuestError, run } from './apt.mjs';

/** File names and dependencies differ in these: virtio-rng.ko is the module virtio_rng. */
const nameOf = (file) =>
  basename(file)
    .replace(/\.ko(\.xz)?$/, '')
    .replaceAll('-', '_');

/** The names that the module says it needs: the field `depends` of its section .modinfo. */
export function dependsOf(bytes) {
  const [, names = ''] = /\0depends=([^\0]*)\0/.exec(Buffer.from(bytes).toString('latin1')) ?? [];
  return names === '' ? [] : names.split(',').map(nameOf);
}

/** The patterns by which the kernel asks for the module: the fields `alias` of its section .modinfo. */
export function aliasesOf(bytes) {
  const text = Buffer.from(bytes).toString('latin1');
  return [...text.matchAll(/(?<=\0)alias=([^\0]*)\0/g)].map(([, pattern]) => pattern);
}

/** `wanted` and all that they need, each after what it needs. `needs` gives the names that one needs itself. */
export function loadOrder(wanted, needs) {
  const order = [];
  const seen = new Set();
  const visit = (name) => {
    if (seen.has(name)) return;
    seen.add(name);
    needs(name).forEach(visit);
    order.push(name);
  };
  wanted.forEach(visit);
  return order;
}

/**
 * The text of modules.dep for modules in load order: `path: what it needs, the deepest last`, as depmod writes it.
 */
export function modulesDep(order, needs, pathOf) {
  return order
    .map((name) => {
      const all = loadOrder([name], needs).slice(0, -1).reverse();
      return `${pathOf(name)}:${all.map((need) => ` ${pathOf(need)}`).join('')}\n`;
    })
    .join('');
}

/**
 * The wanted modules of the kernel in an unpacked package, with all that they need: `release` as uname says it, the
 * files `{ path, bytes }` below lib/modules/RELEASE, and `lacks`, the wanted ones that this kernel does not have.
 */
export function collectModules(tree, wanted) {
  const modules = ['lib/modules', 'usr/lib/modules'].map((path) => join(tree, path));
  const folders = modules.flatMap((path) => {
    try {
      return readdirSync(path).map((release) => ({ release, folder: join(path, release) }));
    } catch {
      return [];
    }
  });
  const [found] = folders;
  if (!found) throw new GuestError('the kernel package holds no modules: its layout has changed.');
  const { release, folder } = found;
  const files = new Map(
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((path) => /\.ko(\.xz)?$/.test(path))
      .map((path) => [nameOf(path), path]),
  );
  const builtin = new Set(
    readFileSync(join(folder, 'modules.builtin'), 'utf8').trim().split('\n').map(nameOf),
  );
  const loaded = new Map();
  const bytesOf = (name) => {
    const path = files.get(name);
    if (path === undefined)
      throw new GuestError(`a module needs ${name}, which the kernel package does not hold.`);
    if (!loaded.has(name)) {
      const file = join(folder, path);
      loaded.set(
        name,
        path.endsWith('.xz') ? run('xz', ['-dc', file], 'a module is damaged.') : readFileSync(file),
      );
    }
    return loaded.get(name);
  };
  const needs = (name) => dependsOf(bytesOf(name)).filter((need) => !builtin.has(need));
  const order = loadOrder(
    wanted.filter((name) => files.has(name)),
    needs,
  );
  const aliases = order.flatMap((name) =>
    aliasesOf(bytesOf(name)).map((alias) => `alias ${alias} ${name}\n`),
  );
  const pathOf = (name) => (files.get(name) ?? '').replace(/\.xz$/, '');
  return {
    release,
    files: [
      ...order.map((name) => ({ path: pathOf(name), bytes: bytesOf(name) })),
      { path: 'modules.dep', bytes: Buffer.from(modulesDep(order, needs, pathOf)) },
      { path: 'modules.alias', bytes: Buffer.from(aliases.join('')) },
    ],
    lacks: wanted.filter((name) => !files.has(name) && !builtin.has(name)),
  };
}
