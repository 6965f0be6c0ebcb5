// NASM source for CodeMirror: comments, labels, mnemonics, registers, numbers, directives. It checks nothing; web/asm does.

import {
  HighlightStyle,
  LanguageSupport,
  StreamLanguage,
  type StringStream,
  syntaxHighlighting,
} from '@codemirror/language';
import { tags } from '@lezer/highlight';

const words = (text: string) => new Set(text.split(/\s+/));

const DIRECTIVES =
  words(`bits use16 use32 use64 org section segment default rel abs global extern common align alignb
  cpu equ times db dw dd dq dt do dy dz resb resw resd resq rest reso incbin struc endstruc istruc at iend`);
const PREFIXES = words('lock rep repe repz repne repnz a16 a32 a64 o16 o32 o64 xacquire xrelease wait');
const SIZES = words(
  'byte word dword qword tword oword yword zword ptr short near far strict nosplit seg wrt',
);
const REGISTER = new RegExp(
  `^(?:${[
    '[re]?(?:ax|bx|cx|dx|si|di|bp|sp|ip)',
    '[abcd][hl]',
    '(?:si|di|bp|sp)l',
    'r(?:8|9|1[0-5])[dwb]?',
    '[cdefgs]s',
    '[cd]r(?:1[0-5]|[0-9])',
    'st[0-7]?',
    'mm[0-7]',
    '[xyz]mm(?:[12]?[0-9]|3[01])',
    'k[0-7]',
  ].join('|')})$`,
  'i',
);
const NUMBER =
  /^(?:0x[\da-f_]+|0[bo][\d_]+|\$\d[\da-f_]*|\d[\da-f_]*h|[01][01_]*b|\d[\d_]*(?:\.\d*)?(?:e[+-]?\d+)?)(?![\w.])/i;
const WORD = /^[A-Za-z_.?@%][\w.?@#~$%]*/;
/** A name without a colon is a label where a data or EQU directive follows it. */
const LABEL_AHEAD = /^\s*:|^\s+(?:equ|d[bwdqtoyz]|res[bwdqtoyz]|times|istruc)\b/i;

interface LineState {
  /** The next word is a label, a directive or a mnemonic, not an operand. */
  isFirst: boolean;
}

function token(stream: StringStream, state: LineState): string | null {
  if (stream.sol()) state.isFirst = true;
  if (stream.eatSpace()) return null;
  if (stream.match(/^;.*/)) return 'comment';
  if (stream.match(/^'[^']*'?|^"[^"]*"?|^`(?:[^`\\]|\\.)*`?/)) return 'string';
  if (stream.match(NUMBER)) return 'number';
  if (stream.match(/^%[!+]?\w+/)) {
    state.isFirst = false;
    return 'directive';
  }
  const found = stream.match(WORD);
  if (!found || found === true) {
    const next = stream.next();
    if (next === ':' || next === '[') return null;
    return '+-*/<>|&^~='.includes(next ?? '') ? 'operator' : null;
  }
  return wordKind(found[0].toLowerCase(), stream, state);
}

function wordKind(word: string, stream: StringStream, state: LineState): string {
  if (state.isFirst && stream.match(LABEL_AHEAD, false)) return 'label';
  if (DIRECTIVES.has(word)) {
    // What TIMES repeats is an instruction or data again, but its count comes first.
    state.isFirst = false;
    return 'directive';
  }
  if (PREFIXES.has(word) && state.isFirst) return 'mnemonic';
  if (SIZES.has(word)) return 'size';
  if (REGISTER.test(word)) return 'register';
  if (!state.isFirst) return 'label';
  state.isFirst = false;
  return 'mnemonic';
}

const language = StreamLanguage.define<LineState>({
  name: 'nasm',
  startState: () => ({ isFirst: true }),
  token,
  languageData: { commentTokens: { line: ';' } },
  tokenTable: {
    mnemonic: tags.keyword,
    register: tags.special(tags.variableName),
    directive: tags.meta,
    label: tags.labelName,
    size: tags.typeName,
  },
});

const colors = HighlightStyle.define([
  { tag: tags.keyword, color: 'var(--syntax-mnemonic)', fontWeight: '600' },
  { tag: tags.special(tags.variableName), color: 'var(--syntax-register)' },
  { tag: tags.number, color: 'var(--syntax-number)' },
  { tag: tags.labelName, color: 'var(--syntax-label)' },
  { tag: [tags.meta, tags.typeName], color: 'var(--syntax-directive)' },
  { tag: tags.string, color: 'var(--syntax-string)' },
  { tag: tags.comment, color: 'var(--syntax-comment)', fontStyle: 'italic' },
]);

/** NASM syntax with the page's colours. */
export function nasm(): LanguageSupport {
  return new LanguageSupport(language, syntaxHighlighting(colors));
}

export { language as nasmLanguage };
