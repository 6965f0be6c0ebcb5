// The same random worlds in the interpreter and in compiled regions: every register and every byte must come out alike.

import { expect, test } from 'vitest';
import { V_JIT_REGIONS } from '../../assembly/abi/vcpu_page.ts';
import { Regions } from '../../web/kvm/regions.ts';
import { Fuzzer } from './fuzz.ts';
import { Random } from './random.ts';
import { MODES } from './world.ts';

/** All that a world leaves behind. */
function outcome({ machine, findings }: Fuzzer) {
  const { vcpu, vm } = machine;
  return {
    ...{ instructions: vcpu.instructions, regs: vcpu.getRegs(), sregs: vcpu.getSregs(), fpu: vcpu.getFpu() },
    ...{ memory: machine.ram.map((bytes) => bytes.slice()), dirty: vm.peekDirtyLog(0).slice(), findings },
  };
}

test('random worlds come out of compiled regions as they come out of the interpreter', {
  timeout: 120_000,
}, () => {
  const random = new Random(7);
  const worlds = Number(process.env.VITRINE_WORLDS ?? MODES.length);
  let regions = 0;
  for (let n = 0; n < worlds; n++) {
    const mode = MODES[n % MODES.length] as (typeof MODES)[number];
    const seed = random.u32();
    const [expected, ...compiled] = [undefined, 0, 3].map((compileAfter) => {
      const fuzzer = new Fuzzer(compileAfter);
      fuzzer.world(mode, seed);
      regions += fuzzer.machine.vm.memory.u32(fuzzer.machine.vcpu.page + V_JIT_REGIONS);
      return outcome(fuzzer);
    });
    for (const came of compiled) expect(came, `${mode}, seed ${seed}`).toEqual(expected);
  }
  expect(Regions.refusal).toBeUndefined();
  expect(regions).toBeGreaterThan(100);
});
