; The frame of a bare workload, put before its file: a Multiboot 1 kernel that calls `work` TURNS times, between two lines
; on the serial port at which the host reads the machine's CPU time. Each turn gives the same result in eax as one before
; the first line, after which it waits for two seconds by the clock: engines of Wasm compile the machine itself meanwhile,
; which takes v86 about a second of CPU time whatever the workload is.
bits 32
org 0x100000
    dd 0x1badb002, 0x10000, -(0x1badb002 + 0x10000)
    dd 0x100000, 0x100000, end, end, frame_start
frame_start:
    mov esp, 0x300000
    mov eax, cr4
    or eax, 0x600            ; CR4.OSFXSR, CR4.OSXMMEXCPT
    mov cr4, eax
    fninit
    call work
    mov [frame_result], eax
    call frame_wait
    mov esi, frame_begin
    call frame_print
    mov dword [frame_turns], TURNS
.turn:
    call work
    cmp eax, [frame_result]
    je .same
    inc dword [frame_wrong]
.same:
    dec dword [frame_turns]
    jnz .turn
    mov esi, frame_finish
    call frame_print
    mov esi, frame_tell
    call frame_print
    mov eax, [frame_result]
    call frame_number
    mov al, ' '
    call frame_put
    mov eax, [frame_wrong]
    call frame_number
    mov esi, frame_done
    call frame_print
.halt:
    cli
    hlt
    jmp .halt

; Three changes of the real-time clock's second.
frame_wait:
    mov ecx, 3
.second:
    call frame_clock
    mov bl, al
.same:
    call frame_clock
    cmp al, bl
    je .same
    dec ecx
    jnz .second
    ret

; The clock's seconds in al, when it is not about to change them.
frame_clock:
    mov al, 0x0a
    out 0x70, al
    in al, 0x71
    test al, 0x80
    jnz frame_clock
    xor eax, eax
    out 0x70, al
    in al, 0x71
    ret

; The text at esi, to its zero.
frame_print:
    lodsb
    test al, al
    jz .end
    call frame_put
    jmp frame_print
.end:
    ret

; The byte al, when the transmitter of COM1 is empty.
frame_put:
    mov bl, al
    mov dx, 0x3fd
.busy:
    in al, dx
    test al, 0x20
    jz .busy
    mov dx, 0x3f8
    mov al, bl
    out dx, al
    ret

; eax in decimal.
frame_number:
    xor edx, edx
    mov ecx, 10
    div ecx
    push edx
    test eax, eax
    jz .last
    call frame_number
.last:
    pop eax
    add al, '0'
    jmp frame_put

frame_result: dd 0
frame_wrong:  dd 0
frame_turns:  dd 0
frame_begin:  db 10, '@bench start bare', 10, 0
frame_finish: db 10, '@bench end bare', 10, 0
frame_tell:   db 10, '@bench result bare ', 0
frame_done:   db 10, '@bench done', 10, 0
align 16
