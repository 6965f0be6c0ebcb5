// The same random worlds in several machines at once, each with a tier of its own: after every entry all that a guest or a VMM
// can see must be alike. In between happens what happens to a VM: interrupts, single steps, breakpoints, code and page tables
// that the host rewrites, dirty logs that are harvested. It prints nothing.
import {
  KVM_GUESTDBG_ENABLE,
  KVM_GUESTDBG_SINGLESTEP,
  KVM_GUESTDBG_USE_HW_BP,
} from '../../assembly/abi/kvm_run.ts';
import { RUN_BUDGET, RUN_EXIT, V_JIT_REGIONS } from '../../assembly/abi/vcpu_page.ts';
import { KVM_EXIT, type RunPage, type Vcpu } from '../../web/kvm/index.ts';
import { CODE, CODE_MASK } from './handlers.ts';
import { FuzzMachine } from './machine.ts';
import { Random } from './random.ts';
import { type Mode, TABLES, World } from './world.ts';

/** Instructions that a world runs, restarts of its vCPU and entries, at most. */
const WORLD_BUDGET = 40_000;
const RESTARTS = 40;
const ENTRIES = 600;

/** Where a search stops: in this entry, after so many instructions of it. */
export interface Limit {
  readonly entry: number;
  readonly budget: number;
}

export interface Difference {
  readonly mode: Mode;
  readonly seed: number;
  readonly entry: number;
  /** What that entry began with. */
  readonly rip: bigint;
  readonly budget: number;
  /** What is not alike, in words, for the first machine and another. */
  readonly what: readonly string[];
}

/** A thing that happens to all machines before an entry. */
type Act = (machine: FuzzMachine) => void;

const show = (value: unknown): string =>
  JSON.stringify(value, (_, part) =>
    typeof part === 'bigint'
      ? `0x${part.toString(16)}`
      : part instanceof Uint8Array
        ? Buffer.from(part).toString('hex')
        : part,
  ) ?? '';

/** What an exit says, as far as the guest's program decides it. */
function exitOf(run: RunPage): unknown {
  if (run.exitReason === KVM_EXIT.IO) {
    const { port, write, data } = run.io;
    return { port, write, bytes: data.length, data: write && data.slice() };
  }
  if (run.exitReason === KVM_EXIT.MMIO) {
    const { gpa, write, data } = run.mmio;
    return { gpa, write, bytes: data.length, data: write && data.slice() };
  }
  return { exit: run.exit.name, ...run.fields };
}

/** All that is to be seen of a machine, by name. */
function seen({ vm, vcpu, ram }: FuzzMachine, why: number): Map<string, unknown> {
  const parts = new Map<string, unknown>([
    ['run', why],
    ['instructions', vcpu.instructions],
    ['exit', why === RUN_EXIT ? exitOf(vcpu.kvmRun) : undefined],
    ['xcrs', vcpu.getXcrs()],
    ['events', vcpu.getVcpuEvents()],
    ['debugregs', vcpu.getDebugregs()],
    ['xsave', Buffer.from(Uint32Array.from(vcpu.getXsave().region).buffer)],
    ['dirty', Buffer.from(vm.peekDirtyLog(0))],
  ]);
  for (const [name, value] of Object.entries(vcpu.getRegs())) parts.set(name, value);
  for (const [name, value] of Object.entries(vcpu.getSregs())) parts.set(name, value);
  ram.forEach((bytes, slot) => {
    parts.set(`slot ${slot}`, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
  });
  return parts;
}

function bytesThatDiffer(a: Buffer, b: Buffer): string {
  const at = [...a.keys()].filter((n) => a[n] !== b[n]);
  const first = at.slice(0, 8).map((n) => `[${n.toString(16)}] ${a[n]?.toString(16)}, ${b[n]?.toString(16)}`);
  return `${at.length} bytes: ${first.join('; ')}`;
}

function differences(a: Map<string, unknown>, b: Map<string, unknown>): string[] {
  return [...a].flatMap(([name, value]) => {
    const other = b.get(name);
    if (Buffer.isBuffer(value) && Buffer.isBuffer(other))
      return value.equals(other) ? [] : [`${name} ${bytesThatDiffer(value, other)}`];
    const [left, right] = [show(value), show(other)];
    return left === right ? [] : [`${name} ${left}, ${right}`];
  });
}

export class Lockstep {
  /** The first is what the others are held against. */
  machines: readonly FuzzMachine[];
  /** What each gives to Vm.compileAfter. */
  readonly #tiers: readonly (number | undefined)[];
  instructions = 0;
  worlds = 0;
  entries = 0;
  /** Regions that were compiled, in all machines. */
  regions = 0;
  #counted: number[] = [];

  constructor(tiers: readonly (number | undefined)[]) {
    this.#tiers = tiers;
    this.machines = this.#fresh();
  }

  #fresh(): FuzzMachine[] {
    return this.#tiers.map((compileAfter) => new FuzzMachine(compileAfter));
  }

  /** New machines instead of those that have run. */
  renew(): void {
    this.#counted = [];
    this.machines = this.#fresh();
  }

  /** One world to its end, or to the first difference. */
  world(mode: Mode, seed: number, limit?: Limit): Difference | undefined {
    const worlds = this.machines.map((machine) => {
      const world = new World(mode, seed, true);
      machine.vm.getDirtyLog(0);
      world.load(machine);
      machine.vm.getDirtyLog(0);
      world.start(machine);
      machine.vcpu.setGuestDebug({ control: 0 });
      return world;
    });
    const random = new Random(seed ^ 0x2545f491);
    const [first] = this.machines as [FuzzMachine];
    const began = first.vcpu.instructions;
    let restarts = 0;
    for (let entry = 0; entry < ENTRIES && restarts < RESTARTS; entry++) {
      const left = WORLD_BUDGET - Number(first.vcpu.instructions - began);
      if (left <= 0) break;
      const act = disturbance(random);
      const wanted = random.pick([1, 1 + random.below(50), 1 + random.below(2000), 20_000, 20_000]);
      const budget = Math.min(left, wanted, limit?.entry === entry ? limit.budget : left);
      if (act) this.machines.forEach(act);
      const rip = first.vcpu.getRegs().rip;
      const whys = this.machines.map(({ vcpu }) => vcpu.enter(budget));
      this.entries++;
      const views = this.machines.map((machine, n) => seen(machine, whys[n] as number));
      const [expected, ...others] = views as [Map<string, unknown>];
      const what = others.flatMap((view, n) =>
        differences(expected, view).map((line) => `compiled after ${this.#tiers[n + 1]}: ${line}`),
      );
      if (what.length) return { mode, seed, entry, rip, budget, what };
      if (limit?.entry === entry) break;
      if (whys[0] === RUN_BUDGET || answer(this.machines, whys[0] as number, random)) continue;
      restarts++;
      worlds.forEach((world, n) => {
        world.start(this.machines[n] as FuzzMachine);
      });
    }
    this.worlds++;
    this.instructions += Number(first.vcpu.instructions - began);
    this.machines.forEach(({ vm, vcpu }, n) => {
      // Full tables begin anew.
      const now = vm.memory.u32(vcpu.page + V_JIT_REGIONS);
      const before = this.#counted[n] ?? 0;
      this.regions += now < before ? now : now - before;
      this.#counted[n] = now;
    });
    return undefined;
  }

  /**
   * The fewest instructions of its entry after which a difference shows, from fresh machines, which then stand before the last
   * of them. Undefined when fresh machines come out alike.
   */
  smallest({ mode, seed }: Difference): Difference | undefined {
    const differs = (limit?: Limit): Difference | undefined => {
      this.renew();
      return this.world(mode, seed, limit);
    };
    const whole = differs();
    if (!whole) return undefined;
    let [low, high] = [0, whole.budget];
    let best = whole;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      const found = differs({ entry: whole.entry, budget: middle });
      if (found && found.entry === whole.entry) [high, best] = [middle, found];
      else low = middle;
    }
    differs({ entry: whole.entry, budget: low });
    return best;
  }
}

/** Frames of code and of data. */
const FRAMES = [0x10000n, 0x20000n, 0x30000n, 0x20000n] as const;

/** What happens before an entry; mostly nothing. */
function disturbance(random: Random): Act | undefined {
  const kind = random.below(100);
  const vector = 32 + random.below(224);
  const at = random.below(CODE_MASK);
  const value = random.u64();
  if (kind < 8)
    return ({ vcpu }) => {
      if (vcpu.kvmRun.readyForInterruptInjection) vcpu.interrupt(vector);
    };
  if (kind < 10) return ({ vcpu }) => vcpu.nmi();
  if (kind < 14)
    return ({ vcpu }) => vcpu.setGuestDebug({ control: KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP });
  if (kind < 18) return ({ vcpu }) => breakAt(vcpu, BigInt(CODE + at), value);
  if (kind < 30) return ({ vcpu }) => vcpu.setGuestDebug({ control: 0 });
  if (kind < 36) return ({ vm }) => void vm.getDirtyLog(0);
  if (kind < 42) return ({ vm }) => vm.write(CODE + at, new Uint8Array([Number(value & 0xffn)]));
  if (kind < 46)
    return ({ vm, vcpu }) => {
      // An entry of the table that maps code and data, but to no page of the kernel's: a guest whose handlers fault never ends.
      const entry = TABLES + 5 * 0x1000 + (0x20 + (at & 0x1f)) * 8;
      vm.write(
        entry,
        new Uint8Array(new BigUint64Array([(FRAMES[at & 3] as bigint) | (value & 0xf000n) | 7n]).buffer),
      );
      vcpu.setSregs(vcpu.getSregs());
    };
  return undefined;
}

/** Breakpoints of the debugger on an instruction, and on data (SDM vol. 3, 18.2.4). */
function breakAt(vcpu: Vcpu, code: bigint, value: bigint): void {
  const debugreg = [code, 0x20000n + (value & 0x1ffffn), 0n, 0n, 0n, 0n, 0n, 0x400n | 0xd0_000an];
  vcpu.setGuestDebug({ control: KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP, arch: { debugreg } });
}

/** Answers an exit, alike in all machines; false when the vCPUs must be started anew. */
function answer(machines: readonly FuzzMachine[], why: number, random: Random): boolean {
  if (why !== RUN_EXIT) return false;
  const runs = machines.map(({ vcpu }) => vcpu.kvmRun);
  const fill = (each: (run: RunPage) => Uint8Array): void => {
    const bytes = Array.from({ length: each(runs[0] as RunPage).length }, () => random.u32() & 0xff);
    for (const run of runs) each(run).set(bytes);
  };
  const [first] = runs as [RunPage];
  const { exitReason } = first;
  if (exitReason === KVM_EXIT.IO && !first.io.write) fill((run) => run.io.data);
  if (exitReason === KVM_EXIT.MMIO && !first.mmio.write) fill((run) => run.mmio.data);
  return exitReason === KVM_EXIT.IO || exitReason === KVM_EXIT.MMIO || exitReason === KVM_EXIT.DEBUG;
}
