// What each vCPU is doing, from its page and the machine's state. It wakes and stops nobody.

import {
  KVM_MP_STATE_HALTED,
  KVM_MP_STATE_INIT_RECEIVED,
  KVM_MP_STATE_UNINITIALIZED,
} from '../../../assembly/abi/kvm_run.ts';
import {
  REQ_PAUSE,
  V_BUDGET,
  V_ICOUNT_END,
  V_MP_STATE,
  V_REQUESTS,
  V_STAT_EXITS,
  V_STAT_FAULTS,
  V_STAT_INTERRUPTS,
  V_STAT_TLB_MISSES,
} from '../../../assembly/abi/vcpu_page.ts';
import { EVENT_CAUSE, V_EVENT, V_EVENT_CAUSE } from '../../vmm/vcpu_words.ts';
import type { SessionStatus } from '../types.ts';
import { runPageLine } from './exits.ts';
import { type MachineMemory, readCounter, readU32, vcpuIds, vcpuPage } from './memory.ts';

/** What a vCPU is doing, in the words that the page shows. */
export type VcpuState =
  | 'not started'
  | 'running'
  | 'halted'
  | 'waiting for SIPI'
  | 'paused'
  | 'parked'
  | 'ended';

export interface VcpuSummary {
  readonly id: number;
  readonly state: VcpuState;
  /** REQ_PAUSE: it enters the guest no more until this is 0. */
  readonly paused: boolean;
  /** What parked it last, in the words of its `event` file; undefined before it ever parked. */
  readonly event: string | undefined;
  /** Instructions retired up to the last block edge. */
  readonly instructions: number;
  readonly exits: number;
  readonly interrupts: number;
  readonly faults: number;
  readonly tlbMisses: number;
}

/** Every vCPU of the machine, lowest id first. */
export function readVcpus(memory: MachineMemory, status: SessionStatus): VcpuSummary[] {
  return vcpuIds(memory).map((id) => {
    const page = vcpuPage(id);
    const paused = (readU32(memory, page + V_REQUESTS) & REQ_PAUSE) !== 0;
    return {
      id,
      paused,
      event: eventOf(memory, id, status),
      state: stateOf(readU32(memory, page + V_MP_STATE), paused, id, status),
      instructions: readCounter(memory, page + V_ICOUNT_END) - (readU32(memory, page + V_BUDGET) | 0),
      exits: readCounter(memory, page + V_STAT_EXITS),
      interrupts: readCounter(memory, page + V_STAT_INTERRUPTS),
      faults: readCounter(memory, page + V_STAT_FAULTS),
      tlbMisses: readCounter(memory, page + V_STAT_TLB_MISSES),
    };
  });
}

function eventOf(memory: MachineMemory, id: number, status: SessionStatus): string | undefined {
  const page = vcpuPage(id);
  if (readU32(memory, page + V_EVENT) === 0) return undefined;
  switch (readU32(memory, page + V_EVENT_CAUSE)) {
    case EVENT_CAUSE.exit:
      return runPageLine(memory, id);
    case EVENT_CAUSE.ended:
      return `ended ${status.ending?.reason ?? ''}`.trim();
    case EVENT_CAUSE.died:
      return 'died';
    default:
      return undefined;
  }
}

/** A parked vCPU stays parked whatever the machine does; a machine that stands says more than an mp_state. */
function stateOf(mpState: number, paused: boolean, id: number, status: SessionStatus): VcpuState {
  if (status.parked?.vcpu === id) return 'parked';
  if (status.state === 'ended') return 'ended';
  if (mpState === KVM_MP_STATE_UNINITIALIZED || mpState === KVM_MP_STATE_INIT_RECEIVED)
    return 'waiting for SIPI';
  if (status.state === 'stopped') return 'not started';
  if (status.state === 'paused' || paused) return 'paused';
  return mpState === KVM_MP_STATE_HALTED ? 'halted' : 'running';
}
