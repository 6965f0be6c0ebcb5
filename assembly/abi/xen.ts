// Xen: where a VM keeps what user space has set with KVM_XEN_HVM_CONFIG. Constants only, read by asc and by tsc alike.

export const KVM_XEN_HVM_CONFIG_HYPERCALL_MSR: u32 = 1;
export const KVM_XEN_HVM_CONFIG_INTERCEPT_HCALL: u32 = 2;

// VM page, offsets from it; u32 each.
/** KVM_XEN_HVM_CONFIG_*. */
export const VM_XEN_FLAGS: u32 = 0x6000;
/** The MSR by which a guest names its hypercall page; 0 = none. */
export const VM_XEN_MSR: u32 = 0x6004;
/** Addresses of the pages that user space gives, for 32-bit and for 64-bit guests, and their numbers. */
export const VM_XEN_BLOB_32: u32 = 0x6008;
export const VM_XEN_BLOB_64: u32 = 0x600c;
export const VM_XEN_PAGES_32: u32 = 0x6010;
export const VM_XEN_PAGES_64: u32 = 0x6014;
