// Entry of a page's machine worker, which starts the vCPU workers and the network's. A bundler must be able to follow who starts whom
// without a circle, so each worker's entry is named only where it is started.
import { directory, textFile } from '../fs/index.ts';
import { browserModuleThreads } from '../modules/threads_browser.ts';
import { keptDisksTree } from './folders/disk_tree.ts';
import { opfsFolder } from './folders/opfs_folder.ts';
import { MachineServer } from './machine_server.ts';
import { selfPort, workerPort } from './port_browser.ts';

new MachineServer(
  selfPort(),
  {
    spawn: (kind) =>
      workerPort(
        kind === 'network'
          ? new Worker(new URL('./worker_network.ts', import.meta.url), { type: 'module', name: 'network' })
          : new Worker(new URL('./worker_vcpu.ts', import.meta.url), { type: 'module', name: 'vcpu' }),
      ),
  },
  browserModuleThreads,
  // A browser that keeps nothing, as some do in private windows, runs machines all the same.
  (name) =>
    opfsFolder(name).catch((error: Error) =>
      directory([['README', textFile(`This browser keeps no files here (${error.message}).`)]]),
    ),
  keptDisksTree,
);
