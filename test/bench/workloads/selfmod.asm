; selfmod: code that writes a constant into a routine beside it and calls that, as packers and old compilers of expressions
; do. 20,000 changes; after each the routine turns 20 times.
work:
    mov esi, 20000
    mov eax, 1
.change:
    mov [changed.constant + 1], esi
    call changed
    dec esi
    jnz .change
    ret
align 16
changed:
    mov ecx, 20
.pass:
.constant:
    mov edx, 0
    add eax, edx
    rol eax, 3
    dec ecx
    jnz .pass
    ret
end:
