// One of a few, chosen by a row of native radio buttons that looks like one control. Arrow keys move the choice.

import { useId } from 'react';
import './choice.css';

interface ChoiceProps<T extends string> {
  /** The group's accessible name. */
  legend: string;
  options: readonly { readonly id: T; readonly label: string }[];
  value: T;
  onValue: (value: T) => void;
}

export function Choice<T extends string>({ legend, options, value, onValue }: ChoiceProps<T>) {
  const name = useId();
  return (
    <fieldset className="segmented">
      <legend className="visually-hidden">{legend}</legend>
      {options.map(({ id, label }) => (
        <label key={id} className={id === value ? 'segment is-chosen' : 'segment'}>
          <input type="radio" name={name} value={id} checked={id === value} onChange={() => onValue(id)} />
          {label}
        </label>
      ))}
    </fieldset>
  );
}
