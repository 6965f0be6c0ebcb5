// Door 2: Linux's system calls with encoded requests and struct bytes.

import {
  decode,
  ERRNO,
  encode,
  type Input,
  KVM,
  type Kvm,
  kvm_clear_dirty_log,
  kvm_cpuid2,
  kvm_debugregs,
  kvm_dirty_log,
  kvm_enable_cap,
  kvm_fpu,
  kvm_guest_debug,
  kvm_interrupt,
  kvm_irq_level,
  kvm_irqchip,
  kvm_lapic_state,
  kvm_mp_state,
  kvm_msi,
  kvm_msrs,
  kvm_pit_config,
  kvm_regs,
  kvm_sregs,
  kvm_translation,
  kvm_userspace_memory_region,
  kvm_vcpu_events,
  kvm_xcrs,
  type Struct,
} from '../../web/kvm/index.ts';
import { MAP_ANONYMOUS, MAP_SHARED, VmmProcess } from '../../web/kvm/process/index.ts';
import { type Call, HLT, RAM_BYTES } from './calls.ts';
import { type Answer, answerOf, type Door, exitWord } from './door.ts';
import { REAL_MODE } from './typed_door.ts';

const RUN_BYTES = 0x3000;
const BITMAP_BYTES = 4096;

interface Machine {
  fd: number;
  ram: number;
  vcpus: Map<number, { fd: number; run: number }>;
}

/** A system call's failure, by name. */
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
      return { fd: this.#call(this.#sys, KVM.KVM_CREATE_VM), ram, vcpus: new Map() };
    });
  }

  end(): void {
    for (const { fd, vcpus } of this.#vms) {
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
    }
    const found = machine.vcpus.get(call.vcpu);
    // Without an fd there is nothing to call: what the typed API says of a vCPU that does not exist.
    if (!found) throw new Refused(ERRNO.ENOENT);
    return this.#onVcpu(call, found.fd, found.run);
  }

  #onVcpu(call: Extract<Call, { on: 'vcpu' }>, fd: number, run: number): unknown {
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
      case 'runHlt': {
        if (this.#hasIrqchip(fd)) return 'asleep';
        const sregs = this.#take(fd, KVM.KVM_GET_SREGS, kvm_sregs);
        this.#give(fd, KVM.KVM_SET_SREGS, kvm_sregs, { ...sregs, ...REAL_MODE });
        const regs = this.#take(fd, KVM.KVM_GET_REGS, kvm_regs);
        this.#give(fd, KVM.KVM_SET_REGS, kvm_regs, { ...regs, rip: 0n, rflags: 2n });
        return exitWord(this.#run(fd, run));
      }
    }
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
