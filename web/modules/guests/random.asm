; random: asks the random device for bytes, three times
;
; Shows: a device that is a worker. The guest writes into its memory where the
; bytes shall go and how many, then rings the doorbell: a write to a port. The
; write never leaves the guest; the module's worker is woken by it, copies
; random bytes into the guest, says how many, and interrupts line 5.
;
; Look at: /modules while it sleeps at HLT, and the pins of the VM.
;
; Try: ask for bytes at an address where no memory is. What does `done` say?

%include "interrupt.inc"

DOORBELL equ 0x510
REQUEST  equ 0x20000            ; u64 address, u32 length, u32 done
BUFFER   equ 0x21000

start:
    xor ebp, ebp                ; requests so far
.again:
    mov dword [REQUEST], BUFFER
    mov dword [REQUEST + 4], 0
    mov dword [REQUEST + 8], 64
    mov dword [REQUEST + 12], 0
    mov dx, DOORBELL
    mov eax, ebp
    out dx, eax                 ; ring
    inc ebp
    mov eax, ebp
    call wait_rings             ; HLT until the answer is there
    cmp dword [REQUEST + 12], 64
    jne .wrong
    mov esi, BUFFER
    mov ecx, 64
    mov dx, CONSOLE
    rep outsb                   ; the bytes themselves
    cmp ebp, 3
    jb .again
    xor al, al
    jmp goodbye
.wrong:
    mov al, 1
    jmp goodbye
