; A guest that goes from real mode to protected mode, to paging, to long mode, and says so in each of them.
;
; What its VMM sees: bytes at port 0x3f8 (text), a byte asked of
; port 0x10, whether to leave out 32-bit paging at port 0x11, a word written to and read
; from physical 0xd0000000 where there is no memory, and at the end HLT.

TEXT      equ 0x3f8
LETTER    equ 0x10
SKIP_PAGED equ 0x11
DEVICE    equ 0xd0000000

; Tables: two levels for the third mode, four for the last one.
DIRECTORY equ 0x10000
TABLE     equ 0x11000
PML4      equ 0x12000
PDPT      equ 0x13000
PD        equ 0x14000
PD_DEVICE equ 0x15000

; Where paging shows the first megabyte a second time.
ALIAS     equ 0x400000

RW        equ 3
LARGE     equ 0x83
CR0_PE    equ 1
CR0_PG    equ 0x80000000
CR4_PAE   equ 0x20
EFER      equ 0xc0000080
EFER_LME  equ 0x100

; Sends the zero-terminated text at %1.
%macro SAY 1
    mov esi, %1
%%next:
    mov al, [esi]
    test al, al
    jz %%done
    mov dx, TEXT
    out dx, al
    inc esi
    jmp %%next
%%done:
%endmacro

org 0x1000

bits 16
    xor ax, ax
    mov ds, ax
    mov ss, ax
    mov sp, 0x1000
    SAY text_real
    in al, LETTER           ; the VMM answers with a letter, which goes back to it
    mov dx, TEXT
    out dx, al
    mov al, 10
    out dx, al
    lgdt [gdt_pointer]
    mov eax, cr0
    or eax, CR0_PE
    mov cr0, eax
    jmp 0x08:protected

bits 32
protected:
    mov ax, 0x10
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov esp, 0x1000
    SAY text_protected
    mov dword [DEVICE], 0x12345678

    in al, SKIP_PAGED       ; not every KVM can run 32-bit code with paging
    test al, al
    jnz to_long

    ; 32-bit paging: the first megabyte at 0, and again at ALIAS.
    mov dword [DIRECTORY], TABLE + RW
    mov dword [DIRECTORY + 4], TABLE + RW
    mov edi, TABLE
    mov eax, RW
    mov ecx, 256
fill:
    mov [edi], eax
    add eax, 0x1000
    add edi, 4
    dec ecx
    jnz fill
    mov eax, DIRECTORY
    mov cr3, eax
    mov eax, cr0
    or eax, CR0_PG
    mov cr0, eax
    jmp paged
paged:
    SAY ALIAS + text_paged  ; the text as the alias shows it

    mov eax, cr0            ; CR4.PAE and EFER.LME may change only while paging is off
    and eax, ~CR0_PG
    mov cr0, eax

    ; Long mode: four levels, CR4.PAE, EFER.LME, paging on.
to_long:
    mov dword [PML4], PDPT + RW
    mov dword [PDPT], PD + RW
    mov dword [PDPT + 24], PD_DEVICE + RW
    mov dword [PD], LARGE
    mov dword [PD_DEVICE + 0x80 * 8], DEVICE + LARGE
    mov eax, CR4_PAE
    mov cr4, eax
    mov eax, PML4
    mov cr3, eax
    mov ecx, EFER
    rdmsr
    or eax, EFER_LME
    wrmsr
    mov eax, cr0
    or eax, CR0_PG
    mov cr0, eax
    jmp 0x18:long

bits 64
long:
    SAY text_long
    mov rbx, 0x1122334455667788
    mov r8, rbx
    bswap r8
    mov edi, DEVICE
    mov ecx, [rdi]          ; what the VMM answers
    lea r9, [rcx + 1]
    xor eax, eax
    xor edx, edx
    hlt

text_real:      db "16 bits, segments of 64 KiB; the VMM says ", 0
text_protected: db "32 bits, segments from the GDT", 10, 0
text_paged:     db "32 bits, every address through page tables", 10, 0
text_long:      db "64 bits, four levels of tables", 10, 0

align 8
gdt:
    dq 0
    dq 0x00cf9b000000ffff   ; 0x08 32-bit code
    dq 0x00cf93000000ffff   ; 0x10 data
    dq 0x00af9b000000ffff   ; 0x18 64-bit code
gdt_pointer:
    dw gdt_pointer - gdt - 1
    dd gdt
