%include "protected.inc"

; Vector 1 here prints DR6 and how far behind `mark` it came, then goes on.
%macro STEPPED 1
  call print
  db %1, ": ", 0
  mov dword [recover], %%mark
%%mark:
%endmacro
%macro END 0
  mov dword [stepping], 0
  call newline
%endmacro
%macro TRAP_FLAG 0
  pushfd
  or dword [esp], 0x100
  popfd
%endmacro
%macro DR7_SET 1
  mov eax, %1
  mov dr7, eax
%endmacro

main:
  mov eax, on_debug
  mov [idt + 8], ax
  shr eax, 16
  mov [idt + 14], ax

  STEPPED "three single steps"
  mov dword [stepping], 3
  TRAP_FLAG
.t0:
  nop
  mov ebx, 1
  nop
  nop
  END

  STEPPED "step over mov ss"
  mov ax, ss
  mov dword [stepping], 2
  TRAP_FLAG
  mov ss, ax
  nop
  nop
  nop
  END

  STEPPED "step over int"
  mov dword [stepping], 2
  TRAP_FLAG
  int 0x2e
  nop
  nop
  END

  STEPPED "int1"
%ifndef QEMU
  db 0xf1
%endif
  nop
  END

  STEPPED "write breakpoint"
  mov eax, watched
  mov dr0, eax
  DR7_SET 0x000d0001
  mov [watched], eax
  nop
  mov ebx, [watched]
  nop
  DR7_SET 0
  END

  STEPPED "access breakpoint of two bytes"
  mov eax, watched + 2
  mov dr1, eax
  DR7_SET 0x00700004
  mov ebx, [watched]
  nop
  mov bl, [watched]
  mov bl, [watched + 3]
  nop
  mov bl, [watched + 4]
  nop
  DR7_SET 0
  END

  STEPPED "disabled breakpoint is quiet"
  DR7_SET 0x00700000
  mov ebx, [watched]
  nop
  END

  STEPPED "instruction breakpoint"
  mov eax, .here
  mov dr2, eax
  DR7_SET 0x00000010
  nop
.here:
  nop
  nop
  DR7_SET 0
  END

  STEPPED "breakpoint on a push through the stack"
  lea eax, [esp - 4]
  mov dr3, eax
  DR7_SET 0xd0000040
  push eax
  nop
  pop ebx
  DR7_SET 0
  END

  STEPPED "breakpoint held by mov ss"
  mov [watched], ss
  mov eax, watched
  mov dr0, eax
  DR7_SET 0x000f0001
  mov ss, [watched]
  nop
  nop
  DR7_SET 0
  END

  STEPPED "general detect"
  DR7_SET 0x00002000
  mov eax, dr3
  nop
  END

  STEPPED "port breakpoint"
  mov eax, cr4
  or eax, 8
  mov cr4, eax
  mov eax, 0x80
  mov dr0, eax
  DR7_SET 0x00020001
  out 0x80, al
  nop
  out 0x81, al
  DR7_SET 0
  END

  CASE "dr4 with CR4.DE", mov eax, dr4
  mov eax, cr4
  and eax, ~8
  mov cr4, eax
  CASE "dr5 without CR4.DE", mov eax, dr5
  SHOW eax
  mov eax, 0xffffffff
  mov dr6, eax
  mov eax, dr6
  call hex
  mov eax, 0
  mov dr6, eax
  mov eax, dr6
  call hex
  DR7_SET 0xffff0000
  mov eax, dr7
  call hex
  DR7_SET 0
  mov eax, dr7
  call hex
  call newline
  ret

align 8
watched: dd 0, 0

on_debug:
  push eax
  mov eax, dr6
  call hex
  mov eax, 0xffff0ff0
  mov dr6, eax
  mov eax, [esp + 4]
  sub eax, [recover]
  call hex
  mov eax, dr7
  and eax, 0x2000
  call hex
  and dword [esp + 12], ~0x100
  or dword [esp + 12], 0x10000
  cmp dword [stepping], 0
  je .resume
  dec dword [stepping]
  jz .resume
  or dword [esp + 12], 0x100
.resume:
  pop eax
  iretd
