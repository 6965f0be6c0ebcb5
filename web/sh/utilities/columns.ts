// Utilities that work on lines and their fields: cut sort tr uniq.

import { toBytes } from '../bytes.ts';
import { type Call, type Utility, UtilityError } from './call.ts';
import { expandEscapes } from './escapes.ts';
import { type Options, readOptions } from './options.ts';

/** A list like `1,3-5,7-`. */
function readList(text: string): (place: number) => boolean {
  const ranges = text.split(/[,\s]+/).map((part) => {
    const found = /^([0-9]*)(-?)([0-9]*)$/.exec(part);
    if (!found || part === '' || part === '-') throw new UtilityError(`invalid field value '${part}'`);
    const [, first, dash, last] = found;
    const from = first === '' ? 1 : Number(first);
    if (from === 0) throw new UtilityError('fields are numbered from 1');
    const to = last !== '' ? Number(last) : dash === '' ? from : Number.POSITIVE_INFINITY;
    if (to < from) throw new UtilityError('invalid decreasing range');
    return { from, to };
  });
  return (place) => ranges.some(({ from, to }) => place >= from && place <= to);
}

async function cut(call: Call): Promise<number> {
  const options = readOptions(call.args, 'b:c:f:d:sn', {
    bytes: 'b',
    characters: 'c',
    fields: 'f',
    delimiter: 'd',
    'only-delimited': 's',
  });
  const list = options.value('f') ?? options.value('c') ?? options.value('b');
  if (list === undefined) throw new UtilityError('you must specify a list of bytes, characters, or fields');
  const has = readList(list);
  const delimiter = options.value('d') ?? '\t';
  if (delimiter.length > 1) throw new UtilityError('the delimiter must be a single character');
  const isFields = options.has('f');
  await call.eachFile(options.operands, async (name) => {
    for await (const lines of call.lines(name)) {
      for (const raw of lines) {
        const line = raw.endsWith('\n') ? raw.slice(0, -1) : raw;
        const parts = isFields ? line.split(delimiter) : [...line];
        if (isFields && parts.length === 1) {
          if (!options.has('s')) await call.out(`${line}\n`);
          continue;
        }
        await call.out(`${parts.filter((_, index) => has(index + 1)).join(isFields ? delimiter : '')}\n`);
      }
    }
  });
  return call.status;
}

/** Where a key begins and ends: `-k 2.3b,4n`. */
interface Key {
  field: number;
  char: number;
  endField: number;
  endChar: number;
  letters: string;
}

function readKey(text: string): Key {
  const found = /^([0-9]+)(?:\.([0-9]+))?([a-zA-Z]*)(?:,([0-9]+)(?:\.([0-9]+))?([a-zA-Z]*))?$/.exec(text);
  if (!found || found[1] === '0') throw new UtilityError(`-: invalid field specification '${text}'`, 2);
  const [, field, char = '1', letters = '', endField = '0', endChar = '0', endLetters = ''] = found;
  return {
    field: Number(field),
    char: Number(char),
    letters: letters + endLetters,
    endField: Number(endField),
    endChar: Number(endChar),
  };
}

/** Where each field of a line begins and ends. Without a delimiter, fields keep the blanks before them. */
function fieldsOf(line: string, delimiter: string | undefined): [number, number][] {
  const fields: [number, number][] = [];
  if (delimiter !== undefined) {
    let from = 0;
    for (let at = line.indexOf(delimiter); at >= 0; at = line.indexOf(delimiter, from)) {
      fields.push([from, at]);
      from = at + 1;
    }
    fields.push([from, line.length]);
    return fields;
  }
  for (const found of line.matchAll(/[ \t]*[^ \t]+|[ \t]+$/g))
    fields.push([found.index, found.index + found[0].length]);
  return fields;
}

function keyText(line: string, key: Key, delimiter: string | undefined, skipsBlanks: boolean): string {
  const fields = fieldsOf(line, delimiter);
  const blanks = (at: number): number => /^[ \t]*/.exec(line.slice(at))?.[0].length ?? 0;
  const start = fields[key.field - 1];
  if (!start) return '';
  const from = start[0] + (skipsBlanks ? blanks(start[0]) : 0) + key.char - 1;
  const end = key.endField === 0 ? undefined : fields[key.endField - 1];
  let to = line.length;
  if (end)
    to =
      key.endChar === 0
        ? end[1]
        : Math.min(end[1], end[0] + (skipsBlanks ? blanks(end[0]) : 0) + key.endChar);
  return line.slice(from, Math.max(from, to));
}

function numberIn(text: string): number {
  return Number(/^[ \t]*(-?[0-9]*\.?[0-9]+|-?[0-9]+)/.exec(text)?.[1] ?? 0);
}

const SCALE = 'KMGTPE';

function humanNumber(text: string): number {
  const found = /^[ \t]*(-?[0-9.]+)([KMGTPE]?)/.exec(text);
  return found ? Number(found[1]) * 1024 ** (SCALE.indexOf(found[2] || ' ') + 1) : 0;
}

function compareTexts(left: string, right: string, letters: string): number {
  if (letters.includes('n')) return numberIn(left) - numberIn(right);
  if (letters.includes('h')) return humanNumber(left) - humanNumber(right);
  const folded = (text: string): string => {
    let fitted = letters.includes('b') ? text.replace(/^[ \t]+/, '') : text;
    if (letters.includes('d')) fitted = fitted.replace(/[^A-Za-z0-9 \t]/g, '');
    return letters.includes('f') ? fitted.toUpperCase() : fitted;
  };
  const [one, other] = letters === '' ? [left, right] : [folded(left), folded(right)];
  return one < other ? -1 : one > other ? 1 : 0;
}

type Compare = (left: string, right: string) => number;

/** Sorts in slices, so that others have their turn. Stable. */
async function sortSlowly(call: Call, lines: string[], compare: Compare): Promise<string[]> {
  const SLICE = 2048;
  let runs: string[][] = [];
  for (let at = 0; at < lines.length; at += SLICE) {
    runs.push(lines.slice(at, at + SLICE).sort(compare));
    await call.breathe();
  }
  while (runs.length > 1) {
    const merged: string[][] = [];
    for (let index = 0; index < runs.length; index += 2) {
      const left = runs[index] as string[];
      const right = runs[index + 1] ?? [];
      const out: string[] = [];
      for (let one = 0, other = 0; one < left.length || other < right.length; ) {
        const takesRight =
          one >= left.length ||
          (other < right.length && compare(left[one] as string, right[other] as string) > 0);
        out.push((takesRight ? right[other++] : left[one++]) as string);
        if (out.length % SLICE === 0) await call.breathe();
      }
      merged.push(out);
    }
    runs = merged;
  }
  return runs[0] ?? [];
}

function comparerOf(options: Options): { byKeys: Compare; full: Compare } {
  const keys = options.all('k').map(readKey);
  const given = options.value('t');
  const delimiter = given === '\\0' ? '\0' : given;
  const common = [...'nfbdhr'].filter((letter) => options.has(letter)).join('');
  const byKeys: Compare = (left, right) => {
    if (keys.length === 0) return compareTexts(left, right, common) * (options.has('r') ? -1 : 1);
    for (const key of keys) {
      const letters = key.letters === '' ? common : key.letters;
      const order = compareTexts(
        keyText(left, key, delimiter, letters.includes('b')),
        keyText(right, key, delimiter, letters.includes('b')),
        letters,
      );
      if (order !== 0) return letters.includes('r') ? -order : order;
    }
    return 0;
  };
  const full: Compare = (left, right) => {
    const order = byKeys(left, right);
    if (order !== 0 || options.has('s') || options.has('u')) return order;
    const last = left < right ? -1 : left > right ? 1 : 0;
    return options.has('r') ? -last : last;
  };
  return { byKeys, full };
}

async function sort(call: Call): Promise<number> {
  const options = readOptions(
    call.args,
    'nrufbdhsk:t:o:cCm',
    {
      'numeric-sort': 'n',
      reverse: 'r',
      unique: 'u',
      key: 'k',
      'field-separator': 't',
      output: 'o',
      check: 'c',
      stable: 's',
    },
    2,
  );
  const { byKeys, full } = comparerOf(options);
  const lines: string[] = [];
  for (const name of options.operands.length > 0 ? options.operands : ['-']) {
    try {
      for await (const some of call.lines(name))
        for (const line of some) lines.push(line.endsWith('\n') ? line.slice(0, -1) : line);
    } catch (error) {
      await call.warnOf(`cannot read: ${name}`, error, 2);
      return 2;
    }
  }
  if (options.has('c') || options.has('C')) {
    for (let at = 1; at < lines.length; at++) {
      const order = full(lines[at - 1] as string, lines[at] as string);
      if (order < 0 || (order === 0 && !options.has('u'))) continue;
      if (options.has('c')) await call.warn(`-:${at + 1}: disorder: ${lines[at]}`);
      return 1;
    }
    return 0;
  }
  let sorted = await sortSlowly(call, lines, full);
  if (options.has('u'))
    sorted = sorted.filter((line, at) => at === 0 || byKeys(sorted[at - 1] as string, line) !== 0);
  const target = options.value('o');
  const text = sorted.map((line) => `${line}\n`).join('');
  if (target === undefined) await call.out(text);
  else {
    const output = await call.open(target, 'w');
    try {
      await output.write(toBytes(text), { signal: call.signal });
    } finally {
      await output.release();
    }
  }
  return call.status;
}

async function uniq(call: Call): Promise<number> {
  const options = readOptions(call.args, 'cduif:s:w:', {
    count: 'c',
    repeated: 'd',
    unique: 'u',
    'ignore-case': 'i',
  });
  const keyOf = (line: string): string => {
    let key = line;
    for (let skip = Number(options.value('f') ?? 0); skip > 0; skip--)
      key = key.replace(/^[ \t]*[^ \t]*/, '');
    key = key.slice(Number(options.value('s') ?? 0));
    const width = options.value('w');
    if (width !== undefined) key = key.slice(0, Number(width));
    return options.has('i') ? key.toLowerCase() : key;
  };
  const [input = '-', output] = options.operands;
  let text = '';
  let last: string | undefined;
  let count = 0;
  const show = async (): Promise<void> => {
    if (last === undefined) return;
    if ((options.has('d') && count < 2) || (options.has('u') && count > 1)) return;
    const line = `${options.has('c') ? `${String(count).padStart(7)} ` : ''}${last}\n`;
    if (output === undefined) await call.out(line);
    else text += line;
  };
  for await (const lines of call.lines(input)) {
    for (const raw of lines) {
      const line = raw.endsWith('\n') ? raw.slice(0, -1) : raw;
      if (last !== undefined && keyOf(line) === keyOf(last)) {
        count++;
        continue;
      }
      await show();
      last = line;
      count = 1;
    }
  }
  await show();
  if (output !== undefined) await call.fs.writeFile(call.path(output), toBytes(text));
  return 0;
}

const SETS: Record<string, (code: number) => boolean> = {
  alnum: (code) => SETS.alpha?.(code) === true || SETS.digit?.(code) === true,
  alpha: (code) => SETS.upper?.(code) === true || SETS.lower?.(code) === true,
  blank: (code) => code === 9 || code === 32,
  cntrl: (code) => code < 32 || code === 127,
  digit: (code) => code >= 48 && code <= 57,
  graph: (code) => code > 32 && code < 127,
  lower: (code) => code >= 97 && code <= 122,
  print: (code) => code >= 32 && code < 127,
  punct: (code) => SETS.graph?.(code) === true && SETS.alnum?.(code) === false,
  space: (code) => (code >= 9 && code <= 13) || code === 32,
  upper: (code) => code >= 65 && code <= 90,
  xdigit: (code) => SETS.digit?.(code) === true || (code >= 65 && code <= 70) || (code >= 97 && code <= 102),
};

/** The characters of one of tr's sets; `length` is how many a `[x*]` has to fill up to. */
function expandSet(text: string, length: number): string {
  let out = '';
  for (let at = 0; at < text.length; ) {
    const name = /^\[:([a-z]+):\]/.exec(text.slice(at));
    if (name) {
      const set = SETS[name[1] ?? ''];
      if (!set) throw new UtilityError(`invalid character class '${name[1]}'`);
      for (let code = 0; code < 256; code++) if (set(code)) out += String.fromCharCode(code);
      at += name[0].length;
      continue;
    }
    const fill = /^\[(\\[0-7]{1,3}|\\.|[^\\])\*([0-9]*)\]/.exec(text.slice(at));
    if (fill) {
      const count =
        fill[2] === '' || Number(fill[2]) === 0 ? Math.max(0, length - out.length) : Number(fill[2]);
      out += expandEscapes(fill[1] as string, 'format').text.repeat(count);
      at += fill[0].length;
      continue;
    }
    const one = (): string => {
      const found = /^(\\[0-7]{1,3}|\\.|[\s\S])/.exec(text.slice(at))?.[0] ?? '';
      at += found.length;
      const char = found.length > 1 ? expandEscapes(found, 'format').text : found;
      return char.length > 1 ? char.slice(1) : char;
    };
    const first = one();
    if (text[at] === '-' && at + 1 < text.length) {
      at++;
      const last = one();
      if (first > last)
        throw new UtilityError(
          `range-endpoints of '${first}-${last}' are in reverse collating sequence order`,
        );
      for (let code = first.charCodeAt(0); code <= last.charCodeAt(0); code++)
        out += String.fromCharCode(code);
    } else out += first;
  }
  return out;
}

async function tr(call: Call): Promise<number> {
  const options = readOptions(call.args, '+cCdst', {
    complement: 'c',
    delete: 'd',
    'squeeze-repeats': 's',
    'truncate-set1': 't',
  });
  const [from, to] = options.operands;
  if (from === undefined) throw new UtilityError('missing operand');
  const isDelete = options.has('d');
  if (to === undefined && !isDelete && !options.has('s'))
    throw new UtilityError(`missing operand after '${from}'`);
  let first = expandSet(from, 0);
  if (options.has('c') || options.has('C')) {
    const without = new Set(first);
    first = '';
    for (let code = 0; code < 256; code++)
      if (!without.has(String.fromCharCode(code))) first += String.fromCharCode(code);
  }
  let second = to === undefined ? '' : expandSet(to, first.length);
  if (options.has('t')) first = first.slice(0, second.length);
  if (to !== undefined && !isDelete) {
    if (second === '') throw new UtilityError('when not truncating set1, string2 must be non-empty');
    second = second.padEnd(first.length, second.slice(-1));
  }
  const map: string[] = [];
  for (let code = 0; code < 256; code++) map.push(String.fromCharCode(code));
  if (isDelete) for (const char of first) map[char.charCodeAt(0)] = '';
  else if (to !== undefined)
    for (let at = 0; at < first.length; at++) map[first.charCodeAt(at)] = second[at] as string;
  const squeezed = new Set(options.has('s') ? (to === undefined ? first : second) : '');
  let last = '';
  for await (const chunk of call.chunks('-')) {
    const out: string[] = [];
    for (let at = 0; at < chunk.length; at++) {
      const char = map[chunk.charCodeAt(at)] as string;
      if (char === '' || (char === last && squeezed.has(char))) continue;
      out.push(char);
      last = char;
    }
    await call.out(out.join(''));
  }
  return 0;
}

export const COLUMNS: Utility[] = [
  { name: 'cut', usage: 'cut -b|-c|-f list [-d delimiter] [-s] [file...]', run: cut },
  { name: 'sort', usage: 'sort [-nrufbdhsc] [-k key] [-t delimiter] [-o file] [file...]', run: sort },
  { name: 'tr', usage: 'tr [-cdst] set1 [set2]', run: tr },
  { name: 'uniq', usage: 'uniq [-cdui] [-f fields] [-s chars] [input [output]]', run: uniq },
];
