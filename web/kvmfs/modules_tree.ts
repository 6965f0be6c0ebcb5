// /modules: the modules of a supervisor, a directory each. It starts no thread itself: its owner gives it the host.

import { type Change, type DirNode, directory, Emitter, textFile, valueFile } from '../fs/index.ts';
import { KvmError } from '../kvm/index.ts';
import type { ModuleHost } from '../modules/index.ts';
import { MODULES_README } from './help.ts';
import { boundLine, type ModuleGuests, ModulePlace, moduleDir } from './module_dir.ts';

const FIXED = ['README', 'bound'];

/** The tree of `host`'s modules; without a host, none can be started. */
export function modulesTree(host: ModuleHost | undefined, guests: ModuleGuests): DirNode {
  const places = new Map<string, ModulePlace>();
  const changes = new Emitter<Change>();
  return directory(
    () => [
      ['README', textFile(MODULES_README)],
      [
        'bound',
        valueFile({ get: () => [...places.values()].flatMap((place) => boundLine(place) ?? []).join('\n') }),
      ],
      ...[...places].map(([name, place]) => [name, () => moduleDir(place)] as const),
    ],
    {
      mkdir(name) {
        if (places.has(name) || FIXED.includes(name))
          throw new KvmError('EEXIST', `'${name}' is there already; take another name`);
        if (!/^\w[\w.-]{0,31}$/.test(name))
          throw new KvmError('EINVAL', `'${name}' cannot name a module: letters, digits, - . _, at most 32`);
        places.set(name, new ModulePlace(name, host, guests));
        changes.emit({ kind: 'made', name });
      },
      rmdir(name) {
        if (!places.has(name)) throw new KvmError('ENOENT', `there is no module '${name}'`);
        if (host?.get(name) !== undefined) host.remove(name);
        places.delete(name);
        changes.emit({ kind: 'removed', name });
      },
      watch(listener) {
        const offs = [
          changes.on(listener),
          host?.onChange(({ name }) => listener({ kind: 'changed', name })),
        ];
        return () => {
          for (const off of offs) off?.();
        };
      },
    },
  );
}
