; The 64-bit guest of the differential tests: as guest32.asm, in long mode.
bits 32
org 0x100000

%define LAND 0xa000
%define SCRATCH 0xb000
%define STACK0 0x7000
%define INNER 0x6000
%define STACK3 0x9000
%define WINDOW 0x400000
live equ 0x140000
live_gdt equ live + (p_gdt - pristine)
live_ldt equ live + (p_ldt - pristine)
live_tss equ live + (p_tss - pristine)

header:
  dd 0x1badb002, 0x00010003, -(0x1badb002 + 0x00010003)
  dd header, header, 0, 0, start

start:
  mov esp, print_stack
  mov al, 0xff
  out 0x21, al
  out 0xa1, al
  lgdt [boot_gdt]
  mov edi, LAND - 0x100
  mov ecx, 0x880
  mov ax, 0x30cd
  rep stosw
  mov edi, 0x10000
  mov ecx, 0x8000
  rep stosw
  mov dword [pml4], pdpt + 7
  mov dword [pdpt], pd + 7
  mov dword [pd], 0x87
  mov dword [pd + 8], 0x200087
  mov dword [pd + 16], live + 7
  mov eax, 0x20
  mov cr4, eax
  mov eax, pml4
  mov cr3, eax
  mov ecx, 0xc0000080
  mov eax, 0x901
  xor edx, edx
  wrmsr
  mov eax, 0x80010011
  mov cr0, eax
  jmp 8:long_start

bits 64
long_start:
  mov edi, idt
  mov esi, stubs
  mov ecx, 0x40
.gate:
  mov eax, esi
  mov [rdi], ax
  mov word [rdi + 2], 8
  mov word [rdi + 4], 0x8e00
  shr eax, 16
  mov [rdi + 6], ax
  add rdi, 16
  add rsi, 16
  dec ecx
  jnz .gate
  mov word [idt + 0x30 * 16 + 4], 0xee00
  mov word [idt + 3 * 16 + 4], 0xee00
  mov word [idt + 8 * 16 + 4], 0x8e01
  mov word [idt + 10 * 16 + 4], 0x8e01
  mov word [idt + 12 * 16 + 4], 0x8e02
  mov esi, random_gates
  mov edi, idt + 0x40 * 16
  mov ecx, 0x20 * 2
  rep movsq

run:
  inc qword [number]
  cmp qword [number], CASES
  jg finish
  call restore
  mov rbx, [number]
  mov eax, [case_table + rbx * 4 - 4]
  jmp rax

finish:
  mov al, 10
  call putc
  mov dx, 0xf4
  mov al, 0
  out dx, al
.halt:
  cli
  hlt
  jmp .halt

restore:
  push qword 2
  popfq
  mov esi, pristine
  mov edi, live
  mov ecx, (pristine_end - pristine) / 4
  rep movsd
  lgdt [gdt_pointer]
  lidt [idt_pointer]
  mov ax, 0x30
  ltr ax
  mov ax, 0x40
  lldt ax
  mov eax, 0x80010011
  mov cr0, rax
  mov eax, 0x20
  mov cr4, rax
  mov eax, pml4
  mov cr3, rax
  xor eax, eax
  mov cr2, rax
  mov cr8, rax
  mov eax, 0x400
  mov dr7, rax
  xor eax, eax
  mov dr0, rax
  mov dr1, rax
  mov dr2, rax
  mov dr3, rax
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
  mov edi, 0x5000
  mov ecx, 2048
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
%macro MSR 2
  mov ecx, %1
  mov eax, (%2) & 0xffffffff
  mov edx, (%2) >> 32
  wrmsr
%endmacro
  MSR 0xc0000080, 0x901
  MSR 0xc0000081, 0x0018000800000000
  MSR 0xc0000082, LAND
  MSR 0xc0000084, 0x40ed5
  MSR 0xc0000100, 0
  MSR 0xc0000101, 0
  MSR 0xc0000102, 0x123456789000
  MSR 0x174, 8
  MSR 0x175, INNER
  MSR 0x176, LAND
  ret

align 16
stubs:
%assign vector 0
%rep 64
  align 16
  %if vector != 8 && vector != 17 && (vector < 10 || vector > 14)
    push qword 0
  %endif
  push qword vector
  jmp dispatch
  %assign vector vector + 1
%endrep
align 16

; Frame: vector, code, rip, cs, rflags, rsp, ss.
dispatch:
  mov [s_rax], rax
  mov [s_ds], ds
  mov [s_es], es
  mov [s_fs], fs
  mov [s_gs], gs
  mov [s_rcx], rcx
  mov [s_rdx], rdx
  mov [s_rbx], rbx
  mov [s_rbp], rbp
  mov [s_rsi], rsi
  mov [s_rdi], rdi
  mov [s_r8], r8
  mov [s_r11], r11
  ; QEMU loads a null SS with an interrupt stack also where the level stays.
  mov [s_now], ss
  test byte [rsp + 24], 3
  jnz .outer
  mov dword [s_now], 0
.outer:
  mov eax, 0x10
  mov ss, ax
  mov ds, ax
  mov es, ax
  ; CR4.SMAP and keys could stand before the frame.
  mov rax, cr4
  mov [s_cr4], rax
  mov ebx, 0x20
  mov cr4, rbx
  and qword [rsp + 32], ~0x10000
  pop qword [s_vector]
  pop qword [s_code]
  pop qword [s_rip]
  pop qword [s_cs]
  pop qword [s_flags]
  pop qword [s_rsp]
  pop qword [s_ss]
  mov rax, cr2
  mov [s_cr2], rax
  mov rsp, print_stack
  cld
  mov rax, cr0
  mov [s_cr0], rax
  mov rax, cr8
  mov [s_cr8], rax
  cmp dword [s_vector], 14
  je .keep
  mov qword [s_cr2], 0
.keep:
%macro READ 2
  mov ecx, %1
  rdmsr
  mov [%2], eax
  mov [%2 + 4], edx
%endmacro
  READ 0xc0000100, s_fsbase
  READ 0xc0000101, s_gsbase
  READ 0xc0000102, s_kernel
  xor eax, eax
  str ax
  mov [s_tr], rax
  sldt ax
  mov [s_ldt], rax
  mov esi, live
  mov ecx, 32
  call sum
  mov [s_pages], eax
  mov esi, live_gdt
  mov ecx, (p_tss - p_gdt) / 4
  call sum
  mov [s_tables], eax
  mov esi, SCRATCH
  mov ecx, 1024
  call sum
  mov [s_scratch], eax
  mov esi, 0x300000
  mov ecx, 0x4000
  call sum
  mov [s_window], eax
  mov esi, s_number
  mov ecx, (saved_end - s_number) / 8
.item:
  lodsq
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
  xor eax, [rsi]
  add rsi, 4
  loop .next
  ret

hex:
  push rcx
  mov ecx, 16
.digit:
  rol rax, 4
  push rax
  and al, 15
  add al, '0'
  cmp al, '9'
  jbe .show
  add al, 'a' - '0' - 10
.show:
  call putc
  pop rax
  loop .digit
  pop rcx
  ret

putc:
  push rdx
  mov ah, al
  mov dx, 0x3fd
.wait:
  in al, dx
  test al, 0x20
  jz .wait
  mov dx, 0x3f8
  mov al, ah
  out dx, al
  pop rdx
  ret

align 8
boot_gdt:
  dw 0x3ff
  dd p_gdt
gdt_pointer:
  dw 0x3ff
  dq live_gdt
idt_pointer:
  dw 0x60 * 16 - 1
  dq idt

; What is printed, in this order: the names are in cases64.mjs.
align 8
s_number:
number: dq 0
s_vector: dq 0
s_code: dq 0
s_rip: dq 0
s_cs: dq 0
s_flags: dq 0
s_rsp: dq 0
s_ss: dq 0
s_now: dq 0
s_cr2: dq 0
s_ds: dq 0
s_es: dq 0
s_fs: dq 0
s_gs: dq 0
s_rax: dq 0
s_rcx: dq 0
s_rdx: dq 0
s_rbx: dq 0
s_rbp: dq 0
s_rsi: dq 0
s_rdi: dq 0
s_r8: dq 0
s_r11: dq 0
s_cr0: dq 0
s_cr4: dq 0
s_cr8: dq 0
s_fsbase: dq 0
s_gsbase: dq 0
s_kernel: dq 0
s_tr: dq 0
s_ldt: dq 0
s_pages: dq 0
s_tables: dq 0
s_scratch: dq 0
s_window: dq 0
saved_end:

%include "cases.inc"

align 4096
pristine:
p_window:
  random_window
  times 0x1000 - ($ - p_window) db 0
p_gdt:
  dq 0
  dq 0x00af9b000000ffff           ; 08, 10: ring 0
  dq 0x00cf93000000ffff
  dq 0x00cffb000000ffff           ; 1b, 23, 2b: ring 3 in SYSRET's order
  dq 0x00cff3000000ffff
  dq 0x00affb000000ffff
  dw 0x87, live_tss & 0xffff      ; 30: the TSS
  db live_tss >> 16, 0x89, 0, 0
  dq 0
  dw 0x7f, live_ldt & 0xffff      ; 40: the LDT
  db live_ldt >> 16, 0x82, 0, 0
  dq 0
  dq 0x00cf9b000000ffff           ; 50: 32-bit code of ring 0
  dq 0
  random_descriptors              ; 60 up
  times 0x400 - ($ - p_gdt) db 0
p_ldt:
  random_ldt
  times 0x80 - ($ - p_ldt) db 0
p_tss:
  dd 0
  dq INNER, INNER - 0x200, INNER_RSP2, 0
  dq ist1, ist2, INNER - 0x400, 0, 0, 0, 0, 0
  dw 0, 0x68
  random_io_map
  times 0x88 - ($ - p_tss) db 0xff
pristine_end:

align 4096
idt: times 0x60 * 2 dq 0
align 4096
pml4: times 512 dq 0
pdpt: times 512 dq 0
pd: times 512 dq 0
  times 4096 db 0
ist1:
  times 4096 db 0
ist2:
  times 4096 db 0
print_stack:
