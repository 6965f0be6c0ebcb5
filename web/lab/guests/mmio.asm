; mmio: what happens where there is no memory
;
; Shows: guest memory is made of slots. An address that no slot covers is a
; device's business: the access leaves the guest with KVM_EXIT_MMIO, and the
; exit says the address, the length and, for a write, the bytes. A slot with
; KVM_MEM_READONLY serves reads like ROM, but a write to it leaves as well.
;
; The machine: RAM from 0 to 1 MiB, a read-only slot at 2 MiB, else nothing.
;
; Look at: the exits. There are three of KVM_EXIT_MMIO:
;   1  write 4 bytes at 0x00500000     no slot
;   2  read  4 bytes at 0x00500004     no slot; the host must give the value
;   3  write 1 byte  at 0x00200010     a read-only slot
; No device has these addresses here, so writes are lost and the read answers
; all ones, as on the bus of a PC: EBX becomes 0xffffffff. The two reads of the
; read-only slot make no exit at all.
;
; Try: `mov word [NOWHERE+0xfff], ax` touches two pages. How many exits?

bits 32
org 0x10000

NOWHERE   equ 0x00500000
ROM       equ 0x00200000
EXIT_PORT equ 0xf4

    mov eax, 0x11223344
    mov [NOWHERE], eax          ; exit 1: is_write 1, len 4, data 44 33 22 11
    mov ebx, [NOWHERE + 4]      ; exit 2: is_write 0; EBX gets what the host answers
    mov ecx, [ROM]              ; no exit: a read-only slot is memory to a reader
    mov byte [ROM + 16], 0x55   ; exit 3: is_write 1, len 1, data 55
    mov dl, [ROM + 16]          ; no exit: and the byte has not changed

    xor eax, eax
    out EXIT_PORT, al           ; ends the machine
    hlt
