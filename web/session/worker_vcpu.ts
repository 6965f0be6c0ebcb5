// Entry of a page's vCPU worker.
import { selfPort } from './port_browser.ts';
import { serveVcpu } from './vcpu_server.ts';

serveVcpu(selfPort());
