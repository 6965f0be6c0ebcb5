; x87: a logistic map and a running sum on the register stack, loads and stores of doubles. 12 instructions a turn.
bits 32
org 0x100000
    dd 0x1badb002, 0x10000, -(0x1badb002 + 0x10000)
    dd 0x100000, 0x100000, end, end, start
start:
    finit
    mov ecx, ROUNDS
    fld qword [rate]
    fld qword [value]
.turn:
    fld1
    fsub st0, st1
    fmul st0, st1
    fmul st0, st2
    fstp st1
    fld qword [sum]
    fadd st0, st1
    fstp qword [sum]
    fld st0
    fstp qword [value]
    dec ecx
    jnz .turn
    xor eax, eax
    out 0xf4, al
    cli
    hlt
align 8
rate:  dq 3.9
value: dq 0.4
sum:   dq 0.0
end:
