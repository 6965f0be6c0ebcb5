%include "protected.inc"

%define N GDT_FREE

; fill <slot> <low> <high>
%macro DESC 3
  mov dword [gdt_free + %1 * 8], %2
  mov dword [gdt_free + %1 * 8 + 4], %3
%endmacro
%macro SEG 2
  mov ax, %2
  mov %1, ax
%endmacro

main:
  DESC 0, 0x0000ffff, 0x00cf1200   ; data, not present
  DESC 1, 0x0000ffff, 0x00cf9800   ; code, execute only
  DESC 2, 0x0000ffff, 0x00cf9e00   ; conforming, readable
  DESC 3, 0x00000fff, 0x00409200   ; data, byte limit fff
  DESC 4, 0x00000fff, 0x00409600   ; expand down above fff
  DESC 5, 0x0000ffff, 0x00cf9000   ; read only data
  DESC 6, 0x00000067, 0x00008900   ; a TSS
  DESC 7, 0x0000ffff, 0x00cf8200   ; an LDT
  DESC 8, 0x0000ffff, 0x00cff200   ; ring 3 data
  xor eax, eax
  lldt ax
  CASE "null into fs", SEG fs, 0
  CASE "read through a null segment", mov eax, [fs:0x100000]
  CASE "write through a null segment", mov [fs:stack0], eax
  CASE "null with rpl 3 into es", SEG es, 3
  CASE "null into ss", SEG ss, 0
  CASE "beyond the table into es", SEG es, 0xfff8
  CASE "LDT selector without LDT", SEG es, 0x000c
  CASE "not present into ds", SEG ds, N
  CASE "not present into ss", SEG ss, N
  CASE "execute-only code into es", SEG es, N + 8
  CASE "conforming code into es with rpl 3", SEG es, N + 16 + 3
  CASE "TSS into es", SEG es, N + 48
  CASE "read-only data into ss", SEG ss, N + 40
  CASE "ring 3 data into ss", SEG ss, N + 64
  CASE "data into ss with rpl 3", SEG ss, DATA0 + 3
  CASE "data into ds with rpl 3", SEG ds, DATA0 + 3
  CASE "mov cs is undefined", db 0x8e, 0xc8
  SEG fs, N + 24
  CASE "last byte of a limit", mov al, [fs:0xfff]
  CASE "word over a limit", mov ax, [fs:0xfff]
  CASE "dword behind a limit", mov [fs:0x1000], eax
  SEG fs, N + 32
  CASE "expand down below", mov al, [fs:0xfff]
  CASE "expand down above", mov al, [fs:0x1000]
  CASE "expand down far above", mov al, [fs:0xfffffff0]
  CASE "expand down over the top", mov eax, [fs:0xfffffffe]
  SEG fs, N + 40
  CASE "write to read-only data", mov [fs:stack0], eax
  CASE "read of read-only data", mov eax, [fs:stack0]
  SEG fs, N + 16
  CASE "write to code", mov [fs:stack0], eax
  SEG fs, DATA0
  CASE "accessed bit after a load", SHOW [gdt_free + 3 * 8 + 4]
  mov ax, N + 48
  CASE "lldt wrong type", lldt ax
  mov ax, N + 56
  CASE "lldt", lldt ax
  mov ax, 4
  CASE "ltr from the LDT", ltr ax
  mov ax, TASK0
  CASE "ltr of a busy TSS", ltr ax
  xor eax, eax
  CASE "ltr null selector", ltr ax
  mov eax, CODE0
  CASE "lar code", {lar ebx, eax}
  SHOW ebx
  lsl ebx, eax
  SHOW ebx
  mov eax, N + 24
  lsl ebx, eax
  SHOW ebx
  mov eax, 0xfff8
  mov ebx, 0x1234
  lar ebx, eax
  SHOW ebx
  call newline
  mov eax, N + 8
  verr ax
  setz cl
  verw ax
  setz ch
  movzx ecx, cx
  SHOW ecx
  mov eax, N + 24
  verr ax
  setz cl
  verw ax
  setz ch
  SHOW ecx
  call newline
  CASE "jmp to data", jmp DATA0:0
  CASE "jmp to null", jmp 0:0
  CASE "jmp beyond the limit", jmp N + 8 * 9:0
  DESC 10, 0x0000ffff, 0x00cf1a00
  CASE "jmp to not present", jmp N + 80:0
  DESC 10, 0x00000fff, 0x00409a00
  CASE "jmp behind the code limit", jmp N + 80:0x1000
  ret
