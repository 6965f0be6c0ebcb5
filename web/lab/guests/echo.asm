; echo: the serial port answers, driven by interrupts
;
; Shows: how a device wakes a sleeping processor. The main program is HLT in a
; loop. A key that you press travels so: the 16550 serial port raises its line,
; IRQ 4, at the interrupt controller; the 8259 tells the processor vector 0x24;
; the processor looks that up in the IDT and calls our handler; the handler
; reads the byte, sends it back, and says "end of interrupt" to the 8259.
;
; Look at: type into the console. Between keys the vCPU stands at HLT and costs
; nothing. Watch the 8259's registers: IRR gets bit 4, then ISR has it while
; the handler runs, then EOI clears it.
;
; Try: leave out the EOI. The first key still works; why is it the last one?
; Type q to end the machine.

bits 32
org 0x10000

COM1      equ 0x3f8
RBR       equ COM1 + 0          ; read: the received byte; write: the byte to send
IER       equ COM1 + 1          ; which events raise the line
FCR       equ COM1 + 2          ; the FIFOs
LCR       equ COM1 + 3          ; word length; bit 7 shows the divisor
MCR       equ COM1 + 4          ; modem lines; OUT2 lets the line through
LSR       equ COM1 + 5          ; bit 0: a byte is there; bit 5: one may be sent
PIC1      equ 0x20
PIC2      equ 0xa0
EOI       equ 0x20
VECTORS   equ 0x20              ; the 8259's lines 0..7 become vectors 0x20..0x27
SERIAL    equ VECTORS + 4
EXIT_PORT equ 0xf4

    cli
    mov esp, stack_top
    lgdt [gdt_pointer]          ; our own GDT, since interrupts load CS from it
    jmp CODE:.reload
.reload:
    mov ax, DATA
    mov ds, ax
    mov es, ax
    mov ss, ax

    ; One gate in the IDT: vector 0x24 leads to on_serial.
    mov eax, on_serial
    mov [idt + SERIAL * 8], ax
    mov word [idt + SERIAL * 8 + 2], CODE
    mov word [idt + SERIAL * 8 + 4], 0x8e00     ; present, 32-bit interrupt gate
    shr eax, 16
    mov [idt + SERIAL * 8 + 6], ax
    lidt [idt_pointer]

    ; The two 8259s: vectors 0x20 and 0x28, cascade on line 2, only IRQ 4 open.
%macro set 2
    mov al, %2
    out %1, al
%endmacro
    set PIC1, 0x11              ; ICW1: begin, ICW4 follows
    set PIC2, 0x11
    set PIC1 + 1, VECTORS       ; ICW2: the first vector
    set PIC2 + 1, VECTORS + 8
    set PIC1 + 1, 1 << 2        ; ICW3: the second 8259 hangs on line 2
    set PIC2 + 1, 2
    set PIC1 + 1, 1             ; ICW4: 8086 mode
    set PIC2 + 1, 1
    set PIC1 + 1, ~(1 << 4) & 0xff      ; the mask: a 0 opens the line
    set PIC2 + 1, 0xff

    ; The 16550: 115200 baud, 8 bits, FIFOs on, an interrupt for each byte.
%macro com 2
    mov dx, %1
    mov al, %2
    out dx, al
%endmacro
    com LCR, 0x80               ; show the divisor
    com COM1 + 0, 1             ; 115200 / 1
    com COM1 + 1, 0
    com LCR, 0x03               ; 8 data bits, no parity, 1 stop bit
    com FCR, 0x07               ; FIFOs on and emptied, line after 1 byte
    com MCR, 0x0b               ; DTR, RTS, OUT2
    com IER, 0x01               ; received data raises the line

    mov esi, greeting
.greet:
    lodsb
    test al, al
    jz .idle
    call send
    jmp .greet

.idle:
    sti
    hlt                         ; an interrupt wakes it, and it returns to here
    jmp .idle

; The handler of vector 0x24.
on_serial:
    pushad
.next:
    mov dx, LSR
    in al, dx
    test al, 1
    jz .done                    ; the FIFO is empty
    mov dx, RBR
    in al, dx
    cmp al, 'q'
    je goodbye
    call send
    cmp al, 13                  ; Enter sends CR; a new line needs LF as well
    jne .next
    mov al, 10
    call send
    jmp .next
.done:
    mov al, EOI
    out PIC1, al
    popad
    iretd

; Sends AL when the port can take it.
send:
    push edx
    push eax
    mov dx, LSR
.wait:
    in al, dx
    test al, 0x20
    jz .wait
    pop eax
    mov dx, COM1
    out dx, al
    pop edx
    ret

goodbye:
    mov esi, farewell
.next:
    lodsb
    test al, al
    jz .end
    call send
    jmp .next
.end:
    xor eax, eax
    out EXIT_PORT, al
    hlt

greeting: db "Type, and it comes back. q ends.", 13, 10, 0
farewell: db 13, 10, "Goodbye.", 13, 10, 0

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

idt_pointer:
    dw 48 * 8 - 1
    dd idt
align 8
idt:
    times 48 dq 0
    times 1024 db 0
stack_top:
