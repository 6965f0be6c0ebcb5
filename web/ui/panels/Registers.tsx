// The registers of the selected vCPU in three views: general, x87 and vectors. The views have files of their own.

import { useCallback } from 'react';
import {
  LANE_FORMATS,
  type LaneFormatId,
  type MachineMemory,
  modeOf,
  pagingOf,
  readRegisters,
  vcpuIds,
} from '../../session/views/index.ts';
import { useWorkbench } from '../context.ts';
import { Choice } from '../parts/Choice.tsx';
import { Panel } from '../parts/Panel.tsx';
import { type RegisterView, show, shown } from '../state/shown.ts';
import { useStore } from '../state/store.ts';
import { useMachine } from '../state/watch.ts';
import { GeneralRegisters } from './GeneralRegisters.tsx';
import { VectorRegisters } from './VectorRegisters.tsx';
import { X87Registers } from './X87Registers.tsx';
import './registers.css';

const VIEWS: readonly { id: RegisterView; label: string }[] = [
  { id: 'general', label: 'General' },
  { id: 'x87', label: 'x87' },
  { id: 'vectors', label: 'Vectors' },
];

export function Registers() {
  const vcpu = useWorkbench((state) => state.vcpu);
  const before = useWorkbench((state) => state.before.get(state.vcpu));
  const view = useStore(shown, (all) => all.registers);
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
  const tools = (
    <>
      {view === 'vectors' && <LanesField />}
      <Choice
        legend="Registers shown"
        options={VIEWS}
        value={view}
        onValue={(registers) => show({ registers })}
      />
    </>
  );
  return (
    <Panel name="Registers" note={mode} tools={tools} className="registers">
      {view === 'general' && <GeneralRegisters registers={registers} before={before?.registers} />}
      {view === 'x87' && <X87Registers registers={registers} before={before?.float} />}
      {view === 'vectors' && <VectorRegisters registers={registers} before={before?.float} />}
    </Panel>
  );
}

function LanesField() {
  const lanes = useStore(shown, (all) => all.lanes);
  return (
    <select
      className="field lanes-field"
      aria-label="Lanes read as"
      value={lanes}
      onChange={(event) => show({ lanes: event.target.value as LaneFormatId })}
    >
      {LANE_FORMATS.map(({ id, label }) => (
        <option key={id} value={id}>
          {label}
        </option>
      ))}
    </select>
  );
}
