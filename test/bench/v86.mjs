// Runs one guest in v86 with its serial console on stdout, until somebody ends the process. Argument: JSON with `kernel`
// and `initrd` and `append`, or `multiboot` (paths), `memory` in bytes, `jit`. v86 starts a bzImage through a BIOS:
// Debian's package seabios.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { V86 } from 'v86';

const FIRMWARE = '/usr/share/seabios';

const { kernel, initrd, append, multiboot, memory, jit } = JSON.parse(process.argv[2]);
const file = (path) => {
  const bytes = readFileSync(path);
  return { buffer: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) };
};
const linux = () => ({
  bios: file(`${FIRMWARE}/bios.bin`),
  vga_bios: file(`${FIRMWARE}/vgabios-stdvga.bin`),
  bzimage: file(kernel),
  initrd: file(initrd),
  cmdline: append,
});
const emulator = new V86({
  wasm_path: createRequire(import.meta.url).resolve('v86/build/v86.wasm'),
  ...(multiboot ? { multiboot: file(multiboot) } : linux()),
  memory_size: memory,
  disable_jit: !jit,
  autostart: true,
  log_level: 0,
});
emulator.add_listener('serial0-output-byte', (byte) => process.stdout.write(Uint8Array.of(byte)));
