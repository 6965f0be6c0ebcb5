; A guest to be watched by a debugger: a few instructions, a loop, a place for a breakpoint, a watched address. Its VMM
; starts it in long mode.

org 0x1000
bits 64
    mov eax, 1              ; 0x1000
    mov ebx, 2              ; 0x1005
    add eax, ebx            ; 0x100a
    mov ecx, 3              ; 0x100c
round:
    add ebx, eax            ; 0x1011
    dec ecx                 ; 0x1013
    jnz round               ; 0x1015
    nop                     ; 0x1017: the debugger puts INT3 here
    mov edx, ebx            ; 0x1018: DR0
    mov [0x2000], edx       ; 0x101a: DR1 watches this write
    mov eax, edx            ; 0x1021
    hlt                     ; 0x1023
