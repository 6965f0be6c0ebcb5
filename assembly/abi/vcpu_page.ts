// The vCPU page: the live state of one virtual processor, offsets from its start. Constants only.

/** General registers in encoding order (rax rcx rdx rbx rsp rbp rsi rdi r8..r15), u64 each. */
export const V_GPR: u32 = 0x000;
/** Always zero: the "register" of an address without base or index. */
export const V_ZERO: u32 = 0x080;
/** RIP; inside a block, the RIP of the block's first instruction. */
export const V_RIP: u32 = 0x088;
// Lazy flags, see cpu/flags.ts.
export const V_LF_KIND: u32 = 0x090;
/** The carry flag as 0 or 1 for INC and DEC; for LF_PARTIAL CF, OF and AF as EFLAGS bits. */
export const V_LF_CF: u32 = 0x094;
export const V_LF_A: u32 = 0x098;
export const V_LF_B: u32 = 0x0a0;
export const V_LF_RES: u32 = 0x0a8;
/** EFLAGS; the six arithmetic bits are valid only while V_LF_KIND is LF_EXPLICIT. */
export const V_RFLAGS: u32 = 0x0b0;
/** Decode mode, MODE_* bits. */
export const V_MODE: u32 = 0x0b4;
export const V_CPL: u32 = 0x0b8;
/** Address of the TLB array in force for data accesses. */
export const V_TLB: u32 = 0x0bc;
/** Request bits, set by anybody with atomic or; a cleared bit is the acknowledgement. */
export const V_REQUESTS: u32 = 0x0c0;
/** VCPU_OUT, VCPU_IN or VCPU_PARKED (atomic; notified on change). */
export const V_STATE: u32 = 0x0c4;
/** Instructions left of this run's budget (i32). */
export const V_BUDGET: u32 = 0x0c8;
export const V_ID: u32 = 0x0cc;
/** u64: the number of retired instructions at which the budget is used up; V_ICOUNT_END - V_BUDGET is their number now. */
export const V_ICOUNT_END: u32 = 0x0d0;
/** Pending fault: vector + 1 (0 = none), whether it has an error code, the code, and its address. */
export const V_FAULT: u32 = 0x0d8;
export const V_FAULT_HAS_CODE: u32 = 0x0dc;
export const V_FAULT_CODE: u32 = 0x0e0;
/** V_FAULT value (not a vector + 1): the instruction waits for an exit and starts again on re-entry. */
export const FAULT_EXIT: u32 = 0x1000;
/** What a #DB brings for DR6 (u32). */
export const V_FAULT_DR6: u32 = 0x0e4;
export const V_FAULT_ADDRESS: u32 = 0x0e8; // u64
/** Dirty ring: entries ever written by this vCPU, and ever reset by KVM_RESET_DIRTY_RINGS (u32 each, modulo 2^32). */
export const V_RING_DIRTY: u32 = 0x0f0;
export const V_RING_RESET: u32 = 0x0f4;

// Segment registers: SEG_STRIDE bytes each, in the order ES CS SS DS FS GS LDTR TR.
export const V_SEGS: u32 = 0x100;
export const SEG_STRIDE: u32 = 32;
export const SEG_BASE: u32 = 0; // u64
export const SEG_LIMIT: u32 = 8; // u32, in bytes (granularity applied)
export const SEG_ATTR: u32 = 12; // u32: ATTR_* bits
export const SEG_SELECTOR: u32 = 16; // u32
export const ES: u32 = 0;
export const CS: u32 = 1;
export const SS: u32 = 2;
export const DS: u32 = 3;
export const FS: u32 = 4;
export const GS: u32 = 5;
export const LDTR: u32 = 6;
export const TR: u32 = 7;
// Attributes as in the second word of a descriptor (bits 8..23 shifted down), SDM vol. 3, 3.4.5.
export const ATTR_TYPE: u32 = 0x000f;
export const ATTR_ACCESSED: u32 = 0x0001;
/** Data: writable. Code: readable. */
export const ATTR_RW: u32 = 0x0002;
/** Data: expand down. Code: conforming. */
export const ATTR_DC: u32 = 0x0004;
export const ATTR_CODE: u32 = 0x0008;
export const ATTR_S: u32 = 0x0010;
export const ATTR_DPL_SHIFT: u32 = 5;
export const ATTR_P: u32 = 0x0080;
export const ATTR_AVL: u32 = 0x1000;
export const ATTR_L: u32 = 0x2000;
export const ATTR_DB: u32 = 0x4000;
export const ATTR_G: u32 = 0x8000;
export const ATTR_UNUSABLE: u32 = 0x10000;

export const V_GDT_BASE: u32 = 0x200; // u64
export const V_GDT_LIMIT: u32 = 0x208; // u32
export const V_IDT_BASE: u32 = 0x210; // u64
export const V_IDT_LIMIT: u32 = 0x218; // u32
export const V_CR0: u32 = 0x220; // u64 each
export const V_CR2: u32 = 0x228;
export const V_CR3: u32 = 0x230;
export const V_CR4: u32 = 0x238;
export const V_CR8: u32 = 0x240;
export const V_EFER: u32 = 0x248;
export const V_XCR0: u32 = 0x250;
export const V_APIC_BASE: u32 = 0x258;
export const V_DR: u32 = 0x260; // eight u64: DR0..DR3, (4, 5 unused), DR6, DR7
export const V_PDPTR: u32 = 0x2a0; // four u64: PAE page-directory pointers, loaded with CR3
// MSRs with a home of their own, u64 each.
export const V_STAR: u32 = 0x2c0;
export const V_LSTAR: u32 = 0x2c8;
export const V_CSTAR: u32 = 0x2d0;
export const V_FMASK: u32 = 0x2d8;
export const V_KERNEL_GS_BASE: u32 = 0x2e0;
export const V_SYSENTER_CS: u32 = 0x2e8;
export const V_SYSENTER_ESP: u32 = 0x2f0;
export const V_SYSENTER_EIP: u32 = 0x2f8;
export const V_PAT: u32 = 0x300;
export const V_TSC_OFFSET: u32 = 0x308;
export const V_TSC_AUX: u32 = 0x310;
export const V_TSC_DEADLINE: u32 = 0x318;
export const V_MISC_ENABLE: u32 = 0x320;

/** A stack pointer (u64) and selector (u32) read from a TSS or far pointer, between two steps of one instruction. */
export const V_STAGED_SP: u32 = 0x328;
export const V_STAGED_SS: u32 = 0x330;
/** What the last RDMSR (or read_msr for the host) found; u64. */
export const V_MSR_VALUE: u32 = 0x338;

/** Interrupt shadow: SHADOW_* bits, gone after the next instruction. */
export const V_SHADOW: u32 = 0x340;
export const SHADOW_MOV_SS: u32 = 1;
export const SHADOW_STI: u32 = 2;
/** KVM_MP_STATE_* (u32, atomic). */
export const V_MP_STATE: u32 = 0x344;
/** Queued external interrupt of KVM_INTERRUPT: vector + 1, 0 = none. */
export const V_IRQ_QUEUED: u32 = 0x348;
export const V_NMI_PENDING: u32 = 0x34c;
export const V_NMI_MASKED: u32 = 0x350;
/** SIPI vector received; -1 = none. */
export const V_SIPI_VECTOR: u32 = 0x354;
/** DR6 bits of a trap that waits for the end of the instruction (data breakpoint, task switch). */
export const V_DB_PENDING: u32 = 0x358;
/** KVM_SET_GUEST_DEBUG control word and DR7 of the debugger. */
export const V_DEBUG_CONTROL: u32 = 0x35c;
export const V_DEBUG_DR: u32 = 0x360; // eight u64
/** Vector of an event that is being delivered (nested faults, KVM_EXIT_SHUTDOWN); -1 = none. */
export const V_DELIVERING: u32 = 0x3a0;
/** What an exit left to complete when KVM_RUN is entered again: PENDING_*. */
export const V_PENDING: u32 = 0x3a8;
export const PENDING_NONE: u32 = 0;
/** IN, INS: the data page holds what the instruction reads when it starts again. */
export const PENDING_PIO_IN: u32 = 1;
/** MMIO read: kvm_run.mmio.data goes into the replay list. */
export const PENDING_MMIO_READ: u32 = 2;
/** Nothing to complete: the instruction has finished (OUT, MMIO write). */
export const PENDING_DONE: u32 = 3;
/** RDMSR, WRMSR: kvm_run.msr has the answer when the instruction starts again. */
export const PENDING_MSR: u32 = 4;
/** MMIO write of several fragments: the next one exits on re-entry. */
export const PENDING_MMIO_WRITE: u32 = 5;
/** A hypercall of user space: kvm_run.hypercall.ret goes into RAX. */
export const PENDING_HYPERCALL: u32 = 6;
/** A hypercall of Hyper-V's: kvm_run.hyperv.u.hcall.result goes into RAX or EDX:EAX. */
export const PENDING_HYPERV: u32 = 8;
/** A hypercall of Xen's: kvm_run.xen.u.hcall.result goes into RAX. */
export const PENDING_XEN: u32 = 9;
/** MMIO reads that the current instruction has had answered: count, position, then REPLAY_MAX (gpa u64, size u32, pad, data u64). */
export const V_REPLAY_COUNT: u32 = 0x3ac;
export const V_REPLAY_NEXT: u32 = 0x3b0;
/** Address of the TLB set in force, and the one that is given away next (a number). */
export const V_TLB_SET: u32 = 0x3b4;
export const V_TLB_VICTIM: u32 = 0x3b8;
/** PKRU's two bits of each protection key that the TLB has entries of. */
export const V_TLB_KEYS: u32 = 0x3bc;
/** TLB_SETS words: the PCID of each set plus 1; 0 = the set is free and its content void. */
export const V_TLB_PCIDS: u32 = 0x3c0;
/** u64: a bit for each GiB (modulo 64) of which a part of a 1 GiB page may be in the TLB. */
export const V_TLB_HUGE: u32 = 0x3d8;
export const V_REPLAY: u32 = 0x8000;
export const REPLAY_ENTRY: u32 = 24;
export const REPLAY_MAX: u32 = 512;
/** Data that crosses pages or belongs to MMIO is gathered here (64 bytes), then committed. */
export const V_SCRATCH: u32 = 0x400;
export const V_COMMIT_HVA1: u32 = 0x440;
export const V_COMMIT_LEN1: u32 = 0x444;
export const V_COMMIT_HVA2: u32 = 0x448;
export const V_COMMIT_LEN2: u32 = 0x44c;
/** gpa of each part when its hva is 0 (MMIO); u64 each. */
export const V_COMMIT_GPA1: u32 = 0x450;
export const V_COMMIT_GPA2: u32 = 0x458;
/** Bytes of an instruction that crosses a page. */
export const V_FETCH: u32 = 0x460; // 32 bytes
/** Decode cache: next free byte (offset address), end of what is in use. */
export const V_BLOCKS_TOP: u32 = 0x480;
/** Why the current block must end after this instruction: LEAVE_*; 0 = it need not. */
export const V_LEAVE: u32 = 0x484;
/** The scratch buffer holds a write that waits to be committed. */
export const LEAVE_COMMIT: u32 = 1;
/** A page with decoded instructions was written. */
export const LEAVE_CODE: u32 = 2;
/** MMIO writes wait in the queue: the instruction ends with an exit. */
export const LEAVE_MMIO: u32 = 4;
/** A data breakpoint matched. */
export const LEAVE_DEBUG: u32 = 8;
/** The dirty ring has come to its soft limit. */
export const LEAVE_RING: u32 = 16;
/** A split lock that user space wants to hear of. */
export const LEAVE_BUS_LOCK: u32 = 32;
/** An access to the task priority that user space wants to hear of. */
export const LEAVE_TPR: u32 = 64;
/** What lies of the local APIC in guest memory must be shown anew. */
export const LEAVE_LAPIC: u32 = 128;
/** A chip of the core has something for this vCPU: it comes behind the instruction, whoever executes that. */
export const LEAVE_EVENTS: u32 = 256;
/**
 * The queue of pages whose code has changed (VCPU_CODE_QUEUE): writers have taken so many places since the vCPU was made, and it
 * has emptied so many, both modulo 2^32; not 0: there was no place for some page.
 */
export const V_CODE_TAIL: u32 = 0x488;
export const V_CODE_HEAD: u32 = 0x500;
export const V_CODE_LOST: u32 = 0x504;
/** Walk result: physical address (u64), rights, and from WALK_TLB_SHIFT up the TLB_FLAGS of an entry, for callers of walk(). */
export const V_WALK_GPA: u32 = 0x490;
export const V_WALK_FLAGS: u32 = 0x498;
/** Statistics, u64 each: blocks decoded, TLB misses, faults, interrupts, exits. */
export const V_STAT_BLOCKS: u32 = 0x4a0;
export const V_STAT_TLB_MISSES: u32 = 0x4a8;
export const V_STAT_FAULTS: u32 = 0x4b0;
export const V_STAT_INTERRUPTS: u32 = 0x4b8;
export const V_STAT_EXITS: u32 = 0x4c0;
/** u64 ns: machine time at which the engine should enter this vCPU again at the latest; 0 = none. */
export const V_WAKE_AT: u32 = 0x4c8;
/** Counts changes that wake a halted vCPU (futex word: wait on it with its old value). */
export const V_WAKE: u32 = 0x4d0;
/** Instruction length of the software interrupt or trap that is being delivered. */
export const V_NEXT_RIP: u32 = 0x4d8; // u64
export const V_CURRENT_RECORD: u32 = 0x4e0;
/** MMIO writes of the current instruction: count, next to exit with, then MMIO_QUEUE_MAX (gpa u64, size u32, pad, data u64). */
export const V_MMIO_COUNT: u32 = 0x4e8;
export const V_MMIO_NEXT: u32 = 0x4ec;
/** In the area behind the floating-point state: room for an XSAVE image in pieces of 8 bytes. */
export const V_MMIO_QUEUE: u32 = 0x5000;
export const MMIO_QUEUE_MAX: u32 = 512;
/** Bumped whenever the decode cache is emptied: a link noted before is void. */
export const V_BLOCK_EPOCH: u32 = 0x4f0;
/** Stores beside code that were found to change no decoded byte: hva and bytes << 32, CLEAN_ENTRIES u64; forgotten when code is decoded. */
export const V_CLEAN: u32 = 0x4800;
export const CLEAN_ENTRIES: u32 = 16;
/**
 * Stores that have changed decoded bytes, CHANGES entries by hva: u32 hva, u32 how often so far, and from CHANGES_BYTES_SHIFT up the
 * bytes of the store.
 */
export const V_CHANGES: u32 = 0x4880;
export const CHANGES: u32 = 64;
export const CHANGES_BYTES_SHIFT: u32 = 16;
/** Place and length of the code in the scratch block while it runs; 0 bytes = none. */
export const V_SCRATCH_HVA: u32 = 0x4f4;
export const V_SCRATCH_BYTES: u32 = 0x3e0;
/** The base of the VM that this vCPU belongs to (see VM_NEXT). */
export const V_BASE: u32 = 0x3e4;
/** 1 while the thread that runs this vCPU answers accesses to ports without an exit (`run_served`). */
export const V_SERVED: u32 = 0x3e8;
/** Address of the execute entries in force (a set's, of supervisor or user); chosen with V_TLB. */
export const V_TLB_EXEC: u32 = 0x3ec;
/** u64: the linear addresses of 64-bit code, or those of the rest (32 bits). */
export const V_ADDRESS_MASK: u32 = 0x3f0;
/** A spin of PAUSEs: how many there were, instructions retired at the last one (u64), ns of the last sleep in it. */
export const V_PAUSES: u32 = 0x688;
export const V_PAUSED_AT: u32 = 0x690;
export const V_PAUSE_SLEEP: u32 = 0x698;
/** u64: RIP at which the compiled region in hand was entered. */
export const V_JIT_RIP: u32 = 0x6a0;
/** Regions that were made since all were forgotten, and the first free byte for what they keep. */
export const V_JIT_REGIONS: u32 = 0x6a8;
export const V_JIT_TOP: u32 = 0x6ac;
/** The instance of the core whose table the regions are in, 0 = none. */
export const V_JIT_OWNER: u32 = 0x6b0;
/** u64: the time of the next timer when the host's clock was last looked at, and i32: the budget below which it is again. */
export const V_TIMER_NEXT: u32 = 0x780;
export const V_TIMER_BUDGET: u32 = 0x788;
/** u64: instructions retired when an exception was last delivered, plus 1. */
export const V_FAULTED_AT: u32 = 0x790;
/** Highest number that a region has had, and the first number that is free again (a chain by REGION_NEXT), 0 = none. */
export const V_JIT_LAST: u32 = 0x6b4;
export const V_JIT_FREE: u32 = 0x6b8;
/** Regions that live, and their emitted bytes. */
export const V_JIT_LIVE: u32 = 0x6bc;
export const V_JIT_BYTES: u32 = 0x6c0;
/** Number of the region that was last looked at for one that goes. */
export const V_JIT_HAND: u32 = 0x6c4;
/** Where the records of the region in hand lie. */
export const V_JIT_RECORDS: u32 = 0x6c8;
/** Records that were kept since all regions were forgotten. */
export const V_JIT_KEPT: u32 = 0x6cc;
/** Highest number that a part has had, and the first one that is free again (a chain by PART_NEXT), 0 = none. */
export const V_JIT_LAST_PART: u32 = 0x6d0;
export const V_JIT_FREE_PART: u32 = 0x6d4;
/** Parts of the regions that live. */
export const V_JIT_PARTS: u32 = 0x6d8;
/** Bytes of all V_JIT_* fields. */
export const V_JIT_FIELDS: u32 = 0x40;
/** u64: state of RDRAND and RDSEED, begun from VM_SEED and the vCPU's id. */
export const V_RANDOM: u32 = 0x4f8;
/** KVM_INTERRUPT / PIC / LAPIC: last injected vector, for KVM_GET_VCPU_EVENTS. */
export const V_INJECTED: u32 = 0x4e4;
/** 0x800..0xfff of the vCPU page belong to the VMM floor (paused word, event word, thread state). */
export const V_VMM_WORDS: u32 = 0x800;

// V_MODE bits.
export const MODE_16: u32 = 0;
export const MODE_32: u32 = 1;
export const MODE_64: u32 = 2;
export const MODE_SIZE: u32 = 3;
/** CS, DS, ES and SS are flat (base 0, limit 4 GiB, readable and writable) and the stack is 32 bits wide. */
export const MODE_FLAT: u32 = 4;
/** The stack pointer is 32 bits wide (SS.B). */
export const MODE_STACK32: u32 = 8;
/** Real mode or virtual-8086 mode: far transfers load selectors without descriptors. */
export const MODE_REAL: u32 = 16;
// Which of x87, MMX, SSE and AVX may run: the decoder turns the others into #NM or #UD, so no handler looks at CR0 and CR4.
/** CR0.TS. */
export const MODE_TS: u32 = 32;
/** CR0.EM. */
export const MODE_EM: u32 = 64;
/** CR4.OSFXSR. */
export const MODE_SSE: u32 = 128;
/** CR4.OSXSAVE, and XCR0 has SSE and AVX. */
export const MODE_AVX: u32 = 256;

// V_REQUESTS bits.
export const REQ_PAUSE: u32 = 1;
export const REQ_EXIT: u32 = 2;
export const REQ_FLUSH_TLB: u32 = 4;
export const REQ_FLUSH_WRITE_TLB: u32 = 8;
/** Something about interrupts, INIT, SIPI or timers changed. */
export const REQ_EVENTS: u32 = 16;
export const REQ_EXCLUSIVE: u32 = 32;
/** Pages in the code queue must leave the decode cache. */
export const REQ_CODE: u32 = 64;
/** The vCPU's own: its dirty ring was at the soft limit. It stays until there is room. */
export const REQ_RING_FULL: u32 = 128;

// V_STATE. No thread is in the core with this vCPU:
export const VCPU_OUT: u32 = 0;
/** One is, and may be in the middle of an instruction. */
export const VCPU_IN: u32 = 1;
/** One is, and touches neither guest memory nor translations; it looks at the requests before it does. */
export const VCPU_PARKED: u32 = 2;

// V_LF_KIND: how to derive the arithmetic flags. A, B and RES are sign-extended from the operand size to 64 bits.
export const LF_EXPLICIT: u32 = 0;
/** ZF SF PF from RES; CF OF AF in V_LF_CF. */
export const LF_PARTIAL: u32 = 1;
export const LF_LOGIC: u32 = 2;
export const LF_ADD: u32 = 3;
export const LF_SUB: u32 = 4;
/** ADC with carry in. */
export const LF_ADC: u32 = 5;
/** SBB with borrow in. */
export const LF_SBB: u32 = 6;
export const LF_INC: u32 = 7;
export const LF_DEC: u32 = 8;

/** What `run` returns. */
export const RUN_EXIT: u32 = 0;
/** The budget is used up: by instructions, and by exceptions that follow each other with none between. */
export const RUN_BUDGET: u32 = 1;
/** Halted or waiting for SIPI with an irqchip: wait on V_WAKE until V_WAKE_AT. */
export const RUN_HALTED: u32 = 2;
/** REQ_PAUSE or REQ_EXIT was seen. */
export const RUN_REQUEST: u32 = 3;
/** kvm_run.immediate_exit was set: EINTR. */
export const RUN_INTERRUPTED: u32 = 4;
