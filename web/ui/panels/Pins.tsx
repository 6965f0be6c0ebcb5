// Pins: who holds the machine besides its vCPUs, and what each has attached to it. It binds and releases nobody.

import { type PinInfo, readPins } from '../../session/views/index.ts';
import { bytes, count } from '../parts/numbers.ts';
import { useMachine } from '../state/watch.ts';
import './pins.css';

/** Copies count many thousand times a second: more often than this nobody can read. */
const INTERVAL_MS = 100;

const COLUMNS = [
  ['vmap', 'vmaps: guest memory mapped into the module'],
  ['sg', 'scatter lists mapped'],
  ['ioevent', 'ioeventfds: writes of the guest that ring the module'],
  ['irqfd', 'irqfds: interrupts that the module raises'],
] as const;

export function Pins() {
  const pins = useMachine(readPins, INTERVAL_MS) ?? [];
  if (pins.length === 0) return <p className="pins-none">No module holds this machine: nothing is pinned.</p>;
  return (
    <table className="slot-table pins">
      <caption>Pinned: the machine cannot be removed while somebody holds it</caption>
      <thead>
        <tr>
          <th scope="col">holder</th>
          {COLUMNS.map(([name, title]) => (
            <th key={name} scope="col" title={title}>
              {name}
            </th>
          ))}
          <th scope="col">mapped</th>
          <th scope="col">copied</th>
        </tr>
      </thead>
      <tbody>
        {pins.map((pin) => (
          <Row key={`${pin.index}-${pin.serial}`} pin={pin} />
        ))}
      </tbody>
    </table>
  );
}

function Row({ pin }: { pin: PinInfo }) {
  const { kind, name, references, vmaps, sgs, ioevents, irqfds, mapped, revoked } = pin;
  return (
    <tr>
      <th scope="row" title={`${references} references, since ${new Date(pin.since).toLocaleTimeString()}`}>
        {kind} <b>{name}</b>
        {revoked && <span className="pin-revoked"> revoked</span>}
      </th>
      {[vmaps, sgs, ioevents, irqfds].map((number, at) => (
        <td key={COLUMNS[at]?.[0]}>{number}</td>
      ))}
      <td>{bytes(mapped)}</td>
      <td title={`${count(Number(pin.copies))} copies`}>{bytes(Number(pin.bytes))}</td>
    </tr>
  );
}
