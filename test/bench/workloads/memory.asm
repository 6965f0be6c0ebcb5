; memory: loads, stores and read-modify-writes over 256 KiB, with and without an index. 9 instructions a turn.
bits 32
org 0x100000
    dd 0x1badb002, 0x10000, -(0x1badb002 + 0x10000)
    dd 0x100000, 0x100000, end, end, start
BUFFER equ 0x400000
start:
    mov ecx, ROUNDS
    xor esi, esi
.turn:
    mov eax, [BUFFER + esi]
    add eax, ecx
    mov [BUFFER + esi + 64], eax
    add [BUFFER + esi + 128], eax
    movzx edx, byte [BUFFER + esi + 65]
    add esi, 68
    and esi, 0x3fffc
    dec ecx
    jnz .turn
    xor eax, eax
    out 0xf4, al
    cli
    hlt
end:
