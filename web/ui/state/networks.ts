// The networks of the machine worker, read from /net and its parts told in words. No React.

import type { Fs } from '../../fs/index.ts';

/** Whose a station or a port is. */
export type Side = 'own' | 'others' | 'gateway';

/** Somebody on a network. */
export interface NetworkStation {
  readonly mac: string;
  readonly side: Side;
  readonly ip: string | undefined;
  readonly name: string | undefined;
  /** It has its address from the gateway here. */
  readonly isLeased: boolean;
  /** What it has sent. */
  readonly frames: number;
  readonly bytes: number;
  /** Time since it was last heard, in ms. */
  readonly quiet: number;
}

/** A port of the switch: `in` came from there, `out` went there. */
export interface NetworkPort {
  readonly side: Side;
  readonly in: number;
  readonly inBytes: number;
  readonly out: number;
  readonly outBytes: number;
  /** Frames for which there was no room, and what was no frame. */
  readonly lost: number;
}

/** A network with a machine of this page on it. */
export interface NetworkView {
  readonly name: string;
  readonly stations: readonly NetworkStation[];
  readonly ports: readonly NetworkPort[];
  /** TCP connections through the gateway; undefined without one. */
  readonly connections: number | undefined;
  /** What the gateway refused last, with how long ago; empty when there was nothing. */
  readonly refusal: string;
}

/** The network that a card is plugged into where nobody says another. */
export const DEFAULT_NETWORK = 'lan';

/** What the page gives for a network of this name: other tabs meet on it, and machines read the page's own files. */
export const networkWords = (name: string) => ({ name, page: new URL('.', document.baseURI).href });

const SIDES: Readonly<Record<string, Side>> = { station: 'own', uplink: 'others', local: 'gateway' };

/** The lines of a file as words by their keys. */
export function wordsOfLines(text: string): Record<string, string>[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) =>
      Object.fromEntries(
        line.split(' ').map((word) => [word.slice(0, word.indexOf('=')), word.slice(word.indexOf('=') + 1)]),
      ),
    );
}

const sideOf = (kind = '') => SIDES[kind] ?? 'others';

function stationOf({ mac = '', ip, name, at, leased, frames, bytes, quiet }: Record<string, string>) {
  return {
    mac,
    side: sideOf(at),
    ip,
    name,
    isLeased: leased === 'yes',
    frames: Number(frames),
    bytes: Number(bytes),
    quiet: Number(quiet),
  };
}

function portOf(words: Record<string, string>): NetworkPort {
  const number = (key: string) => Number(words[key] ?? 0);
  return {
    side: sideOf(words.kind),
    in: number('in'),
    inBytes: number('in_bytes'),
    out: number('out'),
    outBytes: number('out_bytes'),
    lost: number('dropped') + number('refused'),
  };
}

/** The networks that there are now. */
export async function readNetworks(fs: Fs): Promise<NetworkView[]> {
  const entries = await fs.readdir('/net');
  const names = entries.filter(({ isDirectory }) => isDirectory).map(({ name }) => name);
  return Promise.all(
    names.map(async (name) => {
      const read = async (file: string) => (await fs.readText(`/net/${name}/${file}`)).trim();
      const files = ['stations', 'ports', 'gateway', 'refusal'].map(read);
      const [stations = '', ports = '', gateway = '', refusal = ''] = await Promise.all(files);
      const connections = wordsOfLines(gateway)[0]?.connections;
      return {
        name,
        stations: wordsOfLines(stations).map(stationOf),
        ports: wordsOfLines(ports).map(portOf),
        connections: connections === undefined ? undefined : Number(connections),
        refusal,
      };
    }),
  );
}

/** How long ago somebody was heard, in few letters. */
export function agoText(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  if (seconds < 2) return 'now';
  return seconds < 120 ? `${seconds} s` : `${Math.floor(seconds / 60)} min`;
}
