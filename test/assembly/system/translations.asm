%include "long.inc"

; What INVLPG, MOV to CR3 and INVPCID must forget, and what PCIDs and global pages keep. `window` is a virtual page whose
; entry changes between frames that hold their own letter; WINDOW is one of 2 MiB.
%define WINDOW 0x400000
%macro CR4_SET 1
  mov rax, cr4
  or rax, %1
  mov cr4, rax
%endmacro
; show <page>: the letter that the page holds now.
%macro LETTER 1
  mov al, [%1]
  out 0xe9, al
%endmacro
%macro MAP 2
  mov qword [pt + (window - header + 0x100000) / 4096 * 8], frames + %1 * 4096 + %2
%endmacro
%macro LARGE 1
  mov qword [pd + 16], %1
%endmacro
%macro CR3_LOAD 1
  mov rax, pml4 + (%1)
  mov cr3, rax
%endmacro
%macro CR3_KEEP 1
  mov rax, pml4 + (%1)
  bts rax, 63
  mov cr3, rax
%endmacro
%macro INVPCID 3
  mov qword [descriptor], %2
  mov qword [descriptor + 8], %3
  mov eax, %1
  invpcid rax, [descriptor]
%endmacro
%macro RAW_INVPCID 3
  mov rbx, %2
  mov [descriptor], rbx
  mov rbx, %3
  mov [descriptor + 8], rbx
  mov rax, %1
  invpcid rax, [descriptor]
%endmacro
%macro TYPE4_ABSENT 0
  mov eax, 4
  mov rbx, 0xdead000000
  invpcid rax, [rbx]
%endmacro
%macro LINE 1
  call print
  db %1, ": ", 0
%endmacro

main:
  mov byte [frames], 'a'
  mov byte [frames + 4096], 'b'
  ; Large pages at 6 and 8 MiB, a letter in their third small page.
  mov qword [pd + 24], 0x600083
  mov qword [pd + 32], 0x800083
  mov byte [0x603000], 'a'
  mov byte [0x803000], 'b'

  LINE "invlpg"
  MAP 0, 3
  LETTER window
  MAP 1, 3
  invlpg [window + 5]
  LETTER window
  call newline

  LINE "invlpg elsewhere in a large page"
  LARGE 0x600083
  LETTER WINDOW + 0x3000
  LARGE 0x800083
  invlpg [WINDOW + 0x1ff000]
  LETTER WINDOW + 0x3000
  call newline

  LINE "mov to cr3 drops a page"
  MAP 0, 3
  invlpg [window]
  LETTER window
  MAP 1, 3
  CR3_LOAD 0
  LETTER window
  call newline

  CR4_SET 0x80
%ifndef QEMU
  LINE "mov to cr3 keeps a global page"
  MAP 0, 0x103
  invlpg [window]
  LETTER window
  MAP 1, 0x103
  CR3_LOAD 0
  LETTER window
  call newline
%endif
  LINE "invlpg drops a global page"
  MAP 0, 0x103
  invlpg [window]
  LETTER window
  MAP 1, 0x103
  invlpg [window]
  LETTER window
  call newline
  LINE "a change of CR4.PGE drops a global page"
  MAP 0, 0x103
  invlpg [window]
  LETTER window
  MAP 1, 0x103
  mov rax, cr4
  and rax, ~0x80
  mov cr4, rax
  LETTER window
  call newline

  xor eax, eax
  CASE "invpcid of PCID 1 without CR4.PCIDE", {RAW_INVPCID 0, 1, 0}
  CASE "invpcid of context 1 without CR4.PCIDE", {RAW_INVPCID 1, 1, 0}
  CASE "invpcid of all with a PCID, without CR4.PCIDE", {RAW_INVPCID 2, 1, 0}
  CASE "invpcid of all with bit 12", {RAW_INVPCID 2, 0x1000, 0}
  CASE "invpcid of all but globals with bit 63", {RAW_INVPCID 3, 0x8000000000000000, 0}
  CASE "invpcid of a non-canonical address", {RAW_INVPCID 0, 0, 0x800000000000}
  CASE "invpcid of a context and a non-canonical address", {RAW_INVPCID 1, 0, 0x800000000000}
  CASE "invpcid of type 4 from an absent page", TYPE4_ABSENT
  RING3 "invpcid in ring 3, from an absent page", user_invpcid

  CR4_SET 0x20080
%ifndef QEMU
  LINE "a PCID keeps its pages, another sees its own"
  CR3_LOAD 1
  MAP 0, 3
  invlpg [window]
  LETTER window
  CR3_LOAD 2
  MAP 1, 3
  LETTER window
  CR3_KEEP 1
  LETTER window
  CR3_KEEP 2
  LETTER window
  call newline
  LINE "invpcid of another context"
  INVPCID 1, 1, 0
  LETTER window
  CR3_KEEP 1
  LETTER window
  call newline
%endif
  LINE "mov to cr3 drops the pages of its PCID"
  CR3_LOAD 1
  MAP 0, 3
  LETTER window
  CR3_LOAD 2
  MAP 1, 3
  CR3_LOAD 1
  LETTER window
  call newline
  LINE "invpcid of one address of another PCID"
  CR3_LOAD 1
  MAP 0, 3
  LETTER window
  CR3_LOAD 2
  MAP 1, 3
  INVPCID 0, 1, window
  CR3_KEEP 1
  LETTER window
  call newline
  LINE "invpcid of all contexts"
  CR3_LOAD 3
  MAP 0, 3
  LETTER window
  CR3_LOAD 2
  MAP 1, 3
  INVPCID 3, 0, 0
  CR3_KEEP 3
  LETTER window
  call newline
  LINE "invpcid of all contexts and global pages"
  MAP 0, 0x103
  invlpg [window]
  LETTER window
  MAP 1, 0x103
  INVPCID 2, 0, 0
  LETTER window
  call newline
  LINE "invlpg drops a global page of every PCID"
  MAP 0, 0x103
  invlpg [window]
  CR3_LOAD 4
  LETTER window
  CR3_LOAD 5
  LETTER window
  MAP 1, 0x103
  invlpg [window]
  LETTER window
  CR3_KEEP 4
  LETTER window
  call newline
  LINE "more PCIDs than the TLB has sets"
  MAP 0, 3
  invlpg [window]
  mov ecx, 100
.next:
  lea rax, [pml4 + rcx]
  mov cr3, rax
  mov al, [window]
  dec ecx
  jnz .next
  MAP 1, 3
  mov ecx, 100
.again:
  lea rax, [pml4 + rcx]
  mov cr3, rax
  cmp byte [window], 'b'
  jne .stale
  dec ecx
  jnz .again
.stale:
  SHOW rcx
  call newline
  CR3_LOAD 0
  ret

user_invpcid:
  mov eax, 4
  mov rbx, 0xdead000000
  invpcid rax, [rbx]

align 16
descriptor: dq 0, 0
align 4096
window: times 4096 db 0
frames: times 8192 db 0
