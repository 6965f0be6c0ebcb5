// Commands: what each button does as a line of the shell, and what the page has done so far. It runs nothing itself.

import { ScrollText } from 'lucide-react';
import { useEffect, useId, useState } from 'react';
import { ACTIONS, shellText } from '../../session/actions.ts';
import { readBalloon, setWords } from '../../session/views/index.ts';
import { useActions, useWorkbench } from '../context.ts';
import { useDebugging } from '../panels/Breakpoints.tsx';
import { CommandLine, CopyButton } from '../parts/CommandLine.tsx';
import { hex } from '../parts/numbers.ts';
import type { LoggedCommand } from '../state/commands.ts';
import { useStore } from '../state/store.ts';
import { useMachine } from '../state/watch.ts';
import './commands.css';

/** Commands that are listed; older ones are in the copied text only. */
const SHOWN = 40;

export function CommandsButton() {
  const id = useId();
  const [isOpen, setOpen] = useState(false);
  return (
    <>
      <button
        type="button"
        className="button"
        popoverTarget={id}
        aria-label="Commands"
        title="Every button as a command of the shell, and what the page has done so far"
      >
        <ScrollText size={14} aria-hidden="true" />
        <span className="button-text">Commands</span>
      </button>
      <div
        id={id}
        popover="auto"
        className="popover commands"
        role="dialog"
        aria-label="Commands"
        onToggle={(event) => setOpen(event.newState === 'open')}
      >
        <h2>Commands</h2>
        {isOpen && <Lists />}
      </div>
    </>
  );
}

function Lists() {
  const bench = useActions();
  const list = useStore(bench.commands.list);
  return (
    <>
      <p className="form-note">
        The page does all it does to the machine through files. Paste any of this into the Shell.
      </p>
      <Buttons />
      <div className="commands-head">
        <h3>Done so far</h3>
        {list.length > 0 && (
          <CopyButton name="all that was done" text={list.map(({ text }) => text).join('\n')}>
            Copy all
          </CopyButton>
        )}
      </div>
      {list.length === 0 ? (
        <p className="form-note">Nothing yet.</p>
      ) : (
        <ol className="command-list" aria-label="Commands of this page, newest first">
          {list
            .slice(-SHOWN)
            .reverse()
            .map((command) => (
              <Entry key={command.number} command={command} />
            ))}
        </ol>
      )}
    </>
  );
}

/** The bar's buttons, as they would act now. */
function Buttons() {
  const bench = useActions();
  const vcpu = useWorkbench((state) => state.vcpu);
  const harvests = useWorkbench((state) => state.harvests);
  const state = useWorkbench((all) => all.status.state);
  const isStale = useWorkbench((all) => all.isStale);
  const { points } = useDebugging();
  const hasBalloon = useMachine(readBalloon, 250) !== undefined;
  const [run, setRun] = useState(shellText(ACTIONS.run()));
  // biome-ignore lint/correctness/useExhaustiveDependencies: what Run does depends on the machine's state.
  useEffect(() => void bench.script('run').then(setRun), [bench, state, isStale]);
  const [make, setMake] = useState('');
  // biome-ignore lint/correctness/useExhaustiveDependencies: another source is another machine.
  useEffect(() => void bench.script('make').then(setMake), [bench, isStale]);
  const rows = [
    ['Run', run],
    ['Pause', shellText(ACTIONS.pause())],
    ['Step', shellText(ACTIONS.step(vcpu))],
    ['Reset', shellText(ACTIONS.reset())],
    ['This machine', make],
    ...points.map((point) => [
      `Stop at ${hex(point.address)}`,
      shellText(ACTIONS.debug(vcpu, setWords(point))),
    ]),
    ...[...harvests.keys()].map((slot) => [`Harvest slot ${slot}`, shellText(ACTIONS.harvest(slot))]),
    ...(hasBalloon
      ? ([64, 0] as const).map((mib) => [mib ? 'Inflate' : 'Deflate', shellText(ACTIONS.balloon(mib))])
      : []),
  ] as const;
  return (
    <dl className="command-rows">
      {rows.map(([name, text]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>
            <CommandLine name={name ?? ''} text={text ?? ''} />
          </dd>
        </div>
      ))}
    </dl>
  );
}

function Entry({ command: { number, text, times, error } }: { command: LoggedCommand }) {
  return (
    <li>
      <CommandLine name={`command ${number}`} text={text} />
      {(times > 1 || error) && (
        <p className={error ? 'form-error' : 'form-note'}>
          {times > 1 && `${times} times`} {error}
        </p>
      )}
    </li>
  );
}
