// What is said between who has machines and the thread that has their networks. Types only.
import type { ErrnoName } from '../kvm/abi/errno.ts';
import type { NetworkOptions } from './options.ts';
import type { PortLike } from './port_link.ts';
import type { NetworkReport } from './report.ts';

/** To the networks: a machine's cable is plugged in, or pulled out; or how do they stand? */
export type NetworkRequest =
  | {
      readonly call: 'plug';
      readonly id: number;
      /** Cables of one key are in one network; the first one's options make it. */
      readonly key: string;
      readonly options: NetworkOptions;
      readonly port: PortLike;
    }
  | { readonly call: 'pull'; readonly id: number }
  | { readonly call: 'report'; readonly id: number };

/** From them: the cable is in, or why not; or the networks by key, as they stand. */
export interface NetworkReply {
  readonly id: number;
  readonly reports?: ReadonlyMap<string, NetworkReport>;
  readonly refused?: { readonly code: ErrnoName; readonly sentence: string };
}

/** The way to the other side, whatever thread it is. */
export interface NetworkChannel {
  post(message: unknown, transfer?: readonly unknown[]): void;
  /** Sets the receiver of messages and of the thread's death (one sentence). */
  listen(onMessage: (message: unknown) => void, onDeath?: (why: string) => void): void;
}
