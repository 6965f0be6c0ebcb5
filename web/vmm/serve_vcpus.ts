// A vCPU worker's side of the pool: runs one vCPU after the other, each until it is told to leave. Nothing of a machine
// stays with the worker between two of them.

import { runVcpuThread } from './engines.ts';
import { Machine } from './machine.ts';
import type { VcpuDone, VcpuTask } from './pool.ts';

/** The worker's own end of its channel. */
export interface VcpuPort {
  post(message: unknown): void;
  listen(onMessage: (message: unknown) => void): void;
}

/** Serves `port` for as long as the worker lives. */
export function serveVcpus(port: VcpuPort): void {
  port.listen((message) => port.post(serve(message as VcpuTask)));
}

function serve({ handle, id }: VcpuTask): VcpuDone {
  try {
    runVcpuThread(Machine.attach(handle), id);
    return {};
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}
