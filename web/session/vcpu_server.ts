// The worker of one vCPU: attaches to the machine and runs it until it is closed. It listens to nothing but its first message.

import type { Port } from '../fs/index.ts';
import type { VmHandle } from '../kvm/index.ts';
import { type BoardOptions, Machine, runVcpuThread } from '../vmm/index.ts';

interface First {
  readonly handle: VmHandle;
  readonly id: number;
  readonly board: BoardOptions;
}

export function serveVcpu(port: Port): void {
  port.listen((message) => {
    const { handle, id, board } = message as First;
    runVcpuThread(Machine.attach(handle, board), id);
    port.close();
  });
}
