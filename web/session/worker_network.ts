// Entry of a page's network thread: networks over the page's `fetch` and the other tabs.
import { BroadcastUplink, NetworkServer, pageHost } from '../net/index.ts';
import { selfPort } from './port_browser.ts';

new NetworkServer(selfPort(), {
  host: pageHost(location.protocol === 'https:'),
  openUplink: async (name) => new BroadcastUplink(name),
});
