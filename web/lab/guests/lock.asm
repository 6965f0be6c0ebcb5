; lock: two processors, one counter
;
; Shows: a data race. Two vCPUs add 1 to the same counter, 200000 times each.
; INC on memory is a read, an addition and a write; when both processors read
; the same old value, one addition is lost. The prefix LOCK makes the three
; steps one, and nothing is lost.
;
; Look at: the two totals on the console. Without LOCK the total is less than
; 400000, and it differs from run to run. In the deterministic engine it
; differs from seed to seed, and the same seed gives the same total: a race
; that can be replayed.
;
; Try: is `lock inc` needed if only one processor writes and the other reads?

bits 32
org 0x8000

TURNS      equ 200000
COM1       equ 0x3f8
EXIT_PORT  equ 0xf4
LAPIC_SVR  equ 0xfee000f0
LAPIC_ICR  equ 0xfee00300
ALL_OTHERS equ 3 << 18
ASSERT     equ 1 << 14
INIT       equ 5 << 8
STARTUP    equ 6 << 8
PENDING    equ 1 << 12

start:
    mov esp, 0x8000
    mov dword [LAPIC_SVR], 0x1ff
    mov dword [LAPIC_ICR], ALL_OTHERS | ASSERT | INIT
    call wait_sent
    mov ecx, 2000000
.pause:
    dec ecx
    jnz .pause
    mov dword [LAPIC_ICR], ALL_OTHERS | ASSERT | STARTUP | (trampoline >> 12)
    call wait_sent

    call meet                   ; both start at the same moment
    call count_plainly
    call meet                   ; both have finished
    mov esi, text_plain
    call say
    mov eax, [plain]
    call say_number

    call meet
    call count_locked
    call meet
    mov esi, text_locked
    call say
    mov eax, [locked]
    call say_number

    cmp dword [locked], 2 * TURNS
    setne al                    ; 0 when the locked total is right
    out EXIT_PORT, al           ; ends the machine
    hlt

wait_sent:
    test dword [LAPIC_ICR], PENDING
    jnz wait_sent
    ret

count_plainly:
    mov ecx, TURNS
.turn:
    inc dword [plain]           ; read, add, write: three steps
    dec ecx
    jnz .turn
    ret

count_locked:
    mov ecx, TURNS
.turn:
    lock inc dword [locked]     ; one step
    dec ecx
    jnz .turn
    ret

; Returns when both processors have called it equally often.
meet:
    mov eax, 1
    lock xadd [arrivals], eax   ; EAX: how many had arrived before me
    add eax, 2
    and eax, ~1                 ; the next even number: then both are here
.wait:
    pause
    cmp [arrivals], eax
    jb .wait
    ret

; The second processor, in protected mode.
second:
    mov ax, DATA
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov esp, 0x7000
    call meet
    call count_plainly
    call meet
    call meet
    call count_locked
    call meet
.sleep:
    hlt
    jmp .sleep

; Sends the string at ESI.
say:
    lodsb
    test al, al
    jz .end
    call send
    jmp say
.end:
    ret

; Sends EAX as a decimal number and a new line.
say_number:
    mov ebx, 10
    xor ecx, ecx
.digit:
    xor edx, edx
    div ebx
    push edx                    ; the last digit first; the stack turns them round
    inc ecx
    test eax, eax
    jnz .digit
.send:
    pop eax
    add al, '0'
    call send
    loop .send
    mov al, 13
    call send
    mov al, 10
    call send
    ret

; Sends AL.
send:
    push eax
    mov dx, COM1 + 5
.wait:
    in al, dx
    test al, 0x20
    jz .wait
    pop eax
    mov dx, COM1
    out dx, al
    ret

text_plain:  db "without lock: ", 0
text_locked: db "with lock:    ", 0
align 4
arrivals: dd 0
align 64
plain:    dd 0
align 64
locked:   dd 0

trampoline equ 0x9000
times trampoline - 0x8000 - ($ - $$) db 0
trampoline_code:
bits 16
    cli
    lgdt [cs:gdt_pointer - trampoline_code]
    mov eax, cr0
    or al, 1
    mov cr0, eax
    jmp dword CODE:second

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
