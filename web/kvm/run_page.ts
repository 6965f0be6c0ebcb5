// The page that a vCPU and its owner share: struct kvm_run, and the port data behind it. A view; it runs nothing.

import {
  RUN_APIC_BASE,
  RUN_CR8,
  RUN_DIRTY_REGS,
  RUN_EXIT_REASON,
  RUN_FLAGS,
  RUN_HYPERCALL_RET,
  RUN_HYPERV_RESULT,
  RUN_IF_FLAG,
  RUN_IMMEDIATE_EXIT,
  RUN_IO_COUNT,
  RUN_IO_DATA_OFFSET,
  RUN_IO_DIRECTION,
  RUN_IO_PORT,
  RUN_IO_SIZE,
  RUN_MMIO_DATA,
  RUN_MMIO_IS_WRITE,
  RUN_MMIO_LEN,
  RUN_MMIO_PHYS_ADDR,
  RUN_MSR_DATA,
  RUN_MSR_ERROR,
  RUN_READY_FOR_INTERRUPT_INJECTION,
  RUN_REQUEST_INTERRUPT_WINDOW,
  RUN_SYNC_REGS,
  RUN_UNION,
  RUN_VALID_REGS,
  RUN_XEN_RESULT,
} from '../../assembly/abi/kvm_run.ts';
import { PAGE_SIZE } from '../../assembly/abi/map.ts';
import {
  decode,
  type Exit,
  type ExitArm,
  type ExitFields,
  encodeInto,
  exitOf,
  KVM_EXIT_IO_OUT,
  type KvmRegs,
  type KvmSregs,
  type KvmVcpuEvents,
  kvm_run,
  kvm_sync_regs,
  readArm,
} from './abi/index.ts';
import type { MachineMemory } from './memory.ts';

/** Bytes of the anonymous union of struct kvm_run. */
const UNION_BYTES = 256;

/** KVM_SYNC_X86_*: which registers KVM_RUN exchanges through the run page. */
export const KVM_SYNC_X86 = { REGS: 1, SREGS: 2, EVENTS: 4 } as const;

/** KVM_EXIT_IO as a VMM uses it. `data` is shared: for an IN, the VMM writes its answer there. */
export interface IoExit {
  readonly write: boolean;
  readonly port: number;
  /** Bytes of one access: 1, 2 or 4. */
  readonly size: number;
  /** Accesses, packed in `data` one after the other. */
  readonly count: number;
  readonly data: Uint8Array;
}

/** KVM_EXIT_MMIO as a VMM uses it. `data` is shared: for a read, the VMM writes its answer there. */
export interface MmioExit {
  readonly write: boolean;
  readonly gpa: bigint;
  readonly data: Uint8Array;
}

/** A view of one vCPU's run page. */
export class RunPage {
  /** Offset of the page in the VM's memory. */
  readonly offset: number;
  readonly #memory: MachineMemory;

  constructor(memory: MachineMemory, offset: number) {
    this.#memory = memory;
    this.offset = offset;
  }

  /** The bytes of struct kvm_run, shared. */
  get bytes(): Uint8Array {
    return this.#memory.bytes(this.offset, kvm_run.size);
  }

  /** KVM_EXIT_* of the last exit. */
  get exitReason(): number {
    return this.#memory.u32(this.offset + RUN_EXIT_REASON);
  }

  set exitReason(reason: number) {
    this.#memory.setU32(this.offset + RUN_EXIT_REASON, reason);
  }

  /** The last exit, described. */
  get exit(): Exit {
    return exitOf(this.exitReason);
  }

  /** The bytes of the exit union, shared. */
  get union(): Uint8Array {
    return this.#memory.bytes(this.offset + RUN_UNION, UNION_BYTES);
  }

  /** One arm of the exit union, read whatever the exit reason is. */
  arm<A extends ExitArm>(arm: A): ExitFields[A] {
    return readArm(this.bytes, arm);
  }

  /** The fields of the last exit, if it has any. */
  get fields(): ExitFields[ExitArm] | undefined {
    const { arm } = this.exit;
    return arm && this.arm(arm);
  }

  get io(): IoExit {
    const at = this.offset;
    const size = this.#memory.u8(at + RUN_IO_SIZE);
    const count = this.#memory.u32(at + RUN_IO_COUNT);
    const data = at + Number(this.#memory.u64(at + RUN_IO_DATA_OFFSET));
    return {
      write: this.#memory.u8(at + RUN_IO_DIRECTION) === KVM_EXIT_IO_OUT,
      port: this.#memory.u16(at + RUN_IO_PORT),
      size,
      count,
      // A guest cannot make this leave the port data page; a broken run page shall not either.
      data: this.#memory.bytes(data, Math.min(size * count, PAGE_SIZE)),
    };
  }

  get mmio(): MmioExit {
    const at = this.offset;
    const length = Math.min(this.#memory.u32(at + RUN_MMIO_LEN), 8);
    return {
      write: this.#memory.u8(at + RUN_MMIO_IS_WRITE) !== 0,
      gpa: this.#memory.u64(at + RUN_MMIO_PHYS_ADDR),
      data: this.#memory.bytes(at + RUN_MMIO_DATA, length),
    };
  }

  /** Answers KVM_EXIT_X86_RDMSR with the MSR's value; a write needs no answer. */
  answerMsr(data: bigint): void {
    this.#memory.setU64(this.offset + RUN_MSR_DATA, BigInt.asUintN(64, data));
  }

  /** Answers KVM_EXIT_X86_RDMSR or _WRMSR with an error: the guest gets #GP(0). */
  refuseMsr(): void {
    this.#memory.setU8(this.offset + RUN_MSR_ERROR, 1);
  }

  /** Answers KVM_EXIT_HYPERCALL: what the guest finds in RAX. */
  answerHypercall(ret: bigint): void {
    this.#memory.setU64(this.offset + RUN_HYPERCALL_RET, BigInt.asUintN(64, ret));
  }

  /** Answers KVM_EXIT_HYPERV of type HCALL: the hypercall's result value (status, repetitions done). */
  answerHyperv(result: bigint): void {
    this.#memory.setU64(this.offset + RUN_HYPERV_RESULT, BigInt.asUintN(64, result));
  }

  /** Answers KVM_EXIT_XEN: what the guest finds in RAX. */
  answerXen(result: bigint): void {
    this.#memory.setU64(this.offset + RUN_XEN_RESULT, BigInt.asUintN(64, result));
  }

  /** Non-zero makes the next KVM_RUN return at once with EINTR; it stays set until its owner clears it. */
  get immediateExit(): boolean {
    return this.#memory.u8(this.offset + RUN_IMMEDIATE_EXIT) !== 0;
  }

  set immediateExit(on: boolean) {
    this.#memory.setU8(this.offset + RUN_IMMEDIATE_EXIT, on ? 1 : 0);
  }

  /** Asks for KVM_EXIT_IRQ_WINDOW_OPEN as soon as an external interrupt can be injected. */
  get requestInterruptWindow(): boolean {
    return this.#memory.u8(this.offset + RUN_REQUEST_INTERRUPT_WINDOW) !== 0;
  }

  set requestInterruptWindow(on: boolean) {
    this.#memory.setU8(this.offset + RUN_REQUEST_INTERRUPT_WINDOW, on ? 1 : 0);
  }

  /** After an exit: whether `interrupt` would be taken at once. */
  get readyForInterruptInjection(): boolean {
    return this.#memory.u8(this.offset + RUN_READY_FOR_INTERRUPT_INJECTION) !== 0;
  }

  /** After an exit: EFLAGS.IF. Valid without an in-kernel irqchip. */
  get ifFlag(): boolean {
    return this.#memory.u8(this.offset + RUN_IF_FLAG) !== 0;
  }

  /** KVM_RUN_X86_* flags. */
  get flags(): number {
    return this.#memory.u16(this.offset + RUN_FLAGS);
  }

  get cr8(): bigint {
    return this.#memory.u64(this.offset + RUN_CR8);
  }

  get apicBase(): bigint {
    return this.#memory.u64(this.offset + RUN_APIC_BASE);
  }

  /** Whether kvm_valid_regs or kvm_dirty_regs names anything. */
  get wantsSync(): boolean {
    const memory = this.#memory;
    const at = this.offset;
    return (
      (memory.u32(at + RUN_VALID_REGS) |
        memory.u32(at + RUN_VALID_REGS + 4) |
        memory.u32(at + RUN_DIRTY_REGS) |
        memory.u32(at + RUN_DIRTY_REGS + 4)) !==
      0
    );
  }

  /** kvm_valid_regs: what KVM_RUN stores into the page on every exit (KVM_SYNC_X86 bits). */
  get validRegs(): bigint {
    return this.#memory.u64(this.offset + RUN_VALID_REGS);
  }

  set validRegs(bits: bigint) {
    this.#memory.setU64(this.offset + RUN_VALID_REGS, bits);
  }

  /** kvm_dirty_regs: what KVM_RUN takes over from the page on entry; it clears them. */
  get dirtyRegs(): bigint {
    return this.#memory.u64(this.offset + RUN_DIRTY_REGS);
  }

  set dirtyRegs(bits: bigint) {
    this.#memory.setU64(this.offset + RUN_DIRTY_REGS, bits);
  }

  /** kvm_run.s.regs: the registers exchanged through the page. */
  get sync(): { regs: KvmRegs; sregs: KvmSregs; events: KvmVcpuEvents } {
    return decode(kvm_sync_regs, this.#memory.bytes(this.offset + RUN_SYNC_REGS, kvm_sync_regs.size));
  }

  /** Writes parts of kvm_run.s.regs; the rest keeps its values. */
  setSync(parts: { regs?: KvmRegs; sregs?: KvmSregs; events?: KvmVcpuEvents }): void {
    encodeInto(kvm_sync_regs, this.#memory.bytes(this.offset + RUN_SYNC_REGS, kvm_sync_regs.size), parts);
  }
}
