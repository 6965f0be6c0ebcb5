%include "protected.inc"

%define N GDT_FREE
%macro DESC 3
  mov dword [gdt_free + %1 * 8], %2
  mov dword [gdt_free + %1 * 8 + 4], %3
%endmacro
; gate <slot> <selector> <offset label> <type and rights: 8cNN>
%macro GATE 4
  mov eax, %3
  mov [gdt_free + %1 * 8], ax
  mov word [gdt_free + %1 * 8 + 2], %2
  mov word [gdt_free + %1 * 8 + 4], %4
  shr eax, 16
  mov [gdt_free + %1 * 8 + 6], ax
%endmacro
%macro IDT 4
  mov eax, %3
  mov [idt + %1 * 8], ax
  mov word [idt + %1 * 8 + 2], %2
  mov word [idt + %1 * 8 + 4], %4
  shr eax, 16
  mov [idt + %1 * 8 + 6], ax
%endmacro

%macro JMP_GATE 0
  mov dword [back], %%back
  jmp N:0
%%back:
  mov dword [back], 0
%endmacro
%macro RETF 2
  push dword %1
  push dword %2
  retf
%endmacro
%macro RETF_RELEASE 0
  mov ebx, esp
  push dword 7
  push dword CODE0
  push dword %%on
  retf 4
%%on:
  sub ebx, esp
  SHOW ebx
%endmacro
%macro IRET_OUT 2
  push dword %1
  push dword stack3
  pushfd
  push dword %2
  push dword 0
  iretd
%endmacro
%macro RING3 2
  call print
  db %1, ": ", 0
  USER %2
  call newline
%endmacro

main:
  ; Gates.
  IDT 0x2f, CODE0, stubs + 0x2f * 16, 0xee00
  IDT 0x2e, CODE0, stubs + 0x2e * 16, 0xee00
  IDT 0x28, CODE0, gate32, 0xee00
  IDT 0x29, CODE0, gate16, 0xe600
  IDT 0x2a, CODE0, 0, 0x6e00
  IDT 0x2b, CODE0, 0, 0xec00
  IDT 0x2c, USER_CODE - 3, 0, 0xee00
  CASE "int through an interrupt gate", int 0x2e
  SHOW [counted]
  call newline
  CASE "int of a vector that is not present", int 0x2a
  CASE "int of a call gate", int 0x2b
  CASE "int to an outer level", int 0x2c
  CASE "int beyond the table", int 0x30
  call print
  db "frame of a 32-bit gate: ", 0
  pushfd
  and dword [esp], ~0xcd5
  popfd
  int 0x28
  call newline

  RING3 "selectors in ring 3", user_basic
  RING3 "cli in ring 3", user_privileged
  RING3 "int of a ring 0 gate", user_int
  RING3 "in of a closed port", user_in
  RING3 "two ports, one closed", user_out2
  RING3 "user int 28", user_int28

  ; Call gates.
  GATE 0, CODE0, target0, 0xec02
  GATE 1, CODE0, target0, 0x8c00
  GATE 2, CODE0, target0, 0x6c00
  GATE 3, DATA0, target0, 0xec00
  GATE 4, CODE0, 0xffff, 0xec00
  GATE 5, 0, target0, 0xec00
  DESC 6, 0x0000ffff, 0x00cf9e00
  GATE 7, N + 48, conforming, 0xec00
  CASE "call gate at the same level", call N:0
  CASE "call gate not present", call N + 16:0
  CASE "call gate to data", call N + 24:0
  CASE "call gate to null", call N + 40:0
  CASE "jmp through a call gate", JMP_GATE
  RING3 "user call gates", user_gates
  RING3 "user call gate of ring 0", user_gate0
  RING3 "user jmp through gate", user_gate_jmp
  RING3 "user conforming", user_conforming

  ; RET far and IRET faults.
  CASE "retf to null", {RETF 0, 0}
  CASE "retf to data", {RETF DATA0, 0}
  CASE "retf beyond the limit of the table", {RETF 0xfff8, 0}
  CASE "retf releases", RETF_RELEASE
  CASE "iret to ring 3 with a null stack", {IRET_OUT 0, USER_CODE}
  CASE "iret to ring 3 with a ring 0 stack", {IRET_OUT DATA0, USER_CODE}
  CASE "iret to ring 3 with a code stack", {IRET_OUT USER_CODE, USER_CODE}
  CASE "iret to data", {IRET_OUT USER_DATA, USER_DATA}
  CASE "iret to ring 3 code with rpl 0", {IRET_OUT USER_DATA, USER_CODE - 3}
  call print
  db "iret keeps and drops segments: ", 0
  mov ax, DATA0
  mov fs, ax
  mov ax, USER_DATA
  mov gs, ax
  USER user_segments
  call newline
  mov dword [tss + 8], 0
  call print
  db "null inner stack: ", 0
  USER user_int
  call newline
  mov dword [tss + 8], DATA0
  ret

user_basic:
  SHOW cs
  SHOW ss
  int 0x2f
user_privileged:
  cli
user_int:
  int 0x21
user_in:
  in al, 0x60
user_out2:
  out 0xe9, ax
user_int28:
  int 0x28
  int 0x2f
user_segments:
  mov ebx, ds
  mov ecx, es
  mov si, USER_DATA
  mov ds, si
  SHOW ebx
  SHOW ecx
  SHOW fs
  SHOW gs
  int 0x2f
user_gates:
  push dword 0x11
  push dword 0x22
  call N | 3:0
  mov eax, esp
  sub eax, stack3
  call hex
  int 0x2f
user_gate0:
  call N + 8 | 3:0
user_gate_jmp:
  jmp N | 3:0
user_conforming:
  call N + 56 | 3:0
  int 0x2f

conforming:
  SHOW cs
  retf

; Call-gate target in ring 0: shows the frame.
target0:
  cmp dword [cs:back], 0
  je .called
  jmp [cs:back]
.called:
  push ds
  mov ax, DATA0
  mov ds, ax
  mov eax, cs
  call hex
  mov eax, [esp + 8]
  call hex
  mov eax, [esp + 12]
  call hex
  mov eax, [esp + 16]
  call hex
  mov eax, [esp + 8]
  test eax, 3
  pop ds
  jnz .outer
  retf
.outer:
  retf 8
back: dd 0

gate32:
  push ds
  push eax
  mov ax, DATA0
  mov ds, ax
  mov eax, [esp + 12]
  call hex
  mov eax, [esp + 16]
  call hex
  mov eax, cs
  call hex
  pop eax
  pop ds
  iretd
gate16:
  iret
