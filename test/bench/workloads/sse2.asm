; sse2: scalar and packed doubles, packed integers, shuffles, aligned loads and stores. 14 instructions a pass, 500,000
; passes.
work:
    mov ecx, 500000
    movapd xmm0, [one]
    movapd xmm1, [small]
    movsd xmm2, [one]
    pxor xmm3, xmm3
    movdqa xmm4, [words]
    movapd xmm5, [one]
.pass:
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
    jnz .pass
    movapd [doubles], xmm0
    xor eax, [doubles]
    xor eax, [doubles + 12]
    xor eax, [store]
    xor eax, [store + 8]
    ret
align 16
one:     dq 1.0, 1.0
small:   dq 0.0000001, 0.25
words:   dd 1, 2, 3, 4
store:   dq 0, 0
doubles: dq 0, 0
end:
