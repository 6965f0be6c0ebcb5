// Entry of a page's machine worker.
import { MachineServer } from './machine_server.ts';
import { browserThreads, selfPort } from './threads_browser.ts';

new MachineServer(selfPort(), browserThreads);
