; branchy: jumps that depend on data, calls and returns. About 13 instructions a turn; COUNTED are exact in --stats.
bits 32
org 0x100000
    dd 0x1badb002, 0x10000, -(0x1badb002 + 0x10000)
    dd 0x100000, 0x100000, end, end, start
start:
    mov esp, 0x300000
    mov ecx, ROUNDS
    mov eax, 1
    xor ebx, ebx
.turn:
    imul eax, eax, 1103515245
    add eax, 12345
    test eax, 0x10000
    jz .even
    call odd
    jmp .join
.even:
    inc ebx
.join:
    bt eax, 20
    jnc .low
    add ebx, 3
.low:
    cmp eax, ebx
    ja .above
    sub ebx, 2
.above:
    dec ecx
    jnz .turn
    xor eax, eax
    out 0xf4, al
    cli
    hlt
odd:
    push eax
    xor ebx, eax
    pop eax
    ret
end:
