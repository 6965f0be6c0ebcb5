; count: ROUNDS turns of a loop of four instructions.
bits 32
org 0x100000
    dd 0x1badb002, 0x10000, -(0x1badb002 + 0x10000)
    dd 0x100000, 0x100000, end, end, start
start:
    xor eax, eax
    xor ebx, ebx
    mov ecx, ROUNDS
.turn:
    inc eax
    add ebx, eax
    cmp eax, ecx
    jne .turn
    xor eax, eax
    out 0xf4, al
    cli
    hlt
end:
