// Multiboot 1 kernels, by hand and real.
import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { identify, loadKernel } from '../../../../web/vmm/loaders/index.ts';
import { findMultiboot, loadMultiboot } from '../../../../web/vmm/loaders/multiboot.ts';
import { elf, Memory, MIB, multibootHeader } from './parts.ts';

const INFO = 0x90000;

/** A raw kernel: header at offset 4, then code; loaded whole to 1 MiB. */
function raw(flags = 0x10000, loadEnd = 0, bssEnd = MIB + 0x100): Uint8Array {
  const image = new Uint8Array(64).fill(0x90);
  image.set(multibootHeader(flags, MIB + 4, MIB, loadEnd, bssEnd, MIB + 40), 4);
  return image;
}

test('an ELF kernel enters with the magic in EAX and the information in EBX', () => {
  const memory = new Memory(4 * MIB);
  const { mode, regs } = loadMultiboot(memory, elf({ code: multibootHeader(3), entry: MIB + 8 }));
  expect([mode, regs.rip, regs.rax, regs.rbx]).toEqual(['protected', MIB + 8, 0x2badb002, INFO]);
});

test('an entry given as a virtual address becomes the physical one', () => {
  const memory = new Memory(4 * MIB);
  const kernel = elf({ code: multibootHeader(0), vaddr: 0xc0100000, entry: 0xc0100004 });
  expect(loadMultiboot(memory, kernel).regs.rip).toBe(MIB + 4);
});

test('the address fields of the header load a kernel that is no ELF', () => {
  const memory = new Memory(4 * MIB);
  expect(loadMultiboot(memory, raw()).regs.rip).toBe(MIB + 40);
  expect([
    memory.u32(MIB + 4),
    memory.u8(MIB + 63),
    memory.u8(MIB + 64),
    memory.u8(MIB + 0xff),
    memory.u8(MIB + 0x100),
  ]).toEqual([0x1badb002, 0x90, 0, 0, 0xcc]);
});

test('memory sizes, command line, loader name and map are told', () => {
  const memory = new Memory(4 * MIB);
  loadMultiboot(memory, raw(), { append: 'a b' });
  expect([memory.u32(INFO), memory.u32(INFO + 4), memory.u32(INFO + 8)]).toEqual([0x245, 639, 3072]);
  expect([memory.string(memory.u32(INFO + 16)), memory.string(memory.u32(INFO + 64))]).toEqual([
    'a b',
    'Vitrine',
  ]);
  const map = memory.u32(INFO + 48);
  expect([
    memory.u32(INFO + 44),
    memory.u32(map),
    memory.u64(map + 4),
    memory.u64(map + 12),
    memory.u32(map + 20),
  ]).toEqual([96, 20, 0, 0x9fc00, 1]);
});

test('the initrd is a module on the page behind the kernel', () => {
  const memory = new Memory(4 * MIB);
  loadMultiboot(memory, raw(), { initrd: Uint8Array.of(9, 8, 7) });
  expect([memory.u32(INFO) & 8, memory.u32(INFO + 20)]).toEqual([8, 1]);
  const list = memory.u32(INFO + 24);
  const start = memory.u32(list);
  expect([start, memory.u32(list + 4), memory.u8(start + 2), memory.u8(memory.u32(list + 8))]).toEqual([
    MIB + 0x1000,
    MIB + 0x1003,
    7,
    0,
  ]);
});

test('a header is found on any 4-byte boundary of the first 8 KiB, with a right sum only', () => {
  const image = new Uint8Array(9000);
  image.set(multibootHeader(0), 8180);
  expect(findMultiboot(image)?.offset).toBe(8180);
  image[8184] = 1;
  expect(findMultiboot(image)).toBeUndefined();
  image.fill(0);
  image.set(multibootHeader(0), 8184);
  expect(findMultiboot(image)).toBeUndefined();
});

test.each([
  ['a requirement that we do not know', raw(0x10010), 'ENOEXEC', 'features 0x10'],
  ['neither ELF nor addresses', raw(0), 'ENOEXEC', 'no ELF file and its header gives no addresses'],
  ['a kernel shorter than its fields', raw(0x10000, MIB + 100), 'ENOEXEC', 'has 64 bytes and needs 100'],
  ['.bss beyond memory', raw(0x10000, 0, 5 * MIB), 'ENOMEM', 'give it more memory'],
  ['no header', new Uint8Array(64), 'ENOEXEC', 'no Multiboot header'],
])('%s is refused in one sentence', (_name, image, code, words) => {
  const attempt = () => loadMultiboot(new Memory(4 * MIB), image);
  expect(attempt).toThrow(expect.objectContaining({ code }));
  expect(attempt).toThrow(words);
});

const grun = '../shared/vectors/golden/grun/grun.elf';
test.runIf(existsSync(grun))('the real golden runner is a Multiboot kernel and takes its module', () => {
  const image = readFileSync(grun);
  const memory = new Memory(16 * MIB);
  expect(identify(image)).toBe('multiboot');
  const { regs } = loadKernel(memory, image, { cpus: 1, initrd: new Uint8Array(100).fill(5) });
  expect([regs.rip, memory.u32(memory.u32(INFO + 24))]).toEqual([MIB + 0x10, 0x119000]);
});
