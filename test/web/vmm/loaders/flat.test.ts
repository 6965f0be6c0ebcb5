// Flat images.
import { expect, test } from 'vitest';
import { loadFlat } from '../../../../web/vmm/loaders/flat.ts';
import { Memory, MIB } from './parts.ts';

const HLT = Uint8Array.of(0xf4);

/** Follows the page tables at `cr3` as a processor does for a 2 MiB page. */
function translate(memory: Memory, cr3: number, gva: number): number {
  const pml4e = memory.u64(cr3 + 8 * Math.floor(gva / 2 ** 39));
  const pdpte = memory.u64((pml4e & ~0xfff) + 8 * (Math.floor(gva / 2 ** 30) % 512));
  const pde = memory.u64(Math.floor(pdpte / 0x1000) * 0x1000 + 8 * (Math.floor(gva / 2 ** 21) % 512));
  expect([pml4e & 3, pdpte & 3, pde % 0x1000]).toEqual([3, 3, 0x83]);
  return pde - 0x83 + (gva % 2 ** 21);
}

test('real mode starts at CS base 0 with IP and SP at the image and needs no tables', () => {
  const memory = new Memory(0x10000);
  const { mode, regs, sregs } = loadFlat(memory, HLT, 0x7c00, 'real');
  expect([mode, regs.rip, regs.rsp, regs.rflags, sregs.cs.base, sregs.cs.selector]).toEqual([
    'real',
    0x7c00,
    0x7c00,
    2,
    0,
    0,
  ]);
  expect([memory.u8(0x7c00), sregs.cr0 & 1, sregs.cs.limit, sregs.cs.db]).toEqual([0xf4, 0, 0xffff, 0]);
});

test('protected mode has flat 4 GiB segments and a GDT in the last 64 KiB that says the same', () => {
  const memory = new Memory(MIB);
  const { regs, sregs } = loadFlat(memory, HLT, 0x1000, 'protected');
  expect([regs.rip, regs.rsp, sregs.cs.limit, sregs.cs.db, sregs.ds.limit]).toEqual([
    0x1000, 0x1000, 0xffffffff, 1, 0xffffffff,
  ]);
  expect(sregs.gdt).toEqual({ base: MIB - 0x10000, limit: 31 });
  expect([
    memory.view.getBigUint64(sregs.gdt.base + sregs.cs.selector, true),
    memory.view.getBigUint64(sregs.gdt.base + sregs.ss.selector, true),
  ]).toEqual([0x00cf9b000000ffffn, 0x00cf93000000ffffn]);
  expect([sregs.cr0 & 1, sregs.cr3]).toEqual([1, 0]);
});

test('long mode has a flat 64-bit code segment', () => {
  const memory = new Memory(MIB);
  const { regs, sregs } = loadFlat(memory, HLT, 0x1000, 'long');
  expect([regs.rip, sregs.cs.l, sregs.cs.db, memory.u32(sregs.gdt.base + sregs.cs.selector + 4)]).toEqual([
    0x1000, 1, 0, 0xaf9b00,
  ]);
  expect([sregs.cr0, sregs.cr4, sregs.efer]).toEqual([0x80000011, 0x20, 0x500]);
});

test.each([0, 0x1234, 0x3fffffff, 0x40000000, 0x80200000, 0xffffffff])(
  'long mode maps %i to itself',
  (gva) => {
    const memory = new Memory(MIB);
    const { sregs } = loadFlat(memory, HLT, 0x1000, 'long');
    expect(translate(memory, sregs.cr3, gva)).toBe(gva);
  },
);

test('all tables lie in the last 64 KiB and nothing else is touched', () => {
  const memory = new Memory(MIB);
  loadFlat(memory, HLT, 0x1000, 'long');
  const touched = memory.bytes
    .subarray(0, MIB - 0x10000)
    .reduce((sum, byte) => sum + (byte === 0xcc ? 0 : 1), 0);
  expect(touched).toBe(1);
});

test.each([
  ['an empty image', new Uint8Array(0), 0, 'real', 'ENOEXEC', 'empty'],
  ['real mode above 64 KiB', HLT, 0x10000, 'real', 'EINVAL', 'load it lower'],
  ['an image beyond memory', HLT, MIB, 'real', 'EINVAL', 'below 64 KiB'],
  ['an image over the tables', HLT, MIB - 0x10000, 'long', 'ENOMEM', 'ends at 0xf0000'],
  ['a negative address', HLT, -1, 'protected', 'EINVAL', 'not one'],
] as const)('%s is refused in one sentence', (_name, image, at, mode, code, words) => {
  const attempt = () => loadFlat(new Memory(MIB), image, at, mode);
  expect(attempt).toThrow(expect.objectContaining({ code }));
  expect(attempt).toThrow(words);
});

test('memory without room for the tables is refused', () => {
  expect(() => loadFlat(new Memory(0x8000), HLT, 0, 'long')).toThrow(
    expect.objectContaining({ code: 'ENOMEM' }),
  );
});
