// Pins: who holds the machine besides its vCPUs, and what each has attached to it; and the modules of /modules, which can
// be stopped and killed here. It binds nobody.

import { useEffect, useState } from 'react';
import type { Fs } from '../../fs/index.ts';
import { ACTIONS, perform, shellText } from '../../session/actions.ts';
import { type PinInfo, readPins } from '../../session/views/index.ts';
import { useWorkbench } from '../context.ts';
import { CommandButton } from '../parts/CommandButton.tsx';
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
  return (
    <>
      <Holders />
      <Modules />
    </>
  );
}

/** A module as its directory shows it. */
interface ModuleRow {
  readonly name: string;
  readonly state: string;
  readonly guest: string;
}

async function readModules(fs: Fs): Promise<ModuleRow[]> {
  const entries = await fs.readdir('/modules');
  const rows = entries
    .filter(({ isDirectory }) => isDirectory)
    .map(async ({ name }): Promise<ModuleRow[]> => {
      const read = async (file: string) => (await fs.readText(`/modules/${name}/${file}`)).trim();
      // One that was removed meanwhile has no row.
      return Promise.all([read('state'), read('guest')]).then(
        ([state, guest]) => [{ name, state, guest }],
        () => [],
      );
    });
  return (await Promise.all(rows)).flat();
}

/** The modules, read again when one of them comes, goes or changes. */
function useModules(fs: Fs | undefined): readonly ModuleRow[] {
  const [rows, setRows] = useState<readonly ModuleRow[]>([]);
  useEffect(() => {
    setRows([]);
    if (!fs) return;
    const end = new AbortController();
    const look = async () => {
      const found = await readModules(fs);
      if (!end.signal.aborted) setRows(found);
    };
    const follow = async () => {
      const changes = fs.watch('/modules', { signal: end.signal });
      await look();
      for await (const _ of changes) await look();
    };
    // The worker that has the files is gone: the page says so elsewhere.
    follow().catch(() => {});
    return () => end.abort();
  }, [fs]);
  return rows;
}

function Modules() {
  const fs = useWorkbench((state) => state.fs);
  const [refusal, setRefusal] = useState<string>();
  const rows = useModules(fs);
  if (!fs || rows.length === 0) return null;
  const signal = async (name: string, how: 'stop' | 'kill') => {
    setRefusal(undefined);
    await perform(fs, ACTIONS.signal(name, how)).catch((error: Error) => setRefusal(error.message));
  };
  return (
    <table className="slot-table pins">
      <caption>Modules: threads that serve guests</caption>
      <thead>
        <tr>
          <th scope="col">module</th>
          <th scope="col">guest</th>
          <th scope="col">state</th>
          <th scope="col">signal</th>
        </tr>
      </thead>
      <tbody>
        {rows.map(({ name, state, guest }) => (
          <tr key={name}>
            <th scope="row">
              <b>{name}</b>
            </th>
            <td>{guest}</td>
            <td>{state}</td>
            <td>
              {(['stop', 'kill'] as const).map((how) => (
                <CommandButton
                  key={how}
                  className="button is-small"
                  name={`${how} ${name}`}
                  command={shellText(ACTIONS.signal(name, how))}
                  disabled={state !== 'running' && state !== 'starting'}
                  onClick={() => void signal(name, how)}
                >
                  {how === 'stop' ? 'Stop' : 'Kill'}
                </CommandButton>
              ))}
            </td>
          </tr>
        ))}
      </tbody>
      {refusal && (
        <tfoot>
          <tr>
            <td colSpan={4} role="alert" className="pin-revoked">
              {refusal}
            </td>
          </tr>
        </tfoot>
      )}
    </table>
  );
}

function Holders() {
  const pins = useMachine(readPins, INTERVAL_MS) ?? [];
  if (pins.length === 0) return <p className="pins-none">No module holds this machine: nothing is pinned.</p>;
  return (
    <table className="slot-table pins">
      <caption title="Nobody can remove or remake a machine while somebody holds it">
        Pinned: the machine cannot be removed
      </caption>
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
