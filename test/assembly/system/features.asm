%include "long.inc"

; SMEP, SMAP, UMIP, FSGSBASE, PCID and the I/O and time permissions of CR4.
%macro CR4_SET 1
  mov rax, cr4
  or rax, %1
  mov cr4, rax
%endmacro
%macro CR4_CLEAR 1
  mov rax, cr4
  and rax, ~%1
  mov cr4, rax
%endmacro
%macro BASES 0
  mov rax, 0x123456789abc
  wrfsbase rax
  mov eax, -1
  wrgsbase eax
  rdfsbase rbx
  SHOW rbx
  rdgsbase rbx
  SHOW rbx
%endmacro
%macro NO_FLUSH 0
  mov rax, cr3
  or rax, 7
  bts rax, 63
  mov cr3, rax
%endmacro
%macro PCID_CR3 1
  mov rax, cr3
  or rax, %1
  mov cr3, rax
%endmacro

main:
  call print
  db "before: ", 0
  mov rax, cr4
  call hex
  call newline
  CASE "wrfsbase without CR4.FSGSBASE", wrfsbase rax
  CR4_SET 0x10000
  CASE "bases", BASES
  mov rax, 0x8000000000000000
  CASE "non-canonical base", wrgsbase rax
  xor eax, eax
  wrfsbase rax
  wrgsbase rax

  mov byte [user_page], 0xc3
  ; All but the last page of the image belongs to the supervisor now; ring 3 gets it back for its turns.
  call protect
  CASE "user page read without SMAP", mov al, [user_page]
  CASE "user page called without SMEP", call user_page
  CR4_SET 0x300000
  CASE "user page called with SMEP", call user_page
  CASE "user page read with SMAP", mov al, [user_page]
  CASE "user page written with SMAP", mov [user_page], al
  stac
  CASE "user page read after STAC", mov al, [user_page]
  clac
  CASE "user page read after CLAC", mov al, [user_page]
  CR4_CLEAR 0x300000
  call open
  RING3 "clac in ring 3", user_clac

  RING3 "sgdt in ring 3", user_sgdt
  CR4_SET 0x800
  RING3 "sgdt with UMIP", user_sgdt
  RING3 "sidt with UMIP", user_sidt
  RING3 "smsw with UMIP", user_smsw
  RING3 "str with UMIP", user_str
  CASE "sgdt in ring 0 with UMIP", sgdt [table]
  CR4_CLEAR 0x800

  CR4_SET 4
  RING3 "rdtsc with TSD", user_rdtsc
  CASE "rdtsc in ring 0 with TSD", rdtsc
  CR4_CLEAR 4
  RING3 "rdtsc without TSD", user_rdtsc_ok
  RING3 "rdpmc", user_rdpmc

  PCID_CR3 5
  CASE "PCIDE with a PCID in CR3", CR4_SET 0x20000
  mov rax, cr3
  and rax, ~0xfff
  mov cr3, rax
  CR4_SET 0x20000
  CASE "CR3 with the no-flush bit", NO_FLUSH
  mov rax, cr3
  and eax, 0xfff
  call hex
  mov rax, cr3
  shr rax, 60
  call hex
  call newline
  mov eax, 4
  CASE "invpcid of type 4", invpcid rax, [table]
  mov qword [table], 7
  mov qword [table + 8], 0
  mov eax, 0
  CASE "invpcid", invpcid rax, [table]
  mov qword [table], 0x1000
  CASE "invpcid with reserved bits", invpcid rax, [table]
  CASE "xgetbv without OSXSAVE", xgetbv
  ret

protect:
  mov edi, pt
  mov ecx, 512
.next:
  and byte [rdi], 0xfb
  add edi, 8
  dec ecx
  jnz .next
  or byte [pt + (user_page - header + 0x100000) / 4096 * 8], 4
  mov rax, cr3
  mov cr3, rax
  ret
open:
  mov edi, pt
  mov ecx, 512
.next:
  or byte [rdi], 4
  add edi, 8
  dec ecx
  jnz .next
  mov rax, cr3
  mov cr3, rax
  ret

align 8
table: dq 0, 0

user_clac:
  clac
user_sgdt:
  sgdt [table]
  int 0x2f
user_sidt:
  sidt [table]
user_smsw:
  smsw eax
user_str:
  str eax
user_rdtsc:
  rdtsc
user_rdtsc_ok:
  rdtsc
  int 0x2f
user_rdpmc:
  rdpmc
align 4096
user_page: times 4096 db 0
