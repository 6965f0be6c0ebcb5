; smp: the same loop of integer and memory instructions on CPUS processors at once, each on memory of its own: several pages,
; for a host's processor can be slower at one page's translation that lies at the same offset of a page as the registers.
; A Multiboot 1 kernel: ROUNDS turns on each processor, then 0 to the exit port. STEP instructions a turn: 10.
bits 32
org 0x100000
LAPIC equ 0xfee00000
TRAMPOLINE equ 0x8000
    dd 0x1badb002, 0x10000, -(0x1badb002 + 0x10000)
    dd 0x100000, 0x100000, end, end, start
start:
    mov esi, trampoline
    mov edi, TRAMPOLINE
    mov ecx, trampoline_end - trampoline
    rep movsb
    mov dword [LAPIC + 0xf0], 0x1ff
    mov eax, CPUS
    dec eax
    jz compute
    ; INIT and SIPI to all but this one.
    mov dword [LAPIC + 0x300], 0xc4500
    mov dword [LAPIC + 0x300], 0xc4600 + TRAMPOLINE / 0x1000
compute:
    ; 16 pages of a processor by its APIC id.
    mov edi, [LAPIC + 0x20]
    shr edi, 24
    shl edi, 16
    add edi, 0x400000
    mov ecx, ROUNDS
    mov eax, 0x12345678
    mov ebx, 0x9abcdef0
.turn:
    add eax, ebx
    rol eax, 5
    xor ebx, ecx
    mov edx, eax
    and edx, 0xfffc
    add [edi + edx], ebx
    mov ebx, [edi + edx]
    lea eax, [eax + ebx * 4 + 17]
    dec ecx
    jnz .turn
    lock inc dword [done]
    cmp dword [LAPIC + 0x20], 0
    jne .stop
.wait:
    pause
    cmp dword [done], CPUS
    jne .wait
    xor eax, eax
    out 0xf4, al
.stop:
    cli
    hlt
done:
    dd 0
bits 16
trampoline:
    cli
    xor ax, ax
    mov ds, ax
    lgdt [TRAMPOLINE + gdtr - trampoline]
    mov eax, cr0
    or al, 1
    mov cr0, eax
    jmp dword 8:flat
gdtr:
    dw 23
    dd TRAMPOLINE + gdt - trampoline
gdt:
    dd 0, 0
    dd 0x0000ffff, 0x00cf9a00
    dd 0x0000ffff, 0x00cf9200
trampoline_end:
bits 32
flat:
    mov ax, 16
    mov ds, ax
    mov es, ax
    mov ss, ax
    jmp compute
end:
