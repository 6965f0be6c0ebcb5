%include "protected.inc"

; The virtual interrupt flag: CR4.PVI in ring 3, and the rest of CR4.VME in virtual-8086 mode (v86.asm has the beginning).
; Code at 0x2000:0 (linear 0x20000), stack at 0x3000:0x1000. A turn ends with INT3, which VME never redirects.
%macro V86 3
  call print
  db %1, ": ", 0
  mov esi, %2
  mov edi, 0x20000
  mov ecx, 96
  rep movsb
  mov dword [recover], %%back
  mov [recover_esp], esp
  push dword 0
  push dword 0
  push dword 0x3000
  push dword 0x3000
  push dword 0x3000
  push dword 0x1000
  push dword %3
  push dword 0x2000
  push dword 0
  iretd
%%back:
  call newline
%endmacro
%macro RING3 3
  call print
  db %1, ": ", 0
  mov dword [recover], %%back
  mov [recover_esp], esp
  push dword USER_DATA
  push dword stack3
  push dword %3
  push dword USER_CODE
  push dword %2
  iretd
%%back:
  call newline
%endmacro
%macro GATE 2
  mov eax, %2
  mov [idt + %1 * 8], ax
  mov word [idt + %1 * 8 + 4], 0xee00
  shr eax, 16
  mov [idt + %1 * 8 + 6], ax
%endmacro
%define VIF 0x80000
%define VIP 0x100000
%define IOPL3 0x3000
%define V8086 0x20002

main:
  GATE 3, report
  GATE 13, report_code
  GATE 0x21, report
  mov word [tss + 0x66], 0x88
  mov byte [tss + 0x68 + 0x10], 0
  mov byte [tss + 0x68 + 4], 2
  mov dword [0x80 * 4], 0x20000040
  mov eax, cr4
  or eax, 3
  mov cr4, eax

  RING3 "PVI: sti", user_sti, 2
  RING3 "PVI: sti with VIP", user_sti, VIP | 2
  RING3 "PVI: cli", user_cli, VIF | 2
  RING3 "PVI: cli with IOPL 3", user_cli, VIF | IOPL3 | 2
  RING3 "PVI: popf does not touch VIF", user_popf, VIF | 2
  RING3 "PVI: pushf", user_pushf, VIF | 2

  V86 "cli", code_cli, V8086 | VIF
  V86 "cli with IOPL 3", code_cli, V8086 | VIF | IOPL3
  V86 "sti", code_sti, V8086
  V86 "sti with IOPL 3", code_sti, V8086 | IOPL3 | VIP
  V86 "popf with IF", code_popf_if, V8086
  V86 "popf with IF and VIP", code_popf_if, V8086 | VIP
  V86 "popf without IF, with VIP", code_popf_no_if, V8086 | VIP | VIF
  V86 "popf with TF", code_popf_tf, V8086
  V86 "popf with IOPL and NT", code_popf_nt, V8086
  V86 "popfd", code_popfd, V8086
  V86 "pushfd", code_pushfd, V8086
  V86 "pushfd with IOPL 3", code_pushfd, V8086 | IOPL3
  V86 "iret with IF", code_iret_if, V8086
  V86 "iret with IF and VIP", code_iret_if, V8086 | VIP
  V86 "iret with TF", code_iret_tf, V8086
  V86 "iretd", code_iretd, V8086
  V86 "int through the vector table", code_int, V8086 | VIF
  V86 "int through the vector table with VIP", code_int, V8086 | VIF | VIP
  V86 "int through the vector table with IOPL 3", code_int, V8086 | VIF | IOPL3
  V86 "int 21 through the gate, IOPL 0", code_int21, V8086
  V86 "int 21 through the gate, IOPL 3", code_int21, V8086 | IOPL3
  V86 "int3 with IOPL 0", code_int3, V8086
  V86 "into with IOPL 0", code_into, V8086 | 0x800
  mov word [tss + 0x66], 0x1f
  V86 "a map base below 32", code_int, V8086
  mov word [tss + 0x66], 0x1000
  V86 "a map beyond the TSS", code_int, V8086
  ret

; The bits of EFLAGS that matter, then what AX and BX hold.
report_code:
  push eax
  mov ax, DATA0
  mov ds, ax
  call print
  db "#d ", 0
  mov eax, [esp + 4]
  call hex
  pop eax
  add esp, 4
report:
  push eax
  mov ax, DATA0
  mov ds, ax
  mov eax, [esp + 4]
  call hex
  mov eax, [esp + 12]
  and eax, 0x1a7300
  call hex
  pop eax
  movzx eax, ax
  call hex
  movzx eax, bx
  call hex
  mov ax, DATA0
  mov es, ax
  mov ss, ax
  mov esp, [recover_esp]
  jmp [recover]

user_sti:
  sti
  int3
user_cli:
  cli
  int3
user_popf:
  push dword 0x202
  popfd
  int3
user_pushf:
  pushfd
  pop eax
  shr eax, 8
  int3

bits 16
code_cli:
  cli
  int3
code_sti:
  sti
  int3
code_popf_if:
  push word 0x202
  popf
  int3
code_popf_no_if:
  push word 0x2
  popf
  int3
code_popf_tf:
  push word 0x102
  popf
  int3
code_popf_nt:
  push word 0x7002
  popf
  pushf
  pop ax
  int3
code_popfd:
  push dword 0x202
  popfd
  int3
code_pushfd:
  pushfd
  pop eax
  int3
code_iret_if:
  push word 0x7202
  push cs
  push word .on - code_iret_if
  iret
.on:
  pushf
  pop ax
  int3
code_iret_tf:
  push word 0x102
  push cs
  push word 0
  iret
code_iretd:
  push dword 2
  push dword 0x2000
  push dword 0
  iretd
code_int:
  mov bp, sp
  int 0x80
  nop
  times 0x40 - ($ - code_int) nop
  mov ax, [bp - 2]
  mov bx, [bp - 6]
  sub bp, sp
  add bx, bp
  int3
code_int21:
  int 0x21
code_int3:
  int3
code_into:
  into
bits 32
