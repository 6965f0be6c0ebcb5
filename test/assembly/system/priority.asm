%include "protected.inc"

; Which of two faults comes. Linear 0x400000 up is absent once paging is on; descriptors are made in the free slots.
%define N GDT_FREE
%define ABSENT 0x400000
%macro DESC 3
  mov dword [gdt_free + %1 * 8], %2
  mov dword [gdt_free + %1 * 8 + 4], %3
%endmacro
%macro RING3 2
  call print
  db %1, ": ", 0
  USER %2
  call newline
%endmacro
%macro FAR_RETURN 4
  push dword %4
  push dword %3
  push dword %2
  push dword %1
  retf
%endmacro
%macro CR4_SET 1
  mov eax, cr4
  or eax, %1
  mov cr4, eax
%endmacro

main:
  ; One page directory: 4 MiB identity-mapped for everyone, in pages of 4 MiB.
  CR4_SET 0x10
  mov dword [directory], 0x87
  mov eax, directory
  mov cr3, eax
  mov eax, cr0
  or eax, 0x80000000
  mov cr0, eax
  mov word [idt + 0x2f * 8 + 4], 0xee00

  RING3 "lmsw from an absent page in ring 3", user_lmsw
  RING3 "lldt from an absent page in ring 3", user_lldt
  RING3 "ltr beyond the limit in ring 3", user_ltr
  RING3 "lgdt from an absent page in ring 3", user_lgdt
  RING3 "invlpg of an absent page in ring 3", user_invlpg
  RING3 "smsw to an absent page in ring 3", user_smsw
  CR4_SET 0x800
  RING3 "smsw to an absent page with UMIP", user_smsw
  RING3 "sldt to an absent page with UMIP", user_sldt
  RING3 "sgdt to an absent page with UMIP", user_sgdt
  CASE "lmsw from an absent page", lmsw [ABSENT]
  CASE "lldt from an absent page", lldt [ABSENT]
  CASE "smsw to an absent page", smsw [ABSENT]
  CASE "sldt to an absent page", sldt [ABSENT]
  CASE "str across into an absent page", str [ABSENT - 1]
  CASE "dword across into an absent page", mov eax, [ABSENT - 2]
  CASE "dword store across into an absent page", mov [ABSENT - 3], eax

  DESC 0, 0x0000ffff, 0x0040fa00
  DESC 1, 0x0000ffff, 0x00407a00
  DESC 3, 0x0000ffff, 0x00409a00
  RING3 "far call: stack before offset", user_call
  RING3 "far call: offset", user_call_offset
  RING3 "far call: present before stack", user_call_absent
  CASE "far jmp: offset", jmp N + 24:0x10000
  call print
  db "accessed bit after a bad offset: ", 0
  SHOW [gdt_free + 24 + 4]
  call newline
  DESC 2, 0x0000ffff, 0x0040fa00
  CASE "far return outwards: stack segment before offset", {FAR_RETURN 0x10000, N + 16 + 3, 0, DATA0}
  CASE "far return outwards: offset", {FAR_RETURN 0x10000, N + 16 + 3, 0, USER_DATA}
  CASE "far return: offset", {FAR_RETURN 0x10000, N + 24, 0, 0}
  ret

user_call:
  mov esp, ABSENT + 8
  call N + 3:0x10000
user_call_offset:
  call N + 3:0x10000
user_call_absent:
  mov esp, ABSENT + 8
  call N + 8 + 3:0x10000
user_lmsw: lmsw [ABSENT]
user_lldt: lldt [ABSENT]
user_ltr: ltr [dword 0xffffffff]
user_lgdt: lgdt [ABSENT]
user_invlpg: invlpg [ABSENT]
user_smsw: smsw [ABSENT]
user_sldt: sldt [ABSENT]
user_sgdt: sgdt [ABSENT]
align 4096
directory: times 1024 dd 0
