; branchy: jumps that depend on data, calls and returns. About 13 instructions a pass, a million passes.
work:
    mov ecx, 1000000
    mov eax, 1
    xor ebx, ebx
.pass:
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
    jnz .pass
    mov eax, ebx
    ret
odd:
    push eax
    xor ebx, eax
    pop eax
    ret
end:
