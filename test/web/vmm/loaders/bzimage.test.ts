// Linux bzImages, by hand and real.
import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { loadBzImage, parseBzImage } from '../../../../web/vmm/loaders/bzimage.ts';
import { identify, loadKernel } from '../../../../web/vmm/loaders/index.ts';
import { bzImage, Memory, MIB } from './parts.ts';

const ZERO_PAGE = 0x90000;

test('the 64-bit entry lies 0x200 behind the kernel, with the zero page in RSI', () => {
  const memory = new Memory(16 * MIB);
  const { mode, regs, sregs } = loadBzImage(memory, bzImage());
  expect([mode, regs.rip, regs.rsi, sregs.cs.selector, sregs.ds.selector]).toEqual([
    'long',
    MIB + 0x200,
    ZERO_PAGE,
    0x10,
    0x18,
  ]);
  expect([memory.u8(MIB + 1), memory.u8(MIB + 4095)]).toEqual([1, 255]);
});

test('the 32-bit entry is the kernel itself, with the zero page in ESI and the rest 0', () => {
  const memory = new Memory(16 * MIB);
  const { mode, regs } = loadBzImage(memory, bzImage({ has64: false }));
  expect([mode, regs.rip, regs.rsi, regs.rbp, regs.rdi, regs.rbx]).toEqual([
    'protected',
    MIB,
    ZERO_PAGE,
    0,
    0,
    0,
  ]);
  expect(loadBzImage(memory, bzImage(), { protocol: 32 }).mode).toBe('protected');
});

test('the zero page carries the setup header, the loader type and the command line', () => {
  const memory = new Memory(16 * MIB);
  loadBzImage(memory, bzImage(), { append: 'console=ttyS0,115200' });
  expect([memory.u32(ZERO_PAGE + 0x202), memory.u8(ZERO_PAGE + 0x210), memory.u8(ZERO_PAGE)]).toEqual([
    0x53726448, 0xff, 0,
  ]);
  expect(memory.string(memory.u32(ZERO_PAGE + 0x228))).toBe('console=ttyS0,115200');
});

test('the memory map has RAM, the firmware hole and the rest', () => {
  const memory = new Memory(16 * MIB);
  loadBzImage(memory, bzImage());
  const entries = Array.from({ length: memory.u8(ZERO_PAGE + 0x1e8) }, (_, i) => {
    const at = ZERO_PAGE + 0x2d0 + 20 * i;
    return [memory.u64(at), memory.u64(at + 8), memory.u32(at + 16)];
  });
  expect(entries).toEqual([
    [0, 0x9fc00, 1],
    [0x9fc00, 0x400, 2],
    [0xe0000, 0x20000, 2],
    [MIB, 15 * MIB, 1],
  ]);
});

test('the initrd lies high, on a page, below initrd_addr_max', () => {
  const memory = new Memory(16 * MIB);
  const initrd = new Uint8Array(5000).fill(7);
  loadBzImage(memory, bzImage({ initrdMax: 8 * MIB - 1 }), { initrd });
  const gpa = memory.u32(ZERO_PAGE + 0x218);
  expect([gpa, memory.u32(ZERO_PAGE + 0x21c), memory.u8(gpa), memory.u8(gpa + 4999)]).toEqual([
    8 * MIB - 8192,
    5000,
    7,
    7,
  ]);
});

test('a kernel that may move comes down to where memory is', () => {
  const memory = new Memory(8 * MIB);
  const { regs } = loadBzImage(memory, bzImage({ pref: 16 * MIB, relocatable: true }));
  expect(regs.rip).toBe(2 * MIB + 0x200);
});

test('the RSDP address is handed over', () => {
  const memory = new Memory(16 * MIB);
  loadKernel(memory, bzImage(), { cpus: 2 });
  expect(memory.text(memory.u64(ZERO_PAGE + 0x70), 8)).toBe('RSD PTR ');
});

test.each([
  ['no mark', new Uint8Array(4096), 'ENOEXEC', '"HdrS"'],
  ['an old protocol', bzImage({ version: 0x205 }), 'ENOEXEC', 'protocol 2.05'],
  ['a zImage', bzImage({ loadflags: 0 }), 'ENOEXEC', 'zImage'],
  ['a cut header', bzImage().subarray(0, 0x210), 'ENOEXEC', 'truncated'],
  ['a cut kernel', bzImage().subarray(0, 3000), 'ENOEXEC', 'has 3000 bytes and its header speaks of 5632'],
  ['too little memory', bzImage({ initSize: 64 * MIB }), 'ENOMEM', 'give it more memory'],
])('%s is refused in one sentence', (_name, image, code, words) => {
  const attempt = () => loadBzImage(new Memory(16 * MIB), image);
  expect(attempt).toThrow(expect.objectContaining({ code }));
  expect(attempt).toThrow(words);
});

test('a long command line and an initrd without room are refused', () => {
  const memory = new Memory(4 * MIB);
  expect(() => loadBzImage(memory, bzImage(), { append: 'x'.repeat(256) })).toThrow(
    'has 256 bytes and the kernel takes 255',
  );
  expect(() => loadBzImage(memory, bzImage(), { initrd: new Uint8Array(3 * MIB) })).toThrow(
    'The initrd needs',
  );
  expect(() => loadBzImage(memory, bzImage({ has64: false }), { protocol: 64 })).toThrow(
    'no 64-bit entry point',
  );
});

const memtest = '.guests/memtest86+x64.bin';
test.runIf(existsSync(memtest))('the real memtest86+ is a bzImage with a 64-bit entry at 1 MiB', () => {
  const image = readFileSync(memtest);
  expect([identify(image), parseBzImage(image).has64]).toEqual(['bzimage', true]);
  expect(loadKernel(new Memory(64 * MIB), image, { cpus: 2 }).regs.rip).toBe(MIB + 0x200);
});
