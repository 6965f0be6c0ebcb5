; lock: two processors, one counter
;
; Shows: a data race. Two vCPUs add 1 to the same counter, 200000 times each, in
; three ways. An addition in memory is a load, an addition and a store; when
; both processors load the same old value, one addition is lost.
;   1  MOV, INC, MOV   three instructions: anything may come between them
;   2  INC [counter]   one instruction, but still a load and a store
;   3  LOCK INC        one instruction that nobody can come between
;
; Look at: the three totals on the console. Only the third is sure to be 400000.
; With a thread for each vCPU, totals 1 and 2 can both fall short, by another
; number in every run. In the deterministic engine one thread runs the vCPUs in
; turn and never cuts an instruction in two, so total 2 is right, as it would be
; on a computer with one core; total 1 differs from seed to seed, and the same
; seed always gives the same total: a race that can be replayed.
;
; Try: give each processor a counter of its own and add them up at the end.
; Does that need LOCK?

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
    call count_in_three
    call meet                   ; both have finished
    mov esi, text_three
    mov eax, [three]
    call say_total

    call meet
    call count_in_one
    call meet
    mov esi, text_one
    mov eax, [one]
    call say_total

    call meet
    call count_locked
    call meet
    mov esi, text_locked
    mov eax, [locked]
    call say_total

    cmp dword [locked], 2 * TURNS
    setne al                    ; 0 when the locked total is right
    out EXIT_PORT, al           ; ends the machine
    hlt

wait_sent:
    test dword [LAPIC_ICR], PENDING
    jnz wait_sent
    ret

count_in_three:
    mov ecx, TURNS
.turn:
    mov eax, [three]
    inc eax
    mov [three], eax
    dec ecx
    jnz .turn
    ret

count_in_one:
    mov ecx, TURNS
.turn:
    inc dword [one]
    dec ecx
    jnz .turn
    ret

count_locked:
    mov ecx, TURNS
.turn:
    lock inc dword [locked]
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
    call count_in_three
    call meet
    call meet
    call count_in_one
    call meet
    call meet
    call count_locked
    call meet
.sleep:
    hlt
    jmp .sleep

; Sends the string at ESI and then the number in EAX.
say_total:
    mov ebp, eax
.next:
    lodsb
    test al, al
    jz .number
    call send
    jmp .next
.number:
    mov eax, ebp
; Sends EAX as a decimal number and a new line.
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

text_three:  db "mov, inc, mov: ", 0
text_one:    db "inc:           ", 0
text_locked: db "lock inc:      ", 0

; The counters lie far from the code: a store beside instructions makes every
; processor throw away what it has decoded of them. Memory starts as zeros.
absolute 0x20000
arrivals: resd 1
alignb 64
three:    resd 1
alignb 64
one:      resd 1
alignb 64
locked:   resd 1
section .text

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
