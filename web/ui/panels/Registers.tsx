// The registers of the selected vCPU: old value beside the new one, bits by name, the mode in words.

import { useCallback } from 'react';
import {
  type Bit,
  CR0_BITS,
  CR4_BITS,
  describeSegment,
  EFER_BITS,
  FLAG_BITS,
  GENERAL,
  type MachineMemory,
  modeOf,
  pagingOf,
  type Registers as RegisterValues,
  readRegisters,
  type Segment,
  setBits,
  vcpuIds,
} from '../../session/views/index.ts';
import { useWorkbench } from '../context.ts';
import { bytes, hex } from '../parts/numbers.ts';
import { Panel } from '../parts/Panel.tsx';
import { Value } from '../parts/Value.tsx';
import { useMachine } from '../state/watch.ts';
import './registers.css';

/** Registers in the order in which a person reads them: r8..r15 beside the old eight. */
const READING_ORDER = [
  ...['rax', 'rbx', 'rcx', 'rdx', 'rsi', 'rdi', 'rbp', 'rsp'],
  ...['r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15'],
].map((name) => ({ name, index: (GENERAL as readonly string[]).indexOf(name) }));

export function Registers() {
  const vcpu = useWorkbench((state) => state.vcpu);
  const before = useWorkbench((state) => state.before.get(state.vcpu));
  const read = useCallback(
    (memory: MachineMemory) => (vcpuIds(memory).includes(vcpu) ? readRegisters(memory, vcpu) : undefined),
    [vcpu],
  );
  const registers = useMachine(read);
  if (!registers) {
    return (
      <Panel name="Registers">
        <p className="panel-empty">Registers appear here once a machine is made: press Run, Step or Reset.</p>
      </Panel>
    );
  }
  const mode = `vCPU ${vcpu} · ${modeOf(registers)} · ring ${registers.cpl} · ${pagingOf(registers)}`;
  return (
    <Panel name="Registers" note={mode} className="registers">
      <General registers={registers} before={before} />
      <Flags registers={registers} before={before} />
      <div className="registers-system">
        <Segments registers={registers} before={before} />
        <Control registers={registers} before={before} />
      </div>
    </Panel>
  );
}

interface PartProps {
  registers: RegisterValues;
  before: RegisterValues | undefined;
}

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

/** All flags in a row; a set one is filled, a changed one carries the mark. */
function Flags({ registers, before }: PartProps) {
  const iopl = (registers.rflags >> 12) & 3;
  return (
    <ul className="flags" aria-label="Flags">
      {FLAG_BITS.map((bit) => {
        const isSet = (registers.rflags & bit.mask) !== 0;
        const isChanged = before !== undefined && ((before.rflags ^ registers.rflags) & bit.mask) !== 0;
        return (
          <li
            key={bit.name}
            className={`flag${isSet ? ' is-set' : ''}${isChanged ? ' is-changed' : ''}`}
            title={`${bit.name} = ${isSet ? 1 : 0}: ${bit.meaning}`}
          >
            {isChanged && <span aria-hidden="true">▸</span>}
            {bit.name}
            <span className="visually-hidden">
              {isSet ? ' set' : ' clear'}
              {isChanged ? ', changed' : ''}
            </span>
          </li>
        );
      })}
      <li className={iopl ? 'flag is-set' : 'flag'} title="I/O privilege level">
        IOPL {iopl}
      </li>
    </ul>
  );
}

function Segments({ registers, before }: PartProps) {
  return (
    <table className="segments">
      <caption className="visually-hidden">Segment and table registers</caption>
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
        {(['gdtr', 'idtr'] as const).map((name) => (
          <tr key={name} className={isTableChanged(registers, before, name) ? 'is-changed' : undefined}>
            <th scope="row">{name}</th>
            <td />
            <td>{hex(registers[name].base)}</td>
            <td>{hex(registers[name].limit)}</td>
            <td>{isTableChanged(registers, before, name) && <ChangedMark />}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function isTableChanged(
  now: RegisterValues,
  before: RegisterValues | undefined,
  name: 'gdtr' | 'idtr',
): boolean {
  return (
    before !== undefined && (before[name].base !== now[name].base || before[name].limit !== now[name].limit)
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

function ChangedMark({ old }: { old?: string }) {
  return (
    <span className="changed-mark" title={old ? `was ${old}` : 'changed'}>
      <span aria-hidden="true">▸ </span>
      <span className="visually-hidden">changed{old ? `, was ${old}` : ''}: </span>
    </span>
  );
}

const CONTROL = [
  ['cr0', CR0_BITS],
  ['cr2', undefined],
  ['cr3', undefined],
  ['cr4', CR4_BITS],
  ['cr8', undefined],
  ['efer', EFER_BITS],
] as const;

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
    </dl>
  );
}

function Bits({ value, table }: { value: number; table: readonly Bit[] }) {
  const set = setBits(value, table);
  if (set.length === 0) return null;
  return (
    <span className="bits">
      {set.map((bit) => (
        <abbr key={bit.name} title={bit.meaning}>
          {bit.name}
        </abbr>
      ))}
    </span>
  );
}
