// Regions over several pages in lockstep with the interpreter: pages are mapped elsewhere, onto the same frame, for data or users only, or
// not at all, and their code is rewritten, while regions run through them.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { VCPU_PAGE } from '../../assembly/abi/map.ts';
import { RUN_BUDGET } from '../../assembly/abi/vcpu_page.ts';
import { Kvm, type Vcpu, type Vm } from '../../web/kvm/index.ts';
import { Regions } from '../../web/kvm/regions.ts';
import { readRegions } from '../../web/kvm/tiers.ts';
import { PagesWorld, RAM } from './pages_world.ts';
import { Random } from './random.ts';

const kvm = Kvm.open({ core: new WebAssembly.Module(readFileSync('build/core.wasm')) });

/** Instructions of a world at most. */
const MOST = 200_000n;

class Machine {
  readonly vm: Vm;
  readonly vcpu: Vcpu;
  readonly ram: Uint8Array;

  constructor(compileAfter?: number) {
    this.vm = kvm.createVm({ maxVcpus: 1, memoryLimit: 2 ** 26 });
    this.vm.compileAfter(compileAfter);
    const userspace_addr = this.vm.allocate(RAM);
    this.vm.setUserMemoryRegion({ slot: 0, guest_phys_addr: 0, memory_size: RAM, userspace_addr });
    this.vcpu = this.vm.createVcpu(0);
    this.vcpu.setCpuid2(kvm.getSupportedCpuid());
    this.ram = this.vm.guest(0, RAM) as Uint8Array;
  }

  seen(why: number): object {
    const { rip, rflags, rax, rbx, rcx, rdx, rsi, rdi, rsp } = this.vcpu.getRegs();
    const registers = { rip, rflags, rax, rbx, rcx, rdx, rsi, rdi, rsp };
    return { why, registers, cr2: this.vcpu.getSregs().cr2, instructions: this.vcpu.instructions };
  }

  /** Regions of more than one page. */
  get wide(): number {
    const regions = readRegions(this.vm.memory.wasm.buffer, this.vcpu.page - VCPU_PAGE);
    return regions.filter(({ pages }) => pages > 1).length;
  }
}

/** Runs the world of `seed` on all machines, which must look alike after every entry. */
function run(machines: readonly Machine[], seed: number): void {
  const world = new PagesWorld(seed);
  const random = new Random(seed ^ 0x51ed270b);
  for (const { vm, vcpu } of machines) world.load(vm, vcpu);
  const [{ vcpu: first }] = machines as [Machine];
  const end = first.instructions + MOST;
  for (let why = RUN_BUDGET; why === RUN_BUDGET && first.instructions < end; ) {
    if (random.chance(30)) world.disturb(machines);
    const budget = random.pick([1 + random.below(30), 1 + random.below(500), 5000, 20000]);
    const [expected, ...others] = machines.map((machine) => {
      why = machine.vcpu.enter(budget);
      return machine.seen(why);
    });
    for (const found of others) expect(found, `seed ${seed}`).toEqual(expected);
    const [memory, ...more] = machines.map(({ ram }) => ram);
    for (const ram of more) expect(Buffer.compare(memory as Uint8Array, ram), `memory, seed ${seed}`).toBe(0);
  }
}

test('regions over several pages do what the interpreter does while their pages change', {
  timeout: 300_000,
}, () => {
  const seeds = new Random(Number(process.env.VITRINE_SEED ?? 5));
  const worlds = Number(process.env.VITRINE_WORLDS ?? 30);
  const machines = [new Machine(), new Machine(0), new Machine(3)];
  let instructions = 0n;
  let wide = 0;
  for (let n = 0; n < worlds; n++) {
    run(machines, seeds.u32());
    wide += (machines[1] as Machine).wide + (machines[2] as Machine).wide;
    instructions = (machines[0] as Machine).vcpu.instructions;
  }
  if (process.env.VITRINE_SHOW) console.error({ instructions, wide });
  expect(Regions.refusal).toBeUndefined();
  // It is no good comparison if the guests do little, or regions have one page.
  expect(instructions).toBeGreaterThan(5000n * BigInt(worlds));
  expect(wide).toBeGreaterThan(4 * worlds);
});
