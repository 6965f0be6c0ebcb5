// Architectural constants under the manual's names (SDM volume 3, chapters 2, 4 and 6). Constants only.

export const FLAG_CF: u32 = 0x0001;
export const FLAG_ONE: u32 = 0x0002;
export const FLAG_PF: u32 = 0x0004;
export const FLAG_AF: u32 = 0x0010;
export const FLAG_ZF: u32 = 0x0040;
export const FLAG_SF: u32 = 0x0080;
export const FLAG_TF: u32 = 0x0100;
export const FLAG_IF: u32 = 0x0200;
export const FLAG_DF: u32 = 0x0400;
export const FLAG_OF: u32 = 0x0800;
export const FLAG_IOPL: u32 = 0x3000;
export const FLAG_NT: u32 = 0x4000;
export const FLAG_RF: u32 = 0x10000;
export const FLAG_VM: u32 = 0x20000;
export const FLAG_AC: u32 = 0x40000;
export const FLAG_VIF: u32 = 0x80000;
export const FLAG_VIP: u32 = 0x100000;
export const FLAG_ID: u32 = 0x200000;
/** CF PF AF ZF SF OF. */
export const FLAGS_ARITH: u32 = 0x08d5;

export const CR0_PE: u32 = 0x1;
export const CR0_MP: u32 = 0x2;
export const CR0_EM: u32 = 0x4;
export const CR0_TS: u32 = 0x8;
export const CR0_ET: u32 = 0x10;
export const CR0_NE: u32 = 0x20;
export const CR0_WP: u32 = 0x10000;
export const CR0_AM: u32 = 0x40000;
export const CR0_NW: u32 = 0x20000000;
export const CR0_CD: u32 = 0x40000000;
export const CR0_PG: u32 = 0x80000000;

export const CR4_VME: u32 = 0x1;
export const CR4_PVI: u32 = 0x2;
export const CR4_TSD: u32 = 0x4;
export const CR4_DE: u32 = 0x8;
export const CR4_PSE: u32 = 0x10;
export const CR4_PAE: u32 = 0x20;
export const CR4_MCE: u32 = 0x40;
export const CR4_PGE: u32 = 0x80;
export const CR4_PCE: u32 = 0x100;
export const CR4_OSFXSR: u32 = 0x200;
export const CR4_OSXMMEXCPT: u32 = 0x400;
export const CR4_UMIP: u32 = 0x800;
export const CR4_FSGSBASE: u32 = 0x10000;
export const CR4_PCIDE: u32 = 0x20000;
export const CR4_OSXSAVE: u32 = 0x40000;
export const CR4_SMEP: u32 = 0x100000;
export const CR4_SMAP: u32 = 0x200000;
export const CR4_PKE: u32 = 0x400000;

export const EFER_SCE: u32 = 0x1;
export const EFER_LME: u32 = 0x100;
export const EFER_LMA: u32 = 0x400;
export const EFER_NXE: u32 = 0x800;

export const DE: u32 = 0;
export const DB: u32 = 1;
export const NMI: u32 = 2;
export const BP: u32 = 3;
export const OF: u32 = 4;
export const BR: u32 = 5;
export const UD: u32 = 6;
export const NM: u32 = 7;
export const DF: u32 = 8;
export const TS: u32 = 10;
export const NP: u32 = 11;
export const STACK_FAULT: u32 = 12; // #SS
export const GP: u32 = 13;
export const PF: u32 = 14;
export const MF: u32 = 16;
export const AC: u32 = 17;
export const MC: u32 = 18;
export const XM: u32 = 19;

export const PF_P: u32 = 1;
export const PF_W: u32 = 2;
export const PF_U: u32 = 4;
export const PF_RSVD: u32 = 8;
export const PF_I: u32 = 16;
export const PF_PK: u32 = 32;

export const MSR_TSC: u32 = 0x10;
export const MSR_APIC_BASE: u32 = 0x1b;
export const MSR_BIOS_SIGN_ID: u32 = 0x8b;
export const MSR_MTRRCAP: u32 = 0xfe;
export const MSR_SYSENTER_CS: u32 = 0x174;
export const MSR_SYSENTER_ESP: u32 = 0x175;
export const MSR_SYSENTER_EIP: u32 = 0x176;
export const MSR_MISC_ENABLE: u32 = 0x1a0;
export const MSR_PAT: u32 = 0x277;
export const MSR_MTRR_DEF_TYPE: u32 = 0x2ff;
export const MSR_TSC_DEADLINE: u32 = 0x6e0;
export const MSR_SPEC_CTRL: u32 = 0x48;
export const MSR_PRED_CMD: u32 = 0x49;
export const MSR_ARCH_CAPABILITIES: u32 = 0x10a;
/**
 * IA32_ARCH_CAPABILITIES (SDM vol. 4, table 2-2): nothing is executed ahead of its turn here, so the processor is immune to
 * all that the register knows: RDCL_NO, IBRS_ALL, SKIP_L1DFL_VMENTRY, SSB_NO, MDS_NO, IF_PSCHANGE_MC_NO, TAA_NO,
 * SBDR_SSDP_NO, FBSDP_NO, PSDP_NO, BHI_NO, PBRSB_NO, GDS_NO, RFDS_NO; and ITS_NO in the high half.
 */
export const ARCH_CAPABILITIES_LOW: u32 = 0xd10e17b;
export const ARCH_CAPABILITIES_HIGH: u32 = 0x40000000;
export const MSR_EFER: u32 = 0xc0000080;
export const MSR_STAR: u32 = 0xc0000081;
export const MSR_LSTAR: u32 = 0xc0000082;
export const MSR_CSTAR: u32 = 0xc0000083;
export const MSR_SYSCALL_MASK: u32 = 0xc0000084;
export const MSR_FS_BASE: u32 = 0xc0000100;
export const MSR_GS_BASE: u32 = 0xc0000101;
export const MSR_KERNEL_GS_BASE: u32 = 0xc0000102;
export const MSR_TSC_AUX: u32 = 0xc0000103;

export const RAX: u32 = 0;
export const RCX: u32 = 1;
export const RDX: u32 = 2;
export const RBX: u32 = 3;
export const RSP: u32 = 4;
export const RBP: u32 = 5;
export const RSI: u32 = 6;
export const RDI: u32 = 7;
export const R8: u32 = 8;
