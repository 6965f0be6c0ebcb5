%include "protected.inc"

; Virtual-8086 mode: code at 0x2000:0 (linear 0x20000), stack at 0x3000:0x1000.
%macro V86 2
  call print
  db %1, ": ", 0
  mov esi, %2
  mov edi, 0x20000
  mov ecx, 64
%%copy:
  mov al, [esi]
  mov [edi], al
  inc esi
  inc edi
  dec ecx
  jnz %%copy
  mov dword [recover], %%back
  mov [recover_esp], esp
  push dword 0x5000
  push dword 0x6000
  push dword 0x4000
  push dword 0x7000
  push dword 0x3000
  push dword 0x1000
  push dword [eflags]
  push dword 0x2000
  push dword 0
  iretd
%%back:
  call newline
%endmacro

main:
  mov eax, trap
  mov [idt + 13 * 8], ax
  shr eax, 16
  mov [idt + 13 * 8 + 6], ax
  mov eax, from_v86
  mov [idt + 0x21 * 8], ax
  mov word [idt + 0x21 * 8 + 4], 0xee00
  shr eax, 16
  mov [idt + 0x21 * 8 + 6], ax
  V86 "int with IOPL 3", code_int
  V86 "segments are paragraphs", code_segments
%ifndef QEMU
  V86 "offset above ffff", code_limit
%endif
  mov dword [eflags], 0x20002
  V86 "int with IOPL 0", code_int
  V86 "cli with IOPL 0", code_cli
  V86 "pushf with IOPL 0", code_pushf
  V86 "iret with IOPL 0", code_iret
  V86 "closed port", code_in
  V86 "hlt", code_hlt
  V86 "mov to cr0", code_cr0
  V86 "lldt is undefined", code_lldt
  ; VME: a virtual interrupt flag, and INT through the vector table.
  mov eax, cr4
  or eax, 1
  mov cr4, eax
  mov dword [0x80 * 4], 0x20000030
  mov byte [tss + 0x68 + 0x10], 0
  mov word [tss + 0x66], 0x88
  mov dword [eflags], 0x20002
  V86 "VME: sti, pushf, cli, pushf", code_vif
  mov dword [eflags], 0x120002
  V86 "VME: sti with VIP", code_vif
  mov dword [eflags], 0x20002
  V86 "VME: redirected int", code_redirected
  or byte [tss + 0x68 + 0x10], 1
  V86 "VME: int that is not redirected", code_redirected
  ret

eflags: dd 0x23002

; INT 0x21 out of virtual-8086 mode: AX is shown, then the frame.
from_v86:
  cld
  mov bx, DATA0
  mov ds, bx
  movzx eax, ax
  call hex
  mov ecx, 9
.item:
  pop eax
  cmp ecx, 7
  jne .show
  and eax, 0x3b7200
.show:
  call hex
  dec ecx
  jnz .item
  SHOW es
  mov esp, [recover_esp]
  jmp [recover]

trap:
  mov dx, DATA0
  mov ds, dx
  call print
  db "#d ", 0
  movzx ecx, ax
  pop eax
  call hex
  pop eax
  call hex
  mov eax, [esp + 4]
  and eax, 0x3b7200
  call hex
  SHOW ecx
  mov esp, [recover_esp]
  jmp [recover]

bits 16
code_int:
  mov ax, 0x1234
  int 0x21
code_segments:
  mov ax, 0x1111
  mov ds, ax
  mov ax, ds
  add ax, 1
  int 0x21
code_limit:
  mov ebx, 0x10000
  mov ax, [ebx]
code_cli:
  cli
code_pushf:
  pushf
code_iret:
  iret
code_in:
  mov al, 1
  in al, 0x60
code_hlt:
  hlt
code_cr0:
  mov eax, cr0
code_lldt:
  lldt ax
code_vif:
  sti
  pushf
  pop bx
  cli
  pushf
  pop ax
  and ax, 0x3200
  and bx, 0x3200
  shr bx, 4
  or ax, bx
  int 0x21
code_redirected:
  sti
  mov ax, 0x99
  int 0x80
  jmp short .out
.out:
  int 0x21
  times 0x30 - ($ - code_redirected) nop
  pushf
  pop ax
  and ax, 0x3200
  int 0x21
bits 32
