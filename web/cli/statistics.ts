// What `--stats` tells of a run: instructions, exits by reason and what the core did of itself, in all and by the second.
// It reads the machine's memory while the machine runs, and stops nobody.
import { VM_VCPUS } from '../../assembly/abi/map.ts';
import { exitCounts, exitOf, MachineMemory, vcpuStats } from '../kvm/index.ts';
import type { Session } from '../session/types.ts';

/** Numbers by name. */
type Counts = Readonly<Record<string, number>>;

/** What a file of `--stats` holds as JSON. */
export interface Statistics {
  /** Of all vCPUs, as all numbers here. */
  readonly instructions: number;
  readonly seconds: number;
  /** Exits by reason, such as KVM_EXIT_IO. */
  readonly exits: Counts;
  /** The same a second, over the whole run. */
  readonly rates: Counts;
  /** What the core did without an exit, by KVM's names of statistics. */
  readonly events: Counts;
  /** Exits by reason in each of the first seconds. */
  readonly bySecond: readonly Counts[];
}

const SECOND = 1000;
/** Seconds that are told one by one. */
const TOLD = 600;
/** Statistics of a vCPU that tell what happens without an exit. */
const EVENTS = [
  'halt_exits',
  'irq_injections',
  'nmi_injections',
  'hypercalls',
  'tlb_flush',
  'exceptions',
  'instructions_compiled',
  'regions_made',
];

interface Sample {
  readonly instructions: number;
  readonly exits: Counts;
  readonly events: Counts;
}

const NOTHING: Sample = { instructions: 0, exits: {}, events: {} };

function add(a: Counts, b: Counts, sign = 1): Counts {
  const sum: Record<string, number> = { ...a };
  for (const [name, count] of Object.entries(b)) sum[name] = (sum[name] ?? 0) + sign * count;
  return sum;
}

function sumOf(a: Sample, b: Sample): Sample {
  return {
    instructions: a.instructions + b.instructions,
    exits: add(a.exits, b.exits),
    events: add(a.events, b.events),
  };
}

function perSecond(counts: Counts, seconds: number): Counts {
  return Object.fromEntries(
    Object.entries(counts).map(([name, count]) => [name, Math.round(count / seconds)]),
  );
}

/** The counters of a machine as they stand. */
function sample(session: Session): Sample {
  const memory = new MachineMemory({ buffer: session.memory() } as WebAssembly.Memory);
  const made = memory.u32(memory.vm + VM_VCPUS);
  let all = NOTHING;
  for (let id = 0; id < 32; id++) {
    if ((made & (1 << id)) === 0) continue;
    const stats = new Map(vcpuStats(memory, id).map(({ name, values }) => [name, Number(values[0])]));
    all = sumOf(all, {
      instructions: stats.get('instructions') ?? 0,
      exits: Object.fromEntries(
        [...exitCounts(memory, id)].map(([reason, count]) => [exitOf(reason).name, count]),
      ),
      events: Object.fromEntries(EVENTS.map((name) => [name, stats.get(name) ?? 0])),
    });
  }
  return all;
}

export class RunStatistics {
  readonly #session: Session;
  readonly #start = performance.now();
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #bySecond: Counts[] = [];
  /** What machines before the last reset had counted; of their last second it knows what was sampled. */
  #before: Sample = NOTHING;
  #last: Sample = NOTHING;

  constructor(session: Session) {
    this.#session = session;
    session.onMade(() => {
      this.#before = sumOf(this.#before, this.#last);
      this.#last = NOTHING;
    });
    this.#timer = setInterval(() => this.#look(), SECOND);
  }

  #look(): void {
    const now = sample(this.#session);
    if (this.#bySecond.length < TOLD) this.#bySecond.push(add(now.exits, this.#last.exits, -1));
    this.#last = now;
  }

  /** The counts at the end of the run. */
  finish(): Statistics {
    clearInterval(this.#timer);
    const seconds = (performance.now() - this.#start) / SECOND;
    const { instructions, exits, events } = sumOf(this.#before, sample(this.#session));
    return {
      ...{ instructions, seconds, exits, events },
      rates: perSecond(exits, seconds),
      bySecond: this.#bySecond,
    };
  }
}

const number = (value: number) => Math.round(value).toLocaleString('en').padStart(16);

/** The statistics as lines for a person. */
export function statisticsText({ instructions, seconds, exits, events, bySecond }: Statistics): string {
  const most = (name: string) => Math.max(0, ...bySecond.map((counts) => counts[name] ?? 0));
  const row = (name: string, count: number, peak?: number) =>
    `${name.padEnd(24)}${number(count)}${number(count / seconds)}${peak === undefined ? '' : number(peak)}`;
  const byCount = (counts: Counts) =>
    Object.entries(counts)
      .filter(([, count]) => count > 0)
      .sort(([, a], [, b]) => b - a);
  const heads = ['total', 'a second', 'most in one'].map((head) => head.padStart(16)).join('');
  return [
    `${`${seconds.toFixed(1)} seconds`.padEnd(24)}${heads}`,
    row('instructions', instructions),
    ...byCount(exits).map(([name, count]) => row(name, count, most(name))),
    ...byCount(events).map(([name, count]) => row(name, count)),
  ].join('\n');
}
