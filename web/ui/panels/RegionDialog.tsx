// A compiled region: guest code on one side, the WebAssembly that was made of it on the other. What is pointed at or chosen on one
// side is marked on both.

import { X } from 'lucide-react';
import {
  type KeyboardEvent,
  type MouseEvent,
  memo,
  type ReactNode,
  type RefObject,
  useEffect,
  useMemo,
  useRef,
  useState,
} from 'react';
import { ACTIONS, shellText } from '../../session/actions.ts';
import type { Session } from '../../session/types.ts';
import {
  memoryOf,
  type Region,
  type RegionText,
  regionRange,
  regionText,
  tierRegion,
} from '../../session/views/index.ts';
import { useActions, useWorkbench } from '../context.ts';
import { disassembleBytes } from '../editor/toolchain.ts';
import { wasmLines } from '../editor/wasm_text.ts';
import { CommandButton } from '../parts/CommandButton.tsx';
import { bytes, count, hex, plural } from '../parts/numbers.ts';
import {
  type CodeLine,
  type CodeRow,
  type Instruction,
  joinRegion,
  type RegionCode,
} from '../state/region_code.ts';
import './region_dialog.css';

interface RegionDialogProps {
  vcpu: number;
  number: number;
  onClose: () => void;
}

/** What the dialog shows: a region with its code, or a sentence. */
interface Shown {
  readonly region?: Region;
  readonly code?: RegionCode;
  readonly sentence?: string;
}

const GONE =
  'This region is gone: its code was written, or all regions were dropped. Tiers, Events says why.';
const NOT_KEPT =
  'The module of this region was kept until newer ones took its room. Forget it: when its code is hot again it is made anew.';

/** The instructions of a region by their distance from its entry. */
async function readInstructions(
  { rip, code: bits }: Region,
  { places }: RegionText,
): Promise<Map<number, Instruction>> {
  const found = new Map<number, Instruction>();
  for (const { kind, delta, code } of places) {
    if (kind !== 'instruction' || found.has(delta)) continue;
    const [row] = await disassembleBytes(code, BigInt.asUintN(64, rip + BigInt(delta)), bits);
    found.set(delta, { bytes: code, text: row?.text ?? '?' });
  }
  return found;
}

async function loadRegion(session: Session, vcpu: number, number: number): Promise<Shown> {
  const memory = memoryOf(session.memory());
  const region = tierRegion(memory, vcpu, number);
  if (!region) return { sentence: GONE };
  await session.refresh([regionRange(memory, vcpu, number)]);
  const text = regionText(memoryOf(session.memory()), vcpu, number);
  if (!text) return { region, sentence: NOT_KEPT };
  const [instructions, lines] = await Promise.all([
    readInstructions(region, text),
    wasmLines(text.module, region),
  ]);
  return { region, code: joinRegion(region, text, instructions, lines) };
}

export function RegionDialog({ vcpu, number, onClose }: RegionDialogProps) {
  const bench = useActions();
  const session = useWorkbench((state) => state.session);
  const dialog = useRef<HTMLDialogElement>(null);
  const [{ region, code, sentence }, setShown] = useState<Shown>({ sentence: 'The region is read…' });

  useEffect(() => dialog.current?.showModal(), []);
  useEffect(() => {
    let isCurrent = true;
    if (session)
      loadRegion(session, vcpu, number).then(
        (shown) => isCurrent && setShown(shown),
        () => isCurrent && setShown({ sentence: 'The region could not be read.' }),
      );
    return () => {
      isCurrent = false;
    };
  }, [session, vcpu, number]);

  const forget = () => {
    void bench.forget(number);
    dialog.current?.close();
  };
  return (
    <dialog ref={dialog} className="dialog region-dialog" aria-label={`Region ${number}`} onClose={onClose}>
      <header className="region-head">
        <h2>
          Region {number}
          {region && <span className="mono"> {hex(region.rip, 8)}</span>}
        </h2>
        {region && <Facts region={region} />}
        <div className="region-tools">
          <CommandButton
            className="button is-small"
            name="Forget region"
            title="Drops the region and the blocks of its page; what is hot is compiled anew"
            command={shellText(ACTIONS.forget(vcpu, number))}
            disabled={!region}
            onClick={forget}
          >
            Forget
          </CommandButton>
          <button
            type="button"
            className="button is-small is-quiet"
            aria-label="Close"
            onClick={() => dialog.current?.close()}
          >
            <X size={14} aria-hidden="true" />
          </button>
        </div>
      </header>
      {code ? (
        <Sides code={code} digits={region && region.rip > 0xffffffffn ? 16 : 8} />
      ) : (
        <p className="region-said">{sentence}</p>
      )}
    </dialog>
  );
}

function Facts({ region: { code, blocks, pages, instructions, bytes: size, executed } }: { region: Region }) {
  return (
    <p className="region-facts">
      {code}-bit code · {plural(blocks, 'block')} in {plural(pages, 'page')} ·{' '}
      {plural(instructions, 'instruction')} · {bytes(size)} of Wasm · {count(executed)} executed
    </p>
  );
}

/** Both sides, and what is marked on them: what the pointer is over, else what was chosen. */
function Sides({ code: { rows, lines }, digits }: { code: RegionCode; digits: number }) {
  const [chosen, setChosen] = useState(
    rows.find(({ kind }) => kind === 'instruction')?.id ?? rows[0]?.id ?? '',
  );
  const [over, setOver] = useState<string>();
  const guest = useRef<HTMLDivElement>(null);
  const wasm = useRef<HTMLDivElement>(null);
  const marked = over ?? chosen;
  const most = useMemo(() => Math.max(...rows.map(({ size }) => size)), [rows]);
  const line = lines.findIndex(({ row }) => row === chosen);
  const sides = { chosen, setChosen, setOver };
  return (
    <div className="region-sides">
      <Side
        {...sides}
        {...{ own: guest, other: wasm, order: rows.map(({ id }) => id), active: `region-${chosen}` }}
        className="region-guest"
        title="Guest code"
        name="Instructions of the region"
      >
        {rows.map((row) => (
          <Row
            key={row.id}
            {...{ row, digits, most }}
            isMarked={row.id === marked}
            isChosen={row.id === chosen}
          />
        ))}
      </Side>
      <Side
        {...sides}
        {...{ own: wasm, other: guest, order: [...new Set(lines.map(({ row }) => row))] }}
        active={line < 0 ? undefined : `region-line-${line}`}
        className="region-wasm"
        title={`WebAssembly, ${plural(lines.length, 'line')}`}
        name="WebAssembly of the region"
      >
        {lines.map((line, n) => (
          <Line
            key={`${line.offset} ${line.text}`}
            {...{ line, n }}
            isMarked={line.row === marked}
            isChosen={line.row === chosen}
          />
        ))}
      </Side>
    </div>
  );
}

interface SideProps {
  own: RefObject<HTMLDivElement | null>;
  other: RefObject<HTMLDivElement | null>;
  /** Rows in the order in which arrow keys walk over them. */
  order: readonly string[];
  chosen: string;
  /** Id of the element that stands for the chosen row. */
  active: string | undefined;
  setChosen: (row: string) => void;
  setOver: (row: string | undefined) => void;
  className: string;
  title: string;
  name: string;
  children: ReactNode;
}

const rowOf = (target: EventTarget): string | undefined =>
  (target as HTMLElement).closest<HTMLElement>('[data-row]')?.dataset.row;

const elementOf = (side: HTMLElement | null, row: string): HTMLElement | null | undefined =>
  side?.querySelector<HTMLElement>(`[data-row="${row}"]`);

/** One side as a list box: arrow keys and clicks choose a row, and the other side comes to where it is. */
function Side(props: SideProps) {
  const { own, other, order, chosen, active, setChosen, setOver, className, title, name, children } = props;
  const choose = (row: string) => {
    setChosen(row);
    const there = elementOf(other.current, row);
    if (there && other.current) other.current.scrollTop = there.offsetTop - other.current.clientHeight / 4;
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const at = order.indexOf(chosen);
    const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: order.length - 1 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    // A pointer that rests on a line marks it no more.
    setOver(undefined);
    const row = order[next];
    if (row === undefined) return;
    choose(row);
    elementOf(own.current, row)?.scrollIntoView({ block: 'nearest' });
  };
  const onClick = ({ target }: MouseEvent) => {
    const row = rowOf(target);
    if (row !== undefined) choose(row);
  };
  return (
    <section aria-label={title}>
      <h3>{title}</h3>
      <div
        ref={own}
        className={className}
        role="listbox"
        tabIndex={0}
        aria-label={name}
        aria-activedescendant={active}
        onKeyDown={onKeyDown}
        onClick={onClick}
        onPointerOver={({ target }) => setOver(rowOf(target))}
        onPointerLeave={() => setOver(undefined)}
      >
        {children}
      </div>
    </section>
  );
}

const BY = {
  wasm: undefined,
  call: { sign: 'call', title: 'Its Wasm calls a function of the core' },
  interpreter: { sign: 'interpreted', title: 'The interpreter executes it, called from the Wasm' },
} as const;

interface RowProps {
  row: CodeRow;
  digits: number;
  most: number;
  isMarked: boolean;
  isChosen: boolean;
}

const Row = memo(function Row({ row, digits, most, isMarked, isChosen }: RowProps) {
  const { id, kind, address, bytes: own, text, size, by, isApart } = row;
  const names = ['region-row', `is-${kind}`, isMarked && 'is-marked', isApart && 'is-apart'].filter(Boolean);
  const sign = BY[by];
  const space = text.indexOf(' ');
  return (
    <div
      id={`region-${id}`}
      className={names.join(' ')}
      role="option"
      tabIndex={-1}
      aria-selected={isChosen}
      data-row={id}
    >
      <span className="region-address">
        {kind === 'instruction' ? address.toString(16).padStart(digits, '0') : ''}
      </span>
      <span className="region-bytes">
        {Array.from(own, (byte) => byte.toString(16).padStart(2, '0')).join(' ')}
      </span>
      <span className="region-text" title={text}>
        {kind === 'instruction' ? (
          <>
            <b>{space < 0 ? text : text.slice(0, space)}</b>
            {space < 0 ? '' : text.slice(space)}
          </>
        ) : (
          <i>{text}</i>
        )}
        {sign && (
          <span className={`region-sign is-${by}`} title={sign.title}>
            {sign.sign}
          </span>
        )}
      </span>
      <span className="region-size" title={`${plural(size, 'byte')} of Wasm`}>
        <span style={{ width: `${(size / most) * 100}%` }} />
        {size}
      </span>
    </div>
  );
});

interface LineProps {
  line: CodeLine;
  n: number;
  isMarked: boolean;
  isChosen: boolean;
}

const Line = memo(function Line({ line, n, isMarked, isChosen }: LineProps) {
  const { offset, depth, text, note, row } = line;
  const space = text.indexOf(' ');
  return (
    <div
      id={`region-line-${n}`}
      className={isMarked ? 'region-line is-marked' : 'region-line'}
      role="option"
      tabIndex={-1}
      aria-selected={isChosen}
      data-row={row}
    >
      <span className="region-offset">{offset.toString(16).padStart(4, '0')}</span>
      <code style={{ paddingInlineStart: `${Math.min(depth, 16) * 10}px` }}>
        <b>{space < 0 ? text : text.slice(0, space)}</b>
        {space < 0 ? '' : text.slice(space)}
        {note && <span className="region-note"> ;; {note}</span>}
      </code>
    </div>
  );
});
