// Entry of the command line's vCPU worker.
import { serveVcpu } from '../../session/vcpu_server.ts';
import { selfPort } from './node_threads.ts';

serveVcpu(selfPort());
