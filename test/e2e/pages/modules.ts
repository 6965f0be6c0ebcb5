// The page of the modules test: the ring module in a worker serves a guest of this page, then one behind a message
// channel, and is killed; shows what the guest printed and who holds it at the end.
import { RUN_EXIT } from '../../../assembly/abi/vcpu_page.ts';
import coreUrl from '../../../build/core.wasm?url';
import { assemble } from '../../../web/asm/index.ts';
import { Kvm, type Vm } from '../../../web/kvm/index.ts';
import interrupt from '../../../web/modules/guests/interrupt.inc?raw';
import ring from '../../../web/modules/guests/ring.asm?raw';
import { ModuleHost } from '../../../web/modules/index.ts';
import { browserModuleThreads } from '../../../web/modules/threads_browser.ts';
import { bind, handleOf, portOf, WindowServer } from '../../../web/xinterface/index.ts';

const core = await WebAssembly.compile(await (await fetch(coreUrl)).arrayBuffer());
const kvm = Kvm.open({ core });
const program = assemble(ring.replace('%include "interrupt.inc"', interrupt));
if (program.errors !== undefined) throw new Error(program.errors[0]?.message);
const { origin, bytes } = program;
const FLAT = { base: 0, limit: 0xffff_ffff, g: 1, db: 1, s: 1, present: 1 };

function machine(): Vm {
  const vm = kvm.createVm({ maxVcpus: 1, memoryLimit: 2 ** 26 });
  vm.setUserMemoryRegion({ slot: 0, memory_size: 0x100000, userspace_addr: vm.allocate(0x100000) });
  vm.createIrqchip();
  vm.write(origin, bytes);
  const vcpu = vm.createVcpu(0);
  vcpu.setSregs({ cr0: 0x11, cs: { ...FLAT, type: 11 }, ds: FLAT, es: FLAT, ss: FLAT });
  vcpu.setRegs({ rip: BigInt(origin), rflags: 2 });
  return vm;
}

async function run(vm: Vm): Promise<string> {
  const vcpu = vm.vcpu(0);
  let text = '';
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 0));
    if (vcpu.enter(10_000) !== RUN_EXIT) continue;
    const { port, data } = vcpu.kvmRun.io;
    if (port === 0xf4) return text;
    text += String.fromCharCode(...data);
  }
}

const host = new ModuleHost(browserModuleThreads);
const options = { doorbell: 0x520, pio: true, ring: 0x20000, count: 4, gsi: 5 };
const near = machine();
await host.start({ kind: 'ring', name: 'near', guest: handleOf(near), options });
const lines = [await run(near)];
await host.kill('near');

const far = machine();
const { port1, port2 } = new MessageChannel();
const server = new WindowServer(bind(handleOf(far), { name: 'window0', kind: 'window' }), portOf(port1));
await host.start({ kind: 'ring', name: 'far', guest: port2, options });
lines.push(await run(far));
await host.stop('far');
await server.close();
document.body.textContent = JSON.stringify({
  lines,
  states: host.list().map(({ state }) => state),
  pins: [near, far].map((vm) => vm.pins().length),
});
document.title = 'done';
