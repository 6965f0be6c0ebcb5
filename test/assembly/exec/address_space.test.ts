// A load of CR3 forgets the translations that were used since the last one, few or more than are noted one by one.
import { expect, test } from 'vitest';
import { assemble } from '../../../web/asm/index.ts';
import { Machine } from './machine.ts';

const DIRECTORY = 0x10000;
const TABLES = 0x11000;
const BEFORE = 0x20000;
const AFTER = 0x21000;
const WINDOW = 0x4000_0000;

const turn = (label: string, pages: number, action: string): string =>
  `mov rsi, ${WINDOW}\nmov rdi, ${TABLES}\nmov ecx, ${pages}\n${label}: ${action}\nadd rsi, 4096\nadd rdi, 8\ndec ecx\njnz ${label}\n`;

test.each([4, 1000, 1500])('%i pages that were read come from elsewhere behind it', (pages) => {
  const machine = new Machine('long');
  const view = new DataView(machine.ram.buffer, machine.ram.byteOffset);
  view.setBigUint64(0x9008, BigInt(DIRECTORY | 3), true);
  for (let n = 0; n < 3; n++) view.setBigUint64(DIRECTORY + n * 8, BigInt((TABLES + n * 0x1000) | 3), true);
  for (let n = 0; n < pages; n++) view.setBigUint64(TABLES + n * 8, BigInt(BEFORE | 3), true);
  view.setUint32(BEFORE, 1, true);
  view.setUint32(AFTER, 2, true);
  const source = [
    turn('first', pages, 'add eax, [rsi]'),
    turn('change', pages, `mov qword [rdi], ${AFTER | 3}`),
    'mov rdx, cr3\nmov cr3, rdx\n',
    turn('second', pages, 'add ebx, [rsi]'),
  ].join('');
  const { bytes } = assemble(`bits 64\norg 0x1000\n${source}`) as { bytes: Uint8Array };
  const { rax, rbx } = machine.run(Buffer.from(bytes).toString('hex'));
  expect([rax, rbx]).toEqual([BigInt(pages), BigInt(2 * pages)]);
});
