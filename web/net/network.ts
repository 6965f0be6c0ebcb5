// A network from its options: a switch, its gateway, and the uplink to others of its name. It knows no thread and no host:
// both are given.
import { KvmError } from '../kvm/abi/errno.ts';
import { AddressBook } from './address_book.ts';
import type { Uplink } from './broadcast_uplink.ts';
import { Gateway } from './gateway/gateway.ts';
import type { HostNetwork } from './gateway/host.ts';
import { PLAN } from './gateway/plan.ts';
import { Station } from './gateway/station.ts';
import { type Clock, hostClock, joinLinks } from './link.ts';
import type { NetworkOptions } from './options.ts';
import { type NetworkReport, reportOf } from './report.ts';
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
  readonly #clock: Clock;
  readonly #book = new AddressBook();
  readonly #ends: (() => void)[] = [];
  #envoy: SwitchPort | undefined;

  /** Without an uplink: `open` makes one with it. */
  constructor(options: NetworkOptions, place: NetworkPlace, uplink?: Uplink) {
    const { clock = hostClock, host, random = hostRandom } = place;
    this.options = options;
    this.#clock = clock;
    this.switch = new Switch({ clock, watch: (frame) => this.#book.watch(frame, clock.now()) });
    if (uplink) this.#ends.push(joinLinks(uplink, this.switch.attach('uplink')), () => uplink.close());
    if (options.gateway === false) return;
    const envoy = uplink && this.#sendEnvoy(random);
    this.gateway = new Gateway(this.switch.attach('local'), {
      clock,
      host,
      random,
      hostLoopback: options.hostLoopback,
      page: options.page,
      ...(envoy && {
        probe: (ip, told) => envoy.probe(ip, PROBE_MS, told),
        leased: ({ ip, mac }) => envoy.announce(ip, mac),
      }),
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

  /** The network as it stands. */
  report(): NetworkReport {
    return reportOf({
      hub: this.switch,
      gateway: this.gateway,
      book: this.#book,
      envoy: this.#envoy,
      now: this.#clock.now(),
    });
  }

  /** Ends all that the network has of its host; its ports stay silent. */
  close(): void {
    for (const end of this.#ends) end();
    for (const port of this.switch.ports) port.close();
  }

  /**
   * The gateway's voice to the machines of other tabs, where gateways never meet: a station without an address. When
   * another one looks for an address, it tells whom its gateway has given which, for machines may be asleep.
   */
  #sendEnvoy(random: () => number): Station {
    const mac = PLAN.ENVOYS + random();
    const probed = () => {
      for (const { ip, mac: of } of this.gateway?.machines ?? []) station.announce(ip, of);
    };
    this.#envoy = this.attach();
    const station = new Station(this.#envoy, {
      clock: this.#clock,
      mac,
      addresses: [],
      received: () => {},
      probed,
    });
    this.#ends.push(() => station.close());
    return station;
  }
}
