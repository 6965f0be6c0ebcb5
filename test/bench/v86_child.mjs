// Runs one multiboot image in v86 until the guest writes to the exit port; prints one line of JSON.
// Arguments: IMAGE PORT [jit]. Without `jit` it is v86's interpreter.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { V86 } from 'v86';

const [imagePath, port, mode] = process.argv.slice(2);
const image = readFileSync(imagePath);
const emulator = new V86({
  wasm_path: createRequire(import.meta.url).resolve('v86/build/v86.wasm'),
  multiboot: { buffer: image.buffer.slice(image.byteOffset, image.byteOffset + image.length) },
  memory_size: 32 * 1024 * 1024,
  disable_jit: mode !== 'jit',
  autostart: false,
  log_level: 0,
});

let started = 0;
emulator.add_listener('emulator-loaded', () => {
  emulator.v86.cpu.io.register_write(Number(port), null, () => {
    const seconds = (performance.now() - started) / 1000;
    process.stdout.write(`${JSON.stringify({ seconds })}\n`);
    process.exit(0);
  });
  started = performance.now();
  emulator.run();
});
