// The page of the bench that runs a guest in v86. A bzImage starts through a BIOS.
import { V86 } from 'v86';
import wasmUrl from '../../../node_modules/v86/build/v86.wasm?url';
import { load, readRequest, sayLines } from './guest.ts';

const { kernel, initrd, append, multiboot, memory, jit } = readRequest();
const file = async (address: string) => ({ buffer: (await load(address)).buffer as ArrayBuffer });
const linux = async () => ({
  bios: await file('firmware/bios.bin'),
  vga_bios: await file('firmware/vgabios-stdvga.bin'),
  bzimage: await file(kernel ?? ''),
  initrd: await file(initrd ?? ''),
  cmdline: append ?? '',
});
const emulator = new V86({
  wasm_path: wasmUrl,
  ...(multiboot ? { multiboot: await file(multiboot) } : await linux()),
  memory_size: memory,
  disable_jit: jit === 'off',
  autostart: true,
  log_level: 0,
});
const say = sayLines();
emulator.add_listener('serial0-output-byte', (byte: number) => say(Uint8Array.of(byte)));
