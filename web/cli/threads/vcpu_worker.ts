// Entry of the command line's vCPU worker.
import { serveVcpus } from '../../vmm/index.ts';
import { selfPort } from './node_threads.ts';

serveVcpus(selfPort());
