// One virtual CPU: the ioctls of a vCPU fd as typed calls over its page. A view; its state lies in the VM's memory.

import { LAPIC_EVENT_SIPI, LAPIC_EVENTS } from '../../assembly/abi/irqchip.ts';
import {
  KVM_GUESTDBG_BLOCKIRQ,
  KVM_GUESTDBG_ENABLE,
  KVM_GUESTDBG_INJECT_BP,
  KVM_GUESTDBG_INJECT_DB,
  KVM_GUESTDBG_SINGLESTEP,
  KVM_GUESTDBG_USE_HW_BP,
  KVM_GUESTDBG_USE_SW_BP,
  KVM_MP_STATE_INIT_RECEIVED,
  KVM_MP_STATE_RUNNABLE,
  KVM_MP_STATE_SIPI_RECEIVED,
} from '../../assembly/abi/kvm_run.ts';
import { VCPU_COALESCED, VCPU_LAPIC, VCPU_RUN } from '../../assembly/abi/map.ts';
import { V_WAITS_SINCE } from '../../assembly/abi/pv.ts';
import { V_SMI_PENDING } from '../../assembly/abi/smm.ts';
import {
  REQ_EXIT,
  REQ_PAUSE,
  RUN_BUDGET,
  RUN_EXIT,
  RUN_HALTED,
  V_DEBUG_CONTROL,
  V_DEBUG_DR,
  V_IRQ_QUEUED,
  V_MP_STATE,
  V_NMI_PENDING,
  V_REQUESTS,
  V_STATE,
  V_WAKE,
  V_WAKE_AT,
  VCPU_OUT,
} from '../../assembly/abi/vcpu_page.ts';
import { BP, DB } from '../../assembly/abi/x86.ts';
import {
  type Input,
  KVM_EXIT,
  type KvmCpuidEntry,
  type KvmCpuidEntry2,
  type KvmDebugregs,
  KvmError,
  type KvmFpu,
  type KvmGuestDebug,
  type KvmLapicState,
  type KvmMsrEntry,
  type KvmRegs,
  type KvmSregs,
  type KvmTranslation,
  type KvmVcpuEvents,
  type KvmXcrs,
  type KvmXsave,
} from './abi/index.ts';
import { type CoalescedWrite, takeCoalesced } from './coalesced.ts';
import type { Core } from './core.ts';
import { readCpuid, writeCpuid } from './cpuid.ts';
import { DirtyRing, dirtyRingEntries } from './dirty_ring.ts';
import { readFpu, readXcrs, readXsave, writeFpu, writeXcrs, writeXsave } from './fpu.ts';
import { HaltPoll } from './halt_poll.ts';
import { getLapic, hasIrqchip, hasPic, setLapic } from './irqchip.ts';
import type { MachineMemory } from './memory.ts';
import { readMsrs, writeMsrs } from './msrs.ts';
import { readDebugregs, readRegs, readSregs, writeDebugregs, writeRegs, writeSregs } from './registers.ts';
import { request, requestEvents, waitUntilOut } from './requests.ts';
import { KVM_SYNC_X86, RunPage } from './run_page.ts';
import { countSignalExit } from './stats.ts';
import { translate } from './translate.ts';
import { VcpuCalls } from './vcpu_calls.ts';
import { checkStartupAllowed, injectDebugException, readEvents, writeEvents } from './vcpu_events.ts';
import { machineNanoseconds, retired, vcpuArea } from './vm_page.ts';

/** KVM_GUESTDBG_* that KVM_SET_GUEST_DEBUG takes (KVM_CAP_SET_GUEST_DEBUG2). */
export const DEBUG_KNOWN =
  KVM_GUESTDBG_ENABLE |
  KVM_GUESTDBG_INJECT_DB |
  KVM_GUESTDBG_INJECT_BP |
  KVM_GUESTDBG_SINGLESTEP |
  KVM_GUESTDBG_USE_SW_BP |
  KVM_GUESTDBG_USE_HW_BP |
  KVM_GUESTDBG_BLOCKIRQ;
const SYNC_KNOWN = BigInt(KVM_SYNC_X86.REGS | KVM_SYNC_X86.SREGS | KVM_SYNC_X86.EVENTS);
/** Instructions of one entry into the core; `run` enters again and again. */
const ENTRY_BUDGET = 0x4000_0000;
/** With timers in the core: about a millisecond, so that a tick is at most that late. */
const TIMER_BUDGET = 200_000;
/** A halted vCPU looks around at least this often, in ms. */
const HALT_MS = 1000;

/**
 * A vCPU. Setters and getters are for a vCPU that stands: while it runs on another thread they show, or change, a
 * moving thing. `interrupt`, `nmi`, `smi`, `kick`, `pause` and `resume` may come from any thread at any time.
 */
export class Vcpu extends VcpuCalls {
  /** The page shared with whoever runs it: struct kvm_run. */
  readonly kvmRun: RunPage;
  /** Of the thread that calls `run`. */
  #halts: HaltPoll | undefined;

  /** Made by Vm. `core` gives this thread's instance. */
  constructor(memory: MachineMemory, id: number, core: () => Core) {
    super(memory, id, core);
    this.kvmRun = new RunPage(memory, vcpuArea(memory, id) + VCPU_RUN);
  }

  /** KVM_GET_REGS. */
  getRegs(): KvmRegs {
    return readRegs(this.memory, this.page);
  }

  /** KVM_SET_REGS; registers not named keep their values. */
  setRegs(regs: Input<KvmRegs>): void {
    writeRegs(this.memory, this.page, regs);
    this.#stateChanged();
  }

  /** KVM_GET_SREGS. */
  getSregs(): KvmSregs {
    return readSregs(this.memory, this.page);
  }

  /** KVM_SET_SREGS; fields not named keep their values. EINVAL for a state no processor can be in. */
  setSregs(sregs: Input<KvmSregs>): void {
    writeSregs(this.memory, this.page, sregs);
    this.#stateChanged();
  }

  /** Registers were set from outside: the core's decode mode, TLB and the like follow. */
  #stateChanged(): void {
    this.core().state_changed(this.page);
  }

  /** KVM_GET_FPU. */
  getFpu(): KvmFpu {
    return readFpu(this.memory, this.page);
  }

  /** KVM_SET_FPU; fields not named keep their values. EINVAL for an MXCSR that no processor takes. */
  setFpu(fpu: Input<KvmFpu>): void {
    writeFpu(this.memory, this.page, fpu);
  }

  /** KVM_GET_XSAVE: an XSAVE image in the standard form. */
  getXsave(): KvmXsave {
    return readXsave(this.memory, this.page);
  }

  /** KVM_SET_XSAVE. EINVAL for components or MXCSR bits that do not exist. */
  setXsave(xsave: Input<KvmXsave>): void {
    writeXsave(this.memory, this.page, xsave);
    this.#stateChanged();
  }

  /** KVM_GET_XCRS. */
  getXcrs(): KvmXcrs {
    return readXcrs(this.memory, this.page);
  }

  /** KVM_SET_XCRS. EINVAL for a value that XSETBV refuses. */
  setXcrs(xcrs: Input<KvmXcrs>): void {
    writeXcrs(this.memory, this.page, xcrs);
    this.#stateChanged();
  }

  /** KVM_GET_DEBUGREGS. */
  getDebugregs(): KvmDebugregs {
    return readDebugregs(this.memory, this.page);
  }

  /** KVM_SET_DEBUGREGS. EINVAL for bits that must be 0. */
  setDebugregs(debugregs: Input<KvmDebugregs>): void {
    writeDebugregs(this.memory, this.page, debugregs);
    this.#stateChanged();
  }

  /** KVM_GET_VCPU_EVENTS. */
  getVcpuEvents(): KvmVcpuEvents {
    return readEvents(this.memory, this.page);
  }

  /** KVM_SET_VCPU_EVENTS. EINVAL for groups or exceptions that this VM cannot hold. */
  setVcpuEvents(events: Input<KvmVcpuEvents>): void {
    if (writeEvents(this.memory, this.page, events)) this.#stateChanged();
    requestEvents(this.memory, this.id);
  }

  /** KVM_GET_MSRS: the values of `indices` in order, ending before the first that does not exist. */
  getMsrs(indices: readonly number[]): KvmMsrEntry[] {
    return readMsrs(this.memory, this.core(), this.page, indices);
  }

  /** KVM_SET_MSRS: sets in order, stops at the first that is refused, returns how many were set. */
  setMsrs(entries: readonly Input<KvmMsrEntry>[]): number {
    const done = writeMsrs(this.core(), this.page, entries);
    this.#stateChanged();
    return done;
  }

  /** KVM_GET_CPUID2. */
  getCpuid2(): KvmCpuidEntry2[] {
    return readCpuid(this.memory, this.id);
  }

  /** KVM_SET_CPUID: entries without sub-leaves. E2BIG, EINVAL as KVM_SET_CPUID2. */
  setCpuid(entries: readonly Input<KvmCpuidEntry>[]): void {
    this.setCpuid2(entries.map(({ padding: _, ...entry }) => ({ ...entry, index: 0, flags: 0 })));
  }

  /** KVM_SET_CPUID2: what the guest's CPUID answers. E2BIG when they are too many. */
  setCpuid2(entries: readonly Input<KvmCpuidEntry2>[]): void {
    writeCpuid(this.memory, this.id, entries);
    this.#stateChanged();
  }

  /** KVM_GET_LAPIC. EINVAL without an irqchip. */
  getLapic(): KvmLapicState {
    return getLapic(this.memory, this.core(), this.id);
  }

  /** KVM_SET_LAPIC. EINVAL without an irqchip. */
  setLapic(state: Input<KvmLapicState>): void {
    setLapic(this.memory, this.core(), this.id, state);
    requestEvents(this.memory, this.id);
  }

  /** KVM_GET_MP_STATE: KVM_MP_STATE_*. */
  getMpState(): number {
    return this.memory.load(this.page + V_MP_STATE);
  }

  /**
   * KVM_SET_MP_STATE. EINVAL for anything but RUNNABLE without an irqchip, for states of other architectures, and for a wait for
   * SIPI while an INIT would be latched: in SMM, or with an SMI pending.
   */
  setMpState(state: number): void {
    if (state !== KVM_MP_STATE_RUNNABLE && !this.#hasIrqchip) {
      throw new KvmError('EINVAL', `mp_state ${state} needs an irqchip in the VM; call createIrqchip first.`);
    }
    if (!(state >= 0 && state <= KVM_MP_STATE_SIPI_RECEIVED)) {
      throw new KvmError(
        'EINVAL',
        `mp_state ${state} does not exist on x86; states are 0 to ${KVM_MP_STATE_SIPI_RECEIVED}.`,
      );
    }
    if (state === KVM_MP_STATE_INIT_RECEIVED || state === KVM_MP_STATE_SIPI_RECEIVED) {
      checkStartupAllowed(this.memory, this.page);
    }
    if (state === KVM_MP_STATE_SIPI_RECEIVED) {
      // As KVM does: the vCPU waits for a SIPI, and one has come.
      this.memory.store(this.page + V_MP_STATE, KVM_MP_STATE_INIT_RECEIVED);
      this.memory.or(vcpuArea(this.memory, this.id) + VCPU_LAPIC + LAPIC_EVENTS, LAPIC_EVENT_SIPI);
    } else this.memory.store(this.page + V_MP_STATE, state);
    requestEvents(this.memory, this.id);
  }

  get #hasIrqchip(): boolean {
    return hasIrqchip(this.memory);
  }

  /** KVM_TRANSLATE: `valid` 0 when the guest maps nothing at this address. Sets no bit in the guest's tables. */
  translate(gva: bigint): KvmTranslation {
    const found = translate(this.memory, this.page, gva);
    return {
      linear_address: BigInt.asUintN(64, gva),
      physical_address: found?.gpa ?? 0n,
      valid: found ? 1 : 0,
      writeable: found?.writeable ? 1 : 0,
      usermode: found?.user ? 1 : 0,
      pad: new Uint8Array(5),
    };
  }

  /** KVM_INTERRUPT: queues a vector. EINVAL above 255, ENXIO with an irqchip in the VM, EEXIST when one is queued. */
  interrupt(vector: number): void {
    if (!(Number.isInteger(vector) && vector >= 0 && vector < 256)) {
      throw new KvmError('EINVAL', `${vector} is no interrupt vector; vectors are 0 to 255.`);
    }
    if (hasPic(this.memory)) {
      throw new KvmError('ENXIO', "this VM's interrupts come from its irqchip; use irqLine instead.");
    }
    const words = this.memory.words;
    if (Atomics.compareExchange(words, (this.page + V_IRQ_QUEUED) >>> 2, 0, vector + 1) !== 0) {
      throw new KvmError('EEXIST', 'an interrupt is queued already; wait until the guest has taken it.');
    }
    requestEvents(this.memory, this.id);
  }

  /** KVM_NMI. */
  nmi(): void {
    this.memory.store(this.page + V_NMI_PENDING, 1);
    requestEvents(this.memory, this.id);
  }

  /** KVM_SMI: system management mode at the next instruction boundary; in it, one more is latched until RSM. */
  smi(): void {
    this.memory.store(this.page + V_SMI_PENDING, 1);
    requestEvents(this.memory, this.id);
  }

  /**
   * KVM_SET_GUEST_DEBUG: KVM_GUESTDBG_* in `control`, DR0 to DR7 of the debugger in `arch.debugreg`; control 0 ends it.
   * INJECT_DB and INJECT_BP raise an exception in the guest on the next entry: EBUSY when one waits. EINVAL for flags
   * that do not exist.
   */
  setGuestDebug(debug: Input<KvmGuestDebug>): void {
    const control = debug.control ?? 0;
    if (control & ~DEBUG_KNOWN) {
      throw new KvmError(
        'EINVAL',
        `guest debug flags 0x${control.toString(16)} are not all known; see KVM_GUESTDBG_*.`,
      );
    }
    if (control & KVM_GUESTDBG_INJECT_DB) injectDebugException(this.memory, this.page, DB);
    else if (control & KVM_GUESTDBG_INJECT_BP) injectDebugException(this.memory, this.page, BP);
    const on = (control & KVM_GUESTDBG_ENABLE) !== 0;
    this.memory.setU32(this.page + V_DEBUG_CONTROL, on ? control : 0);
    for (let n = 0; n < 8; n++) {
      const value = debug.arch?.debugreg?.[n];
      if (value !== undefined)
        this.memory.setU64(this.page + V_DEBUG_DR + n * 8, BigInt.asUintN(64, BigInt(value)));
    }
    this.#stateChanged();
  }

  /** The pages it has written, in a VM with dirty rings (KVM_CAP_DIRTY_LOG_RING); undefined in others. */
  get dirtyRing(): DirtyRing | undefined {
    return dirtyRingEntries(this.memory) === 0 ? undefined : new DirtyRing(this.memory, this.id);
  }

  /** Instructions retired so far. */
  get instructions(): bigint {
    return retired(this.memory, this.page);
  }

  /** True while some thread is in the core with this vCPU. */
  get running(): boolean {
    return this.memory.load(this.page + V_STATE) !== VCPU_OUT;
  }

  /**
   * One entry into the core for at most `budget` instructions; returns RUN_* of the vCPU page. This is what engines
   * use: it never sleeps and never throws for a request. Registers are exchanged with the run page as KVM_RUN does.
   * `served`: what servePorts has given this thread's core answers accesses to ports on the way.
   */
  enter(budget: number = this.#hasIrqchip ? TIMER_BUDGET : ENTRY_BUDGET, served = false): number {
    if (this.kvmRun.wantsSync) this.#takeSyncRegs();
    const core = this.core();
    const why = served ? core.run_served(this.page, budget) : core.run(this.page, budget);
    if (this.kvmRun.wantsSync) this.#giveSyncRegs();
    return why;
  }

  #takeSyncRegs(): void {
    const { dirtyRegs, validRegs } = this.kvmRun;
    if ((dirtyRegs | validRegs) & ~SYNC_KNOWN) {
      throw new KvmError(
        'EINVAL',
        'kvm_valid_regs and kvm_dirty_regs may name REGS (1), SREGS (2) and EVENTS (4).',
      );
    }
    if (dirtyRegs === 0n) return;
    const { regs, sregs, events } = this.kvmRun.sync;
    if (dirtyRegs & BigInt(KVM_SYNC_X86.REGS)) this.setRegs(regs);
    if (dirtyRegs & BigInt(KVM_SYNC_X86.SREGS)) this.setSregs(sregs);
    if (dirtyRegs & BigInt(KVM_SYNC_X86.EVENTS)) this.setVcpuEvents(events);
    this.kvmRun.dirtyRegs = 0n;
  }

  #giveSyncRegs(): void {
    const valid = this.kvmRun.validRegs;
    if (valid === 0n) return;
    this.kvmRun.setSync({
      ...(valid & BigInt(KVM_SYNC_X86.REGS) ? { regs: this.getRegs() } : {}),
      ...(valid & BigInt(KVM_SYNC_X86.SREGS) ? { sregs: this.getSregs() } : {}),
      ...(valid & BigInt(KVM_SYNC_X86.EVENTS) ? { events: this.getVcpuEvents() } : {}),
    });
  }

  /**
   * KVM_RUN: completes what the last exit left, runs the guest until it exits, and returns the exit reason (kvmRun
   * holds the rest). With an irqchip a halted guest sleeps inside. EINTR when `immediateExit` is set, or when `kick`
   * or `pause` asked for it. Calls the core of this thread, and blocks it: not for a page's main thread.
   */
  run(): number {
    for (;;) {
      const wake = this.memory.load(this.page + V_WAKE);
      const why = this.enter();
      if (why === RUN_EXIT) return this.kvmRun.exitReason;
      if (why === RUN_BUDGET) continue;
      if (why === RUN_HALTED && !this.kvmRun.immediateExit) {
        this.#sleep(wake);
        continue;
      }
      this.memory.and(this.page + V_REQUESTS, ~REQ_EXIT);
      this.kvmRun.exitReason = KVM_EXIT.INTR;
      countSignalExit(this.memory, this.id);
      throw new KvmError('EINTR', 'KVM_RUN was interrupted before the guest exited; call it again to go on.');
    }
  }

  /** Sleeps until the wake word changes from `wake`, or until the next timer is due. */
  #sleep(wake: number): void {
    const at = this.memory.u64(this.page + V_WAKE_AT);
    const left = at === 0n ? HALT_MS : Number(at - machineNanoseconds(this.memory)) / 1e6;
    if (left <= 0) return;
    this.#halts ??= new HaltPoll(this.memory, this.id);
    this.#halts.sleep(wake, Math.min(left, HALT_MS));
  }

  /** Takes the coalesced writes of all vCPUs up to this one's last exit, in order: they come before that exit. */
  takeCoalesced(): CoalescedWrite[] {
    return takeCoalesced(this.memory, vcpuArea(this.memory, this.id) + VCPU_COALESCED);
  }

  /**
   * The engine of this vCPU lets it wait although it could go on, which the guest is told as stolen time. `preempted`:
   * its last instruction has ended, so that the others may be told that it stands.
   */
  waits(preempted: boolean): void {
    this.core().vcpu_waits(this.page, preempted ? 1 : 0);
  }

  /** Stops the vCPU at its next block edge and keeps it out of the guest until `resume`; returns when it stands. */
  pause(): void {
    this.requestPause();
    waitUntilOut(this.memory, this.id);
  }

  /** Asks for a pause without waiting for it. */
  requestPause(): void {
    request(this.memory, this.id, REQ_PAUSE);
  }

  /** Lets a paused vCPU enter the guest again; somebody must call `run`. */
  resume(): void {
    // Nobody has stolen the time of a pause.
    if (this.memory.u64(this.page + V_WAITS_SINCE) !== 0n)
      this.memory.setU64(this.page + V_WAITS_SINCE, machineNanoseconds(this.memory));
    this.memory.and(this.page + V_REQUESTS, ~REQ_PAUSE);
    this.memory.notify(this.page + V_REQUESTS);
    this.memory.add(this.page + V_WAKE, 1);
    this.memory.notify(this.page + V_WAKE);
  }

  /** True from `requestPause` to `resume`. */
  get paused(): boolean {
    return (this.memory.load(this.page + V_REQUESTS) & REQ_PAUSE) !== 0;
  }
}
