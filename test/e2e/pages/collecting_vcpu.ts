// Entry of a vCPU worker that collects its garbage when it is told to.
import { selfPort } from '../../../web/session/port_browser.ts';
import { serveVcpus } from '../../../web/vmm/index.ts';
import { collect } from './collect.ts';

const port = selfPort();
serveVcpus({
  ...port,
  listen: (onMessage) =>
    port.listen((message) => {
      if (message === 'collect') collect();
      else onMessage(message);
    }),
});
