// The vCPUs: what each does and how far it came; the chosen one is what registers and disassembly show.

import { useCallback } from 'react';
import {
  type MachineMemory,
  readVcpus,
  type VcpuState,
  type VcpuSummary,
} from '../../session/views/index.ts';
import { useActions, useWorkbench } from '../context.ts';
import { count, plural } from '../parts/numbers.ts';
import { Panel } from '../parts/Panel.tsx';
import { useMachine } from '../state/watch.ts';
import './vcpus.css';

/** A sign for each state, so that colour is never alone. */
const SIGNS: Record<VcpuState, string> = {
  'not started': '○',
  running: '▶',
  halted: '◐',
  'waiting for SIPI': '…',
  paused: '❙❙',
  parked: '◆',
  ended: '■',
};

export function Vcpus() {
  const status = useWorkbench((state) => state.status);
  const selected = useWorkbench((state) => state.vcpu);
  const bench = useActions();
  const read = useCallback((memory: MachineMemory) => readVcpus(memory, status), [status]);
  const vcpus = useMachine(read) ?? [];
  return (
    <Panel name="vCPUs" className="vcpus" isLevel isScrolling={false}>
      {vcpus.length === 0 && <p className="vcpu-none">no machine yet</p>}
      <fieldset className="vcpu-list" hidden={vcpus.length === 0}>
        <legend className="visually-hidden">vCPU to look at</legend>
        {vcpus.map((vcpu) => (
          <Card
            key={vcpu.id}
            vcpu={vcpu}
            isSelected={vcpu.id === selected}
            onSelect={() => bench.select(vcpu.id)}
          />
        ))}
      </fieldset>
    </Panel>
  );
}

function Card({
  vcpu,
  isSelected,
  onSelect,
}: {
  vcpu: VcpuSummary;
  isSelected: boolean;
  onSelect: () => void;
}) {
  const { id, state, paused, event, instructions, exits, interrupts, faults } = vcpu;
  return (
    <label className={isSelected ? 'vcpu is-selected' : 'vcpu'}>
      <input type="radio" name="vcpu" className="visually-hidden" checked={isSelected} onChange={onSelect} />
      <span className="vcpu-name">vCPU {id}</span>
      <span className={`vcpu-state is-${state.replaceAll(' ', '-')}`}>
        <span aria-hidden="true">{SIGNS[state]}</span> {state}
      </span>
      <span className="vcpu-figures" title={`${plural(interrupts, 'interrupt')}, ${plural(faults, 'fault')}`}>
        {count(instructions)} instr · {plural(exits, 'exit')}
      </span>
      <span
        className="vcpu-event"
        title={`/kvm/vm0/cpu/${id}: paused ${paused ? 1 : 0}, event ${event ?? 'none yet'}`}
      >
        paused {paused ? 1 : 0} · {event ?? 'no event'}
      </span>
    </label>
  );
}
