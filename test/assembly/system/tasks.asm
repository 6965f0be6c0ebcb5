%include "protected.inc"

%define N GDT_FREE
; tssdesc <slot> <address> <limit> <type>
%macro TSS_AT 4
  mov eax, %2
  mov word [gdt_free + %1 * 8], %3
  mov [gdt_free + %1 * 8 + 2], ax
  shr eax, 16
  mov [gdt_free + %1 * 8 + 4], al
  mov byte [gdt_free + %1 * 8 + 5], %4
  mov byte [gdt_free + %1 * 8 + 6], 0
  mov [gdt_free + %1 * 8 + 7], ah
%endmacro
%macro TYPES 0
  movzx eax, byte [gdt_tss + 5]
  call hex
  movzx eax, byte [gdt_free + 5]
  call hex
  movzx eax, byte [gdt_free + 8 + 5]
  call hex
%endmacro
%macro TASK_GATE 2
  mov dword [idt + %1 * 8], %2 << 16
  mov dword [idt + %1 * 8 + 4], 0x8500
%endmacro
; fill the 32-bit task: eip, cs, ss, eflags
%macro TASK 4
  mov dword [task1 + 32], %1
  mov dword [task1 + 36], %4
  mov dword [task1 + 56], stack3
  mov dword [task1 + 76], %2
  mov dword [task1 + 80], %3
  mov dword [task1 + 72], DATA0
  mov dword [task1 + 84], DATA0
%endmacro

main:
  TSS_AT 0, task1, 0x67, 0x89
  TSS_AT 1, task2, 0x2b, 0x81
  TSS_AT 2, task1, 0x66, 0x89
  TSS_AT 3, task1, 0x67, 0x09
  TSS_AT 4, task1, 0x67, 0x8b
  CASE "jmp to a short TSS", jmp N + 16:0
  CASE "jmp to a TSS that is not present", jmp N + 24:0
  CASE "jmp to a busy TSS", jmp N + 32:0
  CASE "call of the own TSS", call TASK0:0
  TASK body, CODE0, DATA0, 2
  mov ebx, 0x12345678
  CASE "call of a task", call N:0
  call print
  db "registers survive: ", 0
  SHOW ebx
  call newline
  call print
  db "types outside: ", 0
  TYPES
  call newline
  call print
  db "second round: ", 0
  call N:0
  call newline
  TASK leave_by_jmp, CODE0, DATA0, 2
  CASE "jmp and jmp back", jmp N:0
  TYPES
  call newline
  TSS_AT 0, task1, 0x67, 0x89
  ; A 16-bit task.
  mov word [task2 + 14], body16 - header
  mov word [task2 + 16], 2
  mov word [task2 + 26], 0xf000
  mov word [task2 + 34], DATA0
  mov word [task2 + 36], N + 40
  mov word [task2 + 38], N + 56
  mov dword [gdt_free + 56], 0x0000ffff
  mov dword [gdt_free + 60], 0x00009200
  mov word [task2 + 40], DATA0
  mov dword [gdt_free + 40], 0x0000ffff
  mov dword [gdt_free + 44], 0x00009a10
  CASE "call of a 16-bit task", call N + 8:0
  TYPES
  call newline
  ; Faults of the new task belong to it.
  TASK_GATE 10, N + 48
  TASK_GATE 11, N + 48
  TASK_GATE 12, N + 48
  TASK_GATE 13, N + 48
  TSS_AT 6, task3, 0x67, 0x89
  mov dword [task3 + 76], CODE0
  mov dword [task3 + 80], DATA0
  mov dword [task3 + 84], DATA0
  mov dword [task3 + 72], DATA0
  mov dword [task3 + 36], 2
%macro BAD 5
  call print
  db %1, ": ", 0
  TASK %2, %3, %4, %5
  mov dword [task3 + 32], in_fault
  mov dword [task3 + 56], stack_fault
  mov dword [resume], %%on
  mov [recover_esp], esp
  TSS_AT 0, task1, 0x67, 0x89
  TSS_AT 6, task3, 0x67, 0x89
  mov eax, [task1_ds]
  mov [task1 + 84], eax
  jmp N:0
%%on:
  mov dword [task1_ds], DATA0
  mov dword [task1 + 96], 0
  call newline
%endmacro
  BAD "null CS in the new task", body, 0, DATA0, 2
  BAD "data in CS of the new task", body, DATA0, DATA0, 2
  BAD "null SS in the new task", body, CODE0, 0, 2
  BAD "code in SS of the new task", body, CODE0, CODE0, 2
  BAD "ring 3 SS in the new task", body, CODE0, USER_DATA, 2
  mov dword [task1_ds], CODE0 + 0x100
  BAD "bad DS in the new task", body, CODE0, DATA0, 2
  mov dword [task1 + 96], CODE0
  BAD "code in LDTR of the new task", body, CODE0, DATA0, 2
  ; Nothing but the fault's task brings these back.
  TSS_AT 0, task1, 0x67, 0x89
  TSS_AT 6, task3, 0x67, 0x89
  ; A debug trap of the T bit.
  call print
  db "T bit: ", 0
  mov word [task1 + 100], 1
  TASK body, CODE0, DATA0, 2
  mov eax, trapped
  mov [idt + 8], ax
  shr eax, 16
  mov [idt + 14], ax
  call N:0
  call newline
  call print
  db "NT without a task: ", 0
  mov dword [tss], 0
  mov dword [recover], .nt
  mov [recover_esp], esp
  mov eax, stubs + 160
  mov [idt + 80], ax
  mov word [idt + 82], CODE0
  mov word [idt + 84], 0x8e00
  shr eax, 16
  mov [idt + 86], ax
  pushfd
  or dword [esp], 0x4000
  popfd
  iretd
.nt:
  call newline
  ret

resume: dd 0
task1_ds: dd DATA0

trapped:
  mov eax, dr6
  call hex
  mov eax, 0xffff0ff0
  mov dr6, eax
  iretd

body:
  call print
  db "[task ", 0
  TYPES
  SHOW [task1]
  pushfd
  pop eax
  and eax, 0x4200
  call hex
  mov eax, cr0
  and eax, 8
  call hex
  str eax
  call hex
  clts
  mov ebx, 0x777
  call print
  db "] ", 0
  iretd
  jmp body

leave_by_jmp:
  call print
  db "[task jmp ", 0
  TYPES
  call print
  db "] ", 0
  jmp TASK0:0

in_fault:
  mov eax, [esp]
  call print
  db "code ", 0
  call hex
  SHOW [task3]
  str eax
  call hex
  ; Leave for good: a new TR, the stack of the case.
  and byte [gdt_tss + 5], 0xfd
  mov ax, TASK0
  ltr ax
  pushfd
  and dword [esp], ~0x4000
  popfd
  mov esp, [recover_esp]
  jmp [resume]

bits 16
body16:
  movzx esp, sp
  call dword CODE0:show16
  iret
bits 32
show16:
  call print
  db "[16 ", 0
  TYPES
  mov eax, 0
  mov ax, sp
  call hex
  call print
  db "] ", 0
  retf

align 16
task1: times 104 db 0
task2: times 44 db 0
align 16
task3: times 104 db 0
times 1024 db 0
stack_fault:
