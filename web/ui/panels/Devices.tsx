// The virtio devices: where the guest finds each, how far its driver is, and its queues while they are served; before them
// the networks of network cards.

import type { ReactNode } from 'react';
import {
  BALLOON_TYPE,
  DEVICE_STATUS_BITS,
  type DeviceView,
  type QueueView,
  readDevices,
} from '../../session/views/index.ts';
import { Bits } from '../parts/Bits.tsx';
import { count, plural } from '../parts/numbers.ts';
import { Panel } from '../parts/Panel.tsx';
import { useMachine } from '../state/watch.ts';
import { BalloonControl } from './BalloonControl.tsx';
import { Networks } from './Networks.tsx';
import './devices.css';

/** Queues move many thousand times a second: more often than this nobody can read. */
const INTERVAL_MS = 100;
/** The rings' counters have 16 bits. */
const WRAP = 0x10000;

interface DevicesProps {
  /** The choice between this panel and the ones in its place. */
  choice?: ReactNode;
}

export function Devices({ choice }: DevicesProps) {
  const devices = useMachine(readDevices, INTERVAL_MS) ?? [];
  if (devices.length === 0) {
    return (
      <Panel name="Devices" tools={choice}>
        <p className="panel-empty">
          This machine has no virtio device: Machine options has disks, networks and more for a kernel.
        </p>
      </Panel>
    );
  }
  return (
    <Panel name="Devices" note={`virtio · ${plural(devices.length, 'device')}`} tools={choice}>
      {devices.some(({ name }) => name === 'network') && <Networks />}
      <ul className="devices">
        {devices.map((device) => (
          <Device key={device.number} device={device} />
        ))}
      </ul>
    </Panel>
  );
}

function Device({ device }: { device: DeviceView }) {
  const { name, type, place, status, features, isServed, queues } = device;
  return (
    <li className="device">
      <h3>
        <b>{name}</b> <span className="mono">{place}</span>
        {!isServed && <span className="device-gone"> nobody serves it</span>}
      </h3>
      <p className="device-status">
        {status === 0 ? (
          <span className="device-idle">no driver yet</span>
        ) : (
          <Bits value={status} table={DEVICE_STATUS_BITS} />
        )}
        {features !== 0n && (
          <span title="Feature bits that the driver has taken">
            features <span className="mono">0x{features.toString(16)}</span>
          </span>
        )}
      </p>
      {type === BALLOON_TYPE && <BalloonControl />}
      {queues.length > 0 && <Queues queues={queues} of={`${name} ${place}`} />}
    </li>
  );
}

function Queues({ queues, of }: { queues: readonly QueueView[]; of: string }) {
  return (
    <table className="slot-table" aria-label={`Queues of ${of}`}>
      <thead>
        <tr>
          <th scope="col">queue</th>
          <th scope="col">size</th>
          <th scope="col" title="Guest-physical address of the descriptor table">
            descriptors
          </th>
          <th scope="col" title="Chains that the device has taken: the available ring's index, 16 bits">
            taken
          </th>
          <th scope="col" title="Chains that the device has given back: the used ring's index, 16 bits">
            used
          </th>
          <th scope="col" title="Chains that the device holds: buffers to fill, requests at work">
            held
          </th>
        </tr>
      </thead>
      <tbody>
        {queues.map(({ index, name, size, descriptors, taken, used }) => (
          <tr key={index}>
            <th scope="row">{name}</th>
            <td>{size}</td>
            <td className="mono">0x{descriptors.toString(16)}</td>
            <td className="mono">{count(taken)}</td>
            <td className="mono">{count(used)}</td>
            <td className="mono">{count((taken - used + WRAP) % WRAP)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
