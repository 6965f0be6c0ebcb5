// The thread that has the networks: each name's is made for the first cable and ends with the last. It makes no thread.
import { isKvmError, KvmError } from '../kvm/abi/errno.ts';
import { joinLinks } from './link.ts';
import { Network, type NetworkPlace } from './network.ts';
import type { NetworkChannel, NetworkReply, NetworkRequest } from './network_messages.ts';
import type { NetworkOptions } from './options.ts';
import { PortLink } from './port_link.ts';

/** A network that is being made or runs, and the cables in it. */
interface Entry {
  readonly options: NetworkOptions;
  readonly network: Promise<Network>;
  cables: number;
}

/** Serves the networks of one process. */
export class NetworkServer {
  readonly #place: NetworkPlace;
  readonly #networks = new Map<string | undefined, Entry>();
  readonly #cables = new Map<number, PortLink>();

  constructor(channel: NetworkChannel, place: NetworkPlace) {
    this.#place = place;
    channel.listen((message) => {
      const request = message as NetworkRequest;
      if (request.call === 'pull') this.#cables.get(request.id)?.close();
      else
        this.#plug(request).then(
          () => channel.post({ id: request.id } satisfies NetworkReply),
          (error) => channel.post({ id: request.id, refused: wordsOf(error) } satisfies NetworkReply),
        );
    });
  }

  async #plug({ id, options, port }: NetworkRequest & { call: 'plug' }): Promise<void> {
    const link = new PortLink(port);
    const entry = this.#networks.get(options.name);
    try {
      await (entry ? this.#join(entry, options, link) : this.#make(options, link));
      this.#cables.set(id, link);
    } catch (error) {
      link.close();
      throw error;
    }
  }

  async #make(options: NetworkOptions, link: PortLink): Promise<void> {
    const entry = { options, network: Network.open(options, this.#place), cables: 0 };
    this.#networks.set(options.name, entry);
    await this.#connect(entry, link);
  }

  async #join(entry: Entry, options: NetworkOptions, link: PortLink): Promise<void> {
    const { gateway = true, hostLoopback = false } = entry.options;
    if (gateway !== (options.gateway ?? true) || hostLoopback !== (options.hostLoopback ?? false))
      throw new KvmError(
        'EINVAL',
        'Machines on one network must say the same about its gateway and the host.',
      );
    await (await entry.network).forward(options);
    await this.#connect(entry, link);
  }

  async #connect(entry: Entry, link: PortLink): Promise<void> {
    entry.cables += 1;
    try {
      const network = await entry.network;
      const port = network.attach();
      joinLinks(link, port);
      link.onClose(() => {
        port.close();
        this.#leave(entry);
      });
    } catch (error) {
      this.#leave(entry);
      throw error;
    }
  }

  #leave(entry: Entry): void {
    entry.cables -= 1;
    if (entry.cables > 0) return;
    if (this.#networks.get(entry.options.name) === entry) this.#networks.delete(entry.options.name);
    entry.network.then(
      (network) => network.close(),
      () => {},
    );
  }
}

function wordsOf(error: unknown): NonNullable<NetworkReply['refused']> {
  const { code, message } = isKvmError(error) ? error : new KvmError('EIO', String(error));
  return { code, sentence: message.slice(code.length + 2) };
}
