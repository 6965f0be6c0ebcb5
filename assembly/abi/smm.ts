// System management mode (SDM vol. 3, chapter 31): its words in the vCPU page, and the two layouts of the state save map, which are
// KVM's (arch/x86/kvm/smm.h): AMD64's where CPUID has long mode, the P6's otherwise. Constants only.

// vCPU page.
/** 1 in SMM, else 0: the number of the address space that the vCPU sees (u32). */
export const V_SMM: u32 = 0x7c0;
/** 1: NMIs were masked when SMM was entered, and stay so after RSM (u32). */
export const V_SMM_INSIDE_NMI: u32 = 0x7c4;
/** 1: an SMI waits. More than one are one (u32, atomic). */
export const V_SMI_PENDING: u32 = 0x7c8;
/** IA32_SMBASE (u64). */
export const V_SMBASE: u32 = 0x7d0;
/** MSR_SMI_COUNT (u64). */
export const V_SMI_COUNT: u32 = 0x7d8;
/** The map on its way to or from guest memory, SMM_MAP_BYTES; meaningless between instructions. */
export const V_SMM_MAP: u32 = 0xbe00;

export const SMBASE_RESET: u32 = 0x30000;
/** RIP on entry. */
export const SMM_ENTRY: u32 = 0x8000;
/** Where the map lies, from SMBASE on. */
export const SMM_MAP: u32 = 0xfe00;
export const SMM_MAP_BYTES: u32 = 512;

/** Address spaces of slots: bits 16 up of a slot's number (KVM_ADDRESS_SPACE_NUM). */
export const ADDRESS_SPACES: u32 = 2;
export const SPACE_SHIFT: u32 = 16;

// The 64-bit map, offsets from its start.
/** ES CS SS DS FS GS, 16 bytes each: selector u16, attributes u16, limit u32, base u64. */
export const MAP64_SEGS: u32 = 0x000;
export const MAP64_SEG_STRIDE: u32 = 16;
export const MAP64_GDTR: u32 = 0x060;
export const MAP64_LDTR: u32 = 0x070;
export const MAP64_IDTR: u32 = 0x080;
export const MAP64_TR: u32 = 0x090;
/** KVM's own: the interrupt shadow (u8). */
export const MAP64_SHADOW: u32 = 0x0cb;
export const MAP64_EFER: u32 = 0x0d0; // u64
export const MAP64_REVISION: u32 = 0x0fc; // u32
export const MAP64_SMBASE: u32 = 0x100; // u32
export const MAP64_CR4: u32 = 0x148; // u64 each
export const MAP64_CR3: u32 = 0x150;
export const MAP64_CR0: u32 = 0x158;
export const MAP64_DR7: u32 = 0x160;
export const MAP64_DR6: u32 = 0x168;
export const MAP64_RFLAGS: u32 = 0x170;
export const MAP64_RIP: u32 = 0x178;
/** RAX; the others follow downwards. */
export const MAP64_RAX: u32 = 0x1f8;
export const REVISION_64: u32 = 0x00020064;

// The 32-bit map; u32 each where nothing else is said.
export const MAP32_SMBASE: u32 = 0x0f8;
export const MAP32_REVISION: u32 = 0x0fc;
export const MAP32_CR4: u32 = 0x114;
/** KVM's own: the interrupt shadow (u8). */
export const MAP32_SHADOW: u32 = 0x11a;
/** DS FS GS, then ES CS SS: attributes shifted left by 8, limit, base. */
export const MAP32_DS: u32 = 0x12c;
export const MAP32_ES: u32 = 0x184;
export const MAP32_SEG_STRIDE: u32 = 12;
export const MAP32_IDTR: u32 = 0x150;
export const MAP32_TR: u32 = 0x15c;
export const MAP32_GDTR: u32 = 0x16c;
export const MAP32_LDTR: u32 = 0x178;
/** Selectors of ES CS SS DS FS GS LDTR TR. */
export const MAP32_SELECTORS: u32 = 0x1a8;
export const MAP32_DR7: u32 = 0x1c8;
export const MAP32_DR6: u32 = 0x1cc;
/** EAX; the others follow upwards. */
export const MAP32_EAX: u32 = 0x1d0;
export const MAP32_EIP: u32 = 0x1f0;
export const MAP32_EFLAGS: u32 = 0x1f4;
export const MAP32_CR3: u32 = 0x1f8;
export const MAP32_CR0: u32 = 0x1fc;
export const REVISION_32: u32 = 0x00020000;

/** MSRs: the guest reads the count only, the host both. */
export const MSR_SMI_COUNT: u32 = 0x34;
export const MSR_SMBASE: u32 = 0x9e;
