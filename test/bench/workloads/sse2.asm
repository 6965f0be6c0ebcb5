; sse2: scalar and packed doubles, packed integers, shuffles, aligned loads and stores. 14 instructions a turn.
bits 32
org 0x100000
    dd 0x1badb002, 0x10000, -(0x1badb002 + 0x10000)
    dd 0x100000, 0x100000, end, end, start
start:
    mov eax, cr4
    or eax, 0x600            ; CR4.OSFXSR, CR4.OSXMMEXCPT
    mov cr4, eax
    mov ecx, ROUNDS
    movapd xmm0, [one]
    movapd xmm1, [small]
    movsd xmm2, [one]
    pxor xmm3, xmm3
    movdqa xmm4, [words]
.turn:
    addpd xmm0, xmm1
    mulpd xmm0, xmm5
    addsd xmm2, xmm1
    mulsd xmm2, xmm1
    movapd xmm5, [one]
    paddd xmm3, xmm4
    pshufd xmm6, xmm3, 0x1b
    pxor xmm4, xmm6
    pslld xmm6, 3
    movdqa [store], xmm6
    cvttsd2si eax, xmm2
    ucomisd xmm2, xmm1
    dec ecx
    jnz .turn
    xor eax, eax
    out 0xf4, al
    cli
    hlt
align 16
one:   dq 1.0, 1.0
small: dq 0.0000001, 0.25
words: dd 1, 2, 3, 4
store: dq 0, 0
end:
