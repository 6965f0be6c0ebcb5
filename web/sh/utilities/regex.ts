// POSIX regular expressions (basic and extended, with GNU's additions) as JavaScript's over byte strings. Of several
// alternatives JavaScript takes the first that fits, POSIX the longest match.

import { characterClass, classLiteral } from '../expand/pattern.ts';
import { UtilityError } from './call.ts';

export interface RegexStyle {
  isExtended?: boolean;
  isFixed?: boolean;
  ignoresCase?: boolean;
  flags?: string;
}

const GNU: Record<string, string> = {
  '<': '\\b(?=\\w)',
  '>': '\\b(?<=\\w)',
  b: '\\b',
  B: '\\B',
  s: '[ \\t\\n\\v\\f\\r]',
  S: '[^ \\t\\n\\v\\f\\r]',
  w: '\\w',
  W: '\\W',
  '`': '^',
  "'": '$',
};

const escapeLiteral = (char: string): string => (/[\\^$.*+?()[\]{}|/]/.test(char) ? `\\${char}` : char);

/** The bracket expression at `at` and the place behind it. */
function bracket(text: string, at: number): { source: string; end: number } {
  let next = at + 1;
  const negate = text[next] === '^';
  if (negate) next++;
  let source = '';
  for (let first = true; first || text[next] !== ']'; first = false) {
    const char = text[next];
    if (char === undefined) throw new UtilityError('unterminated address regex or [ without ]', 2);
    const name = /^\[:([a-z]+):\]/.exec(text.slice(next, next + 12));
    if (name) {
      const found = characterClass(name[1] ?? '');
      if (found === undefined) throw new UtilityError(`invalid character class '${name[1]}'`, 2);
      source += found;
      next += name[0].length;
      continue;
    }
    const same = /^\[[.=](.)[.=]\]/.exec(text.slice(next, next + 5));
    const one = same ? (same[1] as string) : char;
    next += same ? 5 : 1;
    if (text[next] === '-' && text[next + 1] !== ']' && text[next + 1] !== undefined) {
      const last = text[next + 1] as string;
      if (one > last) throw new UtilityError('Invalid range end', 2);
      source += `${classLiteral(one)}-${classLiteral(last)}`;
      next += 2;
    } else source += classLiteral(one);
  }
  return { source: `[${negate ? '^' : ''}${source}]`, end: next + 1 };
}

function translate(text: string, isExtended: boolean): string {
  let out = '';
  /** True where nothing stands yet that could be repeated. */
  let isStart = true;
  let depth = 0;
  for (let at = 0; at < text.length; ) {
    const char = text[at] as string;
    const next = text[at + 1];
    // In a basic expression a backslash makes an operator, in an extended one it takes it away.
    const isEscaped = char === '\\' && next !== undefined;
    const token = isEscaped ? next : char;
    const isOperator = '(){}|+?'.includes(token) && isEscaped !== isExtended;
    const size = isEscaped ? 2 : 1;
    if (isOperator) {
      if (token === ')' && depth === 0) {
        if (!isExtended) throw new UtilityError('Unmatched ) or \\)', 2);
        out += '\\)';
        at += size;
        continue;
      }
      if (token === '{') {
        const close = isExtended ? '}' : '\\}';
        const end = text.indexOf(close, at);
        const bounds = end < 0 ? '' : text.slice(at + size, end);
        if (!isStart && /^[0-9]*(,[0-9]*)?$/.test(bounds) && bounds !== '' && bounds !== ',') {
          out += `{${bounds.startsWith(',') ? `0${bounds}` : bounds}}`;
          at = end + close.length;
          continue;
        }
        if (!isExtended) throw new UtilityError('Invalid preceding regular expression', 2);
        out += '\\{';
      } else if (token === '}') out += '\\}';
      else if ((token === '+' || token === '?') && isStart) out += isExtended ? '' : escapeLiteral(token);
      else if (token === '+' || token === '?') out = repeated(out, token);
      else {
        if (token === '(') depth++;
        if (token === ')') depth--;
        out += token;
        isStart = token !== ')';
        at += size;
        continue;
      }
      isStart = false;
      at += size;
      continue;
    }
    at += size;
    if (isEscaped) {
      if (/[1-9]/.test(token)) out += `(?:\\${token})`;
      else if (token === 'n') out += '\\n';
      else if (token === 't') out += '\\t';
      else out += GNU[token] ?? escapeLiteral(token);
      isStart = false;
    } else if (char === '[') {
      const found = bracket(text, at - 1);
      out += found.source;
      at = found.end;
      isStart = false;
    } else if (char === '*') {
      if (isStart) out += isExtended ? '' : '\\*';
      else out = repeated(out, '*');
      isStart = false;
    } else if (char === '.') {
      out += '[^]';
      isStart = false;
    } else if (char === '^' && (isExtended || isStart)) out += '^';
    else if (char === '$' && (isExtended || at === text.length || /^\\[)|]/.test(text.slice(at)))) out += '$';
    else {
      out += escapeLiteral(char);
      isStart = false;
    }
  }
  if (depth > 0) throw new UtilityError('Unmatched ( or \\(', 2);
  return out;
}

/** Repeats what stands last; a repetition of a repetition is one of its group. */
function repeated(source: string, mark: string): string {
  if (/(^|[^\\])(\\\\)*[*+?]$/.test(source))
    return mark === '*' || source.endsWith('*') ? `${source.slice(0, -1)}*` : source;
  return source + mark;
}

/** Makes an expression; a bad one is an error of status 2. */
export function compileRegex(text: string, style: RegexStyle = {}): RegExp {
  const source = style.isFixed
    ? [...text].map(escapeLiteral).join('')
    : translate(text, style.isExtended === true);
  const flags = (style.flags ?? '') + (style.ignoresCase ? 'i' : '');
  try {
    return new RegExp(source === '' ? '(?:)' : source, flags);
  } catch {
    throw new UtilityError(`Invalid regular expression: ${text}`, 2);
  }
}
