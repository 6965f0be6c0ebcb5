; painter: a picture made of dirty pages
;
; Shows: the dirty log. A slot with KVM_MEM_LOG_DIRTY_PAGES remembers each page
; that the guest has written since the log was last read, one bit a page. That
; is how a running machine migrates: copy everything, then copy again only what
; has become dirty meanwhile.
;
; The machine: a slot of 16 MiB at 16 MiB that logs. Its 4096 pages are a
; canvas of 64 by 64 pixels; one byte written anywhere in a page paints it.
;
; Look at: the heat map of slot 1, 64 pages a row. A ring runs outwards from
; the middle. Harvest the log by hand (KVM_GET_DIRTY_LOG) and see that it is
; empty afterwards, until the guest paints again.
;
; Try: paint only pages whose row is even. Or write to every page: that is what
; a migration fears most.

bits 32
org 0x10000

CANVAS    equ 0x01000000
WIDTH     equ 64
MIDDLE    equ WIDTH / 2
THICKNESS equ 3
LARGEST   equ 46                ; the corner is 45.3 pixels from the middle
WAVES     equ 12
DELAY     equ 2000000           ; turns of an empty loop between two rings
EXIT_PORT equ 0xf4

    mov dword [waves], WAVES
next_wave:
    mov dword [radius], 0
next_ring:
    ; The ring is where radius^2 <= x^2 + y^2 < (radius + THICKNESS)^2.
    mov eax, [radius]
    imul eax, eax
    mov [inner], eax
    mov eax, [radius]
    add eax, THICKNESS
    imul eax, eax
    mov [outer], eax

    mov edi, CANVAS             ; the page that is looked at
    mov edx, -MIDDLE            ; y
.row:
    mov ecx, -MIDDLE            ; x
.pixel:
    mov eax, ecx
    imul eax, eax
    mov ebx, edx
    imul ebx, ebx
    add eax, ebx                ; the square of the distance to the middle
    cmp eax, [inner]
    jb .dry
    cmp eax, [outer]
    jae .dry
    inc byte [edi]              ; paint: the page is dirty now
.dry:
    add edi, 4096               ; a pixel to the right is one page further
    inc ecx
    cmp ecx, MIDDLE
    jl .pixel
    inc edx
    cmp edx, MIDDLE
    jl .row

    mov ecx, DELAY              ; leave the eye some time
.wait:
    dec ecx
    jnz .wait

    inc dword [radius]
    cmp dword [radius], LARGEST
    jb next_ring
    dec dword [waves]
    jnz next_wave

    xor eax, eax
    out EXIT_PORT, al           ; ends the machine
    hlt

align 4
waves:  dd 0
radius: dd 0
inner:  dd 0
outer:  dd 0
