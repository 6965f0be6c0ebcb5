// One life of a VM over the file tree, the same in Node and in a page: 64 slots, 16 vCPUs, a guest that runs to an event.
import type { Fs } from '../../../web/fs/index.ts';

export const SLOTS = 64;
export const VCPUS = 16;
/** vCPUs that run, each on a thread of its own. */
export const RUNNERS = 16;

const MIB = 0x100000;
/** lock inc dword [0x2000]; hlt */
const CODE = Uint8Array.of(0x66, 0xf0, 0xff, 0x06, 0x00, 0x20, 0xf4);

/** What the guest has counted, and the event of each vCPU that ran. */
export interface Life {
  readonly count: number;
  readonly events: readonly string[];
}

const indices = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

/** Makes /kvm/NAME, runs it until all that run have halted, and removes it. */
export async function liveOnce(fs: Fs, name: string): Promise<Life> {
  const vm = `/kvm/${name}`;
  await fs.mkdir(vm);
  for (const n of indices(SLOTS)) {
    await fs.mkdir(`${vm}/memory/${n}`);
    await fs.writeFile(`${vm}/memory/${n}/ctl`, `gpa=0x${(n * MIB).toString(16)} size=1M`);
  }
  const mem = await fs.open(`${vm}/memory/0/mem`, 'r+');
  await mem.write(CODE, 0x1000);
  for (const id of indices(VCPUS)) await fs.mkdir(`${vm}/cpu/${id}`);
  for (const id of indices(RUNNERS)) {
    await fs.writeFile(`${vm}/cpu/${id}/sregs.txt`, 'cs.base=0 cs.selector=0');
    await fs.writeFile(`${vm}/cpu/${id}/regs.txt`, 'rip=0x1000 rflags=2');
    await fs.writeFile(`${vm}/cpu/${id}/paused`, '0');
  }
  const events = await Promise.all(indices(RUNNERS).map((id) => fs.readText(`${vm}/cpu/${id}/event`)));
  const [count = 0] = await mem.read(1, 0x2000);
  await mem.close();
  await fs.rmdir(vm);
  return { count, events };
}
