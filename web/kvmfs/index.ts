// The door of web/kvmfs: /kvm as a file tree.
export { goOnAll } from './go_on.ts';
export { KvmTree } from './kvm_tree.ts';
export type { ModuleGuests } from './module_dir.ts';
export { modulesTree } from './modules_tree.ts';
export { VasTree } from './vas_tree.ts';
export type { OwnMachine, VmEntry, VmHost } from './vm_entry.ts';
