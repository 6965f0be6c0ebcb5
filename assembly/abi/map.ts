// The one memory: where everything of a virtual machine lives. Constants only, read by asc and by tsc alike.
//
//   0x0000_0000  guard page: never used, so that offset 0 can mean "none"
//   0x0000_0400  read-only data of the core (asc's memoryBase), the same bytes for every instance
//   0x0001_0000  VM page           header, slot table, dirty-harvest words, locks
//   0x0002_0000  irqchip           8259 pair | IOAPIC | 8254 | kvmclock, a page each; GSI routes
//   0x0002_8000  pins              who holds the VM, and what they have attached (pins.ts)
//   0x0003_0000  devices           sixteen pages, one a device
//   0x0004_0000  rings             console in and out, exit trace
//   0x000c_1000  terminal          that of the virtio console: its size and two rings
//   0x000c_8000  slots of SMM      the slot table of address space 1
//   0x000d_0000  eventfd values    what ioeventfds were written with
//   0x000e_0000  PCI functions     sixteen pages, one a device of bus 0
//   0x000f_0000  MSR filters       two places, one of them in force
//   0x0010_0000  page flags        a byte for each 4 KiB page of this memory (holds code, pinned)
//   0x0020_0000  code lines        a u64 for each 4 KiB page: its 64-byte lines that hold decoded code
//   0x00a0_0000  choices           which blocks the vCPUs of this memory have compiled together (jit/choices.ts)
//   0x00b0_0000  vCPU 0            VCPU_STRIDE bytes each, see below
//   0x00b0_0000 + vcpus * stride   heap: dirty bitmaps and guest RAM, 64 KiB aligned; hva = offset in this memory
//
// A memory is the address space of a VMM process and may hold several VMs. The first lies as drawn. Another one has the
// same drawing again from its base on, on the heap: VM page, irqchip, devices, rings and vCPUs; its page flags and code
// lines are not used, since those of the memory are one for all. What is shared by all VMs (heap, exclusive right, the
// chain of VMs) stands in the VM page of the first, whether or not a VM lives there.

export const PAGE_SIZE: u32 = 0x1000;
export const PAGE_SHIFT: u32 = 12;
export const WASM_PAGE: u32 = 0x10000;

export const VM_PAGE: u32 = 0x10000;
export const IRQCHIP_BASE: u32 = 0x20000;
export const PIC_PAGE: u32 = 0x20000;
export const IOAPIC_PAGE: u32 = 0x21000;
export const PIT_PAGE: u32 = 0x22000;
export const CLOCK_PAGE: u32 = 0x23000;
/** The GSI routing table, 16 KiB. */
export const ROUTES_PAGE: u32 = 0x24000;
export const DEVICES_BASE: u32 = 0x30000;
export const DEVICES_MAX: u32 = 16;
/** Pages of PCI functions (web/pci/function.ts draws one); the bus itself has a page of the devices. */
export const PCI_FUNCTIONS_BASE: u32 = 0xe0000;
export const PCI_FUNCTIONS_MAX: u32 = 16;
/** Console rings: each a header of 64 bytes and then its data, see web/devices/ring.ts. */
export const CONSOLE_OUT_RING: u32 = 0x40000;
export const CONSOLE_IN_RING: u32 = 0x60000;
export const RING_STRIDE: u32 = 0x20000;
/** Exit trace: head word (u32) then TRACE_ENTRIES entries of TRACE_ENTRY_SIZE bytes. */
export const TRACE_RING: u32 = 0x80000;
export const TRACE_HEADER: u32 = 64;
export const TRACE_ENTRY_SIZE: u32 = 64;
export const TRACE_ENTRIES: u32 = 4096;

/** The terminal of a virtio console, see web/virtio/terminal.ts. */
export const TERMINAL_BASE: u32 = 0xc1000;

export const PAGE_FLAGS: u32 = 0x100000;
/** The page holds instructions that some vCPU has decoded. */
export const PAGE_HOLDS_CODE: u32 = 1;
/** It was written while it held code, so decoders must expect stores beside them. */
export const PAGE_MIXED: u32 = 2;
/** No TLB has a plain write entry of it any more. */
export const PAGE_WATCHED: u32 = 4;
export const CODE_LINES: u32 = 0x200000;
export const CODE_LINE_SHIFT: u32 = 6;

export const JIT_CHOICES: u32 = 0xa00000;

export const VCPU_BASE: u32 = 0xb00000;
/** Four areas end below 40 MiB: programs that bring their own memory are linked from there on (web/session/vmm_program.ts). */
export const VCPU_STRIDE: u32 = 0x710000;
export const MAX_VCPUS: u32 = 32;

// A vCPU's area, offsets from its base. The first three pages are what mmap(vcpu fd) shows.
export const VCPU_RUN: u32 = 0x0000;
export const VCPU_PIO: u32 = 0x1000;
export const VCPU_COALESCED: u32 = 0x2000;
export const VCPU_PAGE: u32 = 0x3000;
export const VCPU_LAPIC: u32 = 0x4000;
export const VCPU_MSRS: u32 = 0x5000;
export const VCPU_CPUID: u32 = 0x6000;
export const VCPU_FPU: u32 = 0x7000;
/** 0x8000..0xdfff: MMIO accesses of the instruction in hand (V_MMIO_QUEUE, V_REPLAY). */
/** struct kvm_dirty_gfn[]: flags u32, slot u32, offset u64 in pages; DIRTY_RING_BYTES at most. */
export const VCPU_DIRTY_RING: u32 = 0x10000;
export const DIRTY_RING_BYTES: u32 = 0x10000;
export const DIRTY_GFN_SIZE: u32 = 16;
export const DIRTY_GFN_F_DIRTY: u32 = 1;
export const DIRTY_GFN_F_RESET: u32 = 2;
/** Entries that stay free at the soft limit, for what the instruction in hand writes still (KVM_DIRTY_RING_RSVD_ENTRIES). */
export const DIRTY_RING_RESERVED: u32 = 64;
/** From here on all of the area is derived state. */
export const VCPU_DERIVED: u32 = 0x20000;
/** Data accesses of a mode that is never filled: every one takes the slow path (alignment check, data breakpoints). For all sets. */
export const VCPU_TLB_NONE: u32 = 0x20000;
/** Decode cache: a hash of block addresses, a scratch block, and the records; derived state. */
export const VCPU_BLOCK_HASH: u32 = 0x40000;
export const BLOCK_HASH_ENTRIES: u32 = 16384;
export const VCPU_SCRATCH_BLOCK: u32 = 0x50000;
/**
 * Data entries that were filled for stores since all of these were emptied: u32 number, then their addresses (u32), TLB_STORES_MAX
 * at most; a greater number says that they do not fit.
 */
export const VCPU_TLB_STORES: u32 = 0x51000;
export const TLB_STORES_MAX: u32 = 1023;
/** Decoded instructions that cross a page, CROSSING_SIZE bytes each, by their place. */
export const VCPU_CROSSINGS: u32 = 0x52000;
export const CROSSINGS: u32 = 128;
export const CROSSING_SIZE: u32 = 64;
/** Heads of the chains of blocks by code page: BLOCK_CHAINS block addresses, 0 = none. */
export const VCPU_BLOCK_CHAINS: u32 = 0x54000;
export const BLOCK_CHAINS: u32 = 2048;
/**
 * Data and execute entries of a TLB set that were filled and are not global, so that those alone are emptied: u32 address of the set,
 * u32 number of entries, then their addresses (u32), TLB_LIST_MAX at most; a greater number says that they do not fit.
 */
export const VCPU_TLB_LIST: u32 = 0x56000;
export const TLB_LIST_MAX: u32 = 1022;
/** The decoder's cursor (decode/cursor.ts); meaningless between instructions. */
export const VCPU_CURSOR: u32 = 0x57000;
/** A bit for each 4 MiB (modulo 4 GiB) of which a part of a large page may be in the TLB: TLB_LARGE_BITS bits. */
export const VCPU_TLB_LARGE: u32 = 0x57800;
export const TLB_LARGE_BITS: u32 = 1024;
export const VCPU_BLOCKS: u32 = 0x58000;
export const VCPU_BLOCKS_END: u32 = 0x357000;
/**
 * Pages whose code has changed, for the vCPU to drop what it made of it: CODE_QUEUE_PLACES words (u32), hva >> 12, + 1, and from
 * CODE_QUEUE_ROUND on how often the place was taken before; 0 = empty. CODE_QUEUE_GIVEN_UP instead of the page: the reader waits no more.
 */
export const VCPU_CODE_QUEUE: u32 = 0x357000;
export const CODE_QUEUE_PLACES: u32 = 1024;
export const CODE_QUEUE_ROUND: u32 = 21;
export const CODE_QUEUE_GIVEN_UP: u32 = 0x1fffff;
/** The compiler's room; derived state. Regions, what they keep of their code, and where one is made (abi/jit.ts). */
export const VCPU_JIT: u32 = 0x358000;
/** The modules of regions as they were compiled, for whoever looks at them: a ring (abi/jit.ts); derived state. */
export const VCPU_JIT_TEXTS: u32 = 0x458000;
/** Software TLB: TLB_SETS sets, each for one PCID; derived state. */
export const VCPU_TLB: u32 = 0x498000;
export const TLB_SETS: u32 = 6;
export const TLB_SET_STRIDE: u32 = 0x68000;
/**
 * A set: for each mode but TLB_NONE an array of TLB_ENTRIES entries, that of la >> 12 modulo their number; then the execute arrays.
 * Of two pages a multiple of 16 MiB apart one has room.
 */
export const TLB_ENTRIES: u32 = 4096;
export const TLB_ENTRY_SHIFT: u32 = 5;
export const TLB_ENTRY_SIZE: u32 = 32;
export const TLB_MODE_STRIDE: u32 = 0x20000;
export const TLB_SUPERVISOR: u32 = 0;
export const TLB_USER: u32 = 1;
/** Supervisor with SMAP in force (CR4.SMAP=1, EFLAGS.AC=0). */
export const TLB_SMAP: u32 = 2;
/** The array at VCPU_TLB_NONE. */
export const TLB_NONE: u32 = 3;
/** Execute entries have arrays of their own (supervisor, user) in each set: tag u64, addend i32, flags u32. */
export const TLB_EXEC: u32 = 0x60000;
export const TLB_EXEC_ENTRIES: u32 = 1024;
export const TLB_EXEC_ENTRY_SIZE: u32 = 16;
export const TLB_EXEC_STRIDE: u32 = 0x4000;
export const TLB_EXEC_ADDEND: u32 = 8;
export const TLB_EXEC_FLAGS: u32 = 12;

// TLB entry: linear page tags (bit 0 set = empty), and hva - la.
export const TLB_READ: u32 = 0;
export const TLB_WRITE: u32 = 8;
/** A page that may be written but whose stores are looked at one by one: it holds decoded code, or no RAM (TLB_DEVICE). */
export const TLB_MIXED: u32 = 16;
/** i32: hva = wrap(la) + addend; with TLB_DEVICE the number of the guest page. */
export const TLB_ADDEND: u32 = 24;
export const TLB_FLAGS: u32 = 28;
export const TLB_GLOBAL: u32 = 1;
/** Part of a page of 2 or 4 MiB; of 1 GiB. */
export const TLB_LARGE: u32 = 2;
export const TLB_HUGE: u32 = 4;
/** A user page whose rights PKRU has shaped; its protection key is in bits 8 up. */
export const TLB_KEYED: u32 = 8;
export const TLB_KEY_SHIFT: u32 = 8;
/** No slot holds the page: TLB_MIXED says that stores are allowed, and they go to a device. */
export const TLB_DEVICE: u32 = 16;

// VM page: offsets from VM_PAGE.
export const VM_MAGIC_VALUE: u32 = 0x52545556; // "VUTR"
export const VM_LAYOUT_VERSION: u32 = 3;
export const VM_MAGIC: u32 = 0x000;
export const VM_VERSION: u32 = 0x004;
/** Number of vCPU areas reserved. */
export const VM_MAX_VCPUS: u32 = 0x008;
/** Bitmap of created vCPU ids (u32, atomic). */
export const VM_VCPUS: u32 = 0x00c;
/** Bumped whenever the slot table changes; slot caches compare it. */
export const VM_GENERATION: u32 = 0x010;
/** 1 after KVM_CREATE_IRQCHIP. */
export const VM_HAS_IRQCHIP: u32 = 0x014;
/** 1 after KVM_CREATE_PIT2. */
export const VM_HAS_PIT: u32 = 0x018;
/** Page of the vCPU that holds EXCLUSIVE in this memory, 0 = nobody; in the first VM's page only. */
export const VM_EXCLUSIVE_OWNER: u32 = 0x01c;
/** Lock of the slot table, of the irqchip, of the heap (0 free, 1 held). */
export const VM_SLOT_LOCK: u32 = 0x020;
export const VM_IRQ_LOCK: u32 = 0x024;
export const VM_HEAP_LOCK: u32 = 0x028;
/** First free byte of the heap, and its end (u32 each); in the first VM's page only. */
export const VM_HEAP_TOP: u32 = 0x02c;
export const VM_HEAP_END: u32 = 0x034;
export const VM_ENGINE: u32 = 0x030;
export const ENGINE_PARALLEL: u32 = 0;
export const ENGINE_DETERMINISTIC: u32 = 1;
/** u64: virtual time in ns (deterministic engine), advanced by the engine. */
export const VM_VIRTUAL_NS: u32 = 0x038;
/** u64: TSC frequency in kHz. */
export const VM_TSC_KHZ: u32 = 0x040;
/** u64: seed of the deterministic schedule, and of each vCPU's random numbers. */
export const VM_SEED: u32 = 0x048;
export const VM_BOOT_CPU: u32 = 0x050;
/** f64: host time in ms since the Unix epoch at which machine time was 0 (parallel engine). */
export const VM_TIME_ORIGIN: u32 = 0x058;
/** f64: host time in ms at which machine time was stopped; 0 = it runs. */
export const VM_TIME_STOPPED: u32 = 0x060;
/** u32: base of the next VM of this memory, 0 = none. It stays when a VM goes, so that nobody loses the chain's end. */
export const VM_NEXT: u32 = 0x068;
/** u32: 1 while a VM lives here. */
export const VM_ALIVE: u32 = 0x06c;
/** u32: which VM this is of those that have lived here, from 1: a handle of an earlier one is found out by it. */
export const VM_LIFE: u32 = 0x074;
/** Lock of the places for VMs; in the first VM's page only. */
export const VM_PLACES_LOCK: u32 = 0x070;
/** Words that the VMM floor may use (event wake-up, machine state): 0x080..0x0ff. */
export const VM_VMM_WORDS: u32 = 0x080;
/** KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2: its args, MANUAL_* bits (u32). */
export const VM_MANUAL_PROTECT: u32 = 0x100;
export const MANUAL_PROTECT_ENABLE: u32 = 1;
export const MANUAL_INITIALLY_SET: u32 = 2;
/** Entries of each vCPU's dirty ring; 0 = dirty pages are noted in the slots' bitmaps (u32). */
export const VM_DIRTY_RING: u32 = 0x104;
/** What KVM_SET_NR_MMU_PAGES, KVM_SET_TSS_ADDR and KVM_SET_IDENTITY_MAP_ADDR have set: this VM needs none of it (u32, u32, u64). */
export const VM_MMU_PAGES: u32 = 0x108;
export const VM_TSS_ADDR: u32 = 0x10c;
/** 1 + the entries of a new block after which it is compiled, at most 1 + HEAT_LIMIT; 0 = the interpreter executes everything. */
export const VM_HEAT: u32 = 0x1fc;
/** Emitted bytes that the regions of a vCPU may have together; the least used go first. */
export const VM_JIT_BYTES: u32 = 0x1f4;
export const VM_IDENTITY_MAP: u32 = 0x110;
/** Highest used alias + 1 (u32), and the aliases: address ranges that mean another range. */
export const VM_ALIAS_COUNT: u32 = 0x118;
export const VM_ALIASES: u32 = 0x120;
export const ALIAS_ENTRY_SIZE: u32 = 32;
/** KVM_ALIAS_SLOTS of Linux 2.6.22. */
export const MAX_ALIASES: u32 = 4;
// Alias entry.
export const ALIAS_GPA: u32 = 0; // u64
export const ALIAS_SIZE: u32 = 8; // u64 bytes; 0 = no alias
export const ALIAS_TARGET: u32 = 16; // u64
export const ALIAS_FLAGS: u32 = 24; // u32, kept for its reader

/** From here on the tables of events: abi/bus.ts, abi/eventfd.ts and abi/irqchip.ts draw them. */
export const VM_EVENT_TABLES: u32 = 0x7f20;

/** Slot table of address space 0: entries sorted by nothing; id = index. */
export const VM_SLOTS: u32 = 0x1000;
export const SLOT_ENTRY_SIZE: u32 = 64;
export const MAX_SLOTS: u32 = 256;
// Slot entry.
export const SLOT_GPA: u32 = 0; // u64
export const SLOT_SIZE: u32 = 8; // u64 bytes; 0 = no slot
export const SLOT_HVA: u32 = 16; // u32 offset in this memory
export const SLOT_FLAGS: u32 = 20; // u32 KVM_MEM_*
/** u32 offset of the dirty bitmap, 0 = none. Behind it another of its size: pages that lie in some vCPU's dirty ring. */
export const SLOT_BITMAP: u32 = 24;
/** u32: the number that user space gave it, its address space in bits 16 up. */
export const SLOT_ID: u32 = 28;
/** Where the dirty bitmap of this id was allocated and its size in bytes; kept when the slot goes (u32 each). */
export const SLOT_BITMAP_HOME: u32 = 32;
export const SLOT_BITMAP_ROOM: u32 = 36;
/** The same for the memory that KVM_SET_MEMORY_REGION gave this id. */
export const SLOT_RAM_HOME: u32 = 40;
export const SLOT_RAM_ROOM: u32 = 44;
/** Highest used slot index + 1 (u32), so that a look-up stops early. */
export const VM_SLOT_COUNT: u32 = 0x054;
/** The same for address space 1, which vCPUs in system management mode see. */
export const VM_SMM_SLOTS: u32 = 0xb8000;
export const VM_SMM_SLOT_COUNT: u32 = 0x1f8;
