// Where each panel stands: a wide page shows all of them, a narrow one a tab at a time. It knows panels by name only.

import { Cpu, FileCode2, HardDrive, Layers, LogOut, MemoryStick, SquareTerminal } from 'lucide-react';
import { type KeyboardEvent, useRef, useState, useSyncExternalStore } from 'react';
import { Devices } from '../panels/Devices.tsx';
import { DirtyLog } from '../panels/DirtyLog.tsx';
import { Disassembly } from '../panels/Disassembly.tsx';
import { Editor } from '../panels/Editor.tsx';
import { Exits } from '../panels/Exits.tsx';
import { Lower } from '../panels/Lower.tsx';
import { Memory } from '../panels/Memory.tsx';
import { MemorySlots } from '../panels/MemorySlots.tsx';
import { Registers } from '../panels/Registers.tsx';
import { Terminals } from '../panels/Terminals.tsx';
import { Tiers } from '../panels/Tiers.tsx';
import { Vcpus } from '../panels/Vcpus.tsx';
import { Guard } from '../parts/Guard.tsx';
import { Split } from './Split.tsx';
import './workbench.css';

const wide = matchMedia('(min-width: 900px)');

function useIsWide(): boolean {
  return useSyncExternalStore(
    (listener) => {
      wide.addEventListener('change', listener);
      return () => wide.removeEventListener('change', listener);
    },
    () => wide.matches,
  );
}

export function Workbench() {
  return (
    <main id="workbench" className="workbench" tabIndex={-1}>
      {useIsWide() ? <Wide /> : <Narrow />}
    </main>
  );
}

function Wide() {
  return (
    <Split group="columns" direction="row" borders={['Code and machine']}>
      <Split group="left" direction="column" borders={['Code and console']}>
        <Split group="code" direction="row" borders={['Editor and disassembly']}>
          <Editor />
          <Disassembly />
        </Split>
        <Terminals />
      </Split>
      <Split group="right" direction="column" borders={['Processor and memory', 'Memory and exits']}>
        <div className="processor">
          <Vcpus />
          <Registers />
        </div>
        <Split group="memory" direction="row" borders={['Memory slots and dirty log']}>
          <MemorySlots />
          <DirtyLog />
        </Split>
        <Lower />
      </Split>
    </Split>
  );
}

const TABS = [
  {
    id: 'code',
    title: 'Code',
    Icon: FileCode2,
    panels: [<Editor key="editor" />, <Disassembly key="code" />],
  },
  { id: 'console', title: 'Console', Icon: SquareTerminal, panels: [<Terminals key="terminals" />] },
  {
    id: 'processor',
    title: 'Processor',
    Icon: Cpu,
    panels: [<Vcpus key="vcpus" />, <Registers key="registers" />],
  },
  {
    id: 'memory',
    title: 'Memory',
    Icon: MemoryStick,
    panels: [<MemorySlots key="slots" />, <Memory key="memory" />, <DirtyLog key="dirty" />],
  },
  { id: 'exits', title: 'Exits', Icon: LogOut, panels: [<Exits key="exits" />] },
  { id: 'devices', title: 'Devices', Icon: HardDrive, panels: [<Devices key="devices" />] },
  { id: 'tiers', title: 'Tiers', Icon: Layers, panels: [<Tiers key="tiers" />] },
] as const;

function Narrow() {
  const [chosen, setChosen] = useState<(typeof TABS)[number]>(TABS[0]);
  const list = useRef<HTMLDivElement>(null);

  const onKeyDown = (event: KeyboardEvent) => {
    const at = TABS.indexOf(chosen);
    const next = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: TABS.length - 1 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    const tab = TABS[(next + TABS.length) % TABS.length] ?? TABS[0];
    setChosen(tab);
    list.current?.querySelector<HTMLElement>(`#tab-${tab.id}`)?.focus();
  };

  return (
    <div className="narrow">
      <div
        className={`narrow-panel is-${chosen.id}`}
        role="tabpanel"
        id="tab-panel"
        aria-labelledby={`tab-${chosen.id}`}
      >
        <Guard key={chosen.id}>{chosen.panels}</Guard>
      </div>
      <div ref={list} className="tabs" role="tablist" aria-label="Panels" onKeyDown={onKeyDown}>
        {TABS.map((tab) => (
          <button
            key={tab.id}
            id={`tab-${tab.id}`}
            type="button"
            role="tab"
            className="tab"
            aria-selected={tab === chosen}
            aria-controls="tab-panel"
            tabIndex={tab === chosen ? 0 : -1}
            onClick={() => setChosen(tab)}
          >
            <tab.Icon size={18} aria-hidden="true" />
            {tab.title}
          </button>
        ))}
      </div>
    </div>
  );
}
