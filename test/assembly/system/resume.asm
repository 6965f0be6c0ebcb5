%include "protected.inc"

; The RF that each event pushes (SDM vol. 3, 18.3.1.1): the offset of the return address in its CASE's code, then RF.
%macro GATE 2
  mov eax, %2
  mov [idt + %1 * 8], ax
  mov word [idt + %1 * 8 + 4], 0xee00
  shr eax, 16
  mov [idt + %1 * 8 + 6], ax
%endmacro
%macro FROM_RF 1
  pushfd
  or dword [esp], 0x10000
  push dword CODE0
  push dword %1
  iretd
%endmacro

main:
  GATE 1, trapped
  GATE 0x21, interrupted
  GATE 6, faulted

  call print
  db "single steps of rep stosb: ", 0
  mov dword [origin], .steps
  mov edi, buffer
  mov ecx, 3
  mov al, 1
  pushfd
  or dword [esp], 0x100
  popfd
.steps:
  rep stosb
  nop
  pushfd
  and dword [esp], ~0x100
  popfd
  call newline

  call print
  db "int: ", 0
  mov dword [origin], .int
.int:
  int 0x21
  call newline
  call print
  db "int with RF: ", 0
  mov dword [origin], .int_rf
  FROM_RF .int_rf
.int_rf:
  int 0x21
  call newline
  call print
  db "fault: ", 0
  mov dword [origin], .fault
.fault:
  ud2
  call newline
  call print
  db "instruction breakpoint: ", 0
  mov dword [origin], .break
  mov eax, .break
  mov dr0, eax
  mov eax, 0x401
  mov dr7, eax
.break:
  nop
  call newline
  call print
  db "behind an instruction run with RF: ", 0
  mov dword [origin], .over
  FROM_RF .over
.over:
  nop
  int 0x21
  mov eax, 0x400
  mov dr7, eax
  call newline
  ret

trapped:
  push eax
  mov eax, [esp + 4]
  sub eax, [origin]
  call hex
  mov eax, [esp + 12]
  shr eax, 16
  and eax, 1
  call hex
  or dword [esp + 12], 0x10000
  pop eax
  iretd
interrupted:
  push eax
  mov eax, [esp + 4]
  sub eax, [origin]
  call hex
  mov eax, [esp + 12]
  shr eax, 16
  and eax, 1
  call hex
  and dword [esp + 12], ~0x10000
  pop eax
  iretd
faulted:
  add dword [esp], 2
  push eax
  mov eax, [esp + 4]
  sub eax, [origin]
  call hex
  mov eax, [esp + 12]
  shr eax, 16
  and eax, 1
  call hex
  and dword [esp + 12], ~0x10000
  pop eax
  iretd
origin: dd 0
buffer: times 4 db 0
