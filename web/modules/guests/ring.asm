; ring: sends texts through a ring of descriptors and gets them back
;
; Shows: shared memory with a signal, which is how virtio works too. The guest
; writes descriptors (where, how long), moves `head`, and rings once for all of
; them. The module serves from `tail` to `head`, in its own worker, and
; interrupts line 5 when it has moved `tail`.
;
; Look at: `head` and `tail` in the memory panel: each side writes only one.
;
; Try: publish all five texts before the first ring. How many interrupts come?

%include "interrupt.inc"

DOORBELL equ 0x520
RING     equ 0x20000            ; u32 count, u32 head, u32 tail; descriptors at + 64
COUNT    equ 4
HEAD     equ RING + 4
TAIL     equ RING + 8
TEXTS    equ 5

start:
    mov dword [RING], COUNT
    mov esi, texts
    xor ebp, ebp                ; texts sent
.send:
    mov edi, ebp
    and edi, COUNT - 1
    shl edi, 4
    add edi, RING + 64          ; its descriptor
    mov [edi], esi
    mov dword [edi + 4], 0
    mov dword [edi + 8], TEXT_SIZE
    mov dword [edi + 12], 0
    inc ebp
    mov [HEAD], ebp             ; published
    mov dx, DOORBELL
    mov eax, ebp
    out dx, eax                 ; ring
.wait:
    cli
    cmp [TAIL], ebp             ; served?
    je .served
    sti
    hlt
    jmp .wait
.served:
    sti
    mov ecx, [edi + 12]         ; bytes done
    mov dx, CONSOLE
    rep outsb
    cmp ebp, TEXTS
    jb .send
    xor al, al
    jmp goodbye

TEXT_SIZE equ 8
texts:
    db 'alpha ..beta ...gamma ..delta ..epsilon', 10
