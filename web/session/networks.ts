// The networks of a session, which its client has declared: a machine's options name one and can make none, since whoever
// has the tree may write them.
import type { Port } from '../fs/index.ts';
import {
  type Cable,
  defaultMac,
  NetworkClient,
  type NetworkOptions,
  type NetworkReport,
} from '../net/index.ts';
import type { SessionNetworks } from './devices.ts';
import { Given } from './given.ts';
import type { MachineOptions } from './types.ts';

/** The networks of a session; their thread is started with the first cable. */
export class Networks {
  readonly #spawn: () => Port;
  /** Addresses of cards stay the same over resets, and differ from those of other sessions. */
  readonly #chance = crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
  readonly #given = new Given<NetworkOptions>('network');
  #thread: Port | undefined;
  #client: NetworkClient | undefined;

  constructor(spawn: () => Port) {
    this.#spawn = spawn;
  }

  /** Says which networks there are beside those that were told before. */
  declare(networks: Readonly<Record<string, NetworkOptions>>): void {
    this.#given.add(networks);
  }

  /**
   * The networks as a machine sees them. In the deterministic engine the addresses of its cards follow from its seed, but
   * not on a network that others of the same seed may be on.
   */
  for({ engine, seed = 1 }: Pick<MachineOptions, 'engine' | 'seed'>): SessionNetworks {
    const isAlone = (name: string) => this.#given.get(name).name === undefined;
    return {
      plug: (name) => this.#plug(name),
      mac: (name, n) => defaultMac(engine === 'deterministic' && isAlone(name) ? seed : this.#chance, n),
    };
  }

  /** Those that have cables, by name, as they stand. */
  async reports(): Promise<ReadonlyMap<string, NetworkReport>> {
    return (await this.#client?.reports()) ?? new Map();
  }

  /** Ends their thread. */
  close(): void {
    this.#thread?.close();
  }

  async #plug(name: string): Promise<Cable> {
    const options = this.#given.get(name);
    this.#thread ??= this.#spawn();
    this.#client ??= new NetworkClient(this.#thread);
    return this.#client.plug(name, options);
  }
}
