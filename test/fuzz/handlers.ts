// The guest's own exception handlers: they count the vector, step on in the code that faulted, and return to it.
// So a fault costs a few instructions and no exit.
import { assemble } from '../../web/asm/index.ts';

/** Code lies at CODE, and a handler keeps RIP inside of its CODE_MASK + 1 bytes. */
export const CODE = 0x10000;
export const CODE_MASK = 0x3fff;
/** Where handlers count, a word a vector; vector 31 stands for all above. */
export const COUNTERS = 0x600;
export const HANDLERS = 0x4000;
/** Bytes from one vector's entry to the next. */
export const STUB = 16;
/** LSTAR, CSTAR and SYSENTER_EIP, as offsets from HANDLERS. */
export const SYSCALL_ENTRY = 0x400;
export const SYSENTER_ENTRY = 0x440;

const WITH_CODE = [8, 10, 11, 12, 13, 14, 17];

export interface HandlerOptions {
  readonly kind: 'real' | 'protected' | 'long';
  /** Linear address at which the kernel's memory lies. */
  readonly kernel: bigint;
  /** What the code's first byte is in its code segment: CODE where that is flat. */
  readonly offset: number;
  /** Selectors that a handler returns to; the stack's only where the frame has one. */
  readonly cs: number;
  readonly ss: number;
  /** Bytes to go on after: 1, or 16 to the next line of the code. */
  readonly step: number;
}

const LONG = (o: HandlerOptions): string => `
common: push rax
  mov rax, [rsp+8]
  inc dword [counters + rax*4]
  mov rax, [rsp+24]
  add rax, ${o.step}
  and eax, ${CODE_MASK & -o.step}
  add eax, ${o.offset}
  mov [rsp+24], rax
  mov qword [rsp+32], ${o.cs}
  and dword [rsp+40], ~0x124100 & 0xffffffff
  mov qword [rsp+56], ${o.ss}
  pop rax
  add rsp, 16
  iretq
`;

const PROTECTED = (o: HandlerOptions): string => `
common: push eax
  mov eax, [esp+4]
  inc dword [ss:counters + eax*4]
  mov eax, [esp+12]
  add eax, ${o.step}
  and eax, ${CODE_MASK & -o.step}
  add eax, ${o.offset}
  mov [esp+12], eax
  mov dword [esp+16], ${o.cs}
  and dword [esp+20], ~0x104100 & 0xffffffff
  ${o.ss ? `mov dword [esp+28], ${o.ss}` : ''}
  pop eax
  add esp, 8
  iretd
`;

const REAL = (o: HandlerOptions): string => `
common: push bp
  mov bp, sp
  push bx
  mov bx, [bp+2]
  shl bx, 2
  inc dword [cs:bx+counters]
  pop bx
  add word [bp+4], ${o.step}
  and word [bp+4], ${CODE_MASK & -o.step}
  mov word [bp+6], ${o.cs}
  and word [bp+8], ~0x4100 & 0xffff
  pop bp
  add sp, 2
  iret
`;

/** The code that belongs at HANDLERS. */
export function handlerCode(o: HandlerOptions): Uint8Array {
  const bits = o.kind === 'long' ? 64 : o.kind === 'protected' ? 32 : 16;
  const origin = o.kernel + BigInt(HANDLERS);
  const base = o.kind === 'real' ? BigInt(HANDLERS) : origin;
  const lines = [
    `bits ${bits}`,
    `org 0x${base.toString(16)}`,
    `counters equ 0x${(o.kernel + BigInt(COUNTERS)).toString(16)}`,
  ];
  for (let vector = 0; vector < 32; vector++) {
    lines.push(`times ${vector * STUB}-($-$$) db 0x90`);
    if (o.kind !== 'real' && !WITH_CODE.includes(vector)) lines.push('push byte 0');
    lines.push(`push byte ${vector}`, 'jmp near common');
  }
  const back = `and ecx, ${CODE_MASK}\nadd ecx, ${o.offset}`;
  if (o.kind === 'long') {
    lines.push(`times ${SYSCALL_ENTRY}-($-$$) db 0x90`, back, 'o64 sysret');
    lines.push(
      `times ${SYSENTER_ENTRY}-($-$$) db 0x90`,
      `mov edx, ${o.offset}`,
      'mov ecx, 0x30000',
      'o64 sysexit',
    );
    lines.push(LONG(o));
  } else if (o.kind === 'protected') {
    lines.push(
      `times ${SYSENTER_ENTRY}-($-$$) db 0x90`,
      `mov edx, ${o.offset}`,
      'mov ecx, 0x30000',
      'sysexit',
    );
    lines.push(PROTECTED(o));
  } else lines.push(REAL(o));
  const result = assemble(lines.join('\n'));
  if (result.errors) throw new Error(result.errors.map((e) => `${e.line}: ${e.message}`).join('\n'));
  return result.bytes;
}
