// Door 3: the files of /kvm. Structs travel byte for byte; what a path cannot say is left out of the calls (inFiles).

import { directory, LocalFs, O_WRONLY } from '../../web/fs/index.ts';
import {
  decode,
  encode,
  type Input,
  isKvmError,
  KVM_CAP,
  type Kvm,
  kvm_cpuid2,
  kvm_debugregs,
  kvm_fpu,
  kvm_lapic_state,
  kvm_mp_state,
  kvm_regs,
  kvm_sregs,
  kvm_vcpu_events,
  kvm_xcrs,
  type Struct,
} from '../../web/kvm/index.ts';
import { KvmTree } from '../../web/kvmfs/index.ts';
import { VcpuPool } from '../../web/vmm/index.ts';
import { type Call, HLT, MAX_SLOT_ID, RAM_BYTES } from './calls.ts';
import { type Answer, asReserved, type Door, textOf } from './door.ts';
import { REAL_MODE } from './typed_door.ts';

/** The slot through which a fresh VM's RAM is filled. */
const FILLER = 200;
const FLAGS: Readonly<Record<number, string>> = {
  0: '',
  1: 'log_dirty',
  2: 'readonly',
  3: 'log_dirty,readonly',
};

const SAYS: readonly string[] = [
  ...[
    'checkExtension',
    'createVcpu',
    'setMemory',
    'getDirtyLog',
    'clearDirtyLog',
    'enableCap',
    'createIrqchip',
  ],
  ...[
    'createPit2',
    'irqLine',
    'ram',
    'getRegs',
    'getSregs',
    'getFpu',
    'getDebugregs',
    'getEvents',
    'getMpState',
  ],
  ...[
    'getXcrs',
    'getLapic',
    'getCpuid',
    'nmi',
    'setRegs',
    'setSregs',
    'setFpu',
    'setDebugregs',
    'setMpState',
  ],
  ...['setXcr0', 'interrupt', 'getMsr', 'setMsr', 'translate', 'runHlt'],
];

/** Whether the files can say all of a call. */
export function inFiles(call: Call): boolean {
  return SAYS.includes(call.name);
}

export class FileDoor implements Door {
  readonly name = 'files';
  readonly #fs: LocalFs;
  readonly #tree: KvmTree;
  #ram: bigint[] = [];

  constructor(kvm: Kvm) {
    const pool = new VcpuPool(() => {
      throw new Error('The deterministic engine starts no worker.');
    });
    this.#tree = new KvmTree({ kvm, pool, threads: false });
    this.#fs = new LocalFs(directory([['kvm', this.#tree.root]]));
  }

  async begin(): Promise<void> {
    this.#ram = [];
    for (const vm of ['/kvm/vm0', '/kvm/vm1']) {
      await this.#fs.mkdir(vm);
      await this.#fs.writeFile(`${vm}/ctl`, 'limit=4095M vcpus=2');
      const filler = `${vm}/memory/${FILLER}`;
      await this.#fs.mkdir(filler);
      await this.#fs.writeFile(`${filler}/ctl`, `gpa=0 size=${RAM_BYTES}`);
      await this.#fs.writeFile(`${filler}/mem`, new Uint8Array(RAM_BYTES).fill(HLT));
      this.#ram.push(BigInt((await this.#fs.readText(`${filler}/offset`)).trim()));
      await this.#fs.rmdir(filler);
    }
  }

  async end(): Promise<void> {
    for (const vm of ['/kvm/vm0', '/kvm/vm1']) await this.#fs.rmdir(vm);
  }

  async perform(call: Call): Promise<Answer> {
    try {
      return textOf(await this.#perform(call));
    } catch (error) {
      if (isKvmError(error)) return error.code;
      throw error;
    }
  }

  async #read<T>(path: string, struct: Struct<T>): Promise<T> {
    return decode(struct, await this.#fs.readFile(path));
  }

  /** Changes some fields of a struct file. */
  async #change<T>(path: string, struct: Struct<T>, change: (value: T) => Input<T>): Promise<undefined> {
    await this.#fs.writeFile(path, encode(struct, change(await this.#read(path, struct))));
    return undefined;
  }

  /** Writes without O_CREAT, so that a path that is not there is ENOENT. */
  async #tell(path: string, text: string): Promise<undefined> {
    const file = await this.#fs.open(path, O_WRONLY);
    try {
      await file.write(new TextEncoder().encode(text));
    } finally {
      await file.close();
    }
    return undefined;
  }

  /** A call on something that has no path here is answered as by the other doors. */
  async #orElse(missing: string | undefined, act: () => Promise<unknown>): Promise<unknown> {
    try {
      return await act();
    } catch (error) {
      if (isKvmError(error, 'ENOENT')) return missing;
      throw error;
    }
  }

  async #perform(call: Call): Promise<unknown> {
    if (call.on === 'system') {
      const names = Object.entries(KVM_CAP).filter(([, number]) => number === call.cap);
      const extensions = await this.#fs.readdir('/kvm/extensions');
      const found = extensions.find(({ name }) => names.some(([cap]) => cap === name));
      const answer = found ? Number(await this.#fs.readText(`/kvm/extensions/${found.name}`)) : 0;
      return asReserved(call.cap, answer);
    }
    const vm = `/kvm/vm${call.vm}`;
    switch (call.name) {
      case 'createVcpu':
        await this.#fs.mkdir(`${vm}/cpu/${call.id}`);
        // The tree gives a vCPU a CPUID table, which KVM leaves to its user.
        return this.#fs.writeFile(`${vm}/cpu/${call.id}/cpuid`, encode(kvm_cpuid2, { nent: 0, entries: [] }));
      case 'setMemory':
        return this.#setMemory(vm, call);
      case 'getDirtyLog': {
        if (call.slot > MAX_SLOT_ID) return 'EINVAL';
        return this.#fs.readFile(`${vm}/memory/${call.slot}/dirty_bitmap`);
      }
      case 'clearDirtyLog':
        if (call.slot > MAX_SLOT_ID) return 'EINVAL';
        return this.#tell(`${vm}/memory/${call.slot}/clear_dirty`, `first=${call.first} pages=${call.pages}`);
      case 'enableCap':
        if (call.flags !== 0) return 'EINVAL';
        return this.#tell(`${vm}/enable_cap`, `cap=${call.cap} args=${call.arg}`);
      case 'createIrqchip':
        return this.#fs.mkdir(`${vm}/irqchip`);
      case 'createPit2':
        return this.#fs.mkdir(`${vm}/irqchip/pit`);
      case 'irqLine':
        if (!(await this.#fs.exists(`${vm}/irqchip`))) return 'ENXIO';
        // A GSI beyond the last leads nowhere, which is no error.
        return this.#orElse(undefined, () => this.#tell(`${vm}/irqchip/irq/${call.gsi}`, `${call.level}`));
      case 'ram':
        return this.#tree.find(`vm${call.vm}`)?.vm.memory.bytes(Number(this.#ram[call.vm]) + call.offset, 32);
    }
    if (call.on === 'vcpu') return this.#onVcpu(call, `${vm}/cpu/${call.vcpu}`);
    throw new Error(`The files cannot say ${call.name}.`);
  }

  async #setMemory(vm: string, call: Extract<Call, { name: 'setMemory' }>): Promise<unknown> {
    if (call.slot > MAX_SLOT_ID) return 'EINVAL';
    const slot = `${vm}/memory/${call.slot}`;
    const isNew = !(await this.#fs.exists(slot));
    if (isNew) await this.#fs.mkdir(slot);
    const flags = FLAGS[call.flags] ?? 'unknown';
    const offset = (this.#ram[call.vm] as bigint) + BigInt(call.offset);
    try {
      await this.#tell(`${slot}/ctl`, `gpa=${call.gpa} size=${call.size} offset=${offset} flags=${flags}`);
    } catch (error) {
      if (isNew) await this.#fs.rmdir(slot);
      throw error;
    }
    // A slot of size 0 is deleted; its directory would stay as one that is declared.
    if (call.size === 0) await this.#fs.rmdir(slot);
    return undefined;
  }

  async #onVcpu(call: Extract<Call, { on: 'vcpu' }>, cpu: string): Promise<unknown> {
    switch (call.name) {
      case 'getRegs':
        return this.#read(`${cpu}/regs`, kvm_regs);
      case 'getSregs':
        return this.#read(`${cpu}/sregs`, kvm_sregs);
      case 'getFpu':
        return this.#read(`${cpu}/fpu`, kvm_fpu);
      case 'getDebugregs':
        return this.#read(`${cpu}/debugregs`, kvm_debugregs);
      case 'getEvents':
        return this.#read(`${cpu}/events`, kvm_vcpu_events);
      case 'getMpState':
        return (await this.#read(`${cpu}/mp_state`, kvm_mp_state)).mp_state;
      case 'getXcrs':
        return this.#read(`${cpu}/xcrs`, kvm_xcrs);
      case 'getLapic':
        return this.#read(`${cpu}/lapic`, kvm_lapic_state);
      case 'getCpuid':
        return (await this.#read(`${cpu}/cpuid`, kvm_cpuid2)).entries;
      case 'nmi':
        return this.#tell(`${cpu}/nmi`, '1');
      case 'setRegs': {
        const { rax, rip, rflags } = call;
        return this.#change(`${cpu}/regs`, kvm_regs, (regs) => ({ ...regs, rax, rip, rflags }));
      }
      case 'setSregs': {
        const { cr0, cr3, cr4, efer, base } = call;
        return this.#change(`${cpu}/sregs`, kvm_sregs, (sregs) => ({
          ...{ ...sregs, cr0, cr3, cr4, efer, cs: { ...sregs.cs, base } },
        }));
      }
      case 'setFpu': {
        const { fcw, mxcsr } = call;
        return this.#change(`${cpu}/fpu`, kvm_fpu, (fpu) => ({ ...fpu, fcw, mxcsr }));
      }
      case 'setDebugregs': {
        const { dr0, dr6, dr7, flags } = call;
        return this.#change(`${cpu}/debugregs`, kvm_debugregs, (regs) => ({
          ...{ ...regs, db: [dr0, 0n, 0n, 0n], dr6, dr7, flags },
        }));
      }
      case 'setMpState':
        return this.#change(`${cpu}/mp_state`, kvm_mp_state, () => ({ mp_state: call.state }));
      case 'setXcr0':
        return this.#change(`${cpu}/xcrs`, kvm_xcrs, () => ({
          nr_xcrs: 1,
          xcrs: [{ xcr: 0, value: call.value }],
        }));
      case 'interrupt':
        return this.#tell(`${cpu}/irq`, `${call.vector}`);
      case 'getMsr':
        return this.#msr(
          cpu,
          async () => [BigInt((await this.#fs.readText(msrPath(cpu, call.index))).trim())],
          [],
        );
      case 'setMsr':
        return this.#msr(cpu, () => this.#tell(msrPath(cpu, call.index), `${call.data}`).then(() => 1), 0);
      case 'translate':
        return this.#translate(call.gva, cpu);
      case 'runHlt':
        return this.#runHlt(cpu);
    }
    throw new Error(`The files cannot say ${call.name}.`);
  }

  /** KVM_GET_MSRS and KVM_SET_MSRS count the MSRs they did; a file is refused instead. */
  async #msr(cpu: string, act: () => Promise<unknown>, none: unknown): Promise<unknown> {
    if (!(await this.#fs.exists(cpu))) return 'ENOENT';
    try {
      return await act();
    } catch (error) {
      if (isKvmError(error, 'EINVAL')) return none;
      throw error;
    }
  }

  async #translate(gva: bigint, cpu: string): Promise<unknown> {
    const text = (await this.#fs.readText(`${cpu}/translate/0x${gva.toString(16)}`)).trim();
    const words = new Map(text.split(' ').map((word) => word.split('=') as [string, string]));
    const number = (name: string) => BigInt(words.get(name) ?? 0);
    return {
      linear_address: gva,
      physical_address: number('gpa'),
      valid: words.has('gpa') ? 1 : 0,
      writeable: number('writeable'),
      usermode: number('usermode'),
      pad: new Uint8Array(5),
    };
  }

  async #runHlt(cpu: string): Promise<unknown> {
    if (!(await this.#fs.exists(cpu))) return 'ENOENT';
    if (await this.#fs.exists(`${cpu}/../../irqchip`)) return 'asleep';
    await this.#change(
      `${cpu}/sregs`,
      kvm_sregs,
      (sregs) => ({ ...sregs, ...REAL_MODE }) as Input<typeof sregs>,
    );
    await this.#change(`${cpu}/regs`, kvm_regs, (regs) => ({ ...regs, rip: 0n, rflags: 2n }));
    await this.#tell(`${cpu}/paused`, '0');
    const event = (await this.#fs.readText(`${cpu}/event`)).trim().split(' ');
    return event[0];
  }
}

const msrPath = (cpu: string, index: number): string => `${cpu}/msr/0x${index.toString(16)}`;
