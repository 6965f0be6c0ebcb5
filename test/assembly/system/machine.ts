// The machine for the system cases: 16 MiB of RAM, one vCPU in flat protected mode, text from port 0xe9. No devices.
import { readFileSync } from 'node:fs';
import { RUN_BUDGET, RUN_EXIT } from '../../../assembly/abi/vcpu_page.ts';
import { assemble } from '../../../web/asm/index.ts';
import { KVM_EXIT, Kvm, type Vcpu, type Vm } from '../../../web/kvm/index.ts';

const MEMORY = 16 << 20;
const ORIGIN = 0x100000;
/** The entry point's word in the image's header. */
const ENTRY = 28;
const DEBUG_PORT = 0xe9;
const END_PORT = 0xf4;
const BUDGET = 2_000_000;
const core = new WebAssembly.Module(readFileSync('build/core.wasm'));

/** The source of a case with its include put in: the assembler takes one text. */
function sourceOf(name: string): string {
  const read = (file: string) => readFileSync(new URL(file, import.meta.url), 'utf8');
  return read(`${name}.asm`).replace(/^%include "(.*)"$/m, (_, file: string) => read(file));
}

/** A flat segment of protected mode. */
function flat(selector: number, type: number) {
  return {
    base: 0n,
    limit: 0xffffffff,
    selector,
    type,
    present: 1,
    dpl: 0,
    db: 1,
    s: 1,
    l: 0,
    g: 1,
    avl: 0,
    unusable: 0,
    padding: 0,
  };
}

function makeVm(): [vm: Vm, vcpu: Vcpu] {
  const kvm = Kvm.open({ core });
  const vm = kvm.createVm({ maxVcpus: 1 });
  vm.setUserMemoryRegion({
    slot: 0,
    flags: 0,
    guest_phys_addr: 0n,
    memory_size: BigInt(MEMORY),
    userspace_addr: BigInt(vm.allocate(MEMORY)),
  });
  const vcpu = vm.createVcpu(0);
  vcpu.setCpuid2(kvm.getSupportedCpuid());
  return [vm, vcpu];
}

/** Assembles and runs a case; what it wrote to port 0xe9, and the exit that ended it if it was not its own. */
export function runCase(name: string): string {
  const program = assemble(sourceOf(name));
  if (program.errors)
    throw new Error(program.errors.map((e) => `${name}:${e.line}: ${e.message}`).join('\n'));
  const [vm, vcpu] = makeVm();
  vm.write(ORIGIN, program.bytes);
  const entry = new DataView(program.bytes.buffer, program.bytes.byteOffset).getUint32(ENTRY, true);
  const data = flat(0x10, 3);
  const sregs = {
    ...vcpu.getSregs(),
    cs: flat(8, 11),
    ds: data,
    es: data,
    fs: data,
    gs: data,
    ss: data,
    cr0: 0x11n,
  };
  vcpu.setSregs(sregs);
  vcpu.setRegs({ ...vcpu.getRegs(), rip: BigInt(entry), rflags: 2n });
  let text = '';
  for (;;) {
    const why = vcpu.enter(BUDGET);
    if (why === RUN_BUDGET) return `${text}[does not end]\n`;
    if (why !== RUN_EXIT) return `${text}[run: ${why}]\n`;
    const run = vcpu.kvmRun;
    if (run.exitReason === KVM_EXIT.IO) {
      const { write, port, data } = run.io;
      if (!write) data.fill(0xff);
      else if (port === DEBUG_PORT) text += String.fromCharCode(data[0] ?? 0);
      else if (port === END_PORT) return text;
    } else if (run.exitReason === KVM_EXIT.MMIO) {
      if (!run.mmio.write) run.mmio.data.fill(0xff);
    } else {
      return `${text}[exit ${run.exitReason}]\n`;
    }
  }
}
