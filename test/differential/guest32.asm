; The 32-bit guest of the differential tests: runs each of the generated cases and prints the state that it leaves, a line
; a case, on COM1. `cases.inc` brings `CASES`, the random descriptors, gates and page-table entries, and the cases.
bits 32
org 0x100000

%define LAND 0xa000
%define SCRATCH 0xb000
%define V86_CODE 0xc000
%define STACK0 0x7000
%define INNER 0x6000
%define STACK3 0x9000
%define WINDOW 0x400000
live equ 0x140000

header:
  dd 0x1badb002, 0x00010003, -(0x1badb002 + 0x00010003)
  dd header, header, 0, 0, start

%include "cases.inc"

start:
  mov esp, print_stack
  mov al, 0xff
  out 0x21, al
  out 0xa1, al
  mov edi, LAND - 0x100
  mov ecx, 0x880
  mov ax, 0x30cd
  rep stosw
  mov edi, 0x10000
  mov ecx, 0x8000
  rep stosw
  ; One page directory: 4 MiB of identity, then the window's table.
  mov eax, 0x10
  mov cr4, eax
  mov dword [directory], 0x87
  mov dword [directory + 4], window_table + 7
  mov eax, directory
  mov cr3, eax
  mov eax, 0x80010011
  mov cr0, eax
  mov edi, idt
  mov esi, stubs
  mov ecx, 0x40
.gate:
  mov eax, esi
  mov [edi], ax
  mov word [edi + 2], 8
  mov word [edi + 4], 0x8e00
  shr eax, 16
  mov [edi + 6], ax
  add edi, 8
  add esi, 16
  dec ecx
  jnz .gate
  mov word [idt + 0x30 * 8 + 4], 0xee00
  mov word [idt + 3 * 8 + 4], 0xee00
  mov word [idt + 4 * 8 + 4], 0xee00
  ; A double fault leaves by a task of its own.
  mov dword [idt + 8 * 8], 0x00300000
  mov dword [idt + 8 * 8 + 4], 0x00008500
  mov esi, random_gates
  mov edi, idt + 0x40 * 8
  mov ecx, 0x20 * 2
  rep movsd
  jmp run

run:
  inc dword [number]
  cmp dword [number], CASES
  jg finish
  call restore
  mov ebx, [number]
  jmp [case_table + ebx * 4 - 4]

finish:
  mov al, 10
  call putc
  mov dx, 0xf4
  mov al, 0
  out dx, al
  cli
  hlt
  jmp $ - 1

; Everything as it was before the first case.
restore:
  push dword 2
  popfd
  mov esi, pristine
  mov edi, live
  mov ecx, (pristine_end - pristine) / 4
  rep movsd
  lgdt [gdt_pointer]
  lidt [idt_pointer]
  mov ax, 0x28
  ltr ax
  mov ax, 0x38
  lldt ax
  mov eax, 0x80010011
  mov cr0, eax
  mov eax, 0x10
  mov cr4, eax
  mov eax, directory
  mov cr3, eax
  mov cr2, ecx
  mov eax, 0x400
  mov dr7, eax
  xor eax, eax
  mov dr0, eax
  mov dr1, eax
  mov dr2, eax
  mov dr3, eax
  mov edi, SCRATCH
  mov ecx, 1024
  mov eax, 0x12345678
.fill:
  stosd
  add eax, 0x9e3779b9
  loop .fill
  mov edi, 0x8000
  mov ecx, 0x7c0
  xor eax, eax
  rep stosd
  mov edi, 0x6000
  mov ecx, 1024
  rep stosd
  mov edi, 0x300000
  mov ecx, 0x4000
  mov eax, 0x30cd30cd
  rep stosd
  mov ax, 0x10
  mov ds, ax
  mov es, ax
  mov fs, ax
  mov gs, ax
  mov ss, ax
  jmp 8:.code
.code:
  ret

align 16
stubs:
%assign vector 0
%rep 64
  align 16
  %if vector != 8 && vector != 17 && (vector < 10 || vector > 14)
    push dword 0
  %endif
  push dword vector
  jmp dispatch
  %assign vector vector + 1
%endrep
align 16

; Frame: vector, code, eip, cs, eflags (esp, ss).
dispatch:
  push eax
  xor eax, eax
  mov ax, ds
  push eax
  mov ax, 0x10
  mov ds, ax
  pop dword [s_ds]
  pop dword [s_eax]
  mov [s_es], es
  mov [s_fs], fs
  mov [s_gs], gs
  mov [s_ecx], ecx
  mov [s_edx], edx
  mov [s_ebx], ebx
  mov [s_ebp], ebp
  mov [s_esi], esi
  mov [s_edi], edi
  and dword [esp + 16], ~0x10000
  pop dword [s_vector]
  pop dword [s_code]
  pop dword [s_eip]
  pop dword [s_cs]
  pop dword [s_flags]
  mov [s_esp], esp
  mov [s_ss], ss
  test dword [s_flags], 0x20000
  jnz .outer
  mov eax, [s_cs]
  and eax, 3
  jz .same
.outer:
  pop dword [s_esp]
  pop dword [s_ss]
  test dword [s_flags], 0x20000
  jz .same
  pop dword [s_es]
  pop dword [s_ds]
  pop dword [s_fs]
  pop dword [s_gs]
.same:
  mov eax, cr2
  mov [s_cr2], eax
  jmp report

; The task of a double fault.
double:
  mov dword [s_vector], 8
  pop dword [s_code]
  mov eax, [live_tss + 32]
  mov [s_eip], eax
  mov eax, [live_tss + 76]
  mov [s_cs], eax
  mov eax, [live_tss + 36]
  mov [s_flags], eax
  jmp report

report:
  mov ax, 0x10
  mov ss, ax
  mov ds, ax
  mov es, ax
  mov esp, print_stack
  cld
  mov eax, cr0
  mov [s_cr0], eax
  and dword [s_flags], ~0x10000
  cmp dword [s_vector], 14
  je .keep
  mov dword [s_cr2], 0
.keep:
  xor eax, eax
  str ax
  mov [s_tr], eax
  sldt ax
  mov [s_ldt], eax
  mov esi, live
  mov ecx, 16
  call sum
  mov [s_pages], eax
  mov esi, live_gdt
  mov ecx, 0x480 / 4
  call sum
  mov [s_tables], eax
  and dword [live_tss + 36], ~0x10000
  and dword [live_tss2 + 36], ~0x10000
  mov esi, live_tss
  mov ecx, (pristine_end - p_tss) / 4
  call sum
  mov [s_tasks], eax
  mov esi, SCRATCH
  mov ecx, 1024
  call sum
  mov [s_scratch], eax
  mov esi, 0x300000
  mov ecx, 0x4000
  call sum
  mov [s_window], eax
  mov esi, s_number
  mov ecx, (saved_end - s_number) / 4
.item:
  lodsd
  call hex
  mov al, ' '
  call putc
  loop .item
  mov al, 10
  call putc
  jmp run

sum:
  xor eax, eax
.next:
  rol eax, 5
  xor eax, [esi]
  add esi, 4
  loop .next
  ret

hex:
  push ecx
  mov ecx, 8
.digit:
  rol eax, 4
  push eax
  and al, 15
  add al, '0'
  cmp al, '9'
  jbe .show
  add al, 'a' - '0' - 10
.show:
  call putc
  pop eax
  loop .digit
  pop ecx
  ret

putc:
  push edx
  mov ah, al
  mov dx, 0x3fd
.wait:
  in al, dx
  test al, 0x20
  jz .wait
  mov dx, 0x3f8
  mov al, ah
  out dx, al
  pop edx
  ret

align 8
gdt_pointer:
  dw 0x3ff
  dd live_gdt
idt_pointer:
  dw 0x60 * 8 - 1
  dd idt

; What is printed, in this order: the names are in main.mjs.
s_number:
number: dd 0
s_vector: dd 0
s_code: dd 0
s_eip: dd 0
s_cs: dd 0
s_flags: dd 0
s_esp: dd 0
s_ss: dd 0
s_cr2: dd 0
s_ds: dd 0
s_es: dd 0
s_fs: dd 0
s_gs: dd 0
s_eax: dd 0
s_ecx: dd 0
s_edx: dd 0
s_ebx: dd 0
s_ebp: dd 0
s_esi: dd 0
s_edi: dd 0
s_cr0: dd 0
s_tr: dd 0
s_ldt: dd 0
s_pages: dd 0
s_tables: dd 0
s_tasks: dd 0
s_scratch: dd 0
s_window: dd 0
saved_end:

; The tables that a case may change: each case begins with a copy.
align 4096
pristine:
p_window:
  random_window
  times 0x1000 - ($ - p_window) db 0
p_gdt:
  dq 0
  dq 0x00cf9b000000ffff           ; 08, 10: ring 0
  dq 0x00cf93000000ffff
  dq 0x00cffb000000ffff           ; 1b, 23: ring 3
  dq 0x00cff3000000ffff
  dw 0x87, live_tss & 0xffff
  db live_tss >> 16, 0x89, 0, 0       ; 28: the TSS
  dw 0x67, live_double & 0xffff
  db live_double >> 16, 0x89, 0, 0       ; 30: the task of a double fault
  dw 0x7f, live_ldt & 0xffff
  db live_ldt >> 16, 0x82, 0, 0       ; 38: the LDT
  random_descriptors              ; 40 up
  times 0x400 - ($ - p_gdt) db 0
p_ldt:
  random_ldt
  times 0x80 - ($ - p_ldt) db 0
p_tss:
  dd 0, INNER, 0x10, INNER - 0x200, INNER_SS1, INNER - 0x400, INNER_SS2, directory
  times 17 dd 0
  dw 0, 0x68
  random_io_map
  times 0x88 - ($ - p_tss) db 0xff
p_double:
  dd 0, INNER, 0x10, 0, 0, 0, 0, directory, double, 2, 0, 0, 0, 0, double_stack, 0, 0, 0
  dd 0x10, 8, 0x10, 0x10, 0x10, 0x10, 0
  dw 0, 0x68
p_tss2:
  random_tss
pristine_end:
window_table equ live
live_gdt equ live + (p_gdt - pristine)
live_ldt equ live + (p_ldt - pristine)
live_tss equ live + (p_tss - pristine)
live_double equ live + (p_double - pristine)
live_tss2 equ live + (p_tss2 - pristine)

align 4096
idt: times 0x60 dq 0
align 4096
directory: times 1024 dd 0
  times 4096 db 0
print_stack:
  times 4096 db 0
double_stack:
