%include "long.inc"

; Protection keys: the pages `locked` (key 1) and `shared` (key 2) belong to the user, everything is mapped for both.
%macro CR4_SET 1
  mov rax, cr4
  or rax, %1
  mov cr4, rax
%endmacro
%macro PKRU 1
  mov eax, %1
  xor ecx, ecx
  xor edx, edx
  wrpkru
%endmacro
%macro RDPKRU 0
  xor ecx, ecx
  rdpkru
  SHOW rax
  SHOW rdx
%endmacro
%macro KEY 2
  mov dword [pt + (%1 - header + 0x100000) / 4096 * 8 + 4], %2 << 27
%endmacro
%macro WP 1
  mov rax, cr0
  btr rax, 16
  or rax, %1 << 16
  mov cr0, rax
%endmacro
%macro RDPKRU_1 0
  mov ecx, 1
  rdpkru
%endmacro
%macro WRPKRU_EDX 0
  xor ecx, ecx
  mov edx, 1
  wrpkru
%endmacro

main:
  xor ecx, ecx
  CASE "rdpkru without CR4.PKE", rdpkru
  CASE "wrpkru without CR4.PKE", wrpkru
  mov eax, 7
  xor ecx, ecx
  cpuid
  and ecx, 0x18
  SHOW rcx
  CR4_SET 0x400000
  mov eax, 7
  xor ecx, ecx
  cpuid
  and ecx, 0x18
  SHOW rcx
  call newline
  KEY locked, 1
  KEY shared, 2
  mov rax, cr3
  mov cr3, rax
  CASE "rdpkru", RDPKRU
  CASE "rdpkru with ECX 1", RDPKRU_1
  CASE "wrpkru with EDX 1", WRPKRU_EDX
  CASE "open: read", mov al, [locked]
  CASE "open: write", mov [locked], al
  CASE "access disabled", {PKRU 4}
  CASE "read", mov al, [locked]
  CASE "write", mov [locked], al
  CASE "the other key", mov [shared], al
  CASE "fetch is not asked", call locked + 8
  RING3 "user reads", user_read
  RING3 "user writes", user_write
  CASE "write disabled", {PKRU 8}
  CASE "read", mov al, [locked]
  CASE "write", mov [locked], al
  CASE "read, modify, write", inc byte [locked]
  RING3 "user reads", user_read
  RING3 "user writes", user_write
  WP 0
  CASE "write without CR0.WP", mov [locked], al
  RING3 "user writes without CR0.WP", user_write
  WP 1
  CASE "opened again", {PKRU 0}
  CASE "write", mov [locked], al
  ; A read-only page: the key is told beside the right.
  and byte [pt + (locked - header + 0x100000) / 4096 * 8], 0xfd
  invlpg [locked]
  CASE "write to a read-only page", mov [locked], al
  CASE "write disabled", {PKRU 8}
  CASE "write to a read-only page of a write-disabled key", mov [locked], al
  ; A supervisor page has no key.
  and byte [pt + (locked - header + 0x100000) / 4096 * 8], 0xfb
  or byte [pt + (locked - header + 0x100000) / 4096 * 8], 2
  invlpg [locked]
  CASE "access disabled", {PKRU 4}
  CASE "a supervisor page has no key", mov [locked], al
  RING3 "user reads a supervisor page", user_read
  ; Absent: no key.
  and byte [pt + (locked - header + 0x100000) / 4096 * 8], 0xfe
  invlpg [locked]
  CASE "an absent page", mov al, [locked]
  PKRU 0
  RING3 "wrpkru in ring 3", user_wrpkru
  CASE "rdpkru", RDPKRU
  mov rax, cr4
  btr rax, 22
  mov cr4, rax
  CASE "without CR4.PKE", mov al, [shared]
  ret

user_read:
  mov al, [locked]
  int 0x2f
user_write:
  mov [locked], al
  int 0x2f
user_wrpkru:
  PKRU 0x30
  mov al, [shared]
  mov byte [shared], 1
  int 0x2f
align 4096
locked:
  times 8 db 0
  ret
  align 4096
shared: times 4096 db 0
