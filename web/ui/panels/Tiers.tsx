// The tiers at work: how much of the guest the interpreter and compiled regions execute, which regions are hot, and why others
// were dropped. A region opens beside its Wasm (RegionDialog.tsx).

import { type ReactNode, useCallback, useRef, useState } from 'react';
import { ACTIONS, shellText } from '../../session/actions.ts';
import {
  DROP_REASONS,
  type DropReason,
  JIT_ENTRIES,
  type MachineMemory,
  type Region,
  readJit,
  type TierCounts,
  type TierEvent,
  tierCounts,
  tierEvents,
  tierRegions,
  vcpuIds,
} from '../../session/views/index.ts';
import { useActions, useWorkbench } from '../context.ts';
import { Choice } from '../parts/Choice.tsx';
import { CommandButton } from '../parts/CommandButton.tsx';
import { bytes, count, hex, plural } from '../parts/numbers.ts';
import { Panel } from '../parts/Panel.tsx';
import { MOMENTS, type Moment, TierHistory } from '../state/tier_history.ts';
import { useMachine } from '../state/watch.ts';
import { RegionDialog } from './RegionDialog.tsx';
import './tiers.css';

/** How often the panel looks, in ms. */
const INTERVAL_MS = 250;
/** Regions and events that are listed; the rest is counted. */
const MOST = 60;

/** Why a region was dropped, in words. */
const WHY: Record<DropReason, string> = {
  written: 'a store changed code of its page',
  queue: 'all went: too many pages changed at once',
  thread: 'all went: another thread runs the vCPU now',
  asked: 'forgotten on request',
  unused: 'the least used, when room was needed',
};

const VIEWS = [
  { id: 'regions', label: 'Regions' },
  { id: 'events', label: 'Events' },
] as const;

interface Look {
  readonly jit: number | undefined;
  readonly counts: TierCounts;
  readonly total: number;
  readonly regions: readonly (Region & { readonly share: number })[];
  readonly events: readonly TierEvent[];
  readonly moments: readonly Moment[];
}

interface TiersProps {
  /** The choice between this panel and the one in its place. */
  choice?: ReactNode;
}

/** What the panel shows of the chosen vCPU, looked at some times a second. */
function useTiers(vcpu: number): Look | undefined {
  const watch = useWorkbench((state) => state.watch);
  const history = useRef({ of: '', line: new TierHistory() });
  const read = useCallback(
    (memory: MachineMemory): Look | undefined => {
      if (!vcpuIds(memory).includes(vcpu)) return undefined;
      const [counts, regions] = [tierCounts(memory, vcpu), tierRegions(memory, vcpu)];
      const { moments, shares } = history.current.line.look(counts, regions, performance.now());
      return {
        ...{ jit: readJit(memory), counts, total: regions.length, moments },
        regions: regions
          .slice(0, MOST)
          .map((region) => ({ ...region, share: shares.get(region.number) ?? 0 })),
        events: tierEvents(memory, vcpu, MOST),
      };
    },
    [vcpu],
  );
  // Another machine or vCPU has a line of its own.
  const of = `${vcpu}`;
  const seen = useRef(watch);
  if (history.current.of !== of || seen.current !== watch) {
    history.current = { of, line: new TierHistory() };
    seen.current = watch;
  }
  return useMachine(read, INTERVAL_MS);
}

export function Tiers({ choice }: TiersProps) {
  const vcpu = useWorkbench((state) => state.vcpu);
  const look = useTiers(vcpu);
  const [view, setView] = useState<(typeof VIEWS)[number]['id']>('regions');
  const [opened, setOpened] = useState<number>();
  if (!look) {
    return (
      <Panel name="Tiers" tools={choice}>
        <p className="panel-empty">
          How much the interpreter and compiled code execute appears here once a machine is made.
        </p>
      </Panel>
    );
  }
  const { jit, counts, total } = look;
  const isEmpty = jit === undefined && counts.made === 0;
  const tools = (
    <>
      {!isEmpty && <Choice legend="Tiers shown" options={VIEWS} value={view} onValue={setView} />}
      {!isEmpty && <Switch jit={jit} />}
      {choice}
    </>
  );
  return (
    <Panel name="Tiers" note={`vCPU ${vcpu}`} tools={tools} className="tiers">
      {isEmpty ? (
        <Off />
      ) : (
        <>
          <Figures counts={counts} total={total} moments={look.moments} />
          {view === 'regions' ? (
            <Regions look={look} onOpen={setOpened} />
          ) : (
            <Events events={look.events} made={counts.made} />
          )}
        </>
      )}
      {opened !== undefined && (
        <RegionDialog
          key={`${vcpu}-${opened}`}
          vcpu={vcpu}
          number={opened}
          onClose={() => setOpened(undefined)}
        />
      )}
    </Panel>
  );
}

/** Switches the JIT of the machine that runs, and of the next one. */
function Switch({ jit }: { jit: number | undefined }) {
  const bench = useActions();
  const next = jit === undefined ? JIT_ENTRIES : 'off';
  return (
    <CommandButton
      className="button is-small"
      name={jit === undefined ? 'JIT on' : 'JIT off'}
      aria-pressed={jit !== undefined}
      title={
        jit === undefined
          ? 'Compile hot code'
          : `Blocks are compiled after ${plural(jit, 'entry').replace('entrys', 'entries')}`
      }
      command={shellText(ACTIONS.jit(next))}
      onClick={() => void bench.jit(next)}
    >
      JIT
    </CommandButton>
  );
}

/** What there is to see while the interpreter executes everything. */
function Off() {
  const bench = useActions();
  return (
    <div className="tiers-off">
      <p>The interpreter executes everything: the JIT is off.</p>
      <p>
        Switched on, it counts how often each block of code is entered. One that was entered{' '}
        {JIT_ENTRIES.toLocaleString('en')} times before long is hot: with the blocks round it, it becomes a{' '}
        <b>region</b>, one function of WebAssembly with the guest’s registers in locals. The guest notices
        nothing but speed.
      </p>
      <CommandButton
        className="button is-primary"
        name="JIT on"
        command={shellText(ACTIONS.jit(JIT_ENTRIES))}
        onClick={() => void bench.jit(JIT_ENTRIES)}
      >
        Compile hot code
      </CommandButton>
    </div>
  );
}

/** A share in percent; what is small, but not nothing, is not told as 0. */
function percent(share: number): string {
  if (share > 0 && share < 0.0005) return '< 0.1 %';
  return `${(share * 100).toFixed(share > 0 && share < 0.1 ? 1 : 0)} %`;
}

/** Shares now and lately, and what was made and dropped. */
function Figures({
  counts,
  total,
  moments,
}: {
  counts: TierCounts;
  total: number;
  moments: readonly Moment[];
}) {
  const isRunning = useWorkbench((state) => state.status.state === 'running');
  const last = moments.at(-1);
  const all = counts.instructions === 0 ? 0 : Math.min(1, counts.compiled / counts.instructions);
  const share = last?.compiled ?? all;
  const dropped = DROP_REASONS.filter((reason) => counts.dropped[reason] > 0);
  const sum = dropped.reduce((n, reason) => n + counts.dropped[reason], 0);
  return (
    <div className="tiers-figures">
      <div className="tiers-share">
        <p>
          <b>{percent(share)}</b> regions, <b>{percent(1 - share)}</b> interpreter
        </p>
        <p>
          {isRunning && last ? `${count(last.rate)} instructions a second` : 'of what ran last'}
          {`; ${percent(all)} in all`}
        </p>
      </div>
      <History moments={moments} />
      <dl className="tiers-counts">
        <div>
          <dt>decoded</dt>
          <dd>{plural(counts.blocks, 'block')}</dd>
        </div>
        <div>
          <dt>made</dt>
          <dd>
            {plural(counts.made, 'region')} ({total.toLocaleString('en')} there), {bytes(counts.madeBytes)}
            {counts.refused > 0 && `, ${counts.refused.toLocaleString('en')} impossible`}
          </dd>
        </div>
        <div>
          <dt>dropped</dt>
          <dd>
            {sum === 0
              ? 'none'
              : dropped
                  .map((reason) => `${counts.dropped[reason].toLocaleString('en')} ${reason}`)
                  .join(', ')}
          </dd>
        </div>
      </dl>
    </div>
  );
}

/** The share of regions as a line over the last half minute. */
function History({ moments }: { moments: readonly Moment[] }) {
  const x = (n: number) => MOMENTS - moments.length + n;
  const y = (share: number) => 40 - share * 40;
  const points = moments.map(({ compiled }, n) => `${x(n)},${y(compiled).toFixed(1)}`);
  const now = moments.at(-1);
  const words = now ? `now ${percent(now.compiled)}` : 'nothing executed yet';
  return (
    <svg
      className="tiers-line"
      viewBox={`0 -1 ${MOMENTS - 1} 42`}
      preserveAspectRatio="none"
      role="img"
      aria-label={`Share of instructions in regions over the last ${moments.length} looks: ${words}`}
    >
      {points.length > 1 && (
        <>
          <polygon points={`${x(0)},40 ${points.join(' ')} ${MOMENTS - 1},40`} />
          <polyline points={points.join(' ')} />
        </>
      )}
    </svg>
  );
}

function Regions({ look, onOpen }: { look: Look; onOpen: (number: number) => void }) {
  const { regions, total, jit, counts } = look;
  if (regions.length === 0) {
    return (
      <p className="tiers-none">
        {jit === undefined
          ? 'The JIT is off again: all regions were forgotten.'
          : `No region yet: a block becomes one when it has been entered ${jit.toLocaleString('en')} times. Only flat 32-bit code and 64-bit code can.`}
      </p>
    );
  }
  const most = regions[0]?.executed ?? 0;
  return (
    <table className="tiers-table">
      <caption className="visually-hidden">
        Regions, the hottest first; each opens beside its WebAssembly
      </caption>
      <thead>
        <tr>
          <th scope="col">entry</th>
          <th scope="col">mode</th>
          <th scope="col">blocks</th>
          <th scope="col">instr.</th>
          <th scope="col">Wasm</th>
          <th scope="col">executed</th>
          <th scope="col">now</th>
        </tr>
      </thead>
      <tbody>
        {regions.map(({ number, rip, code, blocks, instructions, bytes: size, executed, share }) => (
          <tr key={`${number}-${rip}`}>
            <td>
              <button
                type="button"
                className="tiers-open"
                title={`Region ${number}: its code beside its WebAssembly`}
                onClick={() => onOpen(number)}
              >
                {hex(rip, 8)}
              </button>
            </td>
            <td>{code}-bit</td>
            <td>{blocks}</td>
            <td>{instructions}</td>
            <td>{bytes(size)}</td>
            <td className="tiers-heat">
              <span style={{ width: `${most ? (executed / most) * 100 : 0}%` }} />
              {count(executed)}
            </td>
            <td>{share > 0 ? percent(share) : '–'}</td>
          </tr>
        ))}
      </tbody>
      {total > regions.length && (
        <caption className="tiers-more">
          and {plural(total - regions.length, 'region')} more, {count(counts.compiled)} instructions in all
        </caption>
      )}
    </table>
  );
}

function Events({ events, made }: { events: readonly TierEvent[]; made: number }) {
  if (events.length === 0)
    return (
      <p className="tiers-none">No region was made or dropped yet{made > 0 ? ' since the last look' : ''}.</p>
    );
  return (
    <ol className="tiers-events" aria-label="Regions made and dropped, newest first">
      {events.toReversed().map(({ number, what, region, rip, executed, at }) => (
        <li key={number} className={what === 'made' ? 'is-made' : 'is-dropped'}>
          <span className="tiers-at" title="Instructions that the vCPU had retired">
            {count(at)}
          </span>
          <span className="tiers-what">{what === 'made' ? '+ made' : '− dropped'}</span>
          <span className="mono">{hex(rip, 8)}</span>
          <span>
            region {region}
            {what !== 'made' && `: ${WHY[what]}, after ${count(executed)} instructions`}
          </span>
        </li>
      ))}
    </ol>
  );
}
