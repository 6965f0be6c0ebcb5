// Boots a Linux kernel in v86 with its serial console on stdout, until somebody ends the process.
// Arguments: KERNEL INITRD BYTES-OF-MEMORY COMMAND-LINE [jit]. v86 needs a BIOS to start a bzImage: Debian's package seabios.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { V86 } from 'v86';

const FIRMWARE = '/usr/share/seabios';

const [kernel, initrd, memory, cmdline, mode] = process.argv.slice(2);
const file = (path) => {
  const bytes = readFileSync(path);
  return { buffer: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) };
};
const emulator = new V86({
  wasm_path: createRequire(import.meta.url).resolve('v86/build/v86.wasm'),
  bios: file(`${FIRMWARE}/bios.bin`),
  vga_bios: file(`${FIRMWARE}/vgabios-stdvga.bin`),
  bzimage: file(kernel),
  initrd: file(initrd),
  cmdline,
  memory_size: Number(memory),
  disable_jit: mode !== 'jit',
  autostart: true,
  log_level: 0,
});
emulator.add_listener('serial0-output-byte', (byte) => process.stdout.write(Uint8Array.of(byte)));
