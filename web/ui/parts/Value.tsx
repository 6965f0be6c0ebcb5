// A register's value: leading zeros quiet, a change marked by sign, weight and the old value beside it.

import { hex, zeroSplit } from './numbers.ts';
import './value.css';

interface ValueProps {
  value: bigint | number;
  /** The value before the last run or step; undefined when there is nothing to compare with. */
  before: bigint | number | undefined;
  /** Hexadecimal digits shown. */
  digits: number;
}

/** The new value and, where it differs, the old one. */
export function Value({ value, before, digits }: ValueProps) {
  const [zeros, rest] = zeroSplit(value, digits);
  const isChanged = before !== undefined && before !== value;
  return (
    <span className={isChanged ? 'value is-changed' : 'value'}>
      <span className="value-mark" aria-hidden="true">
        {isChanged ? '▸' : ''}
      </span>
      <span className="value-now">
        <span className="value-zeros">{zeros}</span>
        {rest}
      </span>
      {isChanged && (
        <span className="value-old" title={`was ${hex(before)}`}>
          <span className="visually-hidden">changed, </span>was {hex(before)}
        </span>
      )}
    </span>
  );
}
