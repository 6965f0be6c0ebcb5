; modes: from real mode to protected mode, to paging, to long mode
;
; Shows: the way that every operating system takes on an x86 after power-on.
; The processor starts like an 8086 of 1978; software raises it step by step
; to a 64-bit machine.
;
; Look at: the registers after each line on the console.
;   1  real mode      CR0.PE is 0; a segment's base is its selector times 16
;   2  protected mode CR0.PE is 1; a segment's base and limit come from the GDT
;   3  paging         CR0.PG is 1; CR3 points to tables that map every address
;   4  long mode      EFER.LME and EFER.LMA are 1; registers have 64 bits
; Look also at the bytes of the same macro PRINT in 16-, 32- and 64-bit code:
; in each mode other prefixes (66, 67) say what differs from its default.
;
; Try: set a breakpoint on `pm32` and single-step the far jump before it. CS
; changes its base, limit and attributes at that one instruction.

COM1      equ 0x3f8
EXIT_PORT equ 0xf4

; Two page tables: 32-bit paging for stage 3, four levels for stage 4.
DIRECTORY equ 0x10000   ; 32-bit: 1024 entries, each maps 4 MiB
PML4      equ 0x11000   ; 64-bit: PML4, PDPT and PD, one entry each that counts
PDPT      equ 0x12000
PD        equ 0x13000

PRESENT   equ 1 << 0
WRITABLE  equ 1 << 1
LARGE     equ 1 << 7    ; a page of 4 MiB or 2 MiB instead of a further table

CR0_PE    equ 1 << 0
CR0_PG    equ 1 << 31
CR4_PSE   equ 1 << 4    ; large pages in 32-bit paging
CR4_PAE   equ 1 << 5    ; entries of 64 bits; long mode needs it
EFER      equ 0xc0000080
EFER_LME  equ 1 << 8

; Sends the zero-terminated string at %1. The same text works in all modes.
%macro PRINT 1
    mov esi, %1
%%next:
    mov al, [esi]
    test al, al
    jz %%done
    mov ah, al
    mov dx, COM1 + 5
%%wait:
    in al, dx
    test al, 0x20       ; line status: may the next byte come?
    jz %%wait
    mov al, ah
    mov dx, COM1
    out dx, al
    inc esi
    jmp %%next
%%done:
%endmacro

org 0x8000

; --- stage 1: real mode ------------------------------------------------------
bits 16
    xor ax, ax
    mov ds, ax
    mov ss, ax
    mov sp, 0x8000
    PRINT text_real

    cli                 ; there is no table for interrupts yet
    lgdt [gdt_pointer]
    mov eax, cr0
    or eax, CR0_PE
    mov cr0, eax
    jmp CODE32:pm32     ; loads CS: only now the code is 32 bits wide

; --- stage 2: protected mode -------------------------------------------------
bits 32
pm32:
    mov ax, DATA
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov esp, 0x8000
    PRINT text_protected

    ; One large page maps the first 4 MiB to themselves.
    mov edi, DIRECTORY
    mov ecx, 1024
    xor eax, eax
    rep stosd
    mov dword [DIRECTORY], LARGE | WRITABLE | PRESENT
    mov eax, cr4
    or eax, CR4_PSE
    mov cr4, eax
    mov eax, DIRECTORY
    mov cr3, eax
    mov eax, cr0
    or eax, CR0_PG
    mov cr0, eax
    jmp paging          ; from here every address goes through the tables

; --- stage 3: paging ---------------------------------------------------------
paging:
    PRINT text_paging

    ; Long mode wants PAE, and paging must be off while that changes.
    mov eax, cr0
    and eax, ~CR0_PG
    mov cr0, eax
    mov edi, PML4
    mov ecx, 3 * 1024
    xor eax, eax
    rep stosd
    mov dword [PML4], PDPT | WRITABLE | PRESENT
    mov dword [PDPT], PD | WRITABLE | PRESENT
    mov dword [PD], LARGE | WRITABLE | PRESENT     ; the first 2 MiB
    mov eax, cr4
    or eax, CR4_PAE
    mov cr4, eax
    mov eax, PML4
    mov cr3, eax
    mov ecx, EFER
    rdmsr
    or eax, EFER_LME
    wrmsr
    mov eax, cr0
    or eax, CR0_PG
    mov cr0, eax        ; EFER.LMA becomes 1: 32-bit code in long mode
    jmp CODE64:lm64

; --- stage 4: long mode ------------------------------------------------------
bits 64
lm64:
    xor eax, eax        ; segments other than CS, FS and GS count no more
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov rsp, 0x8000
    PRINT text_long
    mov rbx, 0x123456789abcdef0     ; no 32-bit register can hold this

    xor eax, eax
    out EXIT_PORT, al   ; ends the machine: status (0 << 1) | 1
    hlt

; --- data --------------------------------------------------------------------
align 8
gdt:
    dq 0                            ; the first descriptor is never used
.code32:
    dq 0x00cf9a000000ffff           ; base 0, limit 4 GiB, code, 32 bits
.data:
    dq 0x00cf92000000ffff           ; base 0, limit 4 GiB, data
.code64:
    dq 0x00af9a000000ffff           ; code, the L bit: 64 bits
gdt_pointer:
    dw $ - gdt - 1
    dd gdt

CODE32 equ gdt.code32 - gdt
DATA   equ gdt.data - gdt
CODE64 equ gdt.code64 - gdt

text_real:      db "1 real mode: 16 bits, like 1978", 13, 10, 0
text_protected: db "2 protected mode: 32 bits, segments from the GDT", 13, 10, 0
text_paging:    db "3 paging: every address goes through CR3's tables", 13, 10, 0
text_long:      db "4 long mode: 64 bits", 13, 10, 0
