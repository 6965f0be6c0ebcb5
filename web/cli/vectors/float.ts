// Which cases need x87, MMX, SSE or AVX: for reports alone. It reads code from the front and follows no jump.

import { disassemble } from '../../asm/index.ts';

const REGISTER = /\b(?:st\d|mm\d|[xyz]mm\d)/;
const MNEMONIC = /\b(?:f[a-z0-9]+|wait|emms|v?(?:ld|st)mxcsr|xsave\w*|xrstor\w*|vzero\w+)\b/;

/** True when some instruction of `code` belongs to x87, MMX, SSE or AVX. */
export function usesFloat(code: Uint8Array, bits: 16 | 32 | 64): boolean {
  return disassemble(code, { bits }).some(({ text }) => {
    const words = text.replace(/\b[fg]s:/g, '');
    return REGISTER.test(words) || MNEMONIC.test(words.split(/ (?=\S*[,[])/)[0] ?? '');
  });
}
