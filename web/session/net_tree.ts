// /net: the networks that the session's machines are plugged into, a directory each. It only shows.
import { type DirNode, directory, type FileNode, textFile, valueFile } from '../fs/index.ts';
import type { NetworkReport } from '../net/index.ts';

/** The networks with cables, by name, as they stand. */
export type NetworkReports = () => Promise<ReadonlyMap<string, NetworkReport>>;

const README = `The networks that machines here are plugged into, a directory each; it comes and goes with the cables.

  NAME/stations    who is on it: mac= ip= name= at= leased= frames= bytes= quiet=
                   at=station: a machine of this session; uplink: of another tab or process; local: the gateway
                   frames and bytes: what it has sent; quiet: ms since it was last heard
  NAME/ports       the ports of the switch: kind= in= in_bytes= out= out_bytes= dropped= refused=
                   in: from the station; out: to it; dropped: its queue was full
  NAME/gateway     connections= TCP connections through it; none where the network has no gateway
  NAME/refusal     what the gateway refused last, a sentence, and how long ago
`;

type Words = Readonly<Record<string, string | number | undefined>>;

/** Words of a line; those without a value are left out. */
const lineOf = (words: Words): string =>
  Object.entries(words)
    .flatMap(([key, value]) => (value === undefined ? [] : [`${key}=${value}`]))
    .join(' ');

/** What each file of a network says. */
const FILES: Readonly<Record<string, (report: NetworkReport) => string>> = {
  stations: ({ stations }) =>
    stations
      .map(({ isLeased, quiet, ...rest }) =>
        lineOf({
          mac: rest.mac,
          ip: rest.ip,
          name: rest.name,
          at: rest.at,
          leased: isLeased ? 'yes' : 'no',
          frames: rest.frames,
          bytes: rest.bytes,
          quiet: Math.round(quiet),
        }),
      )
      .join('\n'),
  ports: ({ ports }) =>
    ports
      .map(({ kind, received, receivedBytes, sent, sentBytes, dropped, refused }) =>
        lineOf({
          kind,
          in: received,
          in_bytes: receivedBytes,
          out: sent,
          out_bytes: sentBytes,
          dropped,
          refused,
        }),
      )
      .join('\n'),
  gateway: ({ connections }) => (connections === undefined ? 'none' : lineOf({ connections })),
  refusal: ({ refusal }) => (refusal ? `${Math.round(refusal.ago / 1000)} s ago: ${refusal.sentence}` : ''),
};

function fileOf(reports: NetworkReports, network: string, say: (report: NetworkReport) => string): FileNode {
  return valueFile({
    // Its last cable may have been pulled since the file was found.
    async get() {
      const report = (await reports()).get(network);
      return report ? say(report) : '';
    },
  });
}

/** The tree. */
export function netTree(reports: NetworkReports): DirNode {
  return directory(async () => [
    ['README', textFile(README)],
    ...[...(await reports()).keys()].map(
      (network) =>
        [
          network,
          () => directory(Object.entries(FILES).map(([name, say]) => [name, fileOf(reports, network, say)])),
        ] as const,
    ),
  ]);
}
