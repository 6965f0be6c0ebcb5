; integer: arithmetic, shifts and a multiplication in registers, a conditional jump each turn.
; A Multiboot 1 kernel: ROUNDS turns, then 0 to the exit port. STEP instructions a turn: 10.
bits 32
org 0x100000
    dd 0x1badb002, 0x10000, -(0x1badb002 + 0x10000)
    dd 0x100000, 0x100000, end, end, start
start:
    mov ecx, ROUNDS
    mov eax, 0x12345678
    mov ebx, 0x9abcdef0
.turn:
    add eax, ebx
    rol eax, 5
    imul ebx, eax
    xor ebx, ecx
    lea edx, [eax + ebx * 4 + 17]
    sub eax, edx
    shr edx, 3
    or ebx, edx
    dec ecx
    jnz .turn
    xor eax, eax
    out 0xf4, al
    cli
    hlt
end:
