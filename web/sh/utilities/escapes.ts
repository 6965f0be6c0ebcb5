// Backslash escapes of echo, printf's format and printf's %b: the three differ in how an octal number is written.

const LETTERS: Record<string, string> = {
  '\\': '\\',
  a: '\x07',
  b: '\b',
  e: '\x1b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};

/** The text with its escapes done. `stops`: there was a `\c`, and nothing behind it counts. */
export function expandEscapes(text: string, how: 'echo' | 'format' | '%b'): { text: string; stops: boolean } {
  if (!text.includes('\\')) return { text, stops: false };
  const octal =
    how === 'format' ? /^[0-7]{1,3}/ : how === 'echo' ? /^0[0-7]{0,3}/ : /^(0[0-7]{0,3}|[0-7]{1,3})/;
  let out = '';
  for (let at = 0; at < text.length; at++) {
    if (text[at] !== '\\') {
      out += text[at];
      continue;
    }
    const letter = text[at + 1] ?? '';
    const rest = text.slice(at + 1, at + 5);
    const number = octal.exec(rest)?.[0];
    const hexadecimal = how === 'echo' ? undefined : /^x([0-9a-fA-F]{1,2})/.exec(rest);
    if (number !== undefined) {
      out += String.fromCharCode(Number.parseInt(number, 8) & 0xff);
      at += number.length;
    } else if (hexadecimal) {
      out += String.fromCharCode(Number.parseInt(hexadecimal[1] ?? '', 16));
      at += hexadecimal[0].length;
    } else if (letter === 'c' && how !== 'format') return { text: out, stops: true };
    else if (LETTERS[letter] !== undefined) {
      out += LETTERS[letter];
      at++;
    } else if (how === 'format' && letter === '"') {
      out += '"';
      at++;
    } else out += '\\';
  }
  return { text: out, stops: false };
}
