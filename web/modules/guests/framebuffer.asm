; framebuffer: paints four pictures and shows each with a ring
;
; Shows: pixels in guest memory that somebody else looks at. The guest fills 64
; by 48 pixels, 32 bits each, then writes the number of the frame to the
; doorbell, an address where no memory is. It does not wait: a real program
; would ask whether the last frame was taken before it paints the next.
;
; Look at: the picture beside the console, and the count of rings in /modules.
;
; Try: ring before painting. Why is the picture always one frame late?

%include "interrupt.inc"

DOORBELL equ 0xf0000000
PIXELS   equ 0x40000
WIDTH    equ 64
HEIGHT   equ 48

start:
    mov ebp, 1                  ; number of the frame
.frame:
    mov edi, PIXELS
    mov ecx, WIDTH * HEIGHT
    xor ebx, ebx                ; number of the pixel
.pixel:
    mov eax, ebx
    shl eax, 8                  ; red and green from the pixel
    and eax, 0xffff00
    add eax, ebp                ; blue from the frame
    stosd
    inc ebx
    loop .pixel
    mov [DOORBELL], ebp         ; show it
    out CONSOLE, al             ; an exit between the frames, so that a person can follow
    inc ebp
    cmp ebp, 5
    jb .frame
    xor al, al
    jmp goodbye
