// ELF files and the PVH protocol.
import { expect, test } from 'vitest';
import { parseElf } from '../../../../web/vmm/loaders/elf.ts';
import { identify, loadKernel } from '../../../../web/vmm/loaders/index.ts';
import { loadPvh } from '../../../../web/vmm/loaders/pvh.ts';
import { elf, Memory, MIB } from './parts.ts';

const START_INFO = 0x90000;

test.each([32, 64] as const)('program headers of %i-bit files are read', (bits) => {
  const { segments, entry } = parseElf(elf({ bits, paddr: 2 * MIB, entry: 2 * MIB + 1 }));
  expect([entry, segments[0]?.paddr, segments[0]?.filesz, segments[0]?.offset]).toEqual([
    2 * MIB + 1,
    2 * MIB,
    3,
    0x200,
  ]);
});

test.each([32, 64] as const)(
  'a %i-bit kernel with a PVH note enters 32-bit code where the note says',
  (bits) => {
    const memory = new Memory(4 * MIB);
    const { mode, regs, sregs } = loadPvh(memory, elf({ bits, pvh: MIB + 1 }));
    expect([mode, regs.rip, regs.rbx, sregs.cr0 & 1, sregs.cr3]).toEqual([
      'protected',
      MIB + 1,
      START_INFO,
      1,
      0,
    ]);
    expect([...memory.bytes.subarray(MIB, MIB + 3)]).toEqual([0x90, 0x90, 0xf4]);
  },
);

test('.bss is cleared', () => {
  const memory = new Memory(4 * MIB);
  loadPvh(memory, elf({ pvh: MIB, memsz: 200_003 }));
  expect([memory.u8(MIB + 3), memory.u8(MIB + 200_002), memory.u8(MIB + 200_003)]).toEqual([0, 0, 0xcc]);
});

test('the start info carries command line, RSDP, module and memory map', () => {
  const memory = new Memory(4 * MIB);
  loadKernel(memory, elf({ pvh: MIB }), { cpus: 1, append: 'quiet', initrd: Uint8Array.of(1, 2, 3) });
  expect([memory.u32(START_INFO), memory.u32(START_INFO + 4), memory.u32(START_INFO + 12)]).toEqual([
    0x336ec578, 1, 1,
  ]);
  const module = memory.u64(START_INFO + 16);
  expect([memory.u8(memory.u64(module) + 2), memory.u64(module + 8)]).toEqual([3, 3]);
  expect(memory.string(memory.u64(START_INFO + 24))).toBe('quiet');
  expect(memory.text(memory.u64(START_INFO + 32), 8)).toBe('RSD PTR ');
  const map = memory.u64(START_INFO + 40);
  expect([
    memory.u32(START_INFO + 48),
    memory.u64(map + 72),
    memory.u64(map + 80),
    memory.u32(map + 88),
  ]).toEqual([4, MIB, 3 * MIB, 1]);
});

test.each([
  ['no ELF', Uint8Array.of(1, 2, 3), 'ENOEXEC', 'no ELF file'],
  ['a cut header', elf().subarray(0, 40), 'ENOEXEC', 'truncated'],
  ['a cut segment', elf({ pvh: MIB }).subarray(0, 0x201), 'ENOEXEC', 'truncated'],
  ['another machine', elf({ machine: 183 }), 'ENOEXEC', 'machine type 183'],
  ['no note', elf(), 'ENOEXEC', 'no PVH note'],
  ['a segment beyond memory', elf({ pvh: MIB, paddr: 16 * MIB }), 'ENOMEM', 'give it more memory'],
  ['a segment over the boot area', elf({ pvh: MIB, paddr: 0x90000 }), 'EINVAL', 'link the kernel at 1 MiB'],
])('%s is refused in one sentence', (_name, image, code, words) => {
  const attempt = () => loadPvh(new Memory(4 * MIB), image);
  expect(attempt).toThrow(expect.objectContaining({ code }));
  expect(attempt).toThrow(words);
});

test.each([
  ['nothing', new Uint8Array(0), 'is empty'],
  ['gzip', Uint8Array.of(0x1f, 0x8b, 8), 'packed with gzip'],
  ['a bare ELF', elf(), 'neither a PVH note nor a Multiboot header'],
  ['text', new TextEncoder().encode('hello'), 'of no kind that we know'],
])('%s is no kernel, and the sentence says what it looks like', (_name, image, words) => {
  expect(() => identify(image)).toThrow(words);
});
