// `vitrine vmm FILE.wasm`: a VMM in C, compiled to Wasm, on this machine's KVM. It runs on this thread, which it blocks
// as a native program would: Ctrl-C ends it by the signal itself.
import fs from 'node:fs';
import { basename } from 'node:path';
import { defineCommand } from 'citty';
import { runVmmProgram } from '../session/vmm_program.ts';
import { readCore } from './core_file.ts';

/** What is refused, and what the program did wrong by itself (a trap), as `vitrine run` has it. */
const STATUS = { refused: 2, crashed: 4 } as const;

/** Writes all of it, also to a pipe that is full. */
function writeAll(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) {
    try {
      at += fs.writeSync(fd, bytes, at);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    }
  }
}

function readSome(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  try {
    return bytes.subarray(0, fs.readSync(0, bytes));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EOF') return bytes.subarray(0, 0);
    throw error;
  }
}

export const vmmCommand = defineCommand({
  meta: { name: 'vmm', description: 'Run a VMM in C, compiled to Wasm, with Linux calls to /dev/kvm' },
  args: {
    file: {
      type: 'positional',
      description: 'The program; what follows it are its arguments',
      required: true,
    },
  },
  run({ rawArgs }) {
    const [file = '', ...args] = rawArgs;
    let program: Uint8Array<ArrayBuffer>;
    try {
      program = new Uint8Array(fs.readFileSync(file));
    } catch (error) {
      console.error(`vitrine vmm: ${file} cannot be read (${(error as NodeJS.ErrnoException).code}).`);
      process.exit(STATUS.refused);
    }
    try {
      const name = basename(file, '.wasm');
      process.exitCode = runVmmProgram({
        core: readCore(),
        program,
        args: [name, ...args],
        output: writeAll,
        input: readSome,
      });
    } catch (error) {
      console.error(`vitrine vmm: ${(error as Error).message}`);
      process.exitCode = error instanceof WebAssembly.RuntimeError ? STATUS.crashed : STATUS.refused;
    }
  },
});
