// Bits by name: those that are set, or all of them in a row with what is set filled and what changed marked.

import { type Bit, setBits } from '../../session/views/index.ts';
import './bits.css';

/** The names of the set bits; nothing when none is. */
export function Bits({ value, table }: { value: number; table: readonly Bit[] }) {
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

/** A field of more than one bit that stands in the row of flags, e.g. IOPL. */
interface Field {
  readonly name: string;
  readonly meaning: string;
  readonly value: number;
  readonly before: number | undefined;
}

interface FlagsProps {
  /** The list's accessible name. */
  label: string;
  value: number;
  before: number | undefined;
  table: readonly Bit[];
  field?: Field;
}

/** All flags in a row; a set one is filled, a changed one carries the mark. */
export function Flags({ label, value, before, table, field }: FlagsProps) {
  return (
    <ul className="flags" aria-label={label}>
      {table.map(({ name, mask, meaning }) => {
        const isSet = (value & mask) !== 0;
        const isChanged = before !== undefined && ((before ^ value) & mask) !== 0;
        return (
          <li
            key={name}
            className={`flag${isSet ? ' is-set' : ''}${isChanged ? ' is-changed' : ''}`}
            title={`${name} = ${isSet ? 1 : 0}: ${meaning}`}
          >
            {isChanged && <span aria-hidden="true">▸</span>}
            {name}
            <span className="visually-hidden">
              {isSet ? ' set' : ' clear'}
              {isChanged ? ', changed' : ''}
            </span>
          </li>
        );
      })}
      {field && <FieldFlag {...field} />}
    </ul>
  );
}

function FieldFlag({ name, meaning, value, before }: Field) {
  const isChanged = before !== undefined && before !== value;
  return (
    <li
      className={`flag${value ? ' is-set' : ''}${isChanged ? ' is-changed' : ''}`}
      title={isChanged ? `${meaning}, was ${before}` : meaning}
    >
      {isChanged && <span aria-hidden="true">▸</span>}
      {name} {value}
      {isChanged && <span className="visually-hidden">, changed, was {before}</span>}
    </li>
  );
}
