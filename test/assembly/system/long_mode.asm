%include "long.inc"

%define N GDT_FREE
%macro DESC 2
  mov rax, %2
  mov [gdt_free + %1 * 8], rax
%endmacro
; 64-bit call gate in two slots: <slot> <selector> <offset> <rights>
%macro GATE 4
  mov eax, %3
  mov [gdt_free + %1 * 8], ax
  mov word [gdt_free + %1 * 8 + 2], %2
  mov word [gdt_free + %1 * 8 + 4], %4
  shr eax, 16
  mov [gdt_free + %1 * 8 + 6], ax
  mov qword [gdt_free + %1 * 8 + 8], 0
%endmacro
%macro FAR 2
  mov qword [pointer], %2
  mov word [pointer + 8], %1
%endmacro
%macro CALLF 2
  FAR %1, %2
  call far qword [pointer]
%endmacro
%macro CR 2
  mov rax, %2
  mov %1, rax
%endmacro
%macro WRITE_MSR 2
  mov ecx, %1
  mov rax, %2
  mov rdx, rax
  shr rdx, 32
  wrmsr
%endmacro
%macro IRETQ_TO 4
  push qword %4
  push qword %3
  push qword 2
  push qword %2
  push qword %1
  iretq
%endmacro

; A read and a write at the end of the 4 GiB that 32-bit code has: they go on at 0.
%macro ACROSS_4G 0
  mov ax, DATA0
  mov ds, ax
  mov es, ax
  push qword CODE32
  push qword %%compatible
  o64 retf
bits 32
%%compatible:
  mov ebx, 0xfffffffe
  mov eax, [ebx]
  xor dword [ebx], 0x01010101
  mov ecx, [ebx]
  jmp CODE0:%%back
bits 64
%%back:
  SHOW rax
  SHOW rcx
%endmacro

main:
  CASE "int", int 0x2e
  SHOW [counted]
  call newline
  CASE "ud2", ud2
  CASE "int of a ring 0 gate in ring 0", int 0x21
  CASE "int beyond the table", int 0x30
  mov rbx, 0x8000000000000000
  CASE "non-canonical read", mov rax, [rbx]
  CASE "non-canonical read through rbp", {xchg rbx, rbp}
  mov rbx, 0x8000000000000000
  mov rbp, rbx
  CASE "non-canonical stack address", mov rax, [rbp]
  CASE "page not present", mov rax, [0x40000000]
  CASE "write to a page not present", mov [0x40000000], rax
  CASE "jump to a non-canonical address", jmp rbx
  CASE "fetch from a page not present", {mov eax, 0x40000000}
  CASE "jump there", jmp rax
  mov dword [pt + (page - header + 0x100000) / 4096 * 8], page + 5
  invlpg [page]
  CASE "write to a read-only page", mov [page], rax
  mov rax, cr0
  and rax, ~0x10000
  mov cr0, rax
  CASE "write to a read-only page without WP", mov [page], rax
  or rax, 0x10000
  mov cr0, rax
  RING3 "ring 3", user
  RING3 "cli in ring 3", user_cli
  RING3 "hlt in ring 3", user_hlt
  RING3 "closed port in ring 3", user_in
  RING3 "supervisor page in ring 3", user_page
  RING3 "supervisor code in ring 3", user_fetch
  WRITE_MSR 0xc0000081, 0x0013000800000000
  mov eax, system_call
  mov ebx, eax
  WRITE_MSR 0xc0000082, rbx
  WRITE_MSR 0xc0000084, 0x600
  RING3 "syscall and sysret", user_syscall

  ; The last 2 MiB below 4 GiB are those from 14 MiB on.
  mov rax, pd + 7
  mov qword [pdpt + 24], rax
  mov qword [pd + 511 * 8], 0xe00083
  mov qword [pd + 7 * 8], 0xe00083
  mov word [0xfffffe], 0x2211
  mov word [0], 0x4433
  CASE "32-bit code across 4 GiB", ACROSS_4G
  mov qword [pdpt + 24], 0
  mov rax, cr3
  mov cr3, rax

  ; Far transfers.
  DESC 0, 0x00ef9a000000ffff
  DESC 1, 0x00af1a000000ffff
  GATE 2, CODE0, gate, 0xec00
  GATE 4, CODE32, gate, 0xec00
  GATE 6, CODE0, gate, 0xec00
  mov dword [gdt_free + 6 * 8 + 12], 0x0500
  DESC 8, 0x0000ec0000080000
  GATE 10, CODE0, gate, 0x6c00
  mov dword [gdt_free + 10 * 8 + 12], 0x0500
  DESC 12, 0x0000890000000067
  CASE "far call to 64-bit code", {CALLF CODE0, gate}
  CASE "far call with L and D", {CALLF N, gate}
  CASE "far call of a segment that is not present", {CALLF N + 8, gate}
  CASE "far call of an absent gate with a bad upper half", {CALLF N + 80, gate}
  CASE "far call of a TSS", {CALLF N + 96, gate}
  CASE "far call of a gate", {CALLF N + 16, 0}
  CASE "far call of a gate to 32-bit code", {CALLF N + 32, 0}
  CASE "far call of a gate with a bad upper half", {CALLF N + 48, 0}
  CASE "far call of a TSS", {CALLF TASK0, 0}
  mov rbx, 0x8000000000000000
  CASE "far call to a non-canonical offset", {CALLF CODE0, rbx}
  CASE "far call to compatibility code", {CALLF CODE32, compat}
  RING3 "far call of a gate in ring 3", user_gate

  CASE "iretq to null cs", {IRETQ_TO gate, 0, stack0, 0}
  CASE "iretq to ring 0 with a null stack", {IRETQ_TO iret_on, CODE0, rsp, 0}
  CASE "iretq to ring 3 with a null stack", {IRETQ_TO user, USER_CODE, stack3, 3}
  CASE "iretq to a non-canonical rip", {IRETQ_TO rbx, CODE0, stack0, DATA0}
  pushfq
  or dword [rsp], 0x4000
  popfq
  CASE "iretq with NT", iretq
  pushfq
  and dword [rsp], ~0x4000
  popfq

  ; Control registers.
  CASE "cr0 without PE", {CR cr0, 0x80000010}
  CASE "cr0 with NW alone", {CR cr0, 0xa0010011}
  CASE "cr0 with a high bit", {CR cr0, 0x180010011}
  CASE "cr0 without PG in 64-bit code", {CR cr0, 0x11}
  CASE "cr4 without PAE", {CR cr4, 0}
  CASE "cr4 with a reserved bit", {CR cr4, 0x80000020}
  CASE "cr3 beyond the physical address", {CR cr3, 0xfff0000000000000}
  CASE "cr8 above 15", {CR cr8, 16}
  CASE "cr8", {CR cr8, 5}
  mov rax, cr8
  call hex
  CR cr8, 0
  CASE "cr1", {db 0x0f, 0x20, 0xc8}
  CASE "dr7 with a high bit", {CR dr7, 0x100000400}
  CASE "clearing LME while paging", {WRITE_MSR 0xc0000080, 1}
  CASE "EFER with a reserved bit", {WRITE_MSR 0xc0000080, 0xd02}
  CASE "non-canonical LSTAR", {WRITE_MSR 0xc0000082, rbx}
  CASE "an MSR that does not exist", {WRITE_MSR 0xdead, 0}
  CASE "lldt null", {xor eax, eax}
  xor eax, eax
  lldt ax
  sldt rax
  call hex
  str rax
  call hex
  mov eax, -1
  smsw ax
  call hex
  call newline
  WRITE_MSR 0xc0000101, 0x123456789abc
  WRITE_MSR 0xc0000102, 0x7fff00000000
  swapgs
  mov ecx, 0xc0000101
  rdmsr
  shl rdx, 32
  or rax, rdx
  call hex
  xor eax, eax
  mov gs, ax
  rdmsr
  call hex
  mov rax, rdx
  call hex
  call newline
  ret

align 8
pointer: times 2 dq 0

gate:
  call print
  db "[gate ", 0
  SHOW cs
  SHOW ss
  mov rax, [rsp + 8]
  call hex
  call print
  db "] ", 0
  o64 retf

iret_on:
  mov rsp, [recover_rsp]
  SHOW ss
  jmp [recover]

bits 32
compat:
  push eax
  mov al, '['
  out 0xe9, al
  mov al, 'c'
  out 0xe9, al
  mov al, ']'
  out 0xe9, al
  pop eax
  o32 retf
bits 64

user:
  SHOW cs
  SHOW ss
  int 0x2f
user_cli:
  cli
user_hlt:
  hlt
user_in:
  in al, 0x60
user_page:
  mov rax, [0x300000]
  int 0x2f
user_gate:
  mov dword [pointer], 0
  mov word [pointer + 4], N + 16
  call far dword [pointer]
  mov rax, rsp
  sub rax, stack3
  call hex
  int 0x2f
user_fetch:
  mov eax, 0x300000
  jmp rax
user_syscall:
  push qword 0x246
  popfq
  syscall
after_syscall:
  SHOW cs
  SHOW ss
  pushfq
  pop rax
  call hex
  int 0x2f
system_call:
  mov rbx, rcx
  sub rbx, after_syscall
  SHOW rbx
  SHOW r11
  SHOW cs
  SHOW ss
  pushfq
  pop rax
  call hex
  o64 sysret
align 4096
page: times 4096 db 0
