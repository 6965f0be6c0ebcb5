// Entry of the command line's network thread: networks over Node's sockets.
import { NetworkServer } from '../../net/index.ts';
import { ProcessUplink } from '../net/process_uplink.ts';
import { nodeHost } from '../net/sockets.ts';
import { selfPort } from './node_threads.ts';

new NetworkServer(selfPort(), { host: nodeHost, openUplink: (name) => ProcessUplink.open(name) });
