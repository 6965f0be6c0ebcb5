; store: writes 16 MiB from 0x400000 on word by word, ROUNDS times; for the dirty log.
bits 32
org 0x100000
    dd 0x1badb002, 0x10000, -(0x1badb002 + 0x10000)
    dd 0x100000, 0x100000, end, end, start
FIRST equ 0x400000
start:
    mov ecx, ROUNDS
.again:
    mov edi, FIRST
.next:
    mov [edi], ecx
    add edi, 4
    cmp edi, FIRST + 0x1000000
    jne .next
    dec ecx
    jne .again
    xor eax, eax
    out 0xf4, al
    cli
    hlt
end:
