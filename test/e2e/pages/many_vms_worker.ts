// The machine worker of many_vms.ts: a tree with /kvm, and vCPU workers that collect their garbage when they are told.
import { directory, FsServer } from '../../../web/fs/index.ts';
import { Kvm } from '../../../web/kvm/index.ts';
import { KvmTree } from '../../../web/kvmfs/index.ts';
import { splitPort } from '../../../web/session/port.ts';
import { selfPort, workerPort } from '../../../web/session/port_browser.ts';
import { VcpuPool } from '../../../web/vmm/index.ts';
import { collect } from './collect.ts';

const { calls, files } = splitPort(selfPort());
const vcpus = new Set<Worker>();
const pool = new VcpuPool(() => {
  const worker = new Worker(new URL('./collecting_vcpu.ts', import.meta.url), {
    type: 'module',
    name: 'vcpu',
  });
  vcpus.add(worker);
  return {
    ...workerPort(worker),
    close: () => {
      vcpus.delete(worker);
      worker.terminate();
    },
  };
});

calls.listen((message) => {
  if (message instanceof WebAssembly.Module) {
    const tree = new KvmTree({ kvm: Kvm.open({ core: message }), pool, threads: true });
    new FsServer(directory([['kvm', tree.root]]), files);
    return;
  }
  collect();
  for (const worker of vcpus) worker.postMessage('collect');
  calls.post('collected');
});
