// The network: the only door of this folder.

export { BroadcastUplink, type Uplink } from './broadcast_uplink.ts';
export { FrameBatch, FrameStream, packFrames, unpackFrames } from './framing.ts';
export type * from './gateway/host.ts';
export { PLAN } from './gateway/plan.ts';
export {
  type Clock,
  type FrameListener,
  FrameListeners,
  hostClock,
  joinLinks,
  type Link,
  MAX_FRAME,
} from './link.ts';
export { Network, type NetworkPlace } from './network.ts';
export { type Cable, NetworkClient } from './network_client.ts';
export type { NetworkChannel } from './network_messages.ts';
export { NetworkServer } from './network_server.ts';
export {
  defaultMac,
  macOf,
  type NetOption,
  type NetworkOptions,
  type PortForward,
  parseNetOption,
} from './options.ts';
export { pageHost } from './page_host.ts';
export { type PortLike, PortLink } from './port_link.ts';
export type { NetworkReport, PortReport, StationReport } from './report.ts';
export type { ByteStream, StreamEvents } from './stream.ts';
export { type PortCounters, Switch, type SwitchPort } from './switch.ts';
export type { Endpoint } from './tcp/stack.ts';
export { formatIp, parseIp } from './wire/ipv4.ts';
export { completeChecksum, hasGoodChecksum } from './wire/offload.ts';
