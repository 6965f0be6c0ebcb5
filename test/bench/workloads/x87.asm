; x87: a logistic map and a running sum on the register stack, loads and stores of doubles. 12 instructions a pass, 500,000
; passes.
work:
    mov ecx, 500000
    fldz
    fstp qword [sum]
    fld qword [rate]
    fld qword [value]
.pass:
    fld1
    fsub st0, st1
    fmul st0, st1
    fmul st0, st2
    fstp st1
    fld qword [sum]
    fadd st0, st1
    fstp qword [sum]
    fld st0
    fstp qword [last]
    dec ecx
    jnz .pass
    fstp st0
    fstp st0
    mov eax, [sum]
    xor eax, [sum + 4]
    xor eax, [last]
    ret
align 8
rate:  dq 3.9
value: dq 0.4
sum:   dq 0.0
last:  dq 0.0
end:
