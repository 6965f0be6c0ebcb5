// KVM's own interface to its guests (<asm/kvm_para.h>, <asm/pvclock-abi.h>): MSRs, features, structs in guest memory, and
// where the core keeps what a guest has told it. Constants only.

export const MSR_KVM_WALL_CLOCK: u32 = 0x11;
export const MSR_KVM_SYSTEM_TIME: u32 = 0x12;
export const MSR_KVM_WALL_CLOCK_NEW: u32 = 0x4b564d00;
export const MSR_KVM_SYSTEM_TIME_NEW: u32 = 0x4b564d01;
export const MSR_KVM_ASYNC_PF_EN: u32 = 0x4b564d02;
export const MSR_KVM_STEAL_TIME: u32 = 0x4b564d03;
export const MSR_KVM_PV_EOI_EN: u32 = 0x4b564d04;
export const MSR_KVM_POLL_CONTROL: u32 = 0x4b564d05;
export const MSR_KVM_ASYNC_PF_INT: u32 = 0x4b564d06;
export const MSR_KVM_ASYNC_PF_ACK: u32 = 0x4b564d07;
/** Bit 0 of the MSRs that hold an address. */
export const KVM_MSR_ENABLED: u32 = 1;
/** The highest leaf of KVM's range of CPUID, its features in EAX, and their bits. */
export const KVM_CPUID_SIGNATURE: u32 = 0x40000000;
export const KVM_FEATURE_CLOCKSOURCE: u32 = 0;
export const KVM_FEATURE_NOP_IO_DELAY: u32 = 1;
export const KVM_FEATURE_CLOCKSOURCE2: u32 = 3;
export const KVM_FEATURE_ASYNC_PF: u32 = 4;
export const KVM_FEATURE_STEAL_TIME: u32 = 5;
export const KVM_FEATURE_PV_EOI: u32 = 6;
export const KVM_FEATURE_PV_UNHALT: u32 = 7;
export const KVM_FEATURE_PV_TLB_FLUSH: u32 = 9;
export const KVM_FEATURE_ASYNC_PF_VMEXIT: u32 = 10;
export const KVM_FEATURE_PV_SEND_IPI: u32 = 11;
export const KVM_FEATURE_POLL_CONTROL: u32 = 12;
export const KVM_FEATURE_PV_SCHED_YIELD: u32 = 13;
export const KVM_FEATURE_ASYNC_PF_INT: u32 = 14;
export const KVM_FEATURE_CLOCKSOURCE_STABLE_BIT: u32 = 24;

// struct pvclock_vcpu_time_info.
export const PVCLOCK_VERSION: u32 = 0; // u32
export const PVCLOCK_TSC_TIMESTAMP: u32 = 8; // u64
export const PVCLOCK_SYSTEM_TIME: u32 = 16; // u64 ns
export const PVCLOCK_TSC_TO_SYSTEM_MUL: u32 = 24; // u32
export const PVCLOCK_TSC_SHIFT: u32 = 28; // i8
export const PVCLOCK_FLAGS: u32 = 29; // u8
export const PVCLOCK_SIZE: u32 = 32;
export const PVCLOCK_TSC_STABLE_BIT: u32 = 1;
export const PVCLOCK_GUEST_STOPPED: u32 = 2;
// struct pvclock_wall_clock: version, seconds, nanoseconds of the moment at which kvmclock was 0.
export const WALL_CLOCK_SEC: u32 = 4; // u32
export const WALL_CLOCK_NSEC: u32 = 8; // u32
export const WALL_CLOCK_SIZE: u32 = 12;
// struct kvm_steal_time.
export const STEAL_TIME_STEAL: u32 = 0; // u64 ns
export const STEAL_TIME_VERSION: u32 = 8; // u32
export const STEAL_TIME_PREEMPTED: u32 = 16; // u8
export const STEAL_TIME_SIZE: u32 = 64;
export const KVM_VCPU_PREEMPTED: u32 = 1;
export const KVM_VCPU_FLUSH_TLB: u32 = 2;

// CLOCK_PAGE, beside CLOCK_OFFSET.
/** u64: what was written to MSR_KVM_WALL_CLOCK, which is one for the VM. */
export const CLOCK_WALL: u32 = 8;
/** u64 ns: the machine time from which all clock pages of guests count (atomic). */
export const CLOCK_BASE: u32 = 16;
/** u32: vCPU 0 uses the old MSR_KVM_SYSTEM_TIME, whose guests know no flags. */
export const CLOCK_OLD: u32 = 24;

// Words of a vCPU, offsets from its vCPU page; they lie in the page of MSR homes.
/** What must be written into guest memory before the guest goes on: PV_* (u32, atomic). */
export const V_PV_REQUESTS: u32 = 0x2300;
export const PV_CLOCK: u32 = 1;
export const PV_STEAL: u32 = 2;
/** What of the local APIC lies in guest memory: ATTENTION_* (u32). */
export const V_APIC_ATTENTION: u32 = 0x2304;
/** KVM_SET_VAPIC_ADDR is in force. */
export const ATTENTION_TPR: u32 = 1;
/** MSR_KVM_PV_EOI_EN is in force. */
export const ATTENTION_EOI: u32 = 2;
/** The guest has had the TPR, or the offer of an EOI by a bit, in its memory since the core looked last. */
export const ATTENTION_TPR_SHOWN: u32 = 4;
export const ATTENTION_EOI_SHOWN: u32 = 8;
/** MSR_KVM_SYSTEM_TIME, of either number (u64). */
export const V_KVMCLOCK: u32 = 0x2308;
/** KVM_KVMCLOCK_CTRL: the next update tells the guest that it stood (u32). */
export const V_KVMCLOCK_STOPPED: u32 = 0x2310;
/** 1: the guest's struct says KVM_VCPU_PREEMPTED (u32). */
export const V_PREEMPTED: u32 = 0x2314;
/** MSR_KVM_STEAL_TIME (u64). */
export const V_STEAL_TIME: u32 = 0x2318;
/** u64 ns: stolen time that the guest has not been told of. */
export const V_STOLEN: u32 = 0x2320;
/** u64 ns: machine time since which the vCPU could run and does not; 0 = it does not wait (atomic). */
export const V_WAITS_SINCE: u32 = 0x2328;
/** MSR_KVM_ASYNC_PF_EN, MSR_KVM_ASYNC_PF_INT, MSR_KVM_PV_EOI_EN, MSR_KVM_POLL_CONTROL (u64 each). */
export const V_ASYNC_PF: u32 = 0x2330;
export const V_ASYNC_PF_INT: u32 = 0x2338;
export const V_PV_EOI: u32 = 0x2340;
export const V_POLL_CONTROL: u32 = 0x2348;
/** The record behind which a run of blocks has stopped last, until the next one runs (u32). */
export const V_STOPPED_BEHIND: u32 = 0x2350;
