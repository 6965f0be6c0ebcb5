// Entry of a page's vCPU worker.
import { serveVcpus } from '../vmm/index.ts';
import { selfPort } from './port_browser.ts';

serveVcpus(selfPort());
