; integer: arithmetic, shifts and a multiplication in registers. 10 instructions a pass, a million passes.
work:
    mov ecx, 1000000
    mov eax, 0x12345678
    mov ebx, 0x9abcdef0
.pass:
    add eax, ebx
    rol eax, 5
    imul ebx, eax
    xor ebx, ecx
    lea edx, [eax + ebx * 4 + 17]
    sub eax, edx
    shr edx, 3
    or ebx, edx
    dec ecx
    jnz .pass
    ret
end:
