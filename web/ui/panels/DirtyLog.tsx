// The dirty log of a slot: a heat map of its pages, the same as a table, and the harvest.

import { useCallback, useEffect, useRef, useState } from 'react';
import { ACTIONS, shellText } from '../../session/actions.ts';
import {
  countDirty,
  dirtyRanges,
  isDirty,
  type MachineMemory,
  pagesOf,
  peekDirty,
  readSlots,
  type Slot,
} from '../../session/views/index.ts';
import { useWorkbench } from '../context.ts';
import { CommandButton } from '../parts/CommandButton.tsx';
import { hex, plural } from '../parts/numbers.ts';
import { Panel } from '../parts/Panel.tsx';
import { ageOf, HARVEST_INTERVAL_MS, type HarvestLog } from '../state/harvest.ts';
import { useStore } from '../state/store.ts';
import { theme } from '../state/theme.ts';
import { useMachine } from '../state/watch.ts';
import { paintHeat } from './heat_map.ts';
import './dirty_log.css';

/** Thousands of pages are painted anew when one changes: not in each frame. */
const PAINT_INTERVAL_MS = 100;

const loggedSlots = (memory: MachineMemory) => readSlots(memory).filter((slot) => slot.logDirty);

export function DirtyLog() {
  const slots = useMachine(loggedSlots) ?? [];
  const harvests = useWorkbench((state) => state.harvests);
  const hasMachine = useWorkbench((state) => state.session !== undefined);
  const [wanted, setWanted] = useState<number>();
  const slot = slots.find((each) => each.id === wanted) ?? slots[0];
  const log = slot && harvests.get(slot.id);
  if (!slot || !log) {
    return (
      <Panel name="Dirty log">
        <p className="panel-empty">
          {hasMachine
            ? 'No slot logs its dirty pages. Switch on “Log dirty pages” under Machine, then Reset.'
            : 'Pages that the guest writes to light up here.'}
        </p>
      </Panel>
    );
  }
  const picker =
    slots.length > 1 ? (
      <select
        className="field slot-field"
        aria-label="Slot"
        value={slot.id}
        onChange={(event) => setWanted(Number(event.target.value))}
      >
        {slots.map(({ id }) => (
          <option key={id} value={id}>
            slot {id}
          </option>
        ))}
      </select>
    ) : undefined;
  return <SlotLog key={slot.id} slot={slot} log={log} picker={picker} />;
}

interface SlotLogProps {
  slot: Slot;
  log: HarvestLog;
  picker: React.ReactNode;
}

function SlotLog({ slot, log, picker }: SlotLogProps) {
  const [isTable, setTable] = useState(false);
  const [isAutomatic, setAutomatic] = useState(true);
  const isRunning = useWorkbench((state) => state.status.state === 'running');
  const watch = useWorkbench((state) => state.watch);
  const figures = useStore(log.figures);
  const peek = useCallback((memory: MachineMemory) => peekDirty(memory, slot), [slot]);
  const now = useMachine(peek, PAINT_INTERVAL_MS) ?? new Uint8Array();

  const harvest = useCallback(() => void log.harvest().then(() => watch.look()), [log, watch]);
  useEffect(() => {
    if (!isAutomatic || !isRunning) return;
    const timer = setInterval(harvest, HARVEST_INTERVAL_MS);
    return () => clearInterval(timer);
  }, [isAutomatic, isRunning, harvest]);

  const waiting = countDirty(now);
  const harvested = figures.harvests
    ? `${figures.last.toLocaleString('en')} in the last of ${plural(figures.harvests, 'harvest')}`
    : 'none harvested yet';
  const summary = `Slot ${slot.id}: ${plural(waiting, 'page')} dirty, ${harvested}`;
  const tools = (
    <>
      {picker}
      <button
        type="button"
        className="button is-small"
        aria-pressed={isTable}
        title="The dirty ranges as a table instead of the map"
        onClick={() => setTable(!isTable)}
      >
        Table
      </button>
      <button
        type="button"
        className="button is-small"
        aria-pressed={isAutomatic}
        title={`Harvest every ${HARVEST_INTERVAL_MS} ms while the machine runs`}
        onClick={() => setAutomatic(!isAutomatic)}
      >
        Auto
      </button>
      <CommandButton
        className="button is-small"
        name="Harvest"
        command={shellText(ACTIONS.harvest(slot.id))}
        title="KVM_GET_DIRTY_LOG: get and clear"
        onClick={harvest}
      >
        Harvest
      </CommandButton>
    </>
  );
  return (
    <Panel name="Dirty log" tools={tools} className="dirty">
      {isTable ? (
        <Ranges slot={slot} now={now} last={log.bitmap} />
      ) : (
        <HeatMap slot={slot} log={log} now={now} summary={summary} />
      )}
      <p className="dirty-summary">{summary}</p>
    </Panel>
  );
}

function HeatMap({
  slot,
  log,
  now,
  summary,
}: {
  slot: Slot;
  log: HarvestLog;
  now: Uint8Array;
  summary: string;
}) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [size, setSize] = useState({ width: 0, height: 0 });
  const shade = useStore(theme);
  const { harvests } = useStore(log.figures);

  useEffect(() => {
    const frame = canvas.current?.parentElement;
    if (!frame) return;
    const observer = new ResizeObserver(() => {
      const width = Math.round(frame.clientWidth * devicePixelRatio);
      const height = Math.round(frame.clientHeight * devicePixelRatio);
      setSize((before) => (before.width === width && before.height === height ? before : { width, height }));
    });
    observer.observe(frame);
    return () => observer.disconnect();
  }, []);

  // biome-ignore lint/correctness/useExhaustiveDependencies: a new theme or harvest is painted, though not read by name.
  useEffect(() => {
    if (!canvas.current || size.width === 0 || size.height === 0) return;
    canvas.current.width = size.width;
    canvas.current.height = size.height;
    paintHeat(canvas.current, pagesOf(slot), (page) => (isDirty(now, page) ? 'now' : ageOf(log, page)));
  }, [size, slot, log, now, harvests, shade]);

  return (
    <div className="heat">
      <canvas
        ref={canvas}
        role="img"
        aria-label={`Heat map of ${plural(pagesOf(slot), 'page')}: ${summary}`}
      />
    </div>
  );
}

/** At most this many ranges are listed; the rest is counted. */
const MOST_RANGES = 64;

function Ranges({ slot, now, last }: { slot: Slot; now: Uint8Array; last: Uint8Array }) {
  const rows = [
    ...dirtyRanges(now, slot).map((range) => ({ ...range, when: 'now' })),
    ...dirtyRanges(last, slot).map((range) => ({ ...range, when: 'last harvest' })),
  ];
  if (rows.length === 0)
    return <p className="dirty-none">No page is dirty, and none was in the last harvest.</p>;
  return (
    <table className="dirty-table">
      <caption className="visually-hidden">Dirty ranges of slot {slot.id}</caption>
      <thead>
        <tr>
          <th scope="col">guest-physical</th>
          <th scope="col">pages</th>
          <th scope="col">dirty</th>
        </tr>
      </thead>
      <tbody>
        {rows.slice(0, MOST_RANGES).map((row) => (
          <tr key={`${row.when}-${row.start}`}>
            <td className="mono">
              {hex(row.start, 8)}–{hex(row.end - 1, 8)}
            </td>
            <td>{row.pages}</td>
            <td>{row.when}</td>
          </tr>
        ))}
      </tbody>
      {rows.length > MOST_RANGES && <caption>and {plural(rows.length - MOST_RANGES, 'range')} more</caption>}
    </table>
  );
}
