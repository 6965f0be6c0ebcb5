; count: a loop of two instructions, the least that a machine can do with one. 2 instructions a pass, 4 million passes.
work:
    mov ecx, 4000000
.pass:
    dec ecx
    jnz .pass
    mov eax, ecx
    ret
end:
