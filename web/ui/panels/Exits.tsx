// The exits of all vCPUs in order: reason, fields, and what a VMM does with such an exit. Only visible rows are read.

import { type CSSProperties, type ReactNode, useCallback, useEffect, useMemo, useRef, useState } from 'react';
import {
  exitTotals,
  type MachineMemory,
  nameOfExit,
  readExit,
  traceHead,
  traceNumbers,
  traceStamp,
} from '../../session/views/index.ts';
import { useWorkbench } from '../context.ts';
import { count } from '../parts/numbers.ts';
import { Panel } from '../parts/Panel.tsx';
import { ExitRates } from '../state/exit_rates.ts';
import { useMachine } from '../state/watch.ts';
import './exits.css';

/** Height of a row in pixels, and in a list too narrow for the sentence in one line. */
const ROW = 40;
const HIGH_ROW = 74;
const NARROW = 520;
/** Rates are looked at this often. */
const RATES_INTERVAL_MS = 250;
/** A list that runs faster cannot be read. */
const LIST_INTERVAL_MS = 60;
/** Rows kept above and below the visible ones. */
const SPARE = 4;

interface ExitsProps {
  /** The choice between this panel and the one in its place. */
  choice?: ReactNode;
}

export function Exits({ choice }: ExitsProps) {
  const stamp = useMachine(traceStamp, LIST_INTERVAL_MS) ?? 0;
  const [hidden, setHidden] = useState<ReadonlySet<number>>(new Set());
  const readList = useCallback(
    (memory: MachineMemory) => {
      const shown = hidden.size
        ? new Set([...exitTotals(memory).keys()].filter((reason) => !hidden.has(reason)))
        : undefined;
      return {
        head: traceHead(memory),
        numbers: traceNumbers(memory, shown),
        stamp: traceStamp(memory),
      };
    },
    [hidden],
  );
  const watch = useWorkbench((state) => state.watch);
  const rates = useRef(new ExitRates());
  const readReasons = useCallback((memory: MachineMemory) => {
    const totals = exitTotals(memory);
    const now = rates.current.look(totals, performance.now());
    return [...totals]
      .map(([reason, exits]) => ({ reason, exits, rate: now.get(reason) ?? 0 }))
      .sort((a, b) => b.exits - a.exits);
  }, []);
  const reasons = useMachine(readReasons, RATES_INTERVAL_MS) ?? [];
  // biome-ignore lint/correctness/useExhaustiveDependencies: the stamp stands for the ring's contents.
  const list = useMemo(() => {
    const memory = watch.memory();
    return memory && readList(memory);
  }, [watch, readList, stamp]);

  if (!list || list.head === 0) {
    return (
      <Panel name="Exits" tools={choice}>
        <p className="panel-empty">Each time a vCPU leaves the guest for its VMM, the exit is listed here.</p>
      </Panel>
    );
  }
  const toggle = (reason: number) => {
    const next = new Set(hidden);
    if (!next.delete(reason)) next.add(reason);
    setHidden(next);
  };
  const filter = (
    <fieldset className="exit-filter">
      <legend className="visually-hidden">Reasons shown</legend>
      {reasons.map(({ reason, exits, rate }) => (
        <button
          key={reason}
          type="button"
          className="button is-small"
          aria-pressed={!hidden.has(reason)}
          onClick={() => toggle(reason)}
        >
          {nameOfExit(reason)} {count(exits)}
          {rate > 0 && <span className="exit-rate"> {count(rate)}/s</span>}
        </button>
      ))}
    </fieldset>
  );
  return (
    <Panel
      name="Exits"
      tools={
        <>
          {filter}
          {choice}
        </>
      }
      className="exits"
      isScrolling={false}
    >
      <Rows numbers={list.numbers} stamp={list.stamp} />
    </Panel>
  );
}

/** A window onto the list that stays at its end until the person scrolls up. */
function Rows({ numbers, stamp }: { numbers: readonly number[]; stamp: number }) {
  const scroller = useRef<HTMLOListElement>(null);
  const sticks = useRef(true);
  const [view, setView] = useState({ top: 0, height: 400, width: 600 });
  const isNarrow = view.width < NARROW;
  const row = isNarrow ? HIGH_ROW : ROW;
  const memory = useWorkbench((state) => state.watch).memory();

  useEffect(() => {
    const list = scroller.current;
    if (!list) return;
    const look = () => setView({ top: list.scrollTop, height: list.clientHeight, width: list.clientWidth });
    const observer = new ResizeObserver(look);
    observer.observe(list);
    return () => observer.disconnect();
  }, []);

  // biome-ignore lint/correctness/useExhaustiveDependencies: each new exit moves the end of the list.
  useEffect(() => {
    const list = scroller.current;
    if (list && sticks.current) list.scrollTop = list.scrollHeight;
  }, [numbers.length, stamp, row]);

  const onScroll = () => {
    const list = scroller.current;
    if (!list) return;
    sticks.current = list.scrollTop + list.clientHeight >= list.scrollHeight - row / 2;
    setView({ top: list.scrollTop, height: list.clientHeight, width: list.clientWidth });
  };

  const first = Math.max(0, Math.floor(view.top / row) - SPARE);
  const last = Math.min(numbers.length, Math.ceil((view.top + view.height) / row) + SPARE);
  return (
    <ol
      ref={scroller}
      className={isNarrow ? 'exit-list is-narrow' : 'exit-list'}
      style={{ '--exit-row': `${row}px` } as CSSProperties}
      aria-label="Exits, oldest first"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling list must be reachable by keyboard.
      tabIndex={0}
      onScroll={onScroll}
    >
      <li style={{ height: first * row }} aria-hidden="true" />
      {memory &&
        numbers.slice(first, last).map((number, index) => {
          const exit = readExit(memory, number);
          return (
            <li
              key={number}
              className={exit.claimed ? 'exit' : 'exit is-unclaimed'}
              aria-posinset={first + index + 1}
              aria-setsize={numbers.length}
            >
              <span className="exit-number">{number}</span>
              <span className="exit-vcpu">vCPU {exit.vcpu}</span>
              <span className="exit-reason">{exit.name}</span>
              <span className="exit-fields">
                {exit.fields.map(({ name, value }) => (
                  <span key={name}>
                    <i>{name}</i> {value}
                  </span>
                ))}
              </span>
              {exit.repeats > 1 && <span className="exit-repeats">× {count(exit.repeats)}</span>}
              <span className="exit-sentence" title={exit.sentence}>
                {!exit.claimed && <b>No device claimed it. </b>}
                {exit.sentence}
              </span>
            </li>
          );
        })}
      <li style={{ height: (numbers.length - last) * row }} aria-hidden="true" />
    </ol>
  );
}
