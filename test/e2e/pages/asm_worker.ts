// The worker of the assembler test: all guests of the lab as hexadecimal bytes, one a line.
import { assemble, disassemble } from '../../../web/asm/index.ts';
import { guests } from '../../../web/lab/index.ts';

const lines = guests.map(({ id, source }) => {
  const result = assemble(source);
  if (result.errors) return `${id} ${result.errors[0]?.message}`;
  return `${id} ${Array.from(result.bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')}`;
});
postMessage([...lines, disassemble(Uint8Array.of(0xf4))[0]?.text].join('\n'));
