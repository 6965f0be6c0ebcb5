// The loop: world after world, stretch after stretch, and after each what must hold. It prints nothing.
import { RUN_BUDGET, RUN_EXIT, V_STAT_FAULTS } from '../../assembly/abi/vcpu_page.ts';
import { KVM_EXIT } from '../../web/kvm/index.ts';
import { broken } from './invariants.ts';
import { FuzzMachine } from './machine.ts';
import { Random } from './random.ts';
import { MODES, type Mode, World } from './world.ts';

/** Instructions that a world runs, and how many entries may restart it. */
const WORLD_BUDGET = 40_000;
const RESTARTS = 40;
/** Exits of a world: a REP over MMIO leaves with every element. */
const EXITS = 2000;
/** An entry that takes longer than this, in ms, hangs as a guest's clock sees it. */
const SLOW = 2000;

export interface Finding {
  readonly mode: Mode;
  readonly seed: number;
  /** Instructions of the world before the entry that did it, and that entry's budget. */
  readonly done: number;
  readonly budget: number;
  readonly what: string;
}

export interface Totals {
  worlds: number;
  instructions: number;
  entries: number;
  /** Exceptions and software interrupts by vector; the last stands for all from 31 on. */
  vectors: number[];
  exits: Map<string, number>;
  slowest: number;
}

export interface FuzzOptions {
  readonly seed: number;
  readonly modes?: readonly Mode[];
  /** Ends when one of the two is used up. */
  readonly seconds?: number;
  readonly worlds?: number;
  /** Told before each world, for a watchdog. */
  readonly onWorld?: (mode: Mode, seed: number, totals: Totals) => void;
}

export function newTotals(): Totals {
  return {
    worlds: 0,
    instructions: 0,
    entries: 0,
    vectors: Array<number>(32).fill(0),
    exits: new Map(),
    slowest: 0,
  };
}

export class Fuzzer {
  machine: FuzzMachine;
  readonly totals = newTotals();
  readonly findings: Finding[] = [];
  readonly #compileAfter: number | undefined;

  /** `compileAfter`: see Vm.compileAfter. */
  constructor(compileAfter?: number) {
    this.#compileAfter = compileAfter;
    this.machine = new FuzzMachine(compileAfter);
  }

  run(options: FuzzOptions): void {
    const random = new Random(options.seed);
    const modes = options.modes ?? MODES;
    const end = performance.now() + (options.seconds ?? Infinity) * 1000;
    for (let n = 0; n < (options.worlds ?? Infinity) && performance.now() < end; n++) {
      const mode = modes[n % modes.length] as Mode;
      const seed = random.u32();
      options.onWorld?.(mode, seed, this.totals);
      this.world(mode, seed);
    }
  }

  /** One world to its end; `limit` instructions at most, for a search. True when nothing was found. */
  world(mode: Mode, seed: number, limit = WORLD_BUDGET): boolean {
    const world = new World(mode, seed);
    const { machine, totals } = this;
    const { vm, vcpu } = machine;
    vm.getDirtyLog(0);
    world.load(machine);
    vm.getDirtyLog(0);
    world.start(machine);
    const random = new Random(seed ^ 0x5bd1e995);
    const icount = (): number => Number(vcpu.instructions);
    const faults = (): number => Number(vm.memory.u64(vcpu.page + V_STAT_FAULTS));
    const first = icount();
    const counted = World.counts(machine.main);
    let restarts = 0;
    let wrong: string | undefined;
    let budget = 0;
    let before = first;
    let exits = 0;
    while (restarts < RESTARTS && exits < EXITS && !wrong) {
      before = icount();
      const left = limit - (before - first);
      if (left <= 0) break;
      budget = Math.min(left, random.chance(20) ? 1 + random.below(50) : 20_000);
      const faultsBefore = faults();
      const began = performance.now();
      let why: number;
      try {
        why = vcpu.enter(budget);
      } catch (error) {
        this.#found({ mode, seed, done: before - first, budget, what: `${error}` });
        this.machine = new FuzzMachine(this.#compileAfter);
        return false;
      }
      totals.slowest = Math.max(totals.slowest, performance.now() - began);
      totals.entries++;
      if (performance.now() - began > SLOW)
        wrong = `an entry of ${budget} instructions took more than ${SLOW} ms`;
      const after = icount();
      if (after - before > budget) wrong = `${after - before} instructions for a budget of ${budget}`;
      // Exceptions with no instruction between them use it up too.
      if (why === RUN_BUDGET && after - before + faults() - faultsBefore < budget)
        wrong = `the budget of ${budget} was used up by ${after - before} instructions`;
      wrong ??= broken(vm.memory, vcpu.page);
      if (why === RUN_EXIT) {
        exits++;
        if (this.#exit(random)) continue;
        restarts++;
        world.start(machine);
      } else if (why !== RUN_BUDGET) wrong ??= `run gives ${why}`;
    }
    totals.worlds++;
    totals.instructions += icount() - first;
    World.counts(machine.main).forEach((count, vector) => {
      const more = count - (counted[vector] ?? 0);
      // The guest may write to the counters too.
      if (more > 0 && more < limit) totals.vectors[vector] = (totals.vectors[vector] ?? 0) + more;
    });
    const damage = machine.damage();
    if (damage) machine.repair();
    const page = machine.unlogged(world.image);
    wrong ??=
      damage ?? (page === undefined ? undefined : `page ${page} was written and is not in the dirty log`);
    if (wrong) this.#found({ mode, seed, done: before - first, budget, what: wrong });
    return !wrong;
  }

  /** The fewest instructions of a world that still give a finding; undefined when a fresh machine gives none. */
  smallest(mode: Mode, seed: number): number | undefined {
    const isGood = (limit: number): boolean => {
      this.machine = new FuzzMachine();
      return this.world(mode, seed, limit);
    };
    if (isGood(WORLD_BUDGET)) return undefined;
    let [low, high] = [0, WORLD_BUDGET];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (isGood(middle)) low = middle;
      else high = middle;
    }
    isGood(high - 1);
    return high;
  }

  #found(finding: Finding): void {
    this.findings.push(finding);
  }

  /** Answers an exit; false when the vCPU must be started anew. */
  #exit(random: Random): boolean {
    const run = this.machine.vcpu.kvmRun;
    const { exits } = this.totals;
    const name = run.exit.name;
    exits.set(name, (exits.get(name) ?? 0) + 1);
    switch (run.exitReason) {
      case KVM_EXIT.IO:
        if (!run.io.write) for (let n = 0; n < run.io.data.length; n++) run.io.data[n] = random.u32();
        return true;
      case KVM_EXIT.MMIO:
        if (!run.mmio.write) for (let n = 0; n < run.mmio.data.length; n++) run.mmio.data[n] = random.u32();
        return true;
      default:
        return false;
    }
  }
}
