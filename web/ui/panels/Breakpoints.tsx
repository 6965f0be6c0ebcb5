// What the selected vCPU's debugger stops at: breakpoints and watchpoints, each with its button, and a field for one more.

import { X } from 'lucide-react';
import { type FormEvent, useCallback, useState } from 'react';
import { ACTIONS, shellText } from '../../session/actions.ts';
import {
  clearWords,
  type Debugging,
  type DebugPoint,
  type MachineMemory,
  type PointKind,
  readDebugging,
  readRegisters,
  setWords,
  vcpuIds,
} from '../../session/views/index.ts';
import { useActions, useWorkbench } from '../context.ts';
import { CommandButton } from '../parts/CommandButton.tsx';
import { hex } from '../parts/numbers.ts';
import { useMachine } from '../state/watch.ts';
import { addressOf } from './address.ts';
import './breakpoints.css';

const NONE: Debugging = { singlestep: false, points: [] };

/** What the selected vCPU's debugger has set. */
export function useDebugging(): Debugging {
  const vcpu = useWorkbench((state) => state.vcpu);
  const read = useCallback(
    (memory: MachineMemory) => (vcpuIds(memory).includes(vcpu) ? readDebugging(memory, vcpu) : NONE),
    [vcpu],
  );
  return useMachine(read) ?? NONE;
}

/** What the field adds: watchpoints look at four bytes, as far as the address is aligned to that. */
const KINDS: readonly { id: PointKind; label: string; title: string }[] = [
  { id: 'x', label: 'run', title: 'Stops before the instruction at the address' },
  { id: 'w', label: 'write', title: 'Stops after a store to the address' },
  { id: 'rw', label: 'access', title: 'Stops after a load or store there' },
];
const SIZES = [4n, 2n, 1n];

const textOf = ({ kind, address, length }: DebugPoint): string =>
  kind === 'x'
    ? hex(address)
    : `${kind === 'w' ? 'write' : 'access'} ${hex(address)}${length > 1 ? `, ${length} bytes` : ''}`;

export function Breakpoints() {
  const bench = useActions();
  const vcpu = useWorkbench((state) => state.vcpu);
  const { points, singlestep } = useDebugging();
  const command = (words: string) => shellText(ACTIONS.debug(vcpu, words));
  return (
    <section className="points" aria-label="Breakpoints">
      <ul>
        {points.length === 0 && !singlestep && (
          <li className="points-none">No breakpoint: click beside an instruction</li>
        )}
        {singlestep && (
          <li className="point">
            every instruction
            <Clear name="single steps" command={command('singlestep=0')} words="singlestep=0" />
          </li>
        )}
        {points.map((point) => (
          <li key={setWords(point)} className="point">
            <span className="mono">{textOf(point)}</span>
            <Clear name={textOf(point)} command={command(clearWords(point))} words={clearWords(point)} />
          </li>
        ))}
      </ul>
      <Add onAdd={(words) => void bench.debug(words)} command={command} />
    </section>
  );
}

function Clear({ name, words, command }: { name: string; words: string; command: string }) {
  const bench = useActions();
  return (
    <CommandButton
      className="point-clear"
      name={`Remove ${name}`}
      aria-label={`Remove ${name}`}
      command={command}
      onClick={() => void bench.debug(words)}
    >
      <X size={11} aria-hidden="true" />
    </CommandButton>
  );
}

interface AddProps {
  onAdd: (words: string) => void;
  command: (words: string) => string;
}

function Add({ onAdd, command }: AddProps) {
  const watch = useWorkbench((state) => state.watch);
  const vcpu = useWorkbench((state) => state.vcpu);
  const [kind, setKind] = useState<PointKind>('x');
  const [text, setText] = useState('');
  const [isWrong, setWrong] = useState(false);
  const wordsNow = (): string | undefined => {
    const memory = watch.memory();
    const address = addressOf(text, memory && readRegisters(memory, vcpu));
    if (address === undefined) return undefined;
    const length = kind === 'x' ? 1 : Number(SIZES.find((size) => address % size === 0n));
    return setWords({ kind, address, length });
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const words = wordsNow();
    setWrong(words === undefined);
    if (words === undefined) return;
    onAdd(words);
    setText('');
  };
  return (
    <form className="point-add" onSubmit={submit}>
      <select
        className="field"
        aria-label="Stop on"
        title={KINDS.find(({ id }) => id === kind)?.title}
        value={kind}
        onChange={(event) => setKind(event.target.value as PointKind)}
      >
        {KINDS.map(({ id, label, title }) => (
          <option key={id} value={id} title={title}>
            {label}
          </option>
        ))}
      </select>
      <input
        className="field mono"
        aria-label="Address to stop at"
        aria-invalid={isWrong}
        title="A linear address, or a register of the selected vCPU: 0x1000, rsp-8"
        placeholder="address"
        spellCheck={false}
        autoComplete="off"
        value={text}
        onChange={(event) => {
          setText(event.target.value);
          setWrong(false);
        }}
      />
      <CommandButton
        type="submit"
        className="button is-small"
        name="Add breakpoint"
        command={command(kind === 'x' ? 'break=ADDRESS' : `watch=ADDRESS,4,${kind}`)}
        script={async () =>
          command(wordsNow() ?? (kind === 'x' ? 'break=ADDRESS' : `watch=ADDRESS,4,${kind}`))
        }
      >
        Add
      </CommandButton>
    </form>
  );
}
