; memory: loads, stores and read-modify-writes over 256 KiB, with and without an index. 9 instructions a pass, a million
; passes over the same bytes from zero.
BUFFER equ 0x400000
work:
    mov edi, BUFFER
    xor eax, eax
    mov ecx, 0x10040
    rep stosd
    mov ecx, 1000000
    xor esi, esi
.pass:
    mov eax, [BUFFER + esi]
    add eax, ecx
    mov [BUFFER + esi + 64], eax
    add [BUFFER + esi + 128], eax
    movzx edx, byte [BUFFER + esi + 65]
    add esi, 68
    and esi, 0x3fffc
    dec ecx
    jnz .pass
    add eax, edx
    ret
end:
