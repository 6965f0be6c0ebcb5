// grep: lines that match, with -E -F -v -c -i -n -q -o -l -L -h -H -s -w -x -m -e -A -B -C -r.

import { encodeText } from '../bytes.ts';
import { type Call, type Utility, UtilityError } from './call.ts';
import { type Options, readOptions } from './options.ts';
import { compileRegex } from './regex.ts';

interface Search {
  /** One expression for all patterns; global. */
  expression: RegExp;
  options: Options;
  withNames: boolean;
  before: number;
  after: number;
  limit: number;
}

function expressionOf(patterns: readonly string[], options: Options): RegExp {
  const style = { isExtended: options.has('E'), isFixed: options.has('F'), ignoresCase: options.has('i') };
  const sources = patterns.map((pattern) => {
    const { source } = compileRegex(pattern, style);
    if (options.has('x')) return `^(?:${source})$`;
    return options.has('w') ? `(?<!\\w)(?:${source})(?!\\w)` : source;
  });
  const flags = options.has('i') ? 'gi' : 'g';
  return new RegExp(
    sources.length === 1 ? (sources[0] as string) : sources.map((source) => `(?:${source})`).join('|'),
    flags,
  );
}

/** Searches one file; whether a line was selected. */
async function search(
  call: Call,
  name: string,
  { expression, options, withNames, before, after, limit }: Search,
): Promise<boolean> {
  const shown = name === '-' ? '(standard input)' : name;
  const has = (letter: string): boolean => options.has(letter);
  const isSilent = has('q') || has('l') || has('L') || has('c');
  let number = 0;
  let count = 0;
  let owed = 0;
  let isGap = false;
  let waiting: { line: string; number: number }[] = [];
  const prefix = (at: number, mark: string): string =>
    (withNames ? shown + mark : '') + (has('n') ? `${at}${mark}` : '');
  scan: for await (const lines of call.lines(name)) {
    for (const raw of lines) {
      const line = raw.endsWith('\n') ? raw.slice(0, -1) : raw;
      number++;
      expression.lastIndex = 0;
      if (expression.test(line) === has('v')) {
        if (owed > 0 && !isSilent) {
          owed--;
          await call.out(`${prefix(number, '-')}${line}\n`);
        } else if (before > 0) {
          waiting.push({ line, number });
          if (waiting.length > before) {
            waiting.shift();
            isGap = true;
          }
        } else isGap = true;
        continue;
      }
      count++;
      if (has('q') || has('l') || has('L')) break scan;
      if (!isSilent) {
        if (isGap && count > 1 && before + after > 0) await call.out('--\n');
        for (const each of waiting) await call.out(`${prefix(each.number, '-')}${each.line}\n`);
        waiting = [];
        isGap = false;
        owed = after;
        if (has('o')) {
          expression.lastIndex = 0;
          if (!has('v'))
            for (const found of line.matchAll(expression))
              if (found[0] !== '') await call.out(`${prefix(number, ':')}${found[0]}\n`);
        } else await call.out(`${prefix(number, ':')}${line}\n`);
      }
      if (count >= limit) break scan;
    }
    await call.breathe();
  }
  if (has('l') ? count > 0 : has('L') && count === 0) await call.out(`${shown}\n`);
  else if (has('c')) await call.out(`${withNames ? `${shown}:` : ''}${count}\n`);
  return count > 0;
}

/** All files below a directory, for -r. */
async function filesBelow(call: Call, name: string): Promise<string[]> {
  const { isDirectory } = await call.fs.stat(call.path(name));
  if (!isDirectory) return [name];
  const files: string[] = [];
  for (const entry of await call.fs.readdir(call.path(name)))
    files.push(...(await filesBelow(call, `${name.replace(/\/$/, '')}/${encodeText(entry.name)}`)));
  return files;
}

async function grep(call: Call): Promise<number> {
  const options = readOptions(
    call.args,
    'EFGvcinqolLhHswxe:f:m:A:B:C:rRa',
    {
      'extended-regexp': 'E',
      'fixed-strings': 'F',
      count: 'c',
      quiet: 'q',
      'only-matching': 'o',
      regexp: 'e',
      recursive: 'r',
    },
    2,
  );
  const operands = [...options.operands];
  const patterns = options.all('e').flatMap((text) => text.split('\n'));
  for (const name of options.all('f'))
    patterns.push(...(await call.text(name)).replace(/\n$/, '').split('\n'));
  if (!options.has('e') && !options.has('f')) {
    const first = operands.shift();
    if (first === undefined) throw new UtilityError('usage: grep [option...] pattern [file...]', 2);
    patterns.push(...first.split('\n'));
  }
  const context = options.value('C') ?? '0';
  const isRecursive = options.has('r') || options.has('R');
  const job: Search = {
    expression: expressionOf(patterns, options),
    options,
    withNames: (operands.length > 1 || options.has('H') || isRecursive) && !options.has('h'),
    before: Number(options.value('B') ?? context),
    after: Number(options.value('A') ?? context),
    limit: Number(options.value('m') ?? Number.POSITIVE_INFINITY),
  };
  let isFound = false;
  let names = operands.length > 0 ? operands : [isRecursive ? '.' : '-'];
  if (isRecursive) names = (await Promise.all(names.map((name) => filesBelow(call, name)))).flat();
  for (const name of names) {
    try {
      if (await search(call, name, job)) isFound = true;
      if (isFound && options.has('q')) return 0;
    } catch (error) {
      if (options.has('s') && !(error instanceof UtilityError)) call.status = 2;
      else await call.warnOf(name, error, 2);
    }
  }
  if (call.status === 2) return 2;
  return isFound ? 0 : 1;
}

export const GREP: Utility = {
  name: 'grep',
  usage: 'grep [-EFvcinqolLhHswx] [-m n] [-ABC n] pattern [file...]',
  run: grep,
};
