// /kvm by path, over the built core: what each file reads, takes and refuses.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Fs } from '../../../web/fs/index.ts';
import { POLLIN } from '../../../web/fs/index.ts';
import type { VcpuPool } from '../../../web/vmm/index.ts';
import { guest, kvmFs, read, refuses } from './support.ts';

const VM_FILES =
  'README ctl state paused event vas memory alias cpu irqchip eventfd ioeventfd irqfd dev console boot reset clock clock.txt tsc_khz enable_cap jit stats stats_fd trace trace_pipe snapshot pins'.split(
    ' ',
  );
const CPU_FILES =
  'regs sregs fpu xsave xcrs msrs cpuid lapic events debugregs mp_state run reg irq nmi debugger paused translate stats tiers signal_mask event dirty_ring'.split(
    ' ',
  );
const HLT = 0xf4;
const OUT_A = [0xb0, 0x41, 0xe6, 0x42]; // mov al, 'A'; out 0x42, al

for (const threads of [true, false]) {
  describe(threads ? 'with a thread for each vCPU' : 'with the deterministic engine', () => {
    let fs: Fs;
    let pool: VcpuPool;
    let count = 0;
    const name = () => `vm${count++}`;
    beforeAll(() => {
      ({ fs, pool } = kvmFs(threads));
    });
    afterAll(() => pool.close());

    /** Runs vCPU 0 to its next event. */
    async function run(vm: string): Promise<string> {
      await fs.writeFile(`${vm}/cpu/0/paused`, '0');
      return read(fs, `${vm}/cpu/0/event`);
    }

    test('an OUT parks the vCPU with a line, and it goes on to HLT', async () => {
      const vm = await guest(fs, [...OUT_A, HLT], name());
      expect(await run(vm)).toBe('io out port=0x42 size=1 count=1 data=41');
      expect(await read(fs, `${vm}/cpu/0/paused`)).toBe('1');
      expect(await run(vm)).toBe('hlt');
      expect(await read(fs, `${vm}/cpu/0/reg/rip`)).toBe('0x1005');
      expect(await read(fs, `${vm}/cpu/0/exit`)).toBe('hlt');
    });

    test('an IN and an MMIO read take the answer', async () => {
      // in ax, 0x42; mov bx, 0x8000; mov ds, bx; mov ebx, [0]; hlt
      const code = [0xe5, 0x42, 0xbb, 0, 0x80, 0x8e, 0xdb, 0x66, 0x8b, 0x1e, 0, 0, HLT];
      const vm = await guest(fs, code, name());
      expect(await run(vm)).toBe('io in port=0x42 size=2 count=1');
      await fs.writeFile(`${vm}/cpu/0/answer`, '0x1234');
      expect(await run(vm)).toBe('mmio read gpa=0x80000 len=4');
      await fs.writeFile(`${vm}/cpu/0/answer`, '-2');
      expect(await run(vm)).toBe('hlt');
      expect(await read(fs, `${vm}/cpu/0/reg/rax`)).toBe('0x1234');
      expect(await read(fs, `${vm}/cpu/0/reg/rbx`)).toBe('0xfffffffe');
    });

    test('an answer to nothing, and one that does not fit, are EINVAL', async () => {
      const vm = await guest(fs, [0xe4, 0x42, HLT], name());
      await run(vm);
      expect(await refuses('EINVAL', fs.writeFile(`${vm}/cpu/0/answer`, '256'))).toMatch('1 bytes');
      await run(vm);
      expect(await refuses('EINVAL', fs.writeFile(`${vm}/cpu/0/answer`, '1'))).toMatch("'hlt'");
    });

    test('a poll of event is ready once there is one that nobody has read', async () => {
      const vm = await guest(fs, [HLT], name());
      const file = await fs.open(`${vm}/cpu/0/event`);
      expect(await fs.poll([{ file, events: POLLIN }], 0)).toBe(0);
      await fs.writeFile(`${vm}/cpu/0/paused`, '0');
      expect(await fs.poll([{ file, events: POLLIN }], 5000)).toBe(1);
      await file.read(100);
      expect(await fs.poll([{ file, events: POLLIN }], 0)).toBe(0);
      await file.close();
    });

    test('floating buses answer all ones and nobody parks', async () => {
      const vm = await guest(fs, [0xe4, 0x42, HLT], name());
      await fs.writeFile(`${vm}/dev/unclaimed`, 'float');
      expect(await run(vm)).toBe('hlt');
      expect(await read(fs, `${vm}/cpu/0/reg/rax`)).toBe('0xff');
    });

    test('the debugger steps, and stops before an instruction and after a store', async () => {
      // nop; mov [0x2000], al; nop; hlt
      const vm = await guest(fs, [0x90, 0xa2, 0, 0x20, 0x90, HLT], name());
      await fs.writeFile(`${vm}/cpu/0/debugger`, 'singlestep=1');
      expect(await run(vm)).toMatch(/^debug exception=1 pc=0x1001 /);
      await fs.writeFile(`${vm}/cpu/0/debugger`, 'off');
      await fs.writeFile(`${vm}/cpu/0/debugger`, 'break=0x1004 watch=0x2000,1,w');
      expect(await read(fs, `${vm}/cpu/0/debugger`)).toBe('singlestep=0\nbreak=0x1004\nwatch=0x2000,1,w');
      expect(await run(vm)).toMatch(/pc=0x1004 /);
      await fs.writeFile(`${vm}/cpu/0/debugger`, 'clear=0x2000');
      expect(await run(vm)).toBe('hlt');
      expect(await refuses('EINVAL', fs.writeFile(`${vm}/cpu/0/debugger`, 'brake=1'))).toMatch("'brake=1'");
    });

    test('who goes on from a breakpoint passes it: the vCPU, the whole VM and a step', async () => {
      // again: inc ax; inc ax; jmp again
      const vm = await guest(fs, [0x40, 0x40, 0xeb, 0xfc], name());
      await fs.writeFile(`${vm}/cpu/0/debugger`, 'break=0x1001');
      const turns = async (path: string) => {
        await fs.writeFile(path, '0');
        await read(fs, `${vm}/cpu/0/event`);
        return read(fs, `${vm}/cpu/0/reg/rax`);
      };
      expect(await turns(`${vm}/paused`)).toBe('0x1');
      expect(await turns(`${vm}/paused`)).toBe('0x3');
      expect(await turns(`${vm}/cpu/0/paused`)).toBe('0x5');
      await fs.writeFile(`${vm}/cpu/0/step`, '1');
      expect(await read(fs, `${vm}/cpu/0/reg/rip`)).toBe('0x1002');
    });

    test('step runs so many instructions and stands', async () => {
      const vm = await guest(fs, [0x40, 0x40, 0x40, HLT], name());
      await fs.writeFile(`${vm}/cpu/0/step`, '2');
      expect(await read(fs, `${vm}/cpu/0/reg/rax`)).toBe('0x2');
      expect(await read(fs, `${vm}/cpu/0/paused`)).toBe('1');
    });

    test('an interrupt is queued once, and taken', async () => {
      // sti; nop; hlt; handler of vector 0x21 at 0x1100: inc bx; iret
      const vm = await guest(fs, [0xfb, 0x90, HLT], name());
      const mem = await fs.open(`${vm}/memory/0/mem`, 'r+');
      await mem.write(Uint8Array.from([0, 0x11, 0, 0]), 0x21 * 4);
      await mem.write(Uint8Array.from([0x43, 0xcf]), 0x1100);
      await mem.close();
      await fs.writeFile(`${vm}/cpu/0/reg/rsp`, '0x8000');
      await fs.writeFile(`${vm}/cpu/0/irq`, '0x21');
      await refuses('EEXIST', fs.writeFile(`${vm}/cpu/0/irq`, '0x22'));
      expect(await run(vm)).toBe('hlt');
      expect(await read(fs, `${vm}/cpu/0/reg/rbx`)).toBe('0x1');
    });

    test('the dirty bitmap is read and reset, dirty only looked at', async () => {
      const vm = await guest(fs, [0xa2, 0, 0x20, 0xa2, 0, 0x30, HLT], name()); // mov [0x2000], al; mov [0x3000], al
      await fs.readFile(`${vm}/memory/0/dirty_bitmap`);
      await run(vm);
      expect(await read(fs, `${vm}/memory/0/dirty`)).toBe('2-3');
      expect([...(await fs.readFile(`${vm}/memory/0/dirty_bitmap`))]).toEqual([12, 0, 0, 0, 0, 0, 0, 0]);
      expect(await read(fs, `${vm}/memory/0/dirty`)).toBe('');
    });

    test('an SMI runs its handler in a slot of its own address space, and a snapshot of that goes on', async () => {
      const vm = await guest(fs, [...OUT_A, HLT], name());
      await fs.mkdir(`${vm}/memory/65536`);
      await fs.writeFile(`${vm}/memory/65536/ctl`, 'gpa=0x30000 size=0x10000');
      await refuses('EINVAL', fs.mkdir(`${vm}/memory/131072`));
      const mem = await fs.open(`${vm}/memory/65536/mem`, 'r+');
      await mem.write(Uint8Array.from([0xe6, 0x80, 0x0f, 0xaa]), 0x8000); // out 0x80, al; rsm
      await mem.close();
      await fs.writeFile(`${vm}/cpu/0/smi`, '1');
      expect(await read(fs, `${vm}/cpu/0/events.txt`)).toContain('smi.pending=0x1');
      expect(await run(vm)).toBe('io out port=0x80 size=1 count=1 data=00');
      expect(await read(fs, `${vm}/cpu/0/events.txt`)).toContain('smi.smm=0x1');
      const inside = await fs.readFile(`${vm}/snapshot`);
      expect(await run(vm)).toBe('io out port=0x42 size=1 count=1 data=41');
      await fs.writeFile(`${vm}/snapshot`, inside);
      expect(await run(vm)).toBe('io out port=0x42 size=1 count=1 data=41');
    });

    test('a snapshot brings registers and memory back', async () => {
      const vm = await guest(fs, [0x40, 0xa3, 0, 0x20, HLT], name()); // inc ax; mov [0x2000], ax; hlt
      const before = await fs.readFile(`${vm}/snapshot`);
      expect(before.length).toBeLessThan(200_000);
      expect(await run(vm)).toBe('hlt');
      const after = await fs.readFile(`${vm}/snapshot`);
      await fs.writeFile(`${vm}/snapshot`, before);
      expect(await read(fs, `${vm}/cpu/0/reg/rip`)).toBe('0x1000');
      expect((await fs.readFile(`${vm}/memory/0/mem`))[0x2000]).toBe(0);
      await fs.writeFile(`${vm}/snapshot`, after);
      expect(await read(fs, `${vm}/cpu/0/reg/rax`)).toBe('0x1');
      expect((await fs.readFile(`${vm}/memory/0/mem`))[0x2000]).toBe(1);
      await fs.writeFile(`${vm}/snapshot`, before);
      expect(await run(vm)).toBe('hlt');
    });

    test('boot loads a flat image, reset brings it back, a PC prints on its console', async () => {
      const vm = `/kvm/${name()}`;
      await fs.mkdir(vm);
      await fs.mkdir(`${vm}/memory/0`);
      await fs.writeFile(`${vm}/memory/0/ctl`, 'gpa=0 size=1M');
      await fs.mkdir(`${vm}/irqchip`);
      await fs.mkdir(`${vm}/cpu/0`);
      await fs.writeFile(`${vm}/dev/board`, 'pc');
      await fs.writeFile(`${vm}/dev/exit_port`, '0xf4');
      // mov dx, 0x3f8; mov al, 'h'; out dx, al; mov dx, 0xf4; mov al, 1; out dx, al
      await fs.writeFile(
        `${vm}/boot/image`,
        Uint8Array.from([0xba, 0xf8, 3, 0xb0, 0x68, 0xee, 0xba, 0xf4, 0, 0xb0, 1, 0xee]),
      );
      await fs.writeFile(`${vm}/boot/ctl`, 'load=flat at=0x7c00 mode=real');
      for (let round = 0; round < 2; round++) {
        const console = await fs.open(`${vm}/console`);
        await fs.writeFile(`${vm}/paused`, '0');
        expect(await read(fs, `${vm}/cpu/0/event`)).toBe('ended exit status=3');
        expect(new TextDecoder().decode(await console.read(10))).toBe('h');
        await console.close();
        expect(await read(fs, `${vm}/state`)).toBe('ended exit status=3');
        await refuses('ESHUTDOWN', fs.writeFile(`${vm}/paused`, '0'));
        await fs.writeFile(`${vm}/reset`, '1');
        expect(await read(fs, `${vm}/state`)).toBe('stopped');
      }
    });

    test('the trace has a line for each exit', async () => {
      const vm = await guest(fs, [...OUT_A, HLT], name());
      await run(vm);
      await run(vm);
      const lines = (await read(fs, `${vm}/trace`)).split('\n').map((line) => line.replace(/^\S+ /, ''));
      expect(lines).toEqual(['cpu=0 io out port=0x42 size=1 count=1 data=41 unclaimed', 'cpu=0 hlt']);
    });
  });
}

describe('the tree', () => {
  let fs: Fs;
  let pool: VcpuPool;
  beforeAll(async () => {
    ({ fs, pool } = kvmFs());
    await guest(fs, [0xeb, 0xfe]);
  });
  afterAll(() => pool.close());

  test('every file that can be read reads, and its twin writes back what it shows', async () => {
    await fs.mkdir('/kvm/vmr');
    await fs.mkdir('/kvm/vmr/irqchip');
    await fs.mkdir('/kvm/vmr/irqchip/pit');
    await fs.mkdir('/kvm/vmr/memory/3');
    await fs.writeFile('/kvm/vmr/memory/3/ctl', 'gpa=0x10000 size=64K flags=log_dirty');
    await fs.mkdir('/kvm/vmr/cpu/0');
    const wrong: string[] = [];
    const walk = async (dir: string): Promise<void> => {
      for (const { name, isDirectory } of await fs.readdir(dir)) {
        const path = `${dir}/${name}`;
        if (isDirectory) {
          await walk(path);
          continue;
        }
        const { mode } = await fs.stat(path);
        if ((mode & 0o170000) === 0o010000 || !(mode & 0o400) || name === 'snapshot') continue;
        await fs
          .readFile(path)
          .then((bytes) =>
            mode & 0o200 && /\.txt$|\/reg\/|\/ctl$/.test(path) ? fs.writeFile(path, bytes) : undefined,
          )
          .catch((error: Error) => wrong.push(`${path}: ${error.message}`));
      }
    };
    await walk('/kvm/vmr');
    await walk('/kvm/extensions');
    expect((await fs.readdir('/kvm/vmr')).map(({ name }) => name)).toEqual(VM_FILES);
    const cpu = (await fs.readdir('/kvm/vmr/cpu/0')).map(({ name }) => name);
    const twins = CPU_FILES.slice(0, CPU_FILES.indexOf('reg')).map((name) => `${name}.txt`);
    expect([...CPU_FILES, ...twins].filter((name) => !cpu.includes(name))).toEqual([]);
    const help = `${await fs.readText('/kvm/help')} `;
    const untold = [...VM_FILES, ...cpu].filter((name) => !name.endsWith('.txt') && !help.includes(name));
    expect(untold).toEqual([]);
    // Made VMs keep their settings, and registers without a meaning in this state refuse theirs.
    expect(wrong.filter((line) => !line.startsWith('/kvm/vmr/ctl: EBUSY'))).toEqual([]);
  });

  test('structs are byte for byte, and a wrong size is EINVAL', async () => {
    const regs = await fs.readFile('/kvm/vm0/cpu/0/regs');
    expect(new DataView(regs.buffer, regs.byteOffset).getBigUint64(16 * 8, true)).toBe(0x1000n);
    await refuses('EINVAL', fs.writeFile('/kvm/vm0/cpu/0/regs', regs.subarray(1)));
    await fs.writeFile('/kvm/vm0/cpu/0/regs.txt', 'rbx=7 rcx=-1');
    expect(await read(fs, '/kvm/vm0/cpu/0/reg/rcx')).toBe('0xffffffffffffffff');
  });

  test('a wrong value is refused by its name and changes nothing', async () => {
    expect(await refuses('EINVAL', fs.writeFile('/kvm/vm0/cpu/0/regs.txt', 'rbx=8 rqx=1'))).toMatch("'rqx'");
    expect(await read(fs, '/kvm/vm0/cpu/0/reg/rbx')).toBe('0x7');
    await refuses('EINVAL', fs.writeFile('/kvm/vm0/cpu/0/reg/cs', '0x10000'));
    await refuses('EINVAL', fs.writeFile('/kvm/vm0/cpu/0/paused', '2'));
    await refuses('EACCES', fs.writeFile('/kvm/vm0/state', 'running'));
  });

  test("slots follow KVM's rules: no resize, no overlap, no half page; a move keeps the content", async () => {
    await fs.mkdir('/kvm/vm0/memory/1');
    await refuses('ENXIO', fs.readFile('/kvm/vm0/memory/1/mem'));
    await refuses('EINVAL', fs.writeFile('/kvm/vm0/memory/1/ctl', 'gpa=0x100000'));
    await refuses('EEXIST', fs.writeFile('/kvm/vm0/memory/1/ctl', 'gpa=0x8000 size=64K'));
    await refuses('EINVAL', fs.writeFile('/kvm/vm0/memory/1/ctl', 'gpa=0x100800 size=64K'));
    await fs.writeFile('/kvm/vm0/memory/1/ctl', 'gpa=0x100000 size=64K');
    await refuses('EINVAL', fs.writeFile('/kvm/vm0/memory/1/ctl', 'size=128K'));
    await fs.writeFile('/kvm/vm0/memory/1/mem', Uint8Array.of(1, 2, 3));
    await fs.writeFile('/kvm/vm0/memory/1/gpa', '0x200000');
    expect([...(await fs.readFile('/kvm/vm0/memory/1/mem')).subarray(0, 3)]).toEqual([1, 2, 3]);
    expect(await read(fs, '/kvm/vm0/memory/1/ctl')).toMatch(
      /^gpa=0x200000 size=64K offset=0x\w+ flags=none$/,
    );
  });

  test('memory of a slot that goes is used again, zeroed', async () => {
    const before = await read(fs, '/kvm/vm0/memory/1/offset');
    await fs.rmdir('/kvm/vm0/memory/1');
    await fs.mkdir('/kvm/vm0/memory/2');
    await fs.writeFile('/kvm/vm0/memory/2/ctl', 'gpa=0x400000 size=32K');
    expect(await read(fs, '/kvm/vm0/memory/2/offset')).toBe(before);
    expect((await fs.readFile('/kvm/vm0/memory/2/mem'))[0]).toBe(0);
    await fs.rmdir('/kvm/vm0/memory/2');
  });

  test('registers of a running vCPU are read in one moment, and it runs on', async () => {
    await fs.writeFile('/kvm/vm0/cpu/0/paused', '0');
    expect(await read(fs, '/kvm/vm0/cpu/0/reg/rip')).toBe('0x1000');
    expect(await read(fs, '/kvm/vm0/state')).toBe('running');
    expect(await read(fs, '/kvm/vm0/cpu/0/paused')).toBe('0');
  });

  test('a vCPU that runs keeps its VM: rmdir is EBUSY and says what to do', async () => {
    expect(await refuses('EBUSY', fs.rmdir('/kvm/vm0'))).toMatch('write 1 to cpu/0/paused');
    expect(await refuses('EBUSY', fs.rmdir('/kvm/vm0/cpu/0'))).toMatch('write 1 to cpu/0/paused');
    await fs.writeFile('/kvm/vm0/cpu/0/paused', '1');
    await fs.rmdir('/kvm/vm0/cpu/0');
    await fs.mkdir('/kvm/vm0/cpu/0');
    await fs.rmdir('/kvm/vm0');
    expect((await fs.readdir('/kvm')).map(({ name }) => name)).not.toContain('vm0');
  });

  test('who reads event when the VM goes gets the end of the file', async () => {
    await guest(fs, [HLT], 'gone');
    const waiting = fs.readText('/kvm/gone/cpu/0/event');
    await fs.rmdir('/kvm/gone');
    expect(await waiting).toBe('');
  });

  test('names are checked, and the tree is fixed', async () => {
    await refuses('EINVAL', fs.mkdir('/kvm/a b'));
    await refuses('EEXIST', fs.mkdir('/kvm/help'));
    await refuses('EPERM', fs.writeFile('/kvm/note', 'x'));
    await fs.mkdir('/kvm/mine');
    await refuses('EEXIST', fs.mkdir('/kvm/mine'));
    await refuses('EINVAL', fs.mkdir('/kvm/mine/cpu/16'));
    await refuses('EINVAL', fs.mkdir('/kvm/mine/memory/x'));
    await refuses('EPERM', fs.mkdir('/kvm/mine/thing'));
  });

  test('ctl sets engine, seed and vCPUs until something is made', async () => {
    await fs.writeFile('/kvm/mine/ctl', 'engine=deterministic seed=5 vcpus=2 limit=64M');
    expect(await read(fs, '/kvm/mine/ctl')).toBe('engine=deterministic seed=5 limit=64M vcpus=2');
    await fs.mkdir('/kvm/mine/cpu/1');
    await refuses('EBUSY', fs.writeFile('/kvm/mine/ctl', 'seed=6'));
    await refuses('EINVAL', fs.mkdir('/kvm/mine/cpu/2'));
  });

  test('routes and lines of the irqchip', async () => {
    await fs.mkdir('/kvm/chips');
    await fs.mkdir('/kvm/chips/irqchip');
    await refuses('EEXIST', fs.mkdir('/kvm/chips/irqchip'));
    await fs.writeFile(
      '/kvm/chips/irqchip/routing',
      'gsi=4 ioapic pin=4\ngsi=24 msi address=0xfee00000 data=0x41',
    );
    expect(await read(fs, '/kvm/chips/irqchip/routing')).toBe(
      'gsi=4 ioapic pin=4\ngsi=24 msi address=0xfee00000 data=0x41',
    );
    await fs.writeFile('/kvm/chips/irqchip/irq/4', '1');
    expect(await read(fs, '/kvm/chips/irqchip/ioapic.txt')).toMatch(/^irr=0x10$/m);
    await refuses('EACCES', fs.readFile('/kvm/chips/irqchip/irq/4'));
  });
});
