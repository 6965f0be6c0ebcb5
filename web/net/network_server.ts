// The thread that has the networks: each is made for its first cable and ends with the last. It makes no thread.
import { isKvmError, KvmError } from '../kvm/abi/errno.ts';
import { joinLinks } from './link.ts';
import { Network, type NetworkPlace } from './network.ts';
import type { NetworkChannel, NetworkReply, NetworkRequest } from './network_messages.ts';
import { PortLink } from './port_link.ts';
import type { NetworkReport } from './report.ts';

/** A network that is being made or runs, and the cables in it. */
interface Entry {
  readonly key: string;
  readonly network: Promise<Network>;
  made?: Network;
  cables: number;
}

/** Serves the networks of one process. */
export class NetworkServer {
  readonly #place: NetworkPlace;
  readonly #networks = new Map<string, Entry>();
  readonly #cables = new Map<number, PortLink>();

  constructor(channel: NetworkChannel, place: NetworkPlace) {
    this.#place = place;
    channel.listen((message) => {
      const request = message as NetworkRequest;
      if (request.call === 'pull') this.#cables.get(request.id)?.close();
      else if (request.call === 'report')
        channel.post({ id: request.id, reports: this.#reports() } satisfies NetworkReply);
      else
        this.#plug(request).then(
          () => channel.post({ id: request.id } satisfies NetworkReply),
          (error) => channel.post({ id: request.id, refused: wordsOf(error) } satisfies NetworkReply),
        );
    });
  }

  async #plug({ id, key, options, port }: NetworkRequest & { call: 'plug' }): Promise<void> {
    const link = new PortLink(port);
    const entry = this.#networks.get(key) ?? { key, network: Network.open(options, this.#place), cables: 0 };
    this.#networks.set(key, entry);
    entry.cables += 1;
    try {
      entry.made = await entry.network;
      const place = entry.made.attach();
      joinLinks(link, place);
      this.#cables.set(id, link);
      link.onClose(() => {
        this.#cables.delete(id);
        place.close();
        this.#leave(entry);
      });
    } catch (error) {
      link.close();
      this.#leave(entry);
      throw error;
    }
  }

  #reports(): Map<string, NetworkReport> {
    return new Map([...this.#networks].flatMap(([key, { made }]) => (made ? [[key, made.report()]] : [])));
  }

  #leave(entry: Entry): void {
    entry.cables -= 1;
    if (entry.cables > 0) return;
    if (this.#networks.get(entry.key) === entry) this.#networks.delete(entry.key);
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
