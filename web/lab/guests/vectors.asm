; vectors: one instruction on four numbers, and the three register files
;
; Shows: what a processor computes with besides its general registers. Each of
; the three came on top of the ones before, and all are still there.
;   x87  1980  a stack of eight numbers of 80 bits; ST(0) is its top
;   MMX  1997  eight vectors of 64 bits, which lie in the x87 registers
;   SSE  1999  eight vectors of 128 bits: four numbers, one instruction
;
; Look at: the panel Registers, and step through the first 25 instructions. In
; the view x87 each FLD moves TOP down by one, and the values stay where they
; are. MOVQ writes to MM0: see what becomes of R0 and of all tags, and what EMMS
; does about it. In the view Vectors, lanes read as floats, MULPS makes four
; products at once; read XMM2 as 32-bit integers.
;
; Try: take EMMS out and put `fld1` in its place. All eight registers count as
; used, so the push finds no room: ST(0) becomes a NaN, IE and SF tell why. Take
; out what sets CR4.OSFXSR, and MOVAPS raises #UD: without a handler, and without
; one for that, the processor shuts down.

bits 32
org 0x10000

COM1      equ 0x3f8
EXIT_PORT equ 0xf4

CR4_OSFXSR     equ 1 << 9       ; the system saves XMM registers: SSE is on
CR4_OSXMMEXCPT equ 1 << 10      ; the system handles SSE's exceptions

    mov esp, 0x10000
    mov eax, cr4
    or eax, CR4_OSFXSR | CR4_OSXMMEXCPT
    mov cr4, eax

; --- x87: the area of a circle -----------------------------------------------
    fninit
    fld dword [radius]
    fmul st0, st0               ; the radius squared
    fldpi
    fmulp                       ; the product in ST(1), then a pop
    fimul dword [thousand]
    fistp dword [area]          ; rounded to an integer

; --- MMX: eight pixels become brighter ---------------------------------------
    movq mm0, [pixels]
    paddusb mm0, [light]        ; no sum leaves its byte: 255 is the most
    movq [pixels], mm0
    emms                        ; the registers belong to x87 again

; --- SSE and SSE2: four prices -----------------------------------------------
    movaps xmm0, [prices]
    movaps xmm1, [amounts]
    mulps xmm0, xmm1            ; four products
    cvtps2dq xmm2, xmm0         ; SSE2: four integers
    movdqa [costs], xmm2
    pshufd xmm3, xmm2, 0x4e     ; the upper two in the place of the lower two
    paddd xmm2, xmm3
    pshufd xmm3, xmm2, 0xb1     ; each beside its neighbour
    paddd xmm2, xmm3            ; each lane holds the sum of all four
    movd [total], xmm2

; --- what came out -----------------------------------------------------------
    mov esi, text_area
    call send_text
    mov eax, [area]
    call send_number

    mov esi, text_pixels
    call send_text
    mov esi, pixels
    mov edi, 8
.pixel:
    movzx eax, byte [esi]
    call send_number
    mov al, ' '
    call send
    inc esi
    dec edi
    jnz .pixel

    mov esi, text_costs
    call send_text
    mov esi, costs
    mov edi, 4
.cost:
    mov eax, [esi]
    call send_number
    mov al, ' '
    call send
    add esi, 4
    dec edi
    jnz .cost
    mov esi, text_total
    call send_text
    mov eax, [total]
    call send_number
    mov esi, text_end
    call send_text

    mov al, 0
    out EXIT_PORT, al           ; ends the machine: status (0 << 1) | 1
    hlt

; Sends the zero-terminated string at ESI.
send_text:
    mov al, [esi]
    test al, al
    jz .done
    call send
    inc esi
    jmp send_text
.done:
    ret

; Sends EAX as a decimal number.
send_number:
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
    ret

; Sends AL.
send:
    push eax
    mov dx, COM1 + 5
.wait:
    in al, dx
    test al, 0x20               ; line status: may the next byte come?
    jz .wait
    pop eax
    mov dx, COM1
    out dx, al
    ret

text_area:   db "x87: 1000 times the area of the circle: ", 0
text_pixels: db 13, 10, "MMX: brighter by 100: ", 0
text_costs:  db 13, 10, "SSE: four products: ", 0
text_total:  db "make ", 0
text_end:    db 13, 10, 0

; --- data --------------------------------------------------------------------
radius:   dd 2.5
thousand: dd 1000
area:     dd 0
total:    dd 0

align 8, db 0
pixels:   db 10, 50, 90, 130, 155, 160, 200, 250
light:    times 8 db 100

align 16, db 0                  ; MOVAPS and operands of MULPS want that
prices:   dd 1.5, 2.25, 0.5, 10.0
amounts:  dd 2.0, 4.0, 8.0, 3.0
costs:    dd 0, 0, 0, 0
