// What the machine's balloon shall hold and holds, and the control that asks the guest for more or less.

import { type FormEvent, useId, useState } from 'react';
import { ACTIONS, shellText } from '../../session/actions.ts';
import { readBalloon } from '../../session/views/index.ts';
import { useActions } from '../context.ts';
import { CommandButton } from '../parts/CommandButton.tsx';
import { bytes } from '../parts/numbers.ts';
import { useMachine } from '../state/watch.ts';
import './balloon.css';

const PAGE = 0x1000;
const MIB = 2 ** 20;
const INTERVAL_MS = 100;

export function BalloonControl() {
  const bench = useActions();
  const id = useId();
  const balloon = useMachine(readBalloon, INTERVAL_MS);
  /** What was typed; until then what the guest is asked for. */
  const [text, setText] = useState<string>();
  if (!balloon) return null;
  const most = Math.floor((balloon.pages * PAGE) / MIB);
  const asked = Math.round((balloon.target * PAGE) / MIB);
  const wanted = Number(text ?? asked);
  const isGood = text !== '' && Number.isInteger(wanted) && wanted >= 0 && wanted <= most;

  const ask = (mib: number) => {
    setText(undefined);
    void bench.balloon(mib);
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (isGood) ask(wanted);
  };
  return (
    <form className="balloon-control" onSubmit={submit}>
      <p>
        asked for <b>{bytes(balloon.target * PAGE)}</b>, holds <b>{bytes(balloon.held * PAGE)}</b>
      </p>
      <input
        id={id}
        className="field mono"
        inputMode="numeric"
        aria-invalid={!isGood}
        title={`Memory that the guest shall give back, 0 to ${most} MiB. Enter asks for it.`}
        autoComplete="off"
        value={text ?? String(asked)}
        onChange={(event) => setText(event.target.value.trim())}
      />
      <label htmlFor={id}>MiB</label>
      <CommandButton
        type="submit"
        className="button is-small"
        name="Inflate or deflate"
        command={shellText(ACTIONS.balloon(isGood ? wanted : asked))}
        title="Asks the guest to have this much in its balloon"
        disabled={!isGood}
      >
        Ask
      </CommandButton>
      <CommandButton
        className="button is-small"
        name="Deflate"
        command={shellText(ACTIONS.balloon(0))}
        title="Gives the guest all of its memory"
        disabled={balloon.target === 0}
        onClick={() => ask(0)}
      >
        Deflate
      </CommandButton>
    </form>
  );
}
