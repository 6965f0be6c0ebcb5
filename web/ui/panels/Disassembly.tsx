// The code that the selected vCPU runs, read from guest memory around RIP and linked to the source where it is known.

import { type FocusEvent, type KeyboardEvent, useCallback, useEffect, useRef, useState } from 'react';
import { ACTIONS, shellText } from '../../session/actions.ts';
import type { Session } from '../../session/types.ts';
import {
  clearWords,
  codeSize,
  hvaOf,
  isPaging,
  linearOfCode,
  type MachineMemory,
  type Range,
  readGuest,
  readRegisters,
  readSlots,
  setWords,
  vcpuIds,
} from '../../session/views/index.ts';
import { useActions, useWorkbench } from '../context.ts';
import { rowAt, WINDOW_BYTES, WINDOW_ROWS, windowStart } from '../editor/code_window.ts';
import { type DisassembledRow, disassembleBytes } from '../editor/toolchain.ts';
import { CommandButton } from '../parts/CommandButton.tsx';
import { hex } from '../parts/numbers.ts';
import { Panel } from '../parts/Panel.tsx';
import { useMachine } from '../state/watch.ts';
import { Breakpoints, useDebugging } from './Breakpoints.tsx';
import './disassembly.css';

const PAGE = 0x1000n;
/** While the machine runs the window is renewed this often at most, in ms. */
const RUNNING_INTERVAL = 150;

/** Where a vCPU's code is. */
interface Place {
  vcpu: number;
  rip: bigint;
  size: 16 | 32 | 64;
  /** Linear minus offset in CS: the CS base outside of long mode. */
  base: bigint;
  isPaging: boolean;
  cr3: bigint;
}

interface Code {
  rows: readonly DisassembledRow[];
  /** What is said instead of rows. */
  sentence?: string;
}

function readPlace(memory: MachineMemory, vcpu: number): Place | undefined {
  if (!vcpuIds(memory).includes(vcpu)) return undefined;
  const registers = readRegisters(memory, vcpu);
  const rip = linearOfCode(registers, registers.rip);
  return {
    ...{ vcpu, rip, size: codeSize(registers), base: linearOfCode(registers, 0n) },
    ...{ isPaging: isPaging(registers), cr3: registers.cr3 },
  };
}

/** A number that is another one when these bytes are: FNV-1a, which is not proof against intent. */
function sumOf({ bytes }: MachineMemory, ranges: readonly Range[]): number {
  let sum = 0x811c9dc5;
  for (const { offset, length } of ranges) {
    for (let at = offset; at < offset + length; at++) sum = Math.imul(sum ^ (bytes[at] ?? 0), 0x01000193);
  }
  return sum;
}

/** Bytes of code from a linear address on, page by page; fewer where a page is not mapped. `ranges` gets where they are. */
async function readCode(
  session: Session,
  memory: MachineMemory,
  place: Place,
  start: bigint,
  ranges: Range[],
): Promise<Uint8Array> {
  ranges.length = 0;
  const slots = readSlots(memory);
  const code = new Uint8Array(WINDOW_BYTES);
  let length = 0;
  while (length < WINDOW_BYTES) {
    const linear = start + BigInt(length);
    const physical = place.isPaging ? await session.translate(place.vcpu, linear) : linear;
    if (physical === undefined) break;
    const rest = Math.min(WINDOW_BYTES - length, Number(PAGE - (linear % PAGE)));
    const hva = hvaOf(slots, Number(physical));
    if (hva === undefined) break;
    await session.refresh([{ offset: hva, length: rest }]);
    const part = readGuest(memory, slots, Number(physical), rest);
    if (part.length === 0) break;
    ranges.push({ offset: hva, length: part.length });
    code.set(part, length);
    length += part.length;
  }
  return code.subarray(0, length);
}

/** The rows around RIP, renewed when RIP, the code or the mode change. */
function useCode(): { code: Code; place: Place | undefined } {
  const vcpu = useWorkbench((state) => state.vcpu);
  const session = useWorkbench((state) => state.session);
  const watch = useWorkbench((state) => state.watch);
  const listing = useWorkbench((state) => state.listing);
  const isRunning = useWorkbench((state) => state.status.state === 'running');
  const read = useCallback((memory: MachineMemory) => readPlace(memory, vcpu), [vcpu]);
  const place = useMachine(read);
  const [code, setCode] = useState<Code>({ rows: [] });
  const latest = useRef<{ place: Place | undefined; shown: bigint[]; ranges: Range[] }>({
    place: undefined,
    shown: [],
    ranges: [],
  });
  // Code that is written, by the guest or by hand, is read anew.
  const readSum = useCallback((memory: MachineMemory) => sumOf(memory, latest.current.ranges), []);
  const sum = useMachine(readSum, RUNNING_INTERVAL);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  latest.current.place = place;

  // biome-ignore lint/correctness/useExhaustiveDependencies: other bytes are other code, though only their sum is looked at.
  useEffect(() => {
    let isCurrent = true;
    const load = async () => {
      const { place, shown, ranges } = latest.current;
      const memory = watch.memory();
      if (!place || !session || !memory) return;
      const start = windowStart(shown, listing, place.rip);
      const bytes = await readCode(session, memory, place, start, ranges);
      const rows = (await disassembleBytes(bytes, start, place.size)).slice(0, WINDOW_ROWS);
      if (!isCurrent) return;
      // A window in which RIP is in the middle of an instruction is out of step: start at RIP itself.
      if (rows.length > 0 && start !== place.rip && !rows.some((row) => row.address === place.rip)) {
        latest.current.shown = [];
        const anew = await disassembleBytes(
          await readCode(session, memory, place, place.rip, ranges),
          place.rip,
          place.size,
        );
        if (isCurrent) show(anew.slice(0, WINDOW_ROWS));
        return;
      }
      show(rows);
    };
    const show = (rows: DisassembledRow[]) => {
      latest.current.shown = rows.map((row) => row.address);
      const sentence = 'RIP points to no memory that is mapped: the next fetch faults or leaves the guest.';
      setCode(rows.length ? { rows } : { rows, sentence });
    };
    const loadSafely = () =>
      load().catch(() => isCurrent && setCode({ rows: [], sentence: 'The code could not be read.' }));
    if (!place) setCode({ rows: [] });
    else if (!isRunning) void loadSafely();
    else
      timer.current ??= setTimeout(
        () => void loadSafely().finally(() => (timer.current = undefined)),
        RUNNING_INTERVAL,
      );
    return () => {
      // While it runs, a renewal that is due must come, or a RIP that never rests would never be shown.
      if (!isRunning) isCurrent = false;
    };
  }, [session, watch, listing, place, isRunning, sum]);
  return { code, place };
}

export function Disassembly() {
  const bench = useActions();
  const listing = useWorkbench((state) => state.listing);
  const { code, place } = useCode();
  const { points } = useDebugging();
  const gutter = useGutter();
  const current = useRef<HTMLTableRowElement>(null);
  const rip = place?.rip;

  // biome-ignore lint/correctness/useExhaustiveDependencies: a new RIP moves the row that must be in sight.
  useEffect(() => {
    current.current?.scrollIntoView({ block: 'nearest' });
  }, [rip, code]);

  if (!place || code.rows.length === 0) {
    return (
      <Panel name="Disassembly">
        <p className="panel-empty">
          {code.sentence ?? 'The code at RIP appears here once a machine is made.'}
        </p>
      </Panel>
    );
  }
  const digits = place.size === 64 && place.rip > 0xffffffffn ? 16 : 8;
  const stops = new Set(points.filter(({ kind }) => kind === 'x').map(({ address }) => address));
  const stop = code.rows.some(({ address }) => address === gutter.focused) ? gutter.focused : rip;
  return (
    <Panel
      name="Disassembly"
      note={`vCPU ${place.vcpu} · ${place.size}-bit code`}
      className="disassembly"
      foot={<Breakpoints />}
    >
      <table {...gutter.handlers}>
        <caption className="visually-hidden">Code around RIP of vCPU {place.vcpu}</caption>
        <thead className="visually-hidden">
          <tr>
            <th scope="col">breakpoint</th>
            <th scope="col">next</th>
            <th scope="col">address</th>
            <th scope="col">bytes</th>
            <th scope="col">instruction</th>
            <th scope="col">source line</th>
          </tr>
        </thead>
        <tbody>
          {code.rows.map((row) => {
            const isNext = row.address === rip;
            const line = rowAt(listing, row.address)?.line;
            return (
              <tr
                key={`${row.address}`}
                ref={isNext ? current : undefined}
                aria-current={isNext ? 'step' : undefined}
              >
                <td className="dis-gutter">
                  <Gutter
                    vcpu={place.vcpu}
                    address={row.address}
                    isSet={stops.has(row.address)}
                    isStop={row.address === (stop ?? code.rows[0]?.address)}
                  />
                </td>
                <td className="dis-mark">{isNext && <span title="next instruction">▶</span>}</td>
                <td className="dis-address">{row.address.toString(16).padStart(digits, '0')}</td>
                <td className="dis-bytes">{hexBytes(row.bytes)}</td>
                <td className="dis-text" title={row.text}>
                  <Instruction text={row.text} />
                </td>
                <td className="dis-line">
                  {line !== undefined && (
                    <button
                      type="button"
                      title={`Line ${line} of the source`}
                      onClick={() => bench.goTo(line, 1)}
                    >
                      {line}
                    </button>
                  )}
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </Panel>
  );
}

interface GutterProps {
  vcpu: number;
  address: bigint;
  isSet: boolean;
  /** The whole gutter is one stop of Tab; arrow keys walk in it. */
  isStop: boolean;
}

/** Sets or clears the breakpoint of one instruction. */
function Gutter({ vcpu, address, isSet, isStop }: GutterProps) {
  const bench = useActions();
  const words = isSet ? clearWords({ address }) : setWords({ kind: 'x', address, length: 1 });
  return (
    <CommandButton
      className="dis-break"
      name={`${isSet ? 'Clear' : 'Set'} breakpoint at ${hex(address)}`}
      aria-label={`Breakpoint at ${hex(address)}`}
      aria-pressed={isSet}
      data-address={address.toString()}
      tabIndex={isStop ? 0 : -1}
      command={shellText(ACTIONS.debug(vcpu, words))}
      onClick={() => void bench.debug(words)}
    />
  );
}

/** The gutter's way of being one stop of Tab: which of its buttons has it, and arrow keys. */
function useGutter() {
  const [focused, setFocused] = useState<bigint>();
  const handlers = {
    onFocus: ({ target }: FocusEvent<HTMLTableElement>) => {
      if (target.dataset.address !== undefined) setFocused(BigInt(target.dataset.address));
    },
    onKeyDown: (event: KeyboardEvent<HTMLTableElement>) => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      const target = event.target as HTMLElement;
      if (step === undefined || target.dataset.address === undefined) return;
      event.preventDefault();
      const all = [...event.currentTarget.querySelectorAll<HTMLElement>('.dis-break')];
      all[all.indexOf(target) + step]?.focus();
    },
  };
  return { focused, handlers };
}

function hexBytes(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
}

/** The mnemonic and the operands in the editor's colours. */
function Instruction({ text }: { text: string }) {
  const space = text.indexOf(' ');
  if (space < 0) return <b>{text}</b>;
  return (
    <>
      <b>{text.slice(0, space)}</b>
      {text.slice(space)}
    </>
  );
}
