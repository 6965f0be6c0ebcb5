// The general view of the register panel: general registers, flags, segments, tables and control registers.

import {
  type Bit,
  CR0_BITS,
  CR4_BITS,
  describeSegment,
  EFER_BITS,
  FLAG_BITS,
  GENERAL,
  type Registers,
  type Segment,
  type Table,
} from '../../session/views/index.ts';
import { Bits, Flags } from '../parts/Bits.tsx';
import { bytes, hex } from '../parts/numbers.ts';
import { Value } from '../parts/Value.tsx';
import './general_registers.css';

/** Registers in the order in which a person reads them: r8..r15 beside the old eight. */
const READING_ORDER = [
  ...['rax', 'rbx', 'rcx', 'rdx', 'rsi', 'rdi', 'rbp', 'rsp'],
  ...['r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15'],
].map((name) => ({ name, index: (GENERAL as readonly string[]).indexOf(name) }));

interface PartProps {
  registers: Registers;
  before: Registers | undefined;
}

export function GeneralRegisters({ registers, before }: PartProps) {
  return (
    <>
      <General registers={registers} before={before} />
      <Flags
        label="Flags"
        value={registers.rflags}
        before={before?.rflags}
        table={FLAG_BITS}
        field={{
          name: 'IOPL',
          meaning: 'I/O privilege level',
          value: ioPrivilege(registers.rflags),
          before: before && ioPrivilege(before.rflags),
        }}
      />
      <div className="registers-system">
        <Segments registers={registers} before={before} />
        <Control registers={registers} before={before} />
      </div>
    </>
  );
}

const ioPrivilege = (rflags: number) => (rflags >> 12) & 3;

function General({ registers, before }: PartProps) {
  return (
    <dl className="general">
      {READING_ORDER.map(({ name, index }) => (
        <div key={name} className="register">
          <dt>{name}</dt>
          <dd>
            <Value value={registers.general[index] ?? 0n} before={before?.general[index]} digits={16} />
          </dd>
        </div>
      ))}
      <div className="register is-rip">
        <dt>rip</dt>
        <dd>
          <Value value={registers.rip} before={before?.rip} digits={16} />
        </dd>
      </div>
      <div className="register is-rip">
        <dt>rflags</dt>
        <dd>
          <Value value={registers.rflags} before={before?.rflags} digits={16} />
        </dd>
      </div>
    </dl>
  );
}

function Segments({ registers, before }: PartProps) {
  return (
    <table className="segments">
      <caption className="visually-hidden">Segment registers</caption>
      <thead>
        <tr>
          <th scope="col">seg</th>
          <th scope="col">sel</th>
          <th scope="col">base</th>
          <th scope="col">limit</th>
          <th scope="col">kind</th>
        </tr>
      </thead>
      <tbody>
        {registers.segments.map((segment, index) => (
          <SegmentRow key={segment.name} segment={segment} before={before?.segments[index]} />
        ))}
      </tbody>
    </table>
  );
}

function SegmentRow({ segment, before }: { segment: Segment; before: Segment | undefined }) {
  const isChanged =
    before !== undefined &&
    (before.selector !== segment.selector ||
      before.base !== segment.base ||
      before.limit !== segment.limit ||
      before.attributes !== segment.attributes);
  return (
    <tr className={isChanged ? 'is-changed' : undefined}>
      <th scope="row">{segment.name}</th>
      <td>{hex(segment.selector, 4)}</td>
      <td>{hex(segment.base)}</td>
      <td title={bytes(segment.limit + 1)}>{hex(segment.limit)}</td>
      <td className="segment-kind">
        {isChanged && <ChangedMark old={`${hex(before.selector, 4)}, base ${hex(before.base)}`} />}
        {describeSegment(segment)}
      </td>
    </tr>
  );
}

function ChangedMark({ old }: { old: string }) {
  return (
    <span className="changed-mark" title={`was ${old}`}>
      <span aria-hidden="true">▸ </span>
      <span className="visually-hidden">changed, was {old}: </span>
    </span>
  );
}

const CONTROL: readonly (readonly [ControlName, (readonly Bit[])?])[] = [
  ['cr0', CR0_BITS],
  ['cr2'],
  ['cr3'],
  ['cr4', CR4_BITS],
  ['cr8'],
  ['efer', EFER_BITS],
];
type ControlName = 'cr0' | 'cr2' | 'cr3' | 'cr4' | 'cr8' | 'efer';

function Control({ registers, before }: PartProps) {
  return (
    <dl className="control">
      {CONTROL.map(([name, table]) => (
        <div key={name} className="control-row">
          <dt>{name}</dt>
          <dd>
            <Value value={registers[name]} before={before?.[name]} digits={8} />
            {table && <Bits value={Number(registers[name] & 0xffffffffn)} table={table} />}
          </dd>
        </div>
      ))}
      {(['gdtr', 'idtr'] as const).map((name) => (
        <div key={name} className="control-row">
          <dt>{name}</dt>
          <dd>
            <Value value={registers[name].base} before={before?.[name].base} digits={8} />
            <Limit table={registers[name]} before={before?.[name]} />
          </dd>
        </div>
      ))}
    </dl>
  );
}

function Limit({ table, before }: { table: Table; before: Table | undefined }) {
  const isChanged = before !== undefined && before.limit !== table.limit;
  return (
    <span className={isChanged ? 'table-limit is-changed' : 'table-limit'}>
      {isChanged && <ChangedMark old={hex(before.limit)} />}
      limit {hex(table.limit)}
    </span>
  );
}
