%include "protected.inc"

; Real mode: the code at `real` is copied to 0x8000 and entered through a 16-bit segment; vectors at 0.
main:
  mov esi, real
  mov edi, 0x8000
  mov ecx, real_end - real
.copy:
  mov al, [esi]
  mov [edi], al
  inc esi
  inc edi
  dec ecx
  jnz .copy
  mov dword [gdt_free], 0x0000ffff
  mov dword [gdt_free + 4], 0x00009a00
  mov dword [gdt_free + 8], 0x0000ffff
  mov dword [gdt_free + 12], 0x00009200
  mov [recover_esp], esp
  lidt [real_idt]
  mov ax, GDT_FREE + 8
  mov ds, ax
  mov es, ax
  mov ss, ax
  jmp GDT_FREE:0x8000
back:
  mov ax, DATA0
  mov ds, ax
  mov es, ax
  mov ss, ax
  mov fs, ax
  mov gs, ax
  mov esp, [recover_esp]
  lidt [idt_pointer]
  ret

real_idt:
  dw 0x3ff
  dd 0

%define AT(label) (0x8000 + label - real)
%macro SAY 1
  push word %%text - real + 0x8000
  call near say
  jmp short %%on
%%text: db %1, 0
%%on:
%endmacro
%macro VECTOR 2
  mov word [%1 * 4], AT(%2)
  mov word [%1 * 4 + 2], 0
%endmacro

bits 16
real:
  mov eax, cr0
  and eax, ~1
  mov cr0, eax
  jmp 0:AT(.segments)
.segments:
  xor ax, ax
  mov ds, ax
  mov es, ax
  mov ss, ax
  mov sp, 0x7000
  VECTOR 0, fault0
  VECTOR 5, fault5
  VECTOR 6, fault6
  VECTOR 12, fault12
  VECTOR 13, fault13
  VECTOR 0x21, interrupt
  VECTOR 4, interrupt
  SAY "int and iret: "
  mov ax, 0x4321
  stc
  int 0x21
  pushf
  pop ax
  and ax, 0x0301
  call near word16
  SAY "far call: "
  call 0x100:AT(far_target) - 0x1000
  SAY "far jump through memory: "
  mov word [0x600], AT(.jumped)
  mov word [0x602], 0
  jmp far [0x600]
.jumped:
  mov ax, cs
  call near word16
  SAY "divide: "
  mov word [0x610], AT(.after_divide)
  xor bx, bx
  div bx
.after_divide:
  SAY "ud2: "
  mov word [0x610], AT(.after_ud)
  ud2
.after_ud:
  SAY "word at ffff: "
  mov word [0x610], AT(.after_limit)
  mov bx, 0xffff
  mov ax, [bx]
.after_limit:
  SAY "lldt: "
  mov word [0x610], AT(.after_lldt)
  lldt ax
.after_lldt:
  SAY "into: "
  mov al, 0x7f
  add al, 1
  into
  SAY "bound: "
  mov word [0x610], AT(.after_bound)
  mov word [0x620], 1
  mov word [0x622], 5
  mov ax, 6
  bound ax, [0x620]
.after_bound:
  SAY "selector and base of a big segment stay: "
  mov eax, cr0
  or al, 1
  mov cr0, eax
  mov bx, DATA0
  mov fs, bx
  and al, 0xfe
  mov cr0, eax
  xor bx, bx
  mov fs, bx
  mov ebx, 0x100000
  mov eax, [fs:ebx]
  call near word16
  shr eax, 16
  call near word16
  SAY "iretd: "
  pushfd
  push dword 0
  push dword AT(.iretd)
  iretd
.iretd:
  mov ax, sp
  call near word16
  ; Back to protected mode.
  mov eax, cr0
  or eax, 1
  mov cr0, eax
  jmp dword CODE0:back

say:
  push bp
  mov bp, sp
  push ax
  push si
  mov al, 10
  out 0xe9, al
  mov si, [bp + 4]
.next:
  mov al, [si]
  inc si
  test al, al
  jz .done
  out 0xe9, al
  jmp short .next
.done:
  pop si
  pop ax
  pop bp
  ret 2

word16:
  pusha
  mov bx, ax
  mov cx, 4
.digit:
  rol bx, 4
  mov al, bl
  and al, 15
  cmp al, 10
  jb .decimal
  add al, 'a' - 10 - '0'
.decimal:
  add al, '0'
  out 0xe9, al
  dec cx
  jnz .digit
  mov al, ' '
  out 0xe9, al
  popa
  ret

far_target:
  mov ax, cs
  call near word16
  pop ax
  pop bx
  push bx
  push ax
  mov ax, bx
  call near word16
  retf

interrupt:
  call near word16
  pushf
  pop ax
  and ax, 0x0301
  call near word16
  iret

fault0:
  mov ax, 0
  jmp short fault
fault5:
  mov ax, 5
  jmp short fault
fault6:
  mov ax, 6
  jmp short fault
fault12:
  mov ax, 12
  jmp short fault
fault13:
  mov ax, 13
fault:
  call near word16
  pop ax
  sub ax, [0x610]
  call near word16
  pop ax
  pop ax
  jmp [0x610]
real_end:
bits 32
