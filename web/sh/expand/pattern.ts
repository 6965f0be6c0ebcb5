// Shell patterns (POSIX XCU 2.13) as regular expressions over byte strings. In a pattern's text a backslash makes the
// next character mean itself. It reads no directory.

const CLASSES: Record<string, string> = {
  alnum: '0-9A-Za-z',
  alpha: 'A-Za-z',
  blank: ' \\t',
  cntrl: '\\x00-\\x1f\\x7f',
  digit: '0-9',
  graph: '!-~',
  lower: 'a-z',
  print: ' -~',
  punct: '!-\\/:-@\\[-`{-~',
  space: ' \\t\\n\\v\\f\\r',
  upper: 'A-Z',
  xdigit: '0-9A-Fa-f',
};

/** The class of `[:name:]` as it stands inside a regular expression's brackets; undefined for no such name. */
export function characterClass(name: string): string | undefined {
  return CLASSES[name];
}

/** A character that means itself inside a regular expression's brackets. */
export function classLiteral(char: string): string {
  return /[\\\]^-]/.test(char) ? `\\${char}` : char;
}

const literal = (char: string): string => (/[\\^$.*+?()[\]{}|/]/.test(char) ? `\\${char}` : char);

/** Quotes every character of a text, so that as a pattern it matches only itself. */
export function quotePattern(text: string): string {
  return text.replace(/[\\*?[\]!-]/g, '\\$&');
}

/** A pattern's text without its backslashes: what it is when it matches nothing. */
export function unquotePattern(text: string): string {
  return text.replace(/\\([\s\S])/g, '$1');
}

/** True when a pattern has something that matches more than itself. */
export function isPattern(text: string): boolean {
  return /[*?[]/.test(text.replace(/\\[\s\S]/g, ''));
}

/** The bracket expression at `at`; undefined when it is none and `[` means itself. */
function bracket(text: string, at: number): { source: string; end: number } | undefined {
  let source = '';
  let next = at + 1;
  const negate = text[next] === '!' || text[next] === '^';
  if (negate) next++;
  for (let first = true; ; first = false) {
    let char = text[next];
    if (char === undefined) return undefined;
    if (char === ']' && !first) break;
    const name = /^\[:([a-z]+):\]/.exec(text.slice(next, next + 12));
    if (name) {
      source += CLASSES[name[1] ?? ''] ?? '';
      next += name[0].length;
      continue;
    }
    if (char === '\\' && next + 1 < text.length) char = text[++next] as string;
    next++;
    if (text[next] === '-' && text[next + 1] !== ']' && next + 1 < text.length) {
      let last = text[next + 1] as string;
      next += 2;
      if (last === '\\' && next < text.length) last = text[next++] as string;
      if (char <= last) source += `${classLiteral(char)}-${classLiteral(last)}`;
    } else source += classLiteral(char);
  }
  if (source === '') return { source: negate ? '[^]' : '[]', end: next + 1 };
  return { source: `[${negate ? '^' : ''}${source}]`, end: next + 1 };
}

/** The regular expression's source of a pattern; `star` is what `*` becomes. */
function sourceOf(text: string, star: string): string {
  let source = '';
  for (let at = 0; at < text.length; at++) {
    const char = text[at] as string;
    if (char === '\\' && at + 1 < text.length) source += literal(text[++at] as string);
    else if (char === '*') {
      if (text[at - 1] !== '*' || text[at - 2] === '\\') source += star;
    } else if (char === '?') source += '[^]';
    else if (char === '[') {
      const found = bracket(text, at);
      source += found ? found.source : '\\[';
      if (found) at = found.end - 1;
    } else source += literal(char);
  }
  return source;
}

/** Whether a pattern matches a whole text. */
export function matchesPattern(pattern: string, text: string): boolean {
  return patternExpression(pattern).test(text);
}

/** A pattern as an expression for whole texts. */
export function patternExpression(pattern: string): RegExp {
  return new RegExp(`^(?:${sourceOf(pattern, '[^]*')})$`);
}

/** `text` without the shortest or longest prefix that the pattern matches (`#`, `##`). */
export function removePrefix(text: string, pattern: string, longest: boolean): string {
  const found = new RegExp(`^(?:${sourceOf(pattern, longest ? '[^]*' : '[^]*?')})`).exec(text);
  return found ? text.slice(found[0].length) : text;
}

/** `text` without the shortest or longest suffix that the pattern matches (`%`, `%%`). */
export function removeSuffix(text: string, pattern: string, longest: boolean): string {
  const source = `(?:${sourceOf(pattern, '[^]*')})$`;
  if (longest) {
    const found = new RegExp(source).exec(text);
    return found ? text.slice(0, found.index) : text;
  }
  const expression = new RegExp(source, 'y');
  for (let at = text.length; at >= 0; at--) {
    expression.lastIndex = at;
    if (expression.test(text)) return text.slice(0, at);
  }
  return text;
}
