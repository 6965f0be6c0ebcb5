// Entry of the command line's machine worker.
import { nodeModuleThreads } from '../../modules/threads_node.ts';
import { nodeFolder } from '../../session/folders/node_folder.ts';
import { MachineServer } from '../../session/machine_server.ts';
import { nodeThreads, selfPort } from './node_threads.ts';

new MachineServer(selfPort(), nodeThreads, nodeModuleThreads, (path) => nodeFolder(path).root);
