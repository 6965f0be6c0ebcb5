// Door 1: the typed API.

import { type Kvm, layMemory, type Vm } from '../../web/kvm/index.ts';
import { type Call, HLT, RAM_BYTES } from './calls.ts';
import { type Answer, answerOf, asReserved, type Door, exitWord } from './door.ts';

export class TypedDoor implements Door {
  readonly name = 'typed';
  readonly #kvm: Kvm;
  readonly #memory = layMemory(2, 2 ** 30);
  readonly #ram: number[];
  #vms: Vm[] = [];

  constructor(kvm: Kvm) {
    this.#kvm = kvm;
    const vm = kvm.createVm({ memory: this.#memory.wasm, maxVcpus: 2 });
    this.#ram = [vm.allocate(RAM_BYTES), vm.allocate(RAM_BYTES)];
    vm.destroy();
  }

  begin(): void {
    for (const at of this.#ram) this.#memory.bytes(at, RAM_BYTES).fill(HLT);
    this.#vms = [0, 1].map(() => this.#kvm.createVm({ memory: this.#memory.wasm, maxVcpus: 2 }));
  }

  end(): void {
    for (const vm of this.#vms) vm.destroy();
  }

  get size(): number {
    return this.#memory.size;
  }

  perform(call: Call): Answer {
    return answerOf(() => this.#perform(call));
  }

  #perform(call: Call): unknown {
    if (call.on === 'system') return asReserved(call.cap, this.#kvm.checkExtension(call.cap));
    const vm = this.#vms[call.vm] as Vm;
    const ram = this.#ram[call.vm] as number;
    switch (call.name) {
      case 'createVcpu':
        vm.createVcpu(call.id);
        return undefined;
      case 'setMemory':
        return vm.setUserMemoryRegion({
          slot: call.slot,
          flags: call.flags,
          guest_phys_addr: call.gpa,
          memory_size: call.size,
          userspace_addr: ram + call.offset,
        });
      case 'getDirtyLog':
        return vm.getDirtyLog(call.slot);
      case 'clearDirtyLog':
        return vm.clearDirtyLog({
          slot: call.slot,
          first_page: call.first,
          num_pages: call.pages,
          dirty_bitmap: new Uint8Array(Math.ceil(call.pages / 64) * 8).fill(0xff),
        });
      case 'enableCap':
        return vm.enableCap({ cap: call.cap, flags: call.flags, args: [call.arg, 0n, 0n, 0n] });
      case 'createIrqchip':
        return vm.createIrqchip();
      case 'createPit2':
        return vm.createPit2({});
      case 'irqLine':
        vm.irqLine(call.gsi, call.level !== 0);
        return undefined;
      case 'signalMsi':
        return vm.signalMsi({ address_lo: call.address, data: call.data });
      case 'getIrqchip':
        return vm.getIrqchip(call.chip).chip.dummy;
      case 'setBootCpuId':
        return vm.setBootCpuId(call.id);
      case 'ram':
        return this.#memory.bytes(ram + call.offset, 32);
    }
    const vcpu = vm.vcpu(call.vcpu);
    switch (call.name) {
      case 'getRegs':
        return vcpu.getRegs();
      case 'getSregs':
        return vcpu.getSregs();
      case 'getFpu':
        return vcpu.getFpu();
      case 'getDebugregs':
        return vcpu.getDebugregs();
      case 'getEvents':
        return vcpu.getVcpuEvents();
      case 'getMpState':
        return vcpu.getMpState();
      case 'getXcrs':
        return vcpu.getXcrs();
      case 'getLapic':
        return vcpu.getLapic();
      case 'getCpuid':
        return vcpu.getCpuid2();
      case 'nmi':
        return vcpu.nmi();
      case 'setRegs':
        return vcpu.setRegs({ ...vcpu.getRegs(), rax: call.rax, rip: call.rip, rflags: call.rflags });
      case 'setSregs': {
        const sregs = vcpu.getSregs();
        const { cr0, cr3, cr4, efer, base } = call;
        return vcpu.setSregs({ ...sregs, cr0, cr3, cr4, efer, cs: { ...sregs.cs, base } });
      }
      case 'setFpu':
        return vcpu.setFpu({ ...vcpu.getFpu(), fcw: call.fcw, mxcsr: call.mxcsr });
      case 'setDebugregs': {
        const { dr0, dr6, dr7, flags } = call;
        return vcpu.setDebugregs({ ...vcpu.getDebugregs(), db: [dr0, 0n, 0n, 0n], dr6, dr7, flags });
      }
      case 'setMpState':
        return vcpu.setMpState(call.state);
      case 'setXcr0':
        return vcpu.setXcrs({ nr_xcrs: 1, xcrs: [{ xcr: 0, value: call.value }] });
      case 'interrupt':
        return vcpu.interrupt(call.vector);
      case 'getMsr':
        return vcpu.getMsrs([call.index]).map(({ data }) => data);
      case 'setMsr':
        return vcpu.setMsrs([{ index: call.index, data: call.data }]);
      case 'translate':
        return vcpu.translate(call.gva);
      case 'setGuestDebug':
        return vcpu.setGuestDebug({
          control: call.control,
          arch: { debugreg: [call.dr0, 0n, 0n, 0n, 0n, 0n, 0n, call.dr7] },
        });
      case 'runInterrupted':
        vcpu.kvmRun.immediateExit = true;
        try {
          return vcpu.run();
        } finally {
          vcpu.kvmRun.immediateExit = false;
        }
      case 'runHlt': {
        // A halted guest with an irqchip sleeps inside: only a VM without one can be run to its HLT.
        if (vm.hasIrqchip) return 'asleep';
        vcpu.setSregs({ ...REAL_MODE });
        vcpu.setRegs({ rip: 0n, rflags: 2n });
        return exitWord(vcpu.run());
      }
    }
  }
}

const DATA = {
  base: 0n,
  limit: 0xffff,
  selector: 0,
  type: 3,
  present: 1,
  dpl: 0,
  db: 0,
  s: 1,
  l: 0,
  g: 0,
  avl: 0,
  unusable: 0,
};

/** A state in which HLT is the next instruction wherever RAM lies at 0. */
export const REAL_MODE = {
  cs: { ...DATA, type: 11 },
  ds: DATA,
  es: DATA,
  fs: DATA,
  gs: DATA,
  ss: DATA,
  cr0: 0x10n,
  cr3: 0n,
  cr4: 0n,
  efer: 0n,
};
