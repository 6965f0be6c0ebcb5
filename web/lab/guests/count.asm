; count: a thousand million turns of a short loop
;
; Shows: how fast the machine is. The loop has four instructions, so it runs
; four thousand million of them and touches no memory: the interpreter needs
; twenty seconds for that, compiled code two or three.
;
; Look at: Tiers, with instructions per second, what is compiled, and a switch.
; At the end EAX holds 1000000000 (0x3b9aca00).
;
; Try: put a store such as `mov [0x20000], eax` into the loop and compare.

bits 32
org 0x10000

TURNS     equ 1000000000
EXIT_PORT equ 0xf4

    xor eax, eax
    xor edx, edx
    mov ecx, TURNS
turn:
    add eax, 1
    xor edx, eax
    dec ecx
    jnz turn

    mov al, 0
    out EXIT_PORT, al           ; ends the machine: status (0 << 1) | 1
    hlt
