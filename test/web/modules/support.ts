// What the tests of web/modules share: a guest program in a VM with interrupt chips, and running it on this thread. The
// modules run in workers meanwhile. No assertions.

import { readFileSync } from 'node:fs';
import { RUN_EXIT } from '../../../assembly/abi/vcpu_page.ts';
import { assemble } from '../../../web/asm/index.ts';
import { KVM_EXIT, Kvm, type Vcpu, type Vm } from '../../../web/kvm/index.ts';
import { ModuleHost } from '../../../web/modules/index.ts';
import { nodeModuleThreads } from '../../../web/modules/threads_node.ts';

const FOLDER = 'web/modules/guests/';
export const kvm = Kvm.open({ core: new WebAssembly.Module(readFileSync('build/core.wasm')) });
export const host = (): ModuleHost => new ModuleHost(nodeModuleThreads);

const FLAT = { base: 0, limit: 0xffff_ffff, g: 1, db: 1, s: 1, present: 1 };

/** A VM with 1 MiB of RAM that stands at the start of a guest of web/modules/guests. */
export function guest(name: string, vm: Vm = kvm.createVm({ maxVcpus: 1, memoryLimit: 2 ** 28 })): Vm {
  const bytes = 0x100000;
  if (vm.slots().length === 0) {
    vm.setUserMemoryRegion({ slot: 0, memory_size: bytes, userspace_addr: vm.allocate(bytes) });
  }
  vm.createIrqchip();
  const source = readFileSync(`${FOLDER}${name}.asm`, 'utf8').replace(/%include "(.*)"/, (_, file) =>
    readFileSync(FOLDER + file, 'utf8'),
  );
  const program = assemble(source);
  if (program.errors !== undefined) throw new Error(JSON.stringify(program.errors[0]));
  vm.write(program.origin, program.bytes);
  const vcpu = vm.createVcpu(0);
  vcpu.setSregs({ cr0: 0x11, cs: { ...FLAT, type: 11 }, ds: FLAT, es: FLAT, ss: FLAT });
  vcpu.setRegs({ rip: BigInt(program.origin), rflags: 2 });
  return vm;
}

export interface Ending {
  readonly status: number;
  readonly console: number[];
}

/** What the guest wrote to the console at its last exit; its status when it has ended. */
function handle(vcpu: Vcpu, console: number[]): number | undefined {
  if (vcpu.kvmRun.exitReason !== KVM_EXIT.IO) throw new Error(`exit ${vcpu.kvmRun.exit.name}`);
  const { port, data } = vcpu.kvmRun.io;
  if (port === 0xe9) console.push(...data);
  return port === 0xf4 ? data[0] : undefined;
}

/** Runs vCPU 0 until the guest ends, sleeping in this thread while it is halted. */
export function run(vm: Vm): Ending {
  const vcpu = vm.vcpu(0);
  const console: number[] = [];
  for (;;) {
    vcpu.run();
    const status = handle(vcpu, console);
    if (status !== undefined) return { status, console };
  }
}

/** The same in short pieces, so that this thread's messages come through. */
export async function runInPieces(vm: Vm, console: number[] = [], until?: () => boolean): Promise<Ending> {
  const vcpu = vm.vcpu(0);
  while (!until?.()) {
    await new Promise((resolve) => setTimeout(resolve, 0));
    if (vcpu.enter(10_000) !== RUN_EXIT) continue;
    const status = handle(vcpu, console);
    if (status !== undefined) return { status, console };
  }
  return { status: -1, console };
}
