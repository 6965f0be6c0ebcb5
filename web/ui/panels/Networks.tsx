// The networks that the machine is plugged into: who is on each, what its switch has moved, and what its gateway refused
// last. It shows /net and changes nothing.

import { useEffect, useState } from 'react';
import type { Fs } from '../../fs/index.ts';
import { useWorkbench } from '../context.ts';
import { bytes, count, plural } from '../parts/numbers.ts';
import {
  agoText,
  type NetworkPort,
  type NetworkStation,
  type NetworkView,
  readNetworks,
  type Side,
} from '../state/networks.ts';
import './networks.css';

/** Networks are in a thread of their own, which is asked so often, in ms. */
const INTERVAL_MS = 500;

const WHO: Readonly<Record<Side, string>> = {
  own: 'this machine',
  others: 'another tab',
  gateway: 'gateway',
};

const PORT: Readonly<Record<Side, { name: string; title: string }>> = {
  own: { name: 'this machine', title: "The cable of this machine's network card" },
  others: { name: 'other tabs', title: 'The uplink: tabs with a network of the same name meet there' },
  gateway: { name: 'gateway', title: 'DHCP, names and the way out; it never hears the uplink' },
};

/** The networks, asked for again and again while they are in sight. */
function useNetworks(fs: Fs | undefined): readonly NetworkView[] {
  const [networks, setNetworks] = useState<readonly NetworkView[]>([]);
  useEffect(() => {
    setNetworks([]);
    if (!fs) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let isOver = false;
    const look = async () => {
      const found = await readNetworks(fs);
      if (isOver) return;
      setNetworks(found);
      timer = setTimeout(follow, INTERVAL_MS);
    };
    // The worker that has the files is gone: the page says so elsewhere.
    const follow = () => void look().catch(() => {});
    follow();
    return () => {
      isOver = true;
      clearTimeout(timer);
    };
  }, [fs]);
  return networks;
}

export function Networks() {
  const fs = useWorkbench((state) => state.fs);
  const networks = useNetworks(fs);
  return networks.map((network) => <Network key={network.name} network={network} />);
}

function Network({ network }: { network: NetworkView }) {
  const { name, stations, ports, connections, refusal } = network;
  const machines = stations.filter(({ side }) => side !== 'gateway');
  return (
    <section className="network" aria-label={`Network ${name}`}>
      <h3>
        <b>network {name}</b> {plural(machines.length, 'machine')}
        {connections === undefined
          ? ', no gateway'
          : `, ${plural(connections, 'TCP connection')} through the gateway`}
      </h3>
      <div className="network-tables">
        <Stations stations={stations} />
        <Ports ports={ports} />
      </div>
      {refusal !== '' && (
        <p className="network-refusal">
          <b>Refused last</b> {refusal}
        </p>
      )}
    </section>
  );
}

function Stations({ stations }: { stations: readonly NetworkStation[] }) {
  return (
    <table className="slot-table">
      <caption>Who is on it</caption>
      <thead>
        <tr>
          <th scope="col">who</th>
          <th scope="col" title="IPv4, given by DHCP or overheard, and Ethernet">
            addresses
          </th>
          <th scope="col" colSpan={2} title="Frames and bytes, as far as they passed this switch">
            sent
          </th>
          <th scope="col" title="How long ago its last frame came">
            heard
          </th>
        </tr>
      </thead>
      <tbody>
        {stations.map((station) => (
          <tr key={station.mac} className={station.side === 'own' ? 'is-own' : undefined}>
            <th scope="row">
              {WHO[station.side]}
              {station.name !== undefined && station.side !== 'gateway' && ` ${station.name}`}
            </th>
            <td className="mono">
              {station.ip ?? <span className="network-none">none yet</span>}
              {station.isLeased && <span className="slot-flags"> DHCP</span>}
              <small>{station.mac}</small>
            </td>
            <td>{count(station.frames)}</td>
            <td>{bytes(station.bytes)}</td>
            <td>{station.frames === 0 ? '' : agoText(station.quiet)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Ports({ ports }: { ports: readonly NetworkPort[] }) {
  return (
    <table className="slot-table">
      <caption>Ports of its switch</caption>
      <thead>
        <tr>
          <th scope="col">port</th>
          <th scope="col" colSpan={2} title="Frames and bytes that came from there">
            from it
          </th>
          <th scope="col" colSpan={2} title="Frames and bytes that went there">
            to it
          </th>
          <th scope="col" title="Frames for which there was no room, and what was no frame">
            lost
          </th>
        </tr>
      </thead>
      <tbody>
        {ports.map((port, at) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a port is its place in the switch.
          <tr key={at} className={port.side === 'own' ? 'is-own' : undefined}>
            <th scope="row" title={PORT[port.side].title}>
              {PORT[port.side].name}
            </th>
            <td>{count(port.in)}</td>
            <td>{bytes(port.inBytes)}</td>
            <td>{count(port.out)}</td>
            <td>{bytes(port.outBytes)}</td>
            <td className={port.lost > 0 ? 'network-lost' : undefined}>{count(port.lost)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
