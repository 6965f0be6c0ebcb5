// The networks of a session: Ethernet addresses of cards, and /net.
import { expect, test } from 'vitest';
import { directory, LocalFs } from '../../../web/fs/index.ts';
import type { NetworkReport } from '../../../web/net/index.ts';
import { netTree } from '../../../web/session/net_tree.ts';
import { Networks } from '../../../web/session/networks.ts';
import { readNetworks } from '../../../web/ui/state/networks.ts';

/** The address of a card on a network, in a session of its own. */
function macIn(network: string, engine: 'parallel' | 'deterministic'): string {
  const networks = new Networks(() => {
    throw new Error('No cable is plugged in.');
  });
  networks.declare({ alone: {}, shared: { name: 'class' } });
  return networks.for({ engine, seed: 7 }).mac(network, 0);
}

test("a deterministic machine's card follows from its seed, but not where others of that seed may be", () => {
  expect(macIn('alone', 'deterministic')).toBe(macIn('alone', 'deterministic'));
  expect(macIn('shared', 'deterministic')).not.toBe(macIn('shared', 'deterministic'));
  expect(macIn('alone', 'parallel')).not.toBe(macIn('alone', 'parallel'));
});

const REPORT: NetworkReport = {
  ports: [
    { kind: 'station', received: 3, receivedBytes: 300, sent: 4, sentBytes: 4000, dropped: 1, refused: 1 },
  ],
  stations: [
    ...[
      { mac: '52:54:00:00:00:01', ip: '10.0.16.1', name: 'web', at: 'station', isLeased: true } as const,
    ].map((own) => ({ ...own, frames: 3, bytes: 300, quiet: 12.3 })),
    { mac: '52:54:00:00:00:02', at: 'uplink', isLeased: false, frames: 0, bytes: 0, quiet: 1 },
  ],
  connections: 2,
  refusal: { sentence: 'No: not there.', ago: 3000 },
};

const fs = new LocalFs(directory([['net', netTree(async () => new Map([['lan', REPORT]]))]]));

test('/net has a directory for each network, in words', async () => {
  expect(await fs.readText('/net/lan/stations')).toBe(
    'mac=52:54:00:00:00:01 ip=10.0.16.1 name=web at=station leased=yes frames=3 bytes=300 quiet=12\n' +
      'mac=52:54:00:00:00:02 at=uplink leased=no frames=0 bytes=0 quiet=1\n',
  );
  expect(await fs.readText('/net/lan/refusal')).toBe('3 s ago: No: not there.\n');
});

test('the page reads /net back', async () => {
  const [network] = await readNetworks(fs);
  expect(network).toMatchObject({ name: 'lan', connections: 2, refusal: '3 s ago: No: not there.' });
  expect(network?.stations.map(({ side, ip, frames }) => [side, ip, frames])).toEqual([
    ['own', '10.0.16.1', 3],
    ['others', undefined, 0],
  ]);
  expect(network?.ports).toEqual([{ side: 'own', in: 3, inBytes: 300, out: 4, outBytes: 4000, lost: 2 }]);
});
