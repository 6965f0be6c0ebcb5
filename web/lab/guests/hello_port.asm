; hello_port: the smallest guest that does something
;
; Shows: a whole virtual machine for a few bytes of code. There is no BIOS, no
; bootloader and no operating system: the vCPU starts in real mode at address
; 0x1000, adds two numbers and talks to the outside through an I/O port.
;
; Look at: the console (it prints 4), and the exits. Each OUT leaves the guest:
; KVM_RUN returns with KVM_EXIT_IO, port 0x3f8, one byte. The host reads that
; byte and gives it to the serial port it plays. HLT is the last exit.
;
; Try: change the two numbers. What is printed when their sum is 10 or more?

bits 16                 ; real mode: 16-bit operands and addresses
org 0x1000              ; the address where the host puts these bytes

    mov dx, 0x3f8       ; the first serial port, COM1
    mov al, 2
    add al, 2
    add al, '0'         ; the number 4 becomes the digit '4'
    out dx, al          ; exit 1: KVM_EXIT_IO
    mov al, 10          ; a newline
    out dx, al          ; exit 2: KVM_EXIT_IO
    hlt                 ; the vCPU sleeps; no interrupt will ever wake it
