; A guest with interrupt chips: it waits in HLT for interrupt 5, says so, rings a doorbell three times, and asks for
; another one. What its VMM sees: a byte at port 0x3f8 each time, and at the end one at port 0xf4.

TEXT     equ 0x3f8
DOORBELL equ 0x20c0
END_PORT equ 0xf4

org 0x1000
bits 16
    cli
    xor ax, ax
    mov ds, ax
    mov ss, ax
    mov sp, 0x8000
    mov word [0x25 * 4], interrupt
    mov word [0x25 * 4 + 2], 0

    mov al, 0x11            ; the first 8259: edges, vectors from 0x20, all but line 5 masked
    out 0x20, al
    mov al, 0x20
    out 0x21, al
    mov al, 4
    out 0x21, al
    mov al, 1
    out 0x21, al
    mov al, 0xdf
    out 0x21, al

    mov cx, 3
round:
    mov al, 'r'             ; ready: now the VMM signals its eventfd
    mov dx, TEXT
    out dx, al
    sti
    hlt
    cli
    loop round
    mov al, 0
    out END_PORT, al
    hlt

interrupt:
    mov al, 'i'
    mov dx, TEXT
    out dx, al
    mov dx, DOORBELL
    out dx, al
    mov al, 0x20            ; end of interrupt
    out 0x20, al
    iret
