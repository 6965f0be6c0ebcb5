// The floors of the house as a table: who may import whom, and no circle anywhere. It reads imports only.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';

/** Each part of web/ with the parts it may import, lowest first; a part may always import itself. */
const WEB: Record<string, string[]> = {
  asm: [],
  kvm: ['abi'],
  net: ['kvm'],
  disk: ['kvm'],
  fs: ['kvm'],
  p9: ['kvm', 'fs'],
  xinterface: ['abi', 'kvm'],
  devices: ['abi'],
  pci: ['abi', 'devices'],
  virtio: ['abi', 'kvm', 'xinterface', 'devices', 'pci', 'disk', 'net', 'fs', 'p9'],
  modules: ['abi', 'xinterface', 'devices', 'pci', 'virtio'],
  vmm: ['abi', 'kvm', 'xinterface', 'devices', 'pci', 'virtio', 'modules'],
  sh: ['kvm', 'fs'],
  kvmfs: ['abi', 'kvm', 'xinterface', 'devices', 'pci', 'virtio', 'modules', 'vmm', 'fs'],
  session: [
    'abi',
    'kvm',
    'net',
    'disk',
    'fs',
    'p9',
    'xinterface',
    'devices',
    'pci',
    'virtio',
    'modules',
    'vmm',
    'sh',
    'kvmfs',
    'asm',
  ],
  lab: ['abi', 'asm', 'session'],
  ui: ['abi', 'asm', 'fs', 'sh', 'session', 'lab'],
  cli: [
    'abi',
    'asm',
    'kvm',
    'net',
    'disk',
    'xinterface',
    'devices',
    'pci',
    'virtio',
    'modules',
    'vmm',
    'fs',
    'sh',
    'kvmfs',
    'session',
    'lab',
  ],
};

/** The floors inside assembly/, lowest first; names on one floor do not import each other. */
const CORE = [
  ['abi', 'host'],
  ['state'],
  ['irqchip', 'float'],
  ['memory'],
  ['pv'],
  ['decode'],
  ['cpu', 'jit'],
  ['hyperv', 'xen'],
  ['exec'],
  ['run'],
  ['index'],
];

/** A file longer than this is named in the output: it is time to part it. */
const LONG_FILE = 600;

const sources = ['assembly', 'web'].flatMap((root) =>
  readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(ts|tsx|mjs)$/.test(name) && !name.endsWith('.d.ts'))
    .map((name) => join(root, name)),
);

/** The file an import names, or undefined when it is a package or an asset. */
function resolveImport(from: string, name: string): string | undefined {
  if (!name.startsWith('.')) return undefined;
  const path = normalize(join(dirname(from), name.replace(/\?.*$/, '')));
  return [path, `${path}.ts`, join(path, 'index.ts')].find(
    (file) => sources.includes(file) && existsSync(file),
  );
}

function importsOf(file: string): string[] {
  const found = ts.preProcessFile(readFileSync(file, 'utf8'), true, true).importedFiles;
  return found.flatMap((entry) => resolveImport(file, entry.fileName) ?? []);
}

const graph = new Map(sources.map((file) => [file, importsOf(file)]));

/** assembly/cpu/flags.ts -> cpu, assembly/host.ts -> host, web/kvm/vm.ts -> kvm. */
function partOf(file: string): string {
  return (file.split('/')[1] ?? '').replace(/\.\w+$/, '');
}

const coreFloor = (file: string) => CORE.findIndex((names) => names.includes(partOf(file)));

function isAllowed(from: string, to: string): boolean {
  if (from.startsWith('assembly/')) {
    if (!to.startsWith('assembly/')) return false;
    return partOf(from) === partOf(to) || coreFloor(to) < coreFloor(from);
  }
  const part = to.startsWith('assembly/abi/') ? 'abi' : to.startsWith('web/') ? partOf(to) : 'core';
  return part === partOf(from) || (WEB[partOf(from)] ?? []).includes(part);
}

/** Every edge that closes a circle, found by a depth-first walk. */
function findCircles(): string[] {
  const done = new Set<string>();
  const circles: string[] = [];
  const walk = (file: string, trail: string[]) => {
    if (trail.includes(file)) {
      circles.push([...trail.slice(trail.indexOf(file)), file].join(' -> '));
      return;
    }
    if (done.has(file)) return;
    for (const next of graph.get(file) ?? []) walk(next, [...trail, file]);
    done.add(file);
  };
  for (const file of sources) walk(file, []);
  return circles;
}

describe('the floors', () => {
  test('every folder has its floor', () => {
    const known = ['ambient', ...Object.keys(WEB), ...CORE.flat()];
    expect(sources.filter((file) => !known.includes(partOf(file)))).toEqual([]);
  });

  test('imports go to lower floors only', () => {
    const wrong = [...graph].flatMap(([from, all]) =>
      all.filter((to) => !isAllowed(from, to)).map((to) => `${from} -> ${to}`),
    );
    expect(wrong).toEqual([]);
  });

  test('no import runs in a circle', () => {
    expect(findCircles()).toEqual([]);
  });

  test('only web/ui knows the dom', () => {
    const withDom = Object.keys(WEB).filter(
      (part) =>
        existsSync(`web/${part}/tsconfig.json`) &&
        readFileSync(`web/${part}/tsconfig.json`, 'utf8').includes('"DOM'),
    );
    expect(withDom).toEqual(['ui']);
  });

  test('no relative import leads nowhere', () => {
    const lost = sources.flatMap((file) =>
      ts
        .preProcessFile(readFileSync(file, 'utf8'), true, true)
        .importedFiles.map((entry) => entry.fileName.replace(/\?.*$/, ''))
        .filter((name) => name.startsWith('.') && /\.(ts|tsx)$/.test(name) && !resolveImport(file, name))
        .map((name) => `${file} -> ${name}`),
    );
    expect(lost).toEqual([]);
  });

  test('long files are named', () => {
    const long = sources
      .map((file) => ({ file, lines: readFileSync(file, 'utf8').split('\n').length }))
      .filter(({ lines }) => lines > LONG_FILE);
    for (const { file, lines } of long) console.warn(`${file} has ${lines} lines: part it at ${LONG_FILE}.`);
    expect(long.length).toBeLessThan(sources.length);
  });
});
