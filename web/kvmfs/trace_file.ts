// trace and trace_pipe: the ring of exits as text. `trace` is what the ring holds now, `trace_pipe` goes on as exits come.

import { TRACE_ENTRIES, TRACE_ENTRY_SIZE, TRACE_HEADER, TRACE_RING } from '../../assembly/abi/map.ts';
import { type FileNode, readiness, streamFile, valueFile } from '../fs/index.ts';
import type { MachineMemory } from '../kvm/index.ts';
import { exitText } from './exit_text.ts';
import type { VmEntry } from './vm_entry.ts';
import { onTick } from './words.ts';

const UNION = 16;
const UNION_BYTES = 40;
/** The data bytes of a port access behind its arm; see web/vmm/trace.ts. */
const IO_DATA = UNION + 16;
const TICK_MS = 20;
const encoder = new TextEncoder();

function entryText(memory: MachineMemory, number: number): string {
  const at = memory.base + TRACE_RING + TRACE_HEADER + (number % TRACE_ENTRIES) * TRACE_ENTRY_SIZE;
  const union = memory.bytes(at + UNION, UNION_BYTES).slice();
  const size = union[1] ?? 0;
  const count = memory.u32(at + UNION + 4);
  const io = memory.bytes(at + IO_DATA, Math.min(8, size * count));
  const seconds = (Number(memory.u64(at)) / 1e9).toFixed(6);
  const text = exitText(memory.u32(at + 12), union, io);
  const repeats = memory.u32(at + 60);
  const claimed = memory.u32(at + 56) !== 0 ? '' : ' unclaimed';
  return `${seconds} cpu=${memory.u32(at + 8)} ${text}${claimed}${repeats > 1 ? ` x${repeats}` : ''}\n`;
}

const headOf = (memory: MachineMemory): number => memory.load(memory.base + TRACE_RING);

function textOf(memory: MachineMemory, from: number, to: number): string {
  let text = '';
  for (let n = Math.max(from, to - TRACE_ENTRIES); n < to; n++) text += entryText(memory, n);
  return text;
}

/** The exits that the ring holds. */
export function traceFile(entry: VmEntry): FileNode {
  return valueFile({ get: () => textOf(entry.vm.memory, 0, headOf(entry.vm.memory)) });
}

/** Exits from now on, each when the next one has come (until then it may still repeat). */
export function tracePipe(entry: VmEntry): FileNode {
  return streamFile({
    mode: 0o444,
    open: () => {
      const { memory } = entry.vm;
      let next = headOf(memory);
      let rest = new Uint8Array(0);
      const last = () => headOf(memory) - 1;
      return {
        take(length) {
          if (!entry.isAlive) return new Uint8Array(0);
          if (rest.length === 0) {
            const to = last();
            if (next >= to) return undefined;
            rest = encoder.encode(textOf(memory, next, to));
            next = to;
          }
          const taken = rest.subarray(0, length);
          rest = rest.slice(taken.length);
          return taken;
        },
        poll: () => readiness(!entry.isAlive || rest.length > 0 || next < last()),
        onReady: entry.orGone(onTick(TICK_MS)),
      };
    },
  });
}
