// Who has machines plugs their cables into the networks of another thread. It makes no thread.
import { KvmError } from '../kvm/abi/errno.ts';
import type { NetworkChannel, NetworkReply } from './network_messages.ts';
import type { NetworkOptions } from './options.ts';
import type { NetworkReport } from './report.ts';

/** A machine's cable: `port` is for `new PortLink(port)` in whatever thread the device is; it may be transferred. */
export interface Cable {
  readonly port: MessagePort;
  /** Pulls it out, whatever has become of the thread that has `port`. */
  pull(): void;
}

type Waiting = { resolve: (reply: NetworkReply) => void; reject: (error: KvmError) => void };

/** Plugs cables in. */
export class NetworkClient {
  readonly #channel: NetworkChannel;
  readonly #waiting = new Map<number, Waiting>();
  #id = 0;
  #death: KvmError | undefined;

  constructor(channel: NetworkChannel) {
    this.#channel = channel;
    channel.listen(
      (message) => {
        const reply = message as NetworkReply;
        const { id, refused } = reply;
        const waiting = this.#waiting.get(id);
        this.#waiting.delete(id);
        if (refused) waiting?.reject(new KvmError(refused.code, refused.sentence));
        else waiting?.resolve(reply);
      },
      (why) => {
        this.#death = new KvmError('EIO', `The thread of the networks has ended: ${why}.`);
        for (const { reject } of this.#waiting.values()) reject(this.#death);
      },
    );
  }

  /**
   * A cable into the network of a key, which `options` makes if this is the first. Rejects with a KvmError when the
   * network, its uplink or its ports cannot be had.
   */
  async plug(key: string, options: NetworkOptions): Promise<Cable> {
    const { port1: port, port2 } = new MessageChannel();
    const { id } = await this.#ask({ call: 'plug', key, options, port: port2 }, [port2]);
    return { port, pull: () => this.#channel.post({ call: 'pull', id }) };
  }

  /** The networks that have cables, by key, as they stand. Rejects with a KvmError when their thread is gone. */
  async reports(): Promise<ReadonlyMap<string, NetworkReport>> {
    return (await this.#ask({ call: 'report' })).reports ?? new Map();
  }

  #ask(words: object, transfer: readonly unknown[] = []): Promise<NetworkReply> {
    if (this.#death) return Promise.reject(this.#death);
    this.#id += 1;
    const id = this.#id;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#channel.post({ ...words, id }, transfer);
    });
  }
}
