; A guest that writes to pages 3, 5 and 6, halts, and on each further run writes to page 7 only.

org 0x1000
bits 16
    mov ax, 0x0300
    mov ds, ax
    mov byte [0], 1         ; 0x3000
    mov byte [0x2fff], 2    ; 0x5fff
    mov word [0x3000], 3    ; 0x6000
    hlt
again:
    inc byte [0x4000]       ; 0x7000
    hlt
    jmp again
