// A network from its options: a switch, its gateway, and the uplink to others of its name. It knows no thread and no host:
// both are given.
import { KvmError } from '../kvm/abi/errno.ts';
import type { Uplink } from './broadcast_uplink.ts';
import { Gateway } from './gateway/gateway.ts';
import type { HostNetwork } from './gateway/host.ts';
import { Station } from './gateway/station.ts';
import { type Clock, hostClock, joinLinks } from './link.ts';
import type { NetworkOptions } from './options.ts';
import { Switch, type SwitchPort } from './switch.ts';

/** How long the other networks of a name are asked whether an address is taken, in ms. */
const PROBE_MS = 200;

/** What a network has from the place where it runs. */
export interface NetworkPlace {
  readonly clock?: Clock;
  readonly host: HostNetwork;
  /** Numbers below 2^32 that nobody can guess; the host's when left out. */
  random?(): number;
  /** The uplink of a name. Rejects with a KvmError. */
  openUplink?(name: string): Promise<Uplink>;
}

/** A number that nobody can guess. */
function hostRandom(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
}

/** A running network. */
export class Network {
  readonly options: NetworkOptions;
  readonly switch: Switch;
  readonly gateway: Gateway | undefined;
  readonly #ends: (() => void)[] = [];

  /** Without an uplink: `open` makes one with it. */
  constructor(options: NetworkOptions, place: NetworkPlace, uplink?: Uplink) {
    const { clock = hostClock, host, random = hostRandom } = place;
    this.options = options;
    this.switch = new Switch({ clock });
    if (uplink) this.#ends.push(joinLinks(uplink, this.switch.attach('uplink')), () => uplink.close());
    if (options.gateway === false) return;
    const envoy = uplink && this.#envoy(clock, random);
    this.gateway = new Gateway(this.switch.attach('local'), {
      clock,
      host,
      random,
      hostLoopback: options.hostLoopback,
      ...(envoy ? { probe: (ip, told) => envoy.probe(ip, PROBE_MS, told) } : {}),
    });
    this.#ends.push(() => this.gateway?.close());
  }

  /** Makes a network. Rejects with the KvmError of an uplink or of a port that cannot be had. */
  static async open(options: NetworkOptions, place: NetworkPlace): Promise<Network> {
    if (options.name !== undefined && !place.openUplink)
      throw new KvmError('EOPNOTSUPP', 'Networks with a name have no way to others here.');
    const uplink = options.name === undefined ? undefined : await place.openUplink?.(options.name);
    const network = new Network(options, place, uplink);
    try {
      for (const port of options.forward ?? []) await network.gateway?.forward(port);
      return network;
    } catch (error) {
      network.close();
      throw error;
    }
  }

  /** A new port for a machine. */
  attach(): SwitchPort {
    return this.switch.attach();
  }

  /** Ends all that the network has of its host; its ports stay silent. */
  close(): void {
    for (const end of this.#ends) end();
    for (const port of this.switch.ports) port.close();
  }

  /** The gateway's voice to the machines of other tabs, where gateways never meet: a station without an address. */
  #envoy(clock: Clock, random: () => number): Station {
    const mac = 0x525500000000 + random();
    const station = new Station(this.attach(), { clock, mac, addresses: [], received: () => {} });
    this.#ends.push(() => station.close());
    return station;
  }
}
