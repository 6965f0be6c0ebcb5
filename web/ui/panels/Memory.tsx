// Guest memory as bytes: at a linear or guest-physical address, with what changed and what is dirty marked. Typing two
// hexadecimal digits writes a byte.

import {
  type KeyboardEvent,
  type ReactNode,
  useEffect,
  useId,
  useRef,
  useState,
  type WheelEvent,
} from 'react';
import { dumpText } from '../../session/actions.ts';
import { useActions, useWorkbench } from '../context.ts';
import { Choice } from '../parts/Choice.tsx';
import { CopyButton } from '../parts/CommandLine.tsx';
import { hex } from '../parts/numbers.ts';
import { Panel } from '../parts/Panel.tsx';
import { ageOf } from '../state/harvest.ts';
import { clamped, hexPlace, movedCursor, rowOf, topFor } from '../state/hex_place.ts';
import { useStore } from '../state/store.ts';
import { AddressField } from './AddressField.tsx';
import { type HexByte, type HexRow, useHexRows } from './hex_rows.ts';
import './memory.css';

const KINDS = [
  { id: 'gva', label: 'Linear' },
  { id: 'gpa', label: 'Physical' },
] as const;

/** Height of a row in pixels, and the least width at which sixteen bytes fit beside their characters. */
const ROW = 17;
const WIDE = 566;
/** Rows that one notch of a wheel moves. */
const WHEEL_ROWS = 3;

interface MemoryProps {
  /** The choice between this panel and the one in its place. */
  choice?: ReactNode;
}

export function Memory({ choice }: MemoryProps) {
  const hasMachine = useWorkbench((state) => state.session !== undefined);
  if (hasMachine) return <Bytes choice={choice} />;
  return (
    <Panel name="Memory" tools={choice}>
      <p className="panel-empty">The bytes of guest memory appear here once a machine is made.</p>
    </Panel>
  );
}

/** Rows and bytes a row that the element has room for. */
function useRoom() {
  const host = useRef<HTMLDivElement>(null);
  const [room, setRoom] = useState({ rows: 1, width: 16 });
  useEffect(() => {
    const element = host.current;
    if (!element) return;
    const observer = new ResizeObserver(() => {
      const rows = Math.max(1, Math.floor(element.clientHeight / ROW));
      const width = element.clientWidth < WIDE ? 8 : 16;
      setRoom((before) => (before.rows === rows && before.width === width ? before : { rows, width }));
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return { host, ...room };
}

function Bytes({ choice }: MemoryProps) {
  const bench = useActions();
  const { kind, top, cursor } = useStore(hexPlace);
  const start = useWorkbench((state) => BigInt(state.options.at));
  const { host, rows, width } = useRoom();
  const first = rowOf(top ?? start, width);
  const at = top === undefined ? start : cursor;
  const lines = useHexRows({ kind, top: first, rows, width });
  const [half, setHalf] = useState<string>();
  const id = useId();

  const isIn = ({ address }: HexRow) => at >= address && at < address + BigInt(width);
  const hasCursor = lines.some(isIn);
  const moveTo = (next: bigint) => {
    setHalf(undefined);
    hexPlace.patch({ cursor: next, top: topFor(next, first, rows, width) });
  };
  const scroll = (by: number) => {
    const next = clamped(first + BigInt(by * width));
    hexPlace.patch({ top: next, cursor: at });
  };
  const type = (digit: string) => {
    const line = lines.find(isIn);
    const index = line ? Number(at - line.address) : 0;
    if (!line?.slot || !line.bytes[index]) return bench.fail(`No memory slot is behind ${hex(at)}.`);
    if (half === undefined) return setHalf(digit);
    const value = Number.parseInt(half + digit, 16);
    void bench.poke(line.slot.id, line.slot.offset + index, Uint8Array.of(value));
    moveTo(clamped(at + 1n));
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const next = movedCursor(event.key, at, rows, width);
    if (next !== undefined) moveTo(next);
    else if (/^[0-9a-f]$/i.test(event.key)) type(event.key.toLowerCase());
    else if (event.key === 'Escape' && half !== undefined) setHalf(undefined);
    else return;
    event.preventDefault();
  };
  const shown = lines.find((line) => line.slot);
  const dump = shown?.slot && dumpText(shown.slot.id, shown.slot.offset, rows * width);
  const tools = (
    <>
      <AddressField onGo={(address) => hexPlace.set({ kind, cursor: address, top: rowOf(address, width) })} />
      <Choice legend="Addresses" options={KINDS} value={kind} onValue={(kind) => hexPlace.patch({ kind })} />
      {dump && <CopyButton name="these bytes" text={dump} />}
      {choice}
    </>
  );
  return (
    <Panel name="Memory" tools={tools} className="memory" isScrolling={false}>
      <div
        ref={host}
        className="hex"
        onWheel={(event: WheelEvent) => event.deltaY !== 0 && scroll(Math.sign(event.deltaY) * WHEEL_ROWS)}
      >
        <table
          // biome-ignore lint/a11y/noNoninteractiveElementToInteractiveRole: a table of cells is the grid of ARIA.
          role="grid"
          tabIndex={0}
          aria-label="Bytes of guest memory; two hexadecimal digits write one"
          aria-activedescendant={hasCursor ? `${id}-cursor` : undefined}
          onKeyDown={onKeyDown}
          onBlur={() => setHalf(undefined)}
        >
          <tbody>
            {lines.map((line) => (
              <Line
                key={line.address}
                line={line}
                cursor={isIn(line) ? Number(at - line.address) : -1}
                half={half}
                cursorId={`${id}-cursor`}
                onByte={(index) => moveTo(line.address + BigInt(index))}
              />
            ))}
          </tbody>
        </table>
      </div>
      <Foot line={lines.find(isIn)} at={at} />
    </Panel>
  );
}

interface LineProps {
  line: HexRow;
  /** Which of its bytes the cursor is on, -1 for none. */
  cursor: number;
  /** The first digit of a byte that is being typed. */
  half: string | undefined;
  cursorId: string;
  onByte: (index: number) => void;
}

/** Whether the row's page was dirty in the last harvest, or is now. */
function useDirt({ isDirty, slot }: HexRow): string | undefined {
  const log = useWorkbench((state) => (slot ? state.harvests.get(slot.id) : undefined));
  if (isDirty) return 'This page is dirty: written since the last harvest';
  const page = slot && Math.floor(slot.offset / 0x1000);
  return log && page !== undefined && ageOf(log, page) === 0
    ? 'This page was in the last harvest'
    : undefined;
}

/** What the page of a row is to the balloon: in a word, and in a sentence. */
const BALLOON_WORDS = {
  held: ['in the balloon', 'The balloon holds this page: the guest has given it back'],
  free: ['reported free', 'The guest has reported this page free, and it is zero still'],
} as const;

function Line({ line, cursor, half, cursorId, onByte }: LineProps) {
  const before = useWorkbench((state) => state.beforeBytes);
  const dirt = useDirt(line);
  const [word, sentence] = line.balloon ? BALLOON_WORDS[line.balloon] : [];
  const title = [dirt, sentence].filter(Boolean).join('. ') || undefined;
  const digits = line.address > 0xffffffffn ? 16 : 8;
  return (
    <tr className={dirt && 'is-dirty'}>
      <th scope="row" title={title} className={line.balloon && `is-${line.balloon}`}>
        <span className="hex-dirt" aria-hidden="true">
          {dirt && '●'}
        </span>
        {line.address.toString(16).padStart(digits, '0')}
        {dirt && <span className="visually-hidden"> dirty</span>}
        {word && <span className="visually-hidden"> {word}</span>}
      </th>
      {line.bytes.map((byte, index) => {
        const was = byte && oldByte(before, byte);
        const isChanged = was !== undefined && was !== byte?.value;
        const isCursor = index === cursor;
        const kind = [isChanged && 'is-changed', isCursor && 'is-cursor', byte?.value === 0 && 'is-zero'];
        const text = byte ? byte.value.toString(16).padStart(2, '0') : '··';
        return (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the grid's arrow keys move to it.
          <td
            // biome-ignore lint/suspicious/noArrayIndexKey: a byte is its place.
            key={index}
            id={isCursor ? cursorId : undefined}
            className={kind.filter(Boolean).join(' ')}
            title={isChanged ? `was ${hex(was, 2)}` : undefined}
            onClick={() => onByte(index)}
          >
            {isCursor && half !== undefined ? `${half}_` : text}
            {isChanged && <span className="visually-hidden"> changed, was {hex(was, 2)}</span>}
          </td>
        );
      })}
      <td className="hex-text" aria-hidden="true">
        {line.bytes.map((byte) => (byte ? letterOf(byte.value) : ' ')).join('')}
      </td>
    </tr>
  );
}

function oldByte(
  before: readonly { readonly offset: number; readonly bytes: Uint8Array }[],
  { hva }: HexByte,
): number | undefined {
  const range = before.find(({ offset, bytes }) => hva >= offset && hva < offset + bytes.length);
  return range?.bytes[hva - range.offset];
}

const letterOf = (value: number): string =>
  value >= 0x20 && value < 0x7f ? String.fromCharCode(value) : '.';

/** What is at the cursor, read as numbers of one to eight bytes, the lowest byte first. */
function Foot({ line, at }: { line: HexRow | undefined; at: bigint }) {
  const index = line ? Number(at - line.address) : 0;
  const bytes = line?.bytes.slice(index).map((byte) => byte?.value) ?? [];
  if (!line || bytes[0] === undefined) return <p className="hex-foot">{hex(at)}: no memory slot is here</p>;
  const number = (size: number) => {
    const part = bytes.slice(0, size);
    if (part.length < size || part.includes(undefined)) return undefined;
    return part.reduceRight<bigint>((value, byte) => (value << 8n) | BigInt(byte ?? 0), 0n);
  };
  const sizes = [1, 2, 4, 8].map((size) => [size, number(size)] as const);
  const place = line.slot ? `slot ${line.slot.id} + ${hex(line.slot.offset + index)}` : '';
  const balloon = line.balloon && BALLOON_WORDS[line.balloon][0];
  return (
    <p className="hex-foot">
      <b className="mono">{hex(at)}</b> {place}
      {balloon && <span>{balloon}</span>}
      {sizes.map(
        ([size, value]) =>
          value !== undefined && (
            <span key={size}>
              u{size * 8} <span className="mono">{hex(value)}</span>
            </span>
          ),
      )}
    </p>
  );
}
