// Door 2: Linux's system calls with encoded requests and struct bytes.

import {
  type CoalescedWrite,
  decode,
  ERRNO,
  encode,
  type Input,
  KVM,
  type Kvm,
  type KvmRegs,
  kvm_clear_dirty_log,
  kvm_coalesced_mmio,
  kvm_coalesced_mmio_zone,
  kvm_cpuid2,
  kvm_create_device,
  kvm_debugregs,
  kvm_dirty_log,
  kvm_enable_cap,
  kvm_fpu,
  kvm_guest_debug,
  kvm_interrupt,
  kvm_ioeventfd,
  kvm_irq_level,
  kvm_irq_routing,
  kvm_irqchip,
  kvm_irqfd,
  kvm_lapic_state,
  kvm_memory_alias,
  kvm_mp_state,
  kvm_msi,
  kvm_msrs,
  kvm_pit_config,
  kvm_regs,
  kvm_reinject_control,
  kvm_sregs,
  kvm_sregs2,
  kvm_translation,
  kvm_userspace_memory_region,
  kvm_vcpu_events,
  kvm_x86_mce,
  kvm_xcrs,
  kvm_xsave,
  type Struct,
} from '../../web/kvm/index.ts';
import { MAP_ANONYMOUS, MAP_SHARED, VmmProcess } from '../../web/kvm/process/index.ts';
import { type Call, HLT, OUT, RAM_BYTES } from './calls.ts';
import { type Answer, answerOf, type Door, exitWord, textOf } from './door.ts';
import { aliasOf, eventsOf, REAL_MODE, routeOf, xsaveOf } from './typed_door.ts';

const RUN_BYTES = 0x3000;
const BITMAP_BYTES = 4096;

/** first and last, before the elements (struct kvm_coalesced_mmio_ring). */
const RING_HEAD = 8;

interface Machine {
  fd: number;
  ram: number;
  eventfds: number[];
  vcpus: Map<number, { fd: number; run: number }>;
}

/** A system call's failure, by name. */
/** eventfd(2), and KVM_COALESCED_MMIO_PAGE_OFFSET of <linux/kvm.h>. */
const EFD_NONBLOCK = 0o4000;
const KVM_COALESCED_MMIO_PAGE_OFFSET = 2;

class Refused extends Error {
  constructor(readonly errno: number) {
    super(errnoName(errno));
  }
}

function errnoName(errno: number): string {
  return Object.entries(ERRNO).find(([, number]) => number === errno)?.[0] ?? String(errno);
}

export class IoctlDoor implements Door {
  readonly name = 'ioctl';
  readonly #process: VmmProcess;
  readonly #ram: number[];
  readonly #bitmap: number;
  #sys = -1;
  #vms: Machine[] = [];

  constructor(kvm: Kvm) {
    this.#process = new VmmProcess(kvm, { maxVcpus: 2, memoryLimit: 2 ** 30 });
    this.#ram = [0, 1].map(() => this.#process.mmap(RAM_BYTES, MAP_SHARED | MAP_ANONYMOUS));
    this.#bitmap = this.#process.mmap(BITMAP_BYTES, MAP_SHARED | MAP_ANONYMOUS);
  }

  #bytes(at: number, length: number): Uint8Array {
    return new Uint8Array(this.#process.memory.buffer, at, length);
  }

  get size(): number {
    return this.#process.memory.buffer.byteLength;
  }

  begin(): void {
    this.#sys = this.#process.open('/dev/kvm');
    this.#vms = this.#ram.map((ram) => {
      this.#bytes(ram, RAM_BYTES).fill(HLT);
      const eventfds = [0, 1].map(() => this.#process.eventfd(0, EFD_NONBLOCK));
      return { fd: this.#call(this.#sys, KVM.KVM_CREATE_VM), ram, eventfds, vcpus: new Map() };
    });
  }

  end(): void {
    for (const { fd, vcpus, eventfds } of this.#vms) {
      for (const eventfd of eventfds) this.#process.close(eventfd);
      for (const vcpu of vcpus.values()) {
        this.#process.munmap(vcpu.run, RUN_BYTES);
        this.#process.close(vcpu.fd);
      }
      this.#process.close(fd);
    }
    this.#process.close(this.#sys);
  }

  perform(call: Call): Answer {
    try {
      return answerOf(() => this.#perform(call));
    } catch (error) {
      if (error instanceof Refused) return error.message;
      throw error;
    }
  }

  #call(fd: number, request: number, value: number | Uint8Array = 0): number {
    const result = this.#process.ioctl(fd, request, value);
    if (result < 0) throw new Refused(-result);
    return result;
  }

  #give<T>(fd: number, request: number, struct: Struct<T>, value: Input<T>): void {
    this.#call(fd, request, encode(struct, value));
  }

  #take<T>(fd: number, request: number, struct: Struct<T>, value: Input<T> = {} as Input<T>): T {
    const bytes = encode(struct, value);
    this.#call(fd, request, bytes);
    return decode(struct, bytes);
  }

  #perform(call: Call): unknown {
    if (call.on === 'system') return this.#call(this.#sys, KVM.KVM_CHECK_EXTENSION, call.cap);
    const machine = this.#vms[call.vm] as Machine;
    const { fd, ram } = machine;
    switch (call.name) {
      case 'createVcpu': {
        const vcpu = this.#call(fd, KVM.KVM_CREATE_VCPU, call.id);
        const run = this.#process.mmap(RUN_BYTES, MAP_SHARED, vcpu, 0);
        machine.vcpus.set(call.id, { fd: vcpu, run });
        return undefined;
      }
      case 'setMemory':
        return this.#give(fd, KVM.KVM_SET_USER_MEMORY_REGION, kvm_userspace_memory_region, {
          slot: call.slot,
          flags: call.flags,
          guest_phys_addr: call.gpa,
          memory_size: call.size,
          userspace_addr: ram + call.offset,
        });
      case 'getDirtyLog': {
        const bitmap = this.#bytes(this.#bitmap, BITMAP_BYTES).fill(0);
        this.#give(fd, KVM.KVM_GET_DIRTY_LOG, kvm_dirty_log, { slot: call.slot, dirty_bitmap: this.#bitmap });
        return bitmap.slice(0, 8);
      }
      case 'clearDirtyLog':
        this.#bytes(this.#bitmap, BITMAP_BYTES).fill(0xff);
        return this.#give(fd, KVM.KVM_CLEAR_DIRTY_LOG, kvm_clear_dirty_log, {
          slot: call.slot,
          first_page: call.first,
          num_pages: call.pages,
          dirty_bitmap: this.#bitmap,
        });
      case 'enableCap':
        return this.#give(fd, KVM.KVM_ENABLE_CAP, kvm_enable_cap, {
          cap: call.cap,
          flags: call.flags,
          args: [call.arg, 0n, 0n, 0n],
        });
      case 'createIrqchip':
        this.#call(fd, KVM.KVM_CREATE_IRQCHIP);
        return undefined;
      case 'createPit2':
        return this.#give(fd, KVM.KVM_CREATE_PIT2, kvm_pit_config, {});
      case 'irqLine':
        return this.#give(fd, KVM.KVM_IRQ_LINE, kvm_irq_level, { irq: call.gsi, level: call.level });
      case 'signalMsi':
        return this.#call(
          fd,
          KVM.KVM_SIGNAL_MSI,
          encode(kvm_msi, { address_lo: call.address, data: call.data }),
        );
      case 'getIrqchip':
        return this.#take(fd, KVM.KVM_GET_IRQCHIP, kvm_irqchip, { chip_id: call.chip }).chip.dummy;
      case 'setBootCpuId':
        this.#call(fd, KVM.KVM_SET_BOOT_CPU_ID, call.id);
        return undefined;
      case 'ram':
        return this.#bytes(ram + call.offset, 32);
      case 'ioeventfd': {
        const { addr, len, datamatch, flags } = call;
        return this.#give(fd, KVM.KVM_IOEVENTFD, kvm_ioeventfd, {
          ...{ fd: machine.eventfds[call.fd] as number, addr, len, datamatch, flags },
        });
      }
      case 'irqfd': {
        const { gsi, flags } = call;
        const [eventfd, resamplefd] = [call.fd, call.resample].map((n) => machine.eventfds[n] as number);
        return this.#give(fd, KVM.KVM_IRQFD, kvm_irqfd, {
          ...{ fd: eventfd as number, gsi, flags, resamplefd: resamplefd as number },
        });
      }
      case 'signalEventfd':
        this.#bytes(this.#bitmap, 8).set([1, 0, 0, 0, 0, 0, 0, 0]);
        this.#done(this.#process.write(machine.eventfds[call.fd] as number, this.#bitmap, 8));
        return undefined;
      case 'readEventfd':
        this.#done(this.#process.read(machine.eventfds[call.fd] as number, this.#bitmap, 8));
        return new DataView(this.#process.memory.buffer).getBigUint64(this.#bitmap, true);
      case 'coalesce': {
        const request = call.off ? KVM.KVM_UNREGISTER_COALESCED_MMIO : KVM.KVM_REGISTER_COALESCED_MMIO;
        const { addr, size, pio } = call;
        return this.#give(fd, request, kvm_coalesced_mmio_zone, { addr, size, pio });
      }
      case 'setGsiRouting':
        return this.#give(fd, KVM.KVM_SET_GSI_ROUTING, kvm_irq_routing, { nr: 1, entries: [routeOf(call)] });
      case 'setAlias':
        return this.#give(fd, KVM.KVM_SET_MEMORY_ALIAS, kvm_memory_alias, aliasOf(call));
      case 'setTscKhz':
        this.#call(fd, KVM.KVM_SET_TSC_KHZ, call.value);
        return undefined;
      case 'setNrMmuPages':
        this.#call(fd, KVM.KVM_SET_NR_MMU_PAGES, call.value);
        return undefined;
      case 'setTssAddr':
        this.#call(fd, KVM.KVM_SET_TSS_ADDR, call.value);
        return undefined;
      case 'createDevice':
        return this.#give(fd, KVM.KVM_CREATE_DEVICE, kvm_create_device, { type: call.value });
      case 'getTscKhz':
        return this.#call(fd, KVM.KVM_GET_TSC_KHZ);
      case 'getNrMmuPages':
        return this.#call(fd, KVM.KVM_GET_NR_MMU_PAGES);
      case 'resetDirtyRings':
        return this.#call(fd, KVM.KVM_RESET_DIRTY_RINGS);
      case 'createPit':
        this.#call(fd, KVM.KVM_CREATE_PIT);
        return undefined;
      case 'setIdentityMapAddr':
        this.#call(
          fd,
          KVM.KVM_SET_IDENTITY_MAP_ADDR,
          new Uint8Array(new BigUint64Array([call.address]).buffer),
        );
        return undefined;
      case 'reinjectControl':
        return this.#give(fd, KVM.KVM_REINJECT_CONTROL, kvm_reinject_control, { pit_reinject: call.mode });
    }
    const found = machine.vcpus.get(call.vcpu);
    // Without an fd there is nothing to call: what the typed API says of a vCPU that does not exist.
    if (!found) throw new Refused(ERRNO.ENOENT);
    return this.#onVcpu(call, found.fd, found.run, ram);
  }

  #onVcpu(call: Extract<Call, { on: 'vcpu' }>, fd: number, run: number, ram: number): unknown {
    switch (call.name) {
      case 'getRegs':
        return this.#take(fd, KVM.KVM_GET_REGS, kvm_regs);
      case 'getSregs':
        return this.#take(fd, KVM.KVM_GET_SREGS, kvm_sregs);
      case 'getFpu':
        return this.#take(fd, KVM.KVM_GET_FPU, kvm_fpu);
      case 'getDebugregs':
        return this.#take(fd, KVM.KVM_GET_DEBUGREGS, kvm_debugregs);
      case 'getEvents':
        return this.#take(fd, KVM.KVM_GET_VCPU_EVENTS, kvm_vcpu_events);
      case 'getMpState':
        return this.#take(fd, KVM.KVM_GET_MP_STATE, kvm_mp_state).mp_state;
      case 'getXcrs':
        return this.#take(fd, KVM.KVM_GET_XCRS, kvm_xcrs);
      case 'getLapic':
        return this.#take(fd, KVM.KVM_GET_LAPIC, kvm_lapic_state);
      case 'getCpuid': {
        const room = encode(kvm_cpuid2, { nent: 80, entries: Array.from({ length: 80 }, () => ({})) });
        this.#call(fd, KVM.KVM_GET_CPUID2, room);
        const { nent, entries } = decode(kvm_cpuid2, room);
        return entries.slice(0, nent);
      }
      case 'getSregs2':
        return this.#take(fd, KVM.KVM_GET_SREGS2, kvm_sregs2);
      case 'getXsave':
        return this.#take(fd, KVM.KVM_GET_XSAVE, kvm_xsave).region;
      case 'getVcpuTscKhz':
        return this.#call(fd, KVM.KVM_GET_TSC_KHZ);
      case 'setSregs2': {
        const sregs = this.#take(fd, KVM.KVM_GET_SREGS2, kvm_sregs2);
        const { flags, cr0, cr4, efer } = call;
        return this.#give(fd, KVM.KVM_SET_SREGS2, kvm_sregs2, { ...sregs, flags, cr0, cr4, efer });
      }
      case 'setEvents': {
        const events = this.#take(fd, KVM.KVM_GET_VCPU_EVENTS, kvm_vcpu_events);
        return this.#give(fd, KVM.KVM_SET_VCPU_EVENTS, kvm_vcpu_events, eventsOf(call, events));
      }
      case 'setupMce':
        this.#call(fd, KVM.KVM_X86_SETUP_MCE, new Uint8Array(new BigUint64Array([call.cap]).buffer));
        return undefined;
      case 'setMce':
        return this.#give(fd, KVM.KVM_X86_SET_MCE, kvm_x86_mce, { status: call.status, bank: call.bank });
      case 'setVcpuTscKhz':
        this.#call(fd, KVM.KVM_SET_TSC_KHZ, call.khz);
        return undefined;
      case 'setXsave': {
        const xsave = this.#take(fd, KVM.KVM_GET_XSAVE, kvm_xsave);
        return this.#give(fd, KVM.KVM_SET_XSAVE, kvm_xsave, xsaveOf(call, xsave));
      }
      case 'nmi':
        this.#call(fd, KVM.KVM_NMI);
        return undefined;
      case 'setRegs': {
        const regs = this.#take(fd, KVM.KVM_GET_REGS, kvm_regs);
        const { rax, rip, rflags } = call;
        return this.#give(fd, KVM.KVM_SET_REGS, kvm_regs, { ...regs, rax, rip, rflags });
      }
      case 'setSregs': {
        const sregs = this.#take(fd, KVM.KVM_GET_SREGS, kvm_sregs);
        const { cr0, cr3, cr4, efer, base } = call;
        return this.#give(fd, KVM.KVM_SET_SREGS, kvm_sregs, {
          ...{ ...sregs, cr0, cr3, cr4, efer, cs: { ...sregs.cs, base } },
        });
      }
      case 'setFpu': {
        const fpu = this.#take(fd, KVM.KVM_GET_FPU, kvm_fpu);
        return this.#give(fd, KVM.KVM_SET_FPU, kvm_fpu, { ...fpu, fcw: call.fcw, mxcsr: call.mxcsr });
      }
      case 'setDebugregs': {
        const regs = this.#take(fd, KVM.KVM_GET_DEBUGREGS, kvm_debugregs);
        const { dr0, dr6, dr7, flags } = call;
        return this.#give(fd, KVM.KVM_SET_DEBUGREGS, kvm_debugregs, {
          ...{ ...regs, db: [dr0, 0n, 0n, 0n], dr6, dr7, flags },
        });
      }
      case 'setMpState':
        return this.#give(fd, KVM.KVM_SET_MP_STATE, kvm_mp_state, { mp_state: call.state });
      case 'setXcr0':
        return this.#give(fd, KVM.KVM_SET_XCRS, kvm_xcrs, {
          nr_xcrs: 1,
          xcrs: [{ xcr: 0, value: call.value }],
        });
      case 'interrupt':
        return this.#give(fd, KVM.KVM_INTERRUPT, kvm_interrupt, { irq: call.vector });
      case 'getMsr': {
        const msrs = encode(kvm_msrs, { nmsrs: 1, entries: [{ index: call.index }] });
        const done = this.#call(fd, KVM.KVM_GET_MSRS, msrs);
        return decode(kvm_msrs, msrs)
          .entries.slice(0, done)
          .map(({ data }) => data);
      }
      case 'setMsr':
        return this.#call(
          fd,
          KVM.KVM_SET_MSRS,
          encode(kvm_msrs, { nmsrs: 1, entries: [{ index: call.index, data: call.data }] }),
        );
      case 'translate':
        return this.#take(fd, KVM.KVM_TRANSLATE, kvm_translation, { linear_address: call.gva });
      case 'setGuestDebug':
        return this.#give(fd, KVM.KVM_SET_GUEST_DEBUG, kvm_guest_debug, {
          control: call.control,
          arch: { debugreg: [call.dr0, 0n, 0n, 0n, 0n, 0n, 0n, call.dr7] },
        });
      case 'runInterrupted':
        this.#bytes(run, 2)[1] = 1;
        try {
          return this.#run(fd, run);
        } finally {
          this.#bytes(run, 2)[1] = 0;
        }
      case 'runOut': {
        if (this.#hasIrqchip(fd)) return 'asleep';
        this.#bytes(ram, 3).set([OUT, call.port, HLT]);
        this.#toRealMode(fd, { rax: BigInt(call.al) });
        const exits = [exitWord(this.#run(fd, run)), exitWord(this.#run(fd, run))];
        return `${exits.join(' ')} ${textOf(this.#takeCoalesced(run))}`;
      }
      case 'runHlt':
        if (this.#hasIrqchip(fd)) return 'asleep';
        this.#toRealMode(fd);
        return exitWord(this.#run(fd, run));
    }
  }

  #toRealMode(fd: number, change: Partial<KvmRegs> = {}): void {
    const sregs = this.#take(fd, KVM.KVM_GET_SREGS, kvm_sregs);
    this.#give(fd, KVM.KVM_SET_SREGS, kvm_sregs, { ...sregs, ...REAL_MODE });
    const regs = this.#take(fd, KVM.KVM_GET_REGS, kvm_regs);
    this.#give(fd, KVM.KVM_SET_REGS, kvm_regs, { ...regs, ...change, rip: 0n, rflags: 2n });
  }

  /** The writes in the ring of coalesced zones, two pages behind kvm_run, which are taken out of it. */
  #takeCoalesced(run: number): CoalescedWrite[] {
    const view = new DataView(this.#process.memory.buffer, run + KVM_COALESCED_MMIO_PAGE_OFFSET * 4096, 4096);
    const room = Math.floor((4096 - RING_HEAD) / kvm_coalesced_mmio.size);
    const writes: CoalescedWrite[] = [];
    let first = view.getUint32(0, true);
    for (const last = view.getUint32(4, true); first !== last; first = (first + 1) % room) {
      const at = view.byteOffset + RING_HEAD + first * kvm_coalesced_mmio.size;
      const { phys_addr, len, pio, data } = decode(
        kvm_coalesced_mmio,
        this.#bytes(at, kvm_coalesced_mmio.size).slice(),
      );
      writes.push({ addr: phys_addr, pio: pio !== 0, data: data.slice(0, len) });
    }
    view.setUint32(0, first, true);
    return writes;
  }

  #done(result: number): void {
    if (result < 0) throw new Refused(-result);
  }

  #run(fd: number, run: number): number {
    this.#call(fd, KVM.KVM_RUN);
    return new DataView(this.#process.memory.buffer).getUint32(run + 8, true);
  }

  /** KVM_GET_LAPIC is refused without an irqchip. */
  #hasIrqchip(fd: number): boolean {
    return this.#process.ioctl(fd, KVM.KVM_GET_LAPIC, new Uint8Array(kvm_lapic_state.size)) === 0;
  }
}
