// Door 1: the typed API.

import {
  type Eventfd,
  type Kvm,
  type KvmVcpuEvents,
  type KvmXsave,
  layMemory,
  type Vm,
} from '../../web/kvm/index.ts';
import { type Call, HLT, OUT, RAM_BYTES } from './calls.ts';
import { type Answer, answerOf, asReserved, type Door, exitWord, textOf } from './door.ts';

export class TypedDoor implements Door {
  readonly name = 'typed';
  readonly #kvm: Kvm;
  readonly #memory = layMemory(2, 2 ** 30);
  readonly #ram: number[];
  #vms: Vm[] = [];
  #eventfds: Eventfd[][] = [];

  constructor(kvm: Kvm) {
    this.#kvm = kvm;
    const vm = kvm.createVm({ memory: this.#memory.wasm, maxVcpus: 2 });
    this.#ram = [vm.allocate(RAM_BYTES), vm.allocate(RAM_BYTES)];
    vm.destroy();
  }

  begin(): void {
    for (const at of this.#ram) this.#memory.bytes(at, RAM_BYTES).fill(HLT);
    this.#vms = [0, 1].map(() => this.#kvm.createVm({ memory: this.#memory.wasm, maxVcpus: 2 }));
    this.#eventfds = this.#vms.map((vm) => [vm.createEventfd(), vm.createEventfd()]);
  }

  end(): void {
    for (const vm of this.#vms) vm.destroy();
  }

  #eventfd({ vm, fd }: { vm: number; fd: number }): Eventfd {
    return this.#eventfds[vm]?.[fd] as Eventfd;
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
      case 'ioeventfd': {
        const { addr, len, datamatch, flags } = call;
        return vm.ioeventfd({ fd: this.#eventfd(call), addr, len, datamatch, flags });
      }
      case 'irqfd': {
        const resamples = (call.flags & 3) === 2;
        const resamplefd = this.#eventfds[call.vm]?.[call.resample] as Eventfd;
        const { gsi, flags } = call;
        return vm.irqfd({ fd: this.#eventfd(call), gsi, flags, ...(resamples ? { resamplefd } : {}) });
      }
      case 'signalEventfd':
        return this.#eventfd(call).signal();
      case 'readEventfd': {
        const count = this.#eventfd(call).read();
        return count ?? 'EAGAIN';
      }
      case 'coalesce':
        return call.off ? vm.unregisterCoalescedMmio(call) : vm.registerCoalescedMmio(call);
      case 'setGsiRouting':
        return vm.setGsiRouting([routeOf(call)]);
      case 'setAlias':
        return vm.setMemoryAlias(aliasOf(call));
      case 'setTscKhz':
        return vm.setTscKhz(call.value);
      case 'setNrMmuPages':
        return vm.setNrMmuPages(call.value);
      case 'setTssAddr':
        return vm.setTssAddr(call.value);
      case 'createDevice':
        return vm.createDevice({ type: call.value });
      case 'getTscKhz':
        return vm.getTscKhz();
      case 'getNrMmuPages':
        return vm.getNrMmuPages();
      case 'resetDirtyRings':
        return vm.resetDirtyRings();
      case 'createPit':
        return vm.createPit();
      case 'setIdentityMapAddr':
        return vm.setIdentityMapAddr(call.address);
      case 'reinjectControl':
        return vm.reinjectControl(call.mode !== 0);
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
      case 'getSregs2':
        return vcpu.getSregs2();
      case 'getXsave':
        return vcpu.getXsave().region;
      case 'getVcpuTscKhz':
        return vcpu.getTscKhz();
      case 'setSregs2': {
        const { flags, cr0, cr4, efer } = call;
        return vcpu.setSregs2({ ...vcpu.getSregs2(), flags, cr0, cr4, efer });
      }
      case 'setEvents':
        return vcpu.setVcpuEvents(eventsOf(call, vcpu.getVcpuEvents()));
      case 'setupMce':
        return vcpu.setupMce(call.cap);
      case 'setMce':
        return vcpu.setMce({ status: call.status, bank: call.bank });
      case 'setVcpuTscKhz':
        return vcpu.setTscKhz(call.khz);
      case 'setXsave':
        return vcpu.setXsave(xsaveOf(call, vcpu.getXsave()));
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
      case 'runOut': {
        if (vm.hasIrqchip) return 'asleep';
        this.#memory.bytes(ram, 3).set([OUT, call.port, HLT]);
        vcpu.setSregs({ ...REAL_MODE });
        vcpu.setRegs({ ...vcpu.getRegs(), rax: BigInt(call.al), rip: 0n, rflags: 2n });
        const exits = [exitWord(vcpu.run()), exitWord(vcpu.run())];
        return `${exits.join(' ')} ${textOf(vcpu.takeCoalesced())}`;
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

/** A route to a pin of a chip (type 1: low chip, data pin) or to local APICs (type 2). */
export function routeOf({ gsi, type, low, data }: Extract<Call, { name: 'setGsiRouting' }>) {
  const u =
    type === 2
      ? { msi: { address_lo: (0xfee0_0000 + low) >>> 0, address_hi: 0, data } }
      : { irqchip: { irqchip: low, pin: data } };
  return { gsi, type, u };
}

export function aliasOf({ slot, gpa, size, target }: Extract<Call, { name: 'setAlias' }>) {
  return { slot, guest_phys_addr: gpa, memory_size: BigInt(size), target_phys_addr: target };
}

export function eventsOf(
  { flags, vector, nmi, shadow }: Extract<Call, { name: 'setEvents' }>,
  events: KvmVcpuEvents,
): KvmVcpuEvents {
  return {
    ...events,
    flags,
    exception: { ...events.exception, injected: vector & 1, nr: vector },
    nmi: { ...events.nmi, pending: nmi },
    interrupt: { ...events.interrupt, shadow },
  };
}

/** fcw and MXCSR at 0 and 24, XSTATE_BV at 512 (SDM vol. 1, 13.4). */
export function xsaveOf({ fcw, mxcsr, features }: Extract<Call, { name: 'setXsave' }>, { region }: KvmXsave) {
  const words = [...region];
  words[0] = fcw;
  words[6] = mxcsr;
  words[128] = Number(features & 0xffff_ffffn);
  words[129] = Number(features >> 32n);
  return { region: words };
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
