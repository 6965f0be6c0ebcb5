// Runs a flat guest in QEMU: a boot sector of ours loads it and enters the mode that the guest's machine says.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assemble } from '../../../web/asm/index.ts';
import type { Guest } from '../../../web/lab/index.ts';

/** True when QEMU can be asked. */
export const hasQemu = spawnSync('qemu-system-x86_64', ['--version']).status === 0;

/** Loads `sectors` after the boot sector to `at` and jumps there as our machine would start. */
function bootSector(at: number, sectors: number, isReal: boolean): string {
  return `
bits 16
org 0x7c00
    cli
    xor ax, ax
    mov ds, ax
    mov ss, ax
    mov sp, 0x7c00
    mov si, packet
    mov ah, 0x42
    int 0x13
    jc $
    in al, 0x92
    or al, 2
    out 0x92, al
    cli
${
  isReal
    ? `    jmp 0:${at}`
    : `    lgdt [pointer]
    mov eax, cr0
    or al, 1
    mov cr0, eax
    jmp 8:flat
bits 32
flat:
    mov ax, 16
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov esp, ${at}
    mov eax, ${at}
    jmp eax`
}
align 4
packet: db 16, 0
    dw ${sectors}, 0, ${at >> 4}
    dq 1
gdt: dq 0, 0x00cf9a000000ffff, 0x00cf92000000ffff
pointer: dw 23
    dd gdt
times 510 - ($ - $$) db 0
dw 0xaa55`;
}

function build(source: string): Uint8Array {
  const result = assemble(source);
  if (result.errors)
    throw new Error(result.errors.map(({ line, message }) => `${line}: ${message}`).join('\n'));
  return result.bytes;
}

/** What a guest did: its serial output and QEMU's exit status, (value << 1) | 1 of the debug exit port. */
export interface QemuRun {
  output: string;
  status: number | null;
}

/** Runs a guest for at most `seconds`; `input` is typed once the guest has printed something. */
export async function runInQemu(guest: Guest, seconds: number, input = ''): Promise<QemuRun> {
  const folder = mkdtempSync(join(tmpdir(), 'vitrine-qemu-'));
  try {
    const image = build(guest.source);
    const sectors = Math.ceil(image.length / 512);
    const disk = new Uint8Array(512 * (sectors + 64));
    disk.set(build(bootSector(guest.machine.at, sectors, guest.machine.mode === 'real')));
    disk.set(image, 512);
    const file = join(folder, 'disk.img');
    writeFileSync(file, disk);
    const child = spawn('qemu-system-x86_64', [
      ...[
        '-accel',
        'tcg',
        '-m',
        '64',
        '-smp',
        String(guest.machine.cpus),
        '-display',
        'none',
        '-monitor',
        'none',
      ],
      ...['-serial', 'stdio', '-no-reboot', '-device', 'isa-debug-exit,iobase=0xf4,iosize=4'],
      ...['-drive', `file=${file},format=raw,if=ide`],
    ]);
    let output = '';
    let typed = false;
    child.stdout.on('data', (bytes: Buffer) => {
      output += bytes.toString('latin1');
      if (!typed && input) {
        typed = true;
        child.stdin.write(input);
      }
    });
    const timer = setTimeout(() => child.kill('SIGKILL'), seconds * 1000);
    const status = await new Promise<number | null>((resolve) => child.on('exit', resolve));
    clearTimeout(timer);
    return { output, status };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
