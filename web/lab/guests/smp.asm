; smp: how a second processor is woken
;
; Shows: at power-on only one processor runs, the bootstrap processor (BSP).
; The others sleep until it sends them two messages through its local APIC:
; INIT, which resets them, and SIPI, which carries one byte: the page where
; they start. They start there in real mode, so the first code they find must
; be a trampoline that lifts them into protected mode.
;
; Look at: vCPU 1. Its state (mp_state) goes from INIT_RECEIVED to
; SIPI_RECEIVED to RUNNABLE, and its CS becomes 0x0900 with base 0x9000,
; because the SIPI says page 9. Then follow it through the trampoline.
;
; Try: start the machine with four vCPUs. The messages go to "all but self", so
; all of them come; what keeps their lines on the console apart?

bits 32
org 0x8000

COM1       equ 0x3f8
EXIT_PORT  equ 0xf4
LAPIC      equ 0xfee00000
LAPIC_ID   equ LAPIC + 0x20     ; bits 31..24: who am I
LAPIC_SVR  equ LAPIC + 0xf0     ; bit 8 switches the APIC on
LAPIC_ICR  equ LAPIC + 0x300    ; a write sends an interrupt to another processor
ALL_OTHERS equ 3 << 18
ASSERT     equ 1 << 14
INIT       equ 5 << 8
STARTUP    equ 6 << 8
PENDING    equ 1 << 12          ; the message is still on its way

start:
    mov esp, 0x8000
    mov dword [LAPIC_SVR], 0x1ff
    mov esi, text_first
    call say

    mov dword [LAPIC_ICR], ALL_OTHERS | ASSERT | INIT
    call wait_sent
    mov ecx, 2000000            ; the manual asks for 10 ms here
.pause:
    dec ecx
    jnz .pause
    mov dword [LAPIC_ICR], ALL_OTHERS | ASSERT | STARTUP | (trampoline >> 12)
    call wait_sent

    mov ecx, 100000000          ; do not wait for ever if nobody is there
.wait:
    cmp dword [others], 0
    jne .came
    pause
    dec ecx
    jnz .wait
    mov esi, text_nobody
    call say
    mov al, 1
    jmp .end
.came:
    mov esi, text_came
    call say
    mov al, 0
.end:
    out EXIT_PORT, al           ; ends the machine
    hlt

wait_sent:
    test dword [LAPIC_ICR], PENDING
    jnz wait_sent
    ret

; Says "CPU n: " and the string at ESI, one processor at a time.
say:
    mov al, 1
.lock:
    xchg al, [speaking]         ; XCHG with memory is always atomic
    test al, al
    jz .mine
    pause
    mov al, 1
    jmp .lock
.mine:
    mov eax, [LAPIC_ID]
    shr eax, 24
    add al, '0'
    mov [text_cpu + 4], al
    mov edi, esi
    mov esi, text_cpu
    call send
    mov esi, edi
    call send
    mov byte [speaking], 0
    ret

send:
    lodsb
    test al, al
    jz .end
    mov ah, al
    mov dx, COM1 + 5
.wait:
    in al, dx
    test al, 0x20
    jz .wait
    mov al, ah
    mov dx, COM1
    out dx, al
    jmp send
.end:
    ret

; Where the other processors arrive, in protected mode.
other_processor:
    mov ax, DATA
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov eax, 1
    lock xadd [arrived], eax    ; my number, in the order of arrival
    imul eax, 0x400
    lea esp, [eax + 0x7000]     ; every processor needs a stack of its own
    mov dword [LAPIC_SVR], 0x1ff
    mov esi, text_other
    call say
    lock inc dword [others]
.sleep:
    hlt
    jmp .sleep

text_cpu:    db "CPU 0: ", 0
text_first:  db "I am the bootstrap processor and wake the others", 13, 10, 0
text_other:  db "awake, from real mode through the trampoline", 13, 10, 0
text_came:   db "I have seen them come", 13, 10, 0
text_nobody: db "nobody came; does this machine have two vCPUs?", 13, 10, 0
align 4
others:   dd 0
arrived:  dd 0
speaking: db 0

; The trampoline lies on its own page below 1 MiB: a SIPI can only name a page.
trampoline equ 0x9000
times trampoline - 0x8000 - ($ - $$) db 0
trampoline_code:
bits 16
    cli
    lgdt [cs:gdt_pointer - trampoline_code]
    mov eax, cr0
    or al, 1
    mov cr0, eax
    jmp dword CODE:other_processor

align 8
gdt:
    dq 0
.code: dq 0x00cf9a000000ffff
.data: dq 0x00cf92000000ffff
gdt_pointer:
    dw $ - gdt - 1
    dd gdt
CODE equ gdt.code - gdt
DATA equ gdt.data - gdt
