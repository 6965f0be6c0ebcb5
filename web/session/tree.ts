// The tree that a machine worker serves: what is mounted where. What stands in each directory is its own file's business.
import { type DirNode, deviceRows, directory, LocalFs, MountTable, memoryTree } from '../fs/index.ts';
import { VM } from './actions.ts';
import { type OwnVm, ownVmTree } from './own_vm.ts';
import type { HostFile } from './port.ts';

/** Bytes that /home and /tmp may hold each. */
const HOME_LIMIT = 2 ** 29;

/** The tree before a machine worker knows its core. */
export function sessionTree(): MountTable {
  const table = new MountTable();
  table.mount('/dev', directory(deviceRows()));
  table.mount('/home', memoryTree({ limit: HOME_LIMIT }));
  table.mount('/tmp', memoryTree({ limit: HOME_LIMIT }));
  return table;
}

/** What there is once the core has come. */
export interface ControlTrees {
  readonly kvm: DirNode;
  readonly vas: DirNode;
  readonly modules: DirNode;
  readonly net: DirNode;
}

/** Mounts them; over vm0 of /kvm the files of the session's own machine, whose other files are seen through them. */
export function mountControl(table: MountTable, trees: ControlTrees, own: OwnVm | undefined): void {
  table.mount('/kvm', trees.kvm);
  table.mount('/vas', trees.vas);
  table.mount('/modules', trees.modules);
  table.mount('/net', trees.net);
  if (own !== undefined) table.mount(VM, ownVmTree(own));
}

/** Mounts what the client brings as /host. */
export async function mountHost(table: MountTable, files: readonly HostFile[]): Promise<void> {
  const tree = memoryTree();
  const fs = new LocalFs(tree);
  for (const { name, bytes } of files) await fs.writeFile(`/${name}`, bytes);
  table.mount('/host', tree, { readOnly: true });
}
