// The top bar: name, guest, Run, Pause, Step and Reset, the machine's state in words, options, Share and theme.

import { Moon, Pause, Play, RotateCcw, StepForward, Sun } from 'lucide-react';
import { KVM_EXIT_DEBUG } from '../../../assembly/abi/kvm_run.ts';
import { ACTIONS, shellText } from '../../session/actions.ts';
import { useActions, useWorkbench } from '../context.ts';
import { CommandButton } from '../parts/CommandButton.tsx';
import { useStore } from '../state/store.ts';
import { theme, toggleTheme } from '../state/theme.ts';
import { available } from './available.ts';
import { CommandsButton } from './CommandsButton.tsx';
import { GuestPicker } from './GuestPicker.tsx';
import { MachineOptions } from './MachineOptions.tsx';
import { ShareButton } from './ShareButton.tsx';
import './top_bar.css';

export function TopBar() {
  return (
    <header className="bar">
      <h1 className="brand">
        <Mark />
        Vitrine
      </h1>
      <GuestPicker />
      <Transport />
      <MachineState />
      <div className="bar-end">
        <MachineOptions />
        <CommandsButton />
        <ShareButton />
        <ThemeButton />
      </div>
    </header>
  );
}

/** A chip in a glass case. */
function Mark() {
  return (
    <svg width="22" height="22" viewBox="0 0 22 22" fill="none" aria-hidden="true">
      <path d="M3.5 2.5h15v14h-15z" stroke="currentColor" strokeWidth="1.4" opacity=".55" />
      <path d="M1.5 19.5h19" stroke="currentColor" strokeWidth="2" />
      <path d="M7.5 7.5h7v6h-7z" fill="var(--accent)" />
      <path
        d="M9 5.6v1.9M11 5.6v1.9M13 5.6v1.9M9 13.5v1.9M11 13.5v1.9M13 13.5v1.9"
        stroke="var(--accent)"
        strokeWidth="1"
      />
      <path d="m5 6.5 2.5-2.5" stroke="currentColor" strokeWidth="1" opacity=".55" />
    </svg>
  );
}

function Transport() {
  const bench = useActions();
  const canRun = useWorkbench((state) => available(state).run);
  const canPause = useWorkbench((state) => available(state).pause);
  const canStep = useWorkbench((state) => available(state).step);
  const canReset = useWorkbench((state) => available(state).reset);
  const vcpu = useWorkbench((state) => state.vcpu);
  return (
    <div className="transport" role="toolbar" aria-label="Machine">
      <CommandButton
        className="button is-primary"
        name="Run"
        command={shellText(ACTIONS.run())}
        script={() => bench.script('run')}
        disabled={!canRun}
        aria-keyshortcuts="F8"
        onClick={() => void bench.run()}
      >
        <Play size={14} aria-hidden="true" /> Run <Key name="F8" />
      </CommandButton>
      <CommandButton
        className="button"
        name="Pause"
        command={shellText(ACTIONS.pause())}
        disabled={!canPause}
        aria-keyshortcuts="F8"
        onClick={() => void bench.pause()}
      >
        <Pause size={14} aria-hidden="true" /> Pause <Key name="F8" />
      </CommandButton>
      <CommandButton
        className="button"
        name="Step"
        command={shellText(ACTIONS.step(vcpu))}
        script={() => bench.script('step')}
        disabled={!canStep}
        aria-keyshortcuts="F10"
        title="One instruction of the selected vCPU"
        onClick={() => void bench.step()}
      >
        <StepForward size={14} aria-hidden="true" /> Step <Key name="F10" />
      </CommandButton>
      <CommandButton
        className="button"
        name="Reset"
        command={shellText(ACTIONS.reset())}
        script={() => bench.script('reset')}
        disabled={!canReset}
        aria-keyshortcuts="Shift+F8"
        title="Back to the state after loading (Shift+F8)"
        onClick={() => void bench.reset()}
      >
        <RotateCcw size={14} aria-hidden="true" /> Reset
      </CommandButton>
    </div>
  );
}

function Key({ name }: { name: string }) {
  return (
    <span className="key" aria-hidden="true">
      {name}
    </span>
  );
}

const WORDS = { stopped: 'Ready', running: 'Running', paused: 'Paused', ended: 'Ended' } as const;

function MachineState() {
  const status = useWorkbench((state) => state.status);
  const hasSession = useWorkbench((state) => state.session !== undefined);
  const isBusy = useWorkbench((state) => state.isBusy);
  const isDebugStop = status.parked?.reason === KVM_EXIT_DEBUG;
  const words = !hasSession
    ? isBusy
      ? 'Starting'
      : 'No machine'
    : status.parked
      ? isDebugStop
        ? 'Stopped'
        : 'Parked'
      : WORDS[status.state];
  const kind = !hasSession ? 'none' : status.parked && !isDebugStop ? 'parked' : status.state;
  return (
    <div className={`machine-state is-${kind}`} role="status" aria-label="Machine state">
      <span className="machine-dot" aria-hidden="true" />
      {words}
    </div>
  );
}

function ThemeButton() {
  const shade = useStore(theme);
  const other = shade === 'dark' ? 'light' : 'dark';
  return (
    <button
      type="button"
      className="button is-quiet"
      aria-label={`Switch to ${other} colours`}
      title={`Switch to ${other} colours`}
      onClick={toggleTheme}
    >
      {shade === 'dark' ? <Sun size={15} aria-hidden="true" /> : <Moon size={15} aria-hidden="true" />}
    </button>
  );
}
