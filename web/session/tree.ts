// The tree that a machine worker serves: what is mounted where. What stands in each directory is its own file's business.
import { deviceRows, directory, MountTable, memoryTree } from '../fs/index.ts';
import { VM } from './actions.ts';
import { type OwnVm, ownVmTree } from './own_vm.ts';

/** Bytes that /home and /tmp may hold each. */
const HOME_LIMIT = 2 ** 29;

/** The whole tree, with the files of the session's own machine. */
export function sessionTree(vm: OwnVm): MountTable {
  const table = new MountTable();
  table.mount('/dev', directory(deviceRows()));
  table.mount('/home', memoryTree({ limit: HOME_LIMIT }));
  table.mount('/tmp', memoryTree({ limit: HOME_LIMIT }));
  table.mount(VM, ownVmTree(vm));
  return table;
}
