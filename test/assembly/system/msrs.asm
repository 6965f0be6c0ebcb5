%include "long.inc"

; What model-specific, control and debug registers refuse.
%macro WRITE 2
  mov ecx, %1
  mov rax, %2
  mov rdx, rax
  shr rdx, 32
  wrmsr
%endmacro
%macro READ 1
  mov ecx, %1
  rdmsr
  shl rdx, 32
  or rax, rdx
  SHOW rax
%endmacro
%macro MOVE 2
  mov rax, %2
  mov %1, rax
%endmacro
%macro FROM 1
  mov rax, %1
  SHOW rax
%endmacro

main:
  CASE "MTRRcap", {READ 0xfe}
  CASE "MTRRcap cannot be written", {WRITE 0xfe, 0x508}
  CASE "variable base", {WRITE 0x200, 0xff00000006}
  CASE "variable base reads back", {READ 0x200}
  CASE "variable base of type 2", {WRITE 0x202, 2}
  CASE "variable base of type 7", {WRITE 0x202, 7}
  CASE "variable base with bit 8", {WRITE 0x202, 0x106}
  CASE "variable base with bit 40", {WRITE 0x202, 0x10000000006}
  CASE "variable mask", {WRITE 0x201, 0xffff000800}
  CASE "variable mask with bit 10", {WRITE 0x203, 0x400}
  CASE "the eighth mask", {WRITE 0x20f, 0x800}
  CASE "a ninth pair", {WRITE 0x210, 6}
  CASE "fixed range", {WRITE 0x250, 0x0605040100060606}
  CASE "fixed range reads back", {READ 0x250}
  CASE "fixed range of type 3", {WRITE 0x26f, 0x0606060603060606}
  CASE "default type", {WRITE 0x2ff, 0xc06}
  CASE "default type with bit 9", {WRITE 0x2ff, 0x206}
  CASE "default type 2", {WRITE 0x2ff, 2}
  CASE "PAT", {WRITE 0x277, 0x0706050401000706}
  CASE "PAT of type 2", {WRITE 0x277, 0x0002040600070406}
  CASE "PAT of type 8", {WRITE 0x277, 0x0807040600070406}
  CASE "PAT after reset's value", {WRITE 0x277, 0x0007040600070406}

  CASE "APIC base", {READ 0x1b}
  CASE "APIC base with bit 9", {WRITE 0x1b, 0xfee00b00}
  CASE "APIC base with bit 40", {WRITE 0x1b, 0x100fee00900}
  CASE "x2APIC without the enable bit", {WRITE 0x1b, 0xfee00500}
  CASE "enabled to x2APIC", {WRITE 0x1b, 0xfee00d00}
  CASE "x2APIC to enabled", {WRITE 0x1b, 0xfee00900}
  CASE "x2APIC to disabled", {WRITE 0x1b, 0xfee00100}
  CASE "disabled to x2APIC", {WRITE 0x1b, 0xfee00d00}
  CASE "disabled to enabled", {WRITE 0x1b, 0xfee00900}

  CASE "EFER", {READ 0xc0000080}
  CASE "EFER with bit 1", {WRITE 0xc0000080, 0x903}
  CASE "EFER without LME", {WRITE 0xc0000080, 0x801}
  CASE "EFER without LMA", {WRITE 0xc0000080, 0x901}
  CASE "EFER keeps LMA", {READ 0xc0000080}

  CASE "LSTAR", {WRITE 0xc0000082, 0xffff800000000000}
  CASE "non-canonical LSTAR", {WRITE 0xc0000082, 0x800000000000}
  CASE "non-canonical CSTAR", {WRITE 0xc0000083, 0x800000000000}
  CASE "FMASK above 32 bits", {WRITE 0xc0000084, 0x100000000}
  CASE "non-canonical FS base", {WRITE 0xc0000100, 0x800000000000}
  CASE "non-canonical GS base", {WRITE 0xc0000101, 0xffff7fffffffffff}
  CASE "non-canonical kernel GS base", {WRITE 0xc0000102, 0x8000000000000000}
  CASE "TSC_AUX above 32 bits", {WRITE 0xc0000103, 0x100000000}
  CASE "non-canonical SYSENTER_ESP", {WRITE 0x175, 0x800000000000}
  CASE "non-canonical SYSENTER_EIP", {WRITE 0x176, 0x800000000000}
  CASE "SYSENTER_CS above 32 bits", {WRITE 0x174, 0x100000008}
  CASE "DEBUGCTL with bit 2", {WRITE 0x1d9, 4}
  CASE "no such register, read", {READ 0x1234}
  CASE "no such register, written", {WRITE 0x1234, 0}

  CASE "CR3 with bit 40", {MOVE cr3, 0x10000000000}
  CASE "CR3 with bit 63 and no PCIDs", {MOVE cr3, 0x8000000000000000}
  CASE "CR4 with bit 12", {MOVE cr4, 0x1020}
  CASE "CR4 with bit 13", {MOVE cr4, 0x2020}
  CASE "CR4 with bit 32", {MOVE cr4, 0x100000020}
  CASE "CR8", {MOVE cr8, 15}
  CASE "CR8 above 15", {MOVE cr8, 16}
  MOVE cr8, 0
  CASE "CR1", {db 0x0f, 0x20, 0xc8}
  CASE "CR5", {db 0x0f, 0x22, 0xe8}
  CASE "CR9", {db 0x44, 0x0f, 0x20, 0xc8}
  CASE "DR6 above 32 bits", {MOVE dr6, 0x100000000}
  CASE "DR7 above 32 bits", {MOVE dr7, 0x100000000}
  CASE "DR0 takes 64 bits", {MOVE dr0, 0x8000000000000001}
  CASE "DR0", {FROM dr0}
  CASE "DR6 of zeros", {MOVE dr6, 0}
  CASE "DR6", {FROM dr6}
  CASE "DR4 is DR6", {db 0x0f, 0x21, 0xe0}
  SHOW rax
  CASE "DR7 of ones", {MOVE dr7, 0x5500}
  CASE "DR5 is DR7", {db 0x0f, 0x21, 0xe8}
  SHOW rax
  CASE "DR8", {db 0x44, 0x0f, 0x21, 0xc0}
  MOVE dr7, 0x400
  MOVE cr4, 0x28
  CASE "DR4 with CR4.DE", {db 0x0f, 0x21, 0xe0}
  CASE "DR5 with CR4.DE", {db 0x0f, 0x23, 0xe8}
  RING3 "DR4 with CR4.DE in ring 3", user_dr4
  RING3 "CR1 in ring 3", user_cr1
  RING3 "rdmsr in ring 3", user_rdmsr
  ret

user_dr4: db 0x0f, 0x21, 0xe0
user_cr1: db 0x0f, 0x20, 0xc8
user_rdmsr: rdmsr
