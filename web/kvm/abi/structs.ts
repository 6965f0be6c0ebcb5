// The structs of <linux/kvm.h> for x86-64, in the header's order and words. It computes nothing: layout.ts does.
//
// One table, many readers: the typed API, the ioctl door, the files of /kvm and the docs. Offsets follow from C's
// rules; a test holds every one of them against numbers read from the compiled header.

import {
  array,
  bits,
  bytes,
  char,
  flexible,
  overlay,
  pointer,
  record,
  type Struct,
  s16,
  s32,
  s64,
  u8,
  u16,
  u32,
  u64,
  union,
  type ValueOf,
} from './layout.ts';

/** KVM_NR_INTERRUPTS: vectors in kvm_sregs.interrupt_bitmap. */
export const KVM_NR_INTERRUPTS = 256;
/** KVM_MAX_XCRS: extended control registers in kvm_xcrs. */
export const KVM_MAX_XCRS = 16;
/** KVM_APIC_REG_SIZE: bytes of a local APIC's register page that KVM carries. */
export const KVM_APIC_REG_SIZE = 0x400;
/** KVM_IOAPIC_NUM_PINS: pins of the IOAPIC. */
export const KVM_IOAPIC_NUM_PINS = 24;

// Registers

export const kvm_regs = record('kvm_regs', {
  ...{ rax: u64, rbx: u64, rcx: u64, rdx: u64, rsi: u64, rdi: u64, rsp: u64, rbp: u64 },
  ...{ r8: u64, r9: u64, r10: u64, r11: u64, r12: u64, r13: u64, r14: u64, r15: u64 },
  ...{ rip: u64, rflags: u64 },
});

export const kvm_segment = record('kvm_segment', {
  ...{ base: u64, limit: u32, selector: u16, type: u8, present: u8, dpl: u8, db: u8 },
  ...{ s: u8, l: u8, g: u8, avl: u8, unusable: u8, padding: u8 },
});

export const kvm_dtable = record('kvm_dtable', { base: u64, limit: u16, padding: array(u16, 3) });

const sregsHead = {
  ...{ cs: kvm_segment, ds: kvm_segment, es: kvm_segment, fs: kvm_segment, gs: kvm_segment, ss: kvm_segment },
  ...{ tr: kvm_segment, ldt: kvm_segment, gdt: kvm_dtable, idt: kvm_dtable },
  ...{ cr0: u64, cr2: u64, cr3: u64, cr4: u64, cr8: u64, efer: u64, apic_base: u64 },
};
export const kvm_sregs = record('kvm_sregs', {
  ...sregsHead,
  interrupt_bitmap: array(u64, KVM_NR_INTERRUPTS / 64),
});
export const kvm_sregs2 = record('kvm_sregs2', { ...sregsHead, flags: u64, pdptrs: array(u64, 4) });

export const kvm_fpu = record('kvm_fpu', {
  ...{ fpr: bytes(16, 'u8', 8), fcw: u16, fsw: u16, ftwx: u8, pad1: u8, last_opcode: u16 },
  ...{ last_ip: u64, last_dp: u64, xmm: bytes(16, 'u8', 16), mxcsr: u32, pad2: u32 },
});
export const kvm_debugregs = record('kvm_debugregs', {
  ...{ db: array(u64, 4), dr6: u64, dr7: u64, flags: u64, reserved: array(u64, 9) },
});
export const kvm_xsave = record('kvm_xsave', { region: array(u32, 1024), extra: flexible(u32) });
export const kvm_xcr = record('kvm_xcr', { xcr: u32, reserved: u32, value: u64 });
export const kvm_xcrs = record('kvm_xcrs', {
  ...{ nr_xcrs: u32, flags: u32, xcrs: array(kvm_xcr, KVM_MAX_XCRS), padding: array(u64, 16) },
});

export const kvm_msr_entry = record('kvm_msr_entry', { index: u32, reserved: u32, data: u64 });
export const kvm_msrs = record('kvm_msrs', { nmsrs: u32, pad: u32, entries: flexible(kvm_msr_entry) });
export const kvm_msr_list = record('kvm_msr_list', { nmsrs: u32, indices: flexible(u32) });
export const kvm_msr_filter_range = record('kvm_msr_filter_range', {
  flags: u32,
  nmsrs: u32,
  base: u32,
  bitmap: pointer,
});
/** KVM_MSR_FILTER_MAX_RANGES: ranges of one filter. */
export const KVM_MSR_FILTER_MAX_RANGES = 16;
export const kvm_msr_filter = record('kvm_msr_filter', {
  flags: u32,
  ranges: array(kvm_msr_filter_range, KVM_MSR_FILTER_MAX_RANGES),
});
/** The entries of KVM_SET_CPUID, before sub-leaves. */
export const kvm_cpuid_entry = record('kvm_cpuid_entry', {
  ...{ function: u32, eax: u32, ebx: u32, ecx: u32, edx: u32, padding: u32 },
});
export const kvm_cpuid = record('kvm_cpuid', { nent: u32, padding: u32, entries: flexible(kvm_cpuid_entry) });
export const kvm_cpuid_entry2 = record('kvm_cpuid_entry2', {
  ...{
    function: u32,
    index: u32,
    flags: u32,
    eax: u32,
    ebx: u32,
    ecx: u32,
    edx: u32,
    padding: array(u32, 3),
  },
});
export const kvm_cpuid2 = record('kvm_cpuid2', {
  nent: u32,
  padding: u32,
  entries: flexible(kvm_cpuid_entry2),
});

// Interrupts, events, chips

export const kvm_interrupt = record('kvm_interrupt', { irq: u32 });
export const kvm_irq_level = record('kvm_irq_level', overlay({ irq: u32, status: s32 }), { level: u32 });
export const kvm_lapic_state = record('kvm_lapic_state', { regs: bytes(KVM_APIC_REG_SIZE, 'char') });

export const kvm_pic_state = record('kvm_pic_state', {
  ...{
    last_irr: u8,
    irr: u8,
    imr: u8,
    isr: u8,
    priority_add: u8,
    irq_base: u8,
    read_reg_select: u8,
    poll: u8,
  },
  ...{ special_mask: u8, init_state: u8, auto_eoi: u8, rotate_on_auto_eoi: u8 },
  ...{ special_fully_nested_mode: u8, init4: u8, elcr: u8, elcr_mask: u8 },
});
const redirtbl = union('redirtbl', {
  bits: u64,
  fields: record('redirtbl.fields', {
    ...{
      vector: u8,
      delivery_mode: bits(3),
      dest_mode: bits(1),
      delivery_status: bits(1),
      polarity: bits(1),
    },
    ...{
      remote_irr: bits(1),
      trig_mode: bits(1),
      mask: bits(1),
      reserve: bits(7),
      reserved: bytes(4),
      dest_id: u8,
    },
  }),
});
export const kvm_ioapic_state = record('kvm_ioapic_state', {
  ...{ base_address: u64, ioregsel: u32, id: u32, irr: u32, pad: u32 },
  redirtbl: array(redirtbl, KVM_IOAPIC_NUM_PINS),
});
export const kvm_irqchip = record('kvm_irqchip', {
  ...{ chip_id: u32, pad: u32 },
  chip: union('chip', { dummy: bytes(512, 'char'), pic: kvm_pic_state, ioapic: kvm_ioapic_state }),
});

export const kvm_mp_state = record('kvm_mp_state', { mp_state: u32 });
export const kvm_vcpu_events = record('kvm_vcpu_events', {
  exception: record('exception', { injected: u8, nr: u8, has_error_code: u8, pending: u8, error_code: u32 }),
  interrupt: record('interrupt', { injected: u8, nr: u8, soft: u8, shadow: u8 }),
  nmi: record('nmi', { injected: u8, pending: u8, masked: u8, pad: u8 }),
  ...{ sipi_vector: u32, flags: u32 },
  smi: record('smi', { smm: u8, pending: u8, smm_inside_nmi: u8, latched_init: u8 }),
  triple_fault: record('triple_fault', { pending: u8 }),
  ...{ reserved: bytes(26), exception_has_payload: u8, exception_payload: u64 },
});
export const kvm_irqfd = record('kvm_irqfd', {
  fd: u32,
  gsi: u32,
  flags: u32,
  resamplefd: u32,
  pad: bytes(16),
});
export const kvm_ioeventfd = record('kvm_ioeventfd', {
  ...{ datamatch: u64, addr: u64, len: u32, fd: s32, flags: u32, pad: bytes(36) },
});
export const kvm_irq_routing_entry = record('kvm_irq_routing_entry', {
  ...{ gsi: u32, type: u32, flags: u32, pad: u32 },
  u: union('u', {
    irqchip: record('irqchip', { irqchip: u32, pin: u32 }),
    msi: record('msi', { address_lo: u32, address_hi: u32, data: u32 }, overlay({ pad: u32, devid: u32 })),
    hv_sint: record('hv_sint', { vcpu: u32, sint: u32 }),
    pad: array(u32, 8),
  }),
});
export const kvm_irq_routing = record('kvm_irq_routing', {
  ...{ nr: u32, flags: u32, entries: flexible(kvm_irq_routing_entry) },
});
export const kvm_msi = record('kvm_msi', {
  ...{ address_lo: u32, address_hi: u32, data: u32, flags: u32, devid: u32, pad: bytes(12) },
});
export const kvm_hyperv_eventfd = record('kvm_hyperv_eventfd', {
  ...{ conn_id: u32, fd: s32, flags: u32, padding: array(u32, 3) },
});
export const kvm_xen_hvm_config = record('kvm_xen_hvm_config', {
  ...{ flags: u32, msr: u32, blob_addr_32: u64, blob_addr_64: u64 },
  ...{ blob_size_32: u8, blob_size_64: u8, pad2: bytes(30) },
});
export const kvm_pit_config = record('kvm_pit_config', { flags: u32, pad: array(u32, 15) });
export const kvm_pit_channel_state = record('kvm_pit_channel_state', {
  ...{ count: u32, latched_count: u16, count_latched: u8, status_latched: u8, status: u8, read_state: u8 },
  ...{ write_state: u8, write_latch: u8, rw_mode: u8, mode: u8, bcd: u8, gate: u8, count_load_time: s64 },
});
export const kvm_pit_state = record('kvm_pit_state', { channels: array(kvm_pit_channel_state, 3) });
export const kvm_pit_state2 = record('kvm_pit_state2', {
  ...{ channels: array(kvm_pit_channel_state, 3), flags: u32, reserved: array(u32, 9) },
});
export const kvm_reinject_control = record('kvm_reinject_control', { pit_reinject: u8, reserved: bytes(31) });
export const kvm_clock_data = record('kvm_clock_data', {
  ...{ clock: u64, flags: u32, pad0: u32, realtime: u64, host_tsc: u64, pad: array(u32, 4) },
});
export const kvm_signal_mask = record('kvm_signal_mask', { len: u32, sigset: flexible(u8) });
export const kvm_tpr_access_ctl = record('kvm_tpr_access_ctl', {
  ...{ enabled: u32, flags: u32, reserved: array(u32, 8) },
});
export const kvm_vapic_addr = record('kvm_vapic_addr', { vapic_addr: u64 });
export const kvm_x86_mce = record('kvm_x86_mce', {
  ...{ status: u64, addr: u64, misc: u64, mcg_status: u64, bank: u8, pad1: bytes(7), pad2: array(u64, 3) },
});

// kvm_run: the page that a vCPU and its owner share

export const kvm_sync_regs = record('kvm_sync_regs', {
  regs: kvm_regs,
  sregs: kvm_sregs,
  events: kvm_vcpu_events,
});
export const kvm_debug_exit_arch = record('kvm_debug_exit_arch', {
  ...{ exception: u32, pad: u32, pc: u64, dr6: u64, dr7: u64 },
});

/** The arms of kvm_run's anonymous union, by the header's names; exits.ts says which exit fills which. */
export const kvm_run_arms = {
  hw: record('hw', { hardware_exit_reason: u64 }),
  fail_entry: record('fail_entry', { hardware_entry_failure_reason: u64, cpu: u32 }),
  ex: record('ex', { exception: u32, error_code: u32 }),
  io: record('io', { direction: u8, size: u8, port: u16, count: u32, data_offset: u64 }),
  debug: record('debug', { arch: kvm_debug_exit_arch }),
  mmio: record('mmio', { phys_addr: u64, data: bytes(8), len: u32, is_write: u8 }),
  hypercall: record('hypercall', { nr: u64, args: array(u64, 6), ret: u64, longmode: u32, pad: u32 }),
  tpr_access: record('tpr_access', { rip: u64, is_write: u32, pad: u32 }),
  internal: record('internal', { suberror: u32, ndata: u32, data: array(u64, 16) }),
  emulation_failure: record('emulation_failure', {
    ...{ suberror: u32, ndata: u32, flags: u64, insn_size: u8, insn_bytes: bytes(15) },
  }),
  system_event: record(
    'system_event',
    { type: u32, ndata: u32 },
    overlay({ flags: u64, data: array(u64, 16) }),
  ),
  eoi: record('eoi', { vector: u8 }),
  hyperv: record('hyperv', {
    ...{ type: u32, pad1: u32 },
    u: union('hyperv.u', {
      synic: record('synic', {
        ...{ msr: u32, pad2: u32, control: u64, evt_page: u64, msg_page: u64 },
      }),
      hcall: record('hcall', { input: u64, result: u64, params: array(u64, 2) }),
    }),
  }),
  msr: record('msr', { error: u8, pad: bytes(7), reason: u32, index: u32, data: u64 }),
  xen: record('xen', {
    type: u32,
    u: union('xen.u', {
      hcall: record('xen.hcall', {
        ...{ longmode: u32, cpl: u32, input: u64, result: u64, params: array(u64, 6) },
      }),
    }),
  }),
  notify: record('notify', { flags: u32 }),
  padding: bytes(256, 'char'),
};

export const kvm_run = record(
  'kvm_run',
  {
    ...{ request_interrupt_window: u8, immediate_exit: u8, padding1: bytes(6), exit_reason: u32 },
    ...{ ready_for_interrupt_injection: u8, if_flag: u8, flags: u16, cr8: u64, apic_base: u64 },
  },
  overlay(kvm_run_arms),
  { kvm_valid_regs: u64, kvm_dirty_regs: u64 },
  { s: union('s', { regs: kvm_sync_regs, padding: bytes(2048, 'char') }) },
);

// Memory, dirty logging, translation

export const kvm_userspace_memory_region = record('kvm_userspace_memory_region', {
  ...{ slot: u32, flags: u32, guest_phys_addr: u64, memory_size: u64, userspace_addr: u64 },
});
export const kvm_memory_region = record('kvm_memory_region', {
  ...{ slot: u32, flags: u32, guest_phys_addr: u64, memory_size: u64 },
});
/** asm/kvm.h up to Linux 2.6.35; `slot` counts aliases, not memory slots. */
export const kvm_memory_alias = record('kvm_memory_alias', {
  ...{ slot: u32, flags: u32, guest_phys_addr: u64, memory_size: u64, target_phys_addr: u64 },
});
export const kvm_dirty_log = record(
  'kvm_dirty_log',
  { slot: u32, padding1: u32 },
  overlay({ dirty_bitmap: pointer, padding2: u64 }),
);
export const kvm_clear_dirty_log = record(
  'kvm_clear_dirty_log',
  { slot: u32, num_pages: u32, first_page: u64 },
  overlay({ dirty_bitmap: pointer, padding2: u64 }),
);
export const kvm_dirty_gfn = record('kvm_dirty_gfn', { flags: u32, slot: u32, offset: u64 });
export const kvm_translation = record('kvm_translation', {
  ...{ linear_address: u64, physical_address: u64, valid: u8, writeable: u8, usermode: u8, pad: bytes(5) },
});
export const kvm_coalesced_mmio_zone = record(
  'kvm_coalesced_mmio_zone',
  { addr: u64, size: u32 },
  overlay({ pad: u32, pio: u32 }),
);
export const kvm_coalesced_mmio = record(
  'kvm_coalesced_mmio',
  { phys_addr: u64, len: u32 },
  overlay({ pad: u32, pio: u32 }),
  { data: bytes(8) },
);
export const kvm_coalesced_mmio_ring = record('kvm_coalesced_mmio_ring', {
  ...{ first: u32, last: u32, coalesced_mmio: flexible(kvm_coalesced_mmio) },
});

// Debug

export const kvm_guest_debug_arch = record('kvm_guest_debug_arch', { debugreg: array(u64, 8) });
export const kvm_guest_debug = record('kvm_guest_debug', {
  control: u32,
  pad: u32,
  arch: kvm_guest_debug_arch,
});

// Devices, capabilities, statistics

export const kvm_enable_cap = record('kvm_enable_cap', {
  cap: u32,
  flags: u32,
  args: array(u64, 4),
  pad: bytes(64),
});
export const kvm_create_device = record('kvm_create_device', { type: u32, fd: u32, flags: u32 });
export const kvm_device_attr = record('kvm_device_attr', { flags: u32, group: u32, attr: u64, addr: u64 });
export const kvm_one_reg = record('kvm_one_reg', { id: u64, addr: u64 });
export const kvm_stats_header = record('kvm_stats_header', {
  ...{ flags: u32, name_size: u32, num_desc: u32, id_offset: u32, desc_offset: u32, data_offset: u32 },
});
export const kvm_stats_desc = record('kvm_stats_desc', {
  ...{ flags: u32, exponent: s16, size: u16, offset: u32, bucket_size: u32, name: flexible(char) },
});

/** Every struct by its name in the header. */
export const STRUCTS = {
  ...{ kvm_regs, kvm_segment, kvm_dtable, kvm_sregs, kvm_sregs2, kvm_fpu, kvm_debugregs, kvm_xsave, kvm_xcr },
  ...{ kvm_xcrs, kvm_msr_entry, kvm_msrs, kvm_msr_list, kvm_msr_filter_range, kvm_msr_filter },
  ...{ kvm_cpuid_entry, kvm_cpuid, kvm_cpuid_entry2, kvm_cpuid2 },
  ...{ kvm_run, kvm_sync_regs, kvm_debug_exit_arch },
  ...{ kvm_memory_region, kvm_memory_alias },
  ...{ kvm_userspace_memory_region, kvm_dirty_log, kvm_clear_dirty_log, kvm_dirty_gfn, kvm_translation },
  ...{ kvm_coalesced_mmio_zone, kvm_coalesced_mmio, kvm_coalesced_mmio_ring },
  ...{ kvm_guest_debug, kvm_guest_debug_arch },
  ...{ kvm_interrupt, kvm_irq_level, kvm_lapic_state, kvm_irqchip, kvm_pic_state, kvm_ioapic_state },
  ...{ kvm_mp_state, kvm_vcpu_events, kvm_irqfd, kvm_ioeventfd, kvm_irq_routing_entry, kvm_irq_routing },
  ...{ kvm_msi, kvm_pit_config, kvm_pit_channel_state, kvm_pit_state, kvm_pit_state2, kvm_clock_data },
  ...{ kvm_reinject_control, kvm_hyperv_eventfd, kvm_xen_hvm_config },
  ...{ kvm_signal_mask, kvm_tpr_access_ctl, kvm_vapic_addr, kvm_x86_mce },
  ...{ kvm_enable_cap, kvm_create_device, kvm_device_attr, kvm_one_reg, kvm_stats_header, kvm_stats_desc },
} as const satisfies Readonly<Record<string, Struct<never> | Struct<unknown>>>;

/** The name of a struct in the table. */
export type StructName = keyof typeof STRUCTS;

export type KvmXenHvmConfig = ValueOf<typeof kvm_xen_hvm_config>;
export type KvmRegs = ValueOf<typeof kvm_regs>;
export type KvmSegment = ValueOf<typeof kvm_segment>;
export type KvmDtable = ValueOf<typeof kvm_dtable>;
export type KvmSregs = ValueOf<typeof kvm_sregs>;
export type KvmSregs2 = ValueOf<typeof kvm_sregs2>;
export type KvmFpu = ValueOf<typeof kvm_fpu>;
export type KvmXsave = ValueOf<typeof kvm_xsave>;
export type KvmXcrs = ValueOf<typeof kvm_xcrs>;
export type KvmDebugregs = ValueOf<typeof kvm_debugregs>;
export type KvmMsrEntry = ValueOf<typeof kvm_msr_entry>;
export type KvmCpuidEntry = ValueOf<typeof kvm_cpuid_entry>;
export type KvmCpuidEntry2 = ValueOf<typeof kvm_cpuid_entry2>;
export type KvmVcpuEvents = ValueOf<typeof kvm_vcpu_events>;
export type KvmTranslation = ValueOf<typeof kvm_translation>;
export type KvmTprAccessCtl = ValueOf<typeof kvm_tpr_access_ctl>;
export type KvmX86Mce = ValueOf<typeof kvm_x86_mce>;
export type KvmCreateDevice = ValueOf<typeof kvm_create_device>;
export type KvmDeviceAttr = ValueOf<typeof kvm_device_attr>;
export type KvmPitState = ValueOf<typeof kvm_pit_state>;
export type KvmGuestDebug = ValueOf<typeof kvm_guest_debug>;
export type KvmLapicState = ValueOf<typeof kvm_lapic_state>;
export type KvmIrqchip = ValueOf<typeof kvm_irqchip>;
export type KvmPitState2 = ValueOf<typeof kvm_pit_state2>;
export type KvmClockData = ValueOf<typeof kvm_clock_data>;
export type KvmIrqRoutingEntry = ValueOf<typeof kvm_irq_routing_entry>;
export type KvmMsi = ValueOf<typeof kvm_msi>;
export type KvmPitConfig = ValueOf<typeof kvm_pit_config>;
export type KvmEnableCap = ValueOf<typeof kvm_enable_cap>;
export type KvmMemoryRegion = ValueOf<typeof kvm_memory_region>;
export type KvmMemoryAlias = ValueOf<typeof kvm_memory_alias>;
export type KvmUserspaceMemoryRegion = ValueOf<typeof kvm_userspace_memory_region>;
