// Snapshots of a VM with compiled regions, whose functions are in a table that does not travel.
import { expect, test } from 'vitest';
import { V_JIT_REGIONS } from '../../../assembly/abi/vcpu_page.ts';
import type { Vm } from '../../../web/kvm/index.ts';
import { kvmFs, read } from './support.ts';

const FLAT = { base: 0n, limit: 0xffffffff, type: 3, s: 1, db: 1, g: 1, present: 1, selector: 0x10 };
const FUNCTION = 0x2000;

/** The function at FUNCTION gives `value`. */
const giving = (value: number): Uint8Array => Uint8Array.from([0xb8, value, 0, 0, 0, 0xc3]);

test.each([true, false])('a VM goes on from a snapshot with the code in it, threads %s', async (threads) => {
  const { fs, tree, pool } = kvmFs(threads);
  const path = '/kvm/vm0';
  await fs.mkdir(path);
  await fs.mkdir(`${path}/memory/0`);
  await fs.writeFile(`${path}/memory/0/ctl`, 'gpa=0 size=64K');
  await fs.mkdir(`${path}/cpu/0`);
  const vm = tree.find('vm0')?.vm as Vm;
  vm.compileAfter(0);
  // CALL FUNCTION; HLT
  vm.write(0x1000, Uint8Array.from([0xe8, 0xfb, 0x0f, 0, 0, 0xf4]));
  vm.write(FUNCTION, giving(1));
  const vcpu = vm.vcpu(0);
  vcpu.setSregs({
    ...vcpu.getSregs(),
    cs: { ...FLAT, selector: 8, type: 11 },
    ds: FLAT,
    es: FLAT,
    ss: FLAT,
    cr0: 0x11n,
  });
  vcpu.setRegs({ rip: 0x1000, rsp: 0x8000, rflags: 2 });
  const run = async (): Promise<number> => {
    await fs.writeFile(`${path}/cpu/0/reg/rip`, '0x1000');
    await fs.writeFile(`${path}/cpu/0/paused`, '0');
    expect(await read(fs, `${path}/cpu/0/event`)).toBe('hlt');
    return Number(vm.vcpu(0).getRegs().rax);
  };
  expect(await run()).toBe(1);
  expect(vm.memory.u32(vcpu.page + V_JIT_REGIONS)).toBeGreaterThan(1);
  const first = await fs.readFile(`${path}/snapshot`);
  expect(first.length).toBeLessThan(200_000);
  vm.write(FUNCTION, giving(2));
  expect(await run()).toBe(2);
  await fs.writeFile(`${path}/snapshot`, first);
  expect(await run()).toBe(1);
  vm.write(FUNCTION, giving(3));
  expect(await run()).toBe(3);
  await fs.writeFile(`${path}/snapshot`, first);
  expect([await run(), await run()]).toEqual([1, 1]);
  // Functions of before are forgotten where their places are known.
  const places = vm.core.table.length;
  for (let n = 0; n < 3; n++) {
    await fs.writeFile(`${path}/snapshot`, first);
    expect(await run()).toBe(1);
  }
  expect(vm.core.table.length).toBe(places);
  pool.close();
});
