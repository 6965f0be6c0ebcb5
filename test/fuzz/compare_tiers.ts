// `run.mjs --tiers`: worlds in all tiers until the time or the instructions are over; what is not alike is searched and shown.
import { dump } from './dump.ts';
import { type Difference, Lockstep } from './lockstep.ts';
import { Random } from './random.ts';
import type { Mode } from './world.ts';

export interface Comparison {
  readonly seed: number;
  readonly modes: readonly Mode[];
  readonly seconds: string;
  readonly millions?: string;
  /** `seed` is that of the only world. */
  readonly single: boolean;
  readonly onWorld: (mode: Mode, seed: number) => void;
}

/** After how many entries blocks are compiled; never in what the others are held against. */
const TIERS = [undefined, 0, 3] as const;

/** The number of differences. */
export function compareTiers(options: Comparison): number {
  const lockstep = new Lockstep(TIERS);
  const random = new Random(options.seed);
  const began = performance.now();
  const elapsed = (): number => (performance.now() - began) / 1000;
  const millions = Number(options.millions ?? Infinity);
  let found = 0;
  let told = 0;
  const tell = (): void => {
    const { instructions, worlds, entries, regions } = lockstep;
    console.log(
      `${(instructions / 1e6).toFixed(2)} M instructions in each tier, ${worlds} worlds, ${entries} entries, ${regions} regions, ${found} differences, ${elapsed().toFixed(0)} s`,
    );
  };
  for (let n = 0; elapsed() < Number(options.seconds) && lockstep.instructions < millions * 1e6; n++) {
    const mode = options.modes[n % options.modes.length] as Mode;
    const seed = options.single ? options.seed : random.u32();
    options.onWorld(mode, seed);
    const difference = lockstep.world(mode, seed);
    if (difference) {
      found++;
      show(difference);
      const smallest = lockstep.smallest(difference);
      if (smallest) {
        console.log(
          `from fresh machines, entry ${smallest.entry}, after ${smallest.budget} instructions of it:`,
        );
        for (const line of smallest.what) console.log(`  ${line}`);
        console.log(`before: ${dump(lockstep.machines[0] as (typeof lockstep.machines)[0])}`);
      } else console.log('  fresh machines come out alike');
      lockstep.renew();
    }
    if (options.single) break;
    if (elapsed() - told < 20) continue;
    told = elapsed();
    tell();
  }
  tell();
  return found;
}

function show({ mode, seed, entry, rip, budget, what }: Difference): void {
  console.log(`--mode '${mode}' --world ${seed}: entry ${entry} at 0x${rip.toString(16)}, budget ${budget}`);
  for (const line of what) console.log(`  ${line}`);
}
