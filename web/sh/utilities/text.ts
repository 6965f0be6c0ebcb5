// Utilities that pass text on: cat fold head nl rev tac tail tee wc.

import type { Stats } from '../../fs/fs.ts';
import { S_IFMT, S_IFREG } from '../../fs/node.ts';
import { fromBytes } from '../bytes.ts';
import { BLOCK, type Call, splitLines, type Utility, UtilityError } from './call.ts';
import { readOptions, readSize } from './options.ts';

/** A byte as `cat -v` shows it. */
function visible(char: string): string {
  const code = char.charCodeAt(0);
  if (char === '\n' || char === '\t') return char;
  const low = code & 0x7f;
  const text = low < 32 ? `^${String.fromCharCode(low + 64)}` : low === 127 ? '^?' : String.fromCharCode(low);
  return code >= 128 ? `M-${text}` : text;
}

async function cat(call: Call): Promise<number> {
  const options = readOptions(call.args, 'AbeEnstTuv', { 'show-all': 'A', number: 'n' });
  const any = (letters: string): boolean => [...letters].some((letter) => options.has(letter));
  const isPlain = !any('AbeEnstTv');
  let number = 0;
  let isLineStart = true;
  let isAfterEmpty = false;
  const show = (line: string): string => {
    const isEmpty = isLineStart && line === '\n';
    if (options.has('s') && isEmpty && isAfterEmpty) return '';
    isAfterEmpty = isEmpty;
    let text = line;
    if (any('Aetv')) text = [...text].map(visible).join('');
    if (any('ATt')) text = text.replaceAll('\t', '^I');
    if (any('AEe')) text = text.replace(/\n$/, '$\n');
    const counts = isLineStart && (options.has('b') ? !isEmpty : options.has('n'));
    if (counts) text = `${String(++number).padStart(6)}\t${text}`;
    isLineStart = line.endsWith('\n');
    return text;
  };
  await call.eachFile(options.operands, async (name) => {
    const input = await call.open(name);
    try {
      for (;;) {
        const bytes = await call.read(input);
        if (bytes.length === 0) return;
        // What was read in one piece is written in one piece: it may be a value.
        if (isPlain) await call.writeBytes(bytes);
        else await call.out(splitLines(fromBytes(bytes)).map(show).join(''));
      }
    } finally {
      await input.release();
    }
  });
  return call.status;
}

/** `-5` as `-n 5`. */
function oldCount(args: readonly string[], letter: string): string[] {
  return args.map((arg, index) =>
    index === 0 && /^-[0-9]+[kmb]?$/.test(arg) ? `-${letter}${arg.slice(1)}` : arg,
  );
}

async function head(call: Call): Promise<number> {
  const options = readOptions(oldCount(call.args, 'n'), 'n:c:qv', { lines: 'n', bytes: 'c' });
  const isBytes = options.has('c');
  const text = options.value(isBytes ? 'c' : 'n') ?? '10';
  const count = readSize(text.replace(/^[-+]/, ''), isBytes ? 'number of bytes' : 'number of lines');
  const isAllBut = text.startsWith('-');
  let titles = 0;
  await call.eachFile(options.operands, async (name) => {
    if ((options.operands.length > 1 || options.has('v')) && !options.has('q')) {
      const shown = name === '-' ? 'standard input' : name;
      await call.out(`${titles++ > 0 ? '\n' : ''}==> ${shown} <==\n`);
    }
    if (isAllBut) {
      const all = await call.text(name);
      if (isBytes) await call.out(all.slice(0, Math.max(0, all.length - count)));
      else {
        const lines = splitLines(all);
        await call.out(lines.slice(0, Math.max(0, lines.length - count)).join(''));
      }
      return;
    }
    const input = await call.open(name);
    try {
      let left = count;
      while (left > 0) {
        const bytes = await call.read(input, isBytes ? Math.min(left, BLOCK) : BLOCK);
        if (bytes.length === 0) return;
        const chunk = fromBytes(bytes);
        let end = chunk.length;
        if (isBytes) left -= end;
        else {
          for (let at = chunk.indexOf('\n'); at >= 0; at = chunk.indexOf('\n', at + 1)) {
            left--;
            if (left > 0) continue;
            end = at + 1;
            break;
          }
        }
        await call.out(chunk.slice(0, end));
        input.unread(bytes.subarray(end));
      }
    } finally {
      await input.release();
    }
  });
  return call.status;
}

/** Goes on with what is appended, until a signal comes. A file that became shorter is read from its start. */
async function follow(call: Call, name: string): Promise<number> {
  const file = await call.fs.open(call.path(name), 'r');
  try {
    let at = (await file.stat()).size;
    for (;;) {
      const { size }: Stats = await file.stat();
      if (size < at) at = 0;
      const bytes = await file.read(BLOCK, at, { signal: call.signal });
      if (bytes.length === 0) await call.sleep(100);
      else await call.writeBytes(bytes);
      at += bytes.length;
      await call.breathe();
    }
  } finally {
    await file.close();
  }
}

async function tail(call: Call): Promise<number> {
  const options = readOptions(oldCount(call.args, 'n'), 'n:c:fFqv', { lines: 'n', bytes: 'c', follow: 'f' });
  const isBytes = options.has('c');
  const text = options.value(isBytes ? 'c' : 'n') ?? '10';
  const count = readSize(text.replace(/^[-+]/, ''), isBytes ? 'number of bytes' : 'number of lines');
  const isFrom = text.startsWith('+');
  let titles = 0;
  await call.eachFile(options.operands, async (name) => {
    if ((options.operands.length > 1 || options.has('v')) && !options.has('q')) {
      const shown = name === '-' ? 'standard input' : name;
      await call.out(`${titles++ > 0 ? '\n' : ''}==> ${shown} <==\n`);
    }
    const all = await call.text(name);
    const units = isBytes ? all : splitLines(all);
    const from = isFrom ? Math.max(0, count - 1) : Math.max(0, units.length - count);
    const rest = units.slice(from);
    await call.out(typeof rest === 'string' ? rest : rest.join(''));
  });
  await call.flush();
  const [name] = options.operands;
  if ((options.has('f') || options.has('F')) && name !== undefined && name !== '-')
    return await follow(call, name);
  return call.status;
}

async function tac(call: Call): Promise<number> {
  await call.eachFile(call.args, async (name) => {
    await call.out(
      splitLines(await call.text(name))
        .reverse()
        .join(''),
    );
  });
  return call.status;
}

async function rev(call: Call): Promise<number> {
  await call.eachFile(call.args, async (name) => {
    for await (const lines of call.lines(name)) {
      for (const line of lines) {
        const body = line.endsWith('\n') ? line.slice(0, -1) : line;
        await call.out(`${[...body].reverse().join('')}\n`);
      }
    }
  });
  return call.status;
}

async function tee(call: Call): Promise<number> {
  const options = readOptions(call.args, 'ai', { append: 'a' });
  const outputs: { name: string; file: Awaited<ReturnType<Call['open']>> }[] = [];
  for (const name of options.operands) {
    try {
      outputs.push({
        name,
        file: await call.open(name === '-' ? '/dev/stdout' : name, options.has('a') ? 'a' : 'w'),
      });
    } catch (error) {
      await call.warnOf(name, error);
    }
  }
  const input = await call.open('-');
  try {
    for (;;) {
      const bytes = await call.read(input);
      if (bytes.length === 0) return call.status;
      await call.writeBytes(bytes);
      for (const { name, file } of outputs) {
        try {
          await file.write(bytes, { signal: call.signal });
        } catch (error) {
          await call.warnOf(name, error);
        }
      }
    }
  } finally {
    await input.release();
    for (const { file } of outputs) await file.release();
  }
}

interface Counts {
  lines: number;
  words: number;
  chars: number;
  bytes: number;
  longest: number;
}

/** Whether standard input is a regular file, whose size is known beforehand. */
async function isFileInput(call: Call): Promise<boolean> {
  const found = await call.host.fds.get(0)?.stream.stat?.();
  return found !== undefined && (found.mode & S_IFMT) === S_IFREG;
}

async function wc(call: Call): Promise<number> {
  const options = readOptions(call.args, 'lwcmL', { lines: 'l', words: 'w', bytes: 'c', chars: 'm' });
  const total: Counts = { lines: 0, words: 0, chars: 0, bytes: 0, longest: 0 };
  const rows: { counts: Counts; name: string | undefined }[] = [];
  await call.eachFile(options.operands, async (name) => {
    const counts: Counts = { lines: 0, words: 0, chars: 0, bytes: 0, longest: 0 };
    let isInWord = false;
    let width = 0;
    for await (const chunk of call.chunks(name)) {
      counts.bytes += chunk.length;
      counts.chars += chunk.length;
      for (let at = 0; at < chunk.length; at++) {
        const code = chunk.charCodeAt(at);
        const isSpace = code === 32 || (code >= 9 && code <= 13);
        if (!isSpace && !isInWord) counts.words++;
        isInWord = !isSpace;
        if (code === 10) {
          counts.lines++;
          counts.longest = Math.max(counts.longest, width);
          width = 0;
        } else width++;
      }
    }
    counts.longest = Math.max(counts.longest, width);
    rows.push({ counts, name: options.operands.length > 0 ? name : undefined });
    for (const key of ['lines', 'words', 'chars', 'bytes'] as const) total[key] += counts[key];
    total.longest = Math.max(total.longest, counts.longest);
  });
  if (options.operands.length > 1) rows.push({ counts: total, name: 'total' });
  const wanted: [string, keyof Counts][] = [
    ['l', 'lines'],
    ['w', 'words'],
    ['m', 'chars'],
    ['c', 'bytes'],
    ['L', 'longest'],
  ];
  const isAny = wanted.some(([letter]) => options.has(letter));
  const shown = wanted.filter(([letter]) => (isAny ? options.has(letter) : 'lwc'.includes(letter)));
  const isAlone = rows.length === 1 && shown.length === 1;
  const isPiped =
    (options.operands.length === 0 || options.operands.includes('-')) && !(await isFileInput(call));
  const width = isAlone ? 1 : isPiped ? 7 : String(total.bytes).length;
  for (const { counts, name } of rows) {
    const cells = shown.map(([, key]) => String(counts[key]).padStart(width));
    await call.out(`${cells.join(' ')}${name === undefined ? '' : ` ${name}`}\n`);
  }
  return call.status;
}

async function fold(call: Call): Promise<number> {
  const options = readOptions(call.args, 'w:sb', { width: 'w', spaces: 's', bytes: 'b' });
  const width = readSize(options.value('w') ?? '80', 'number of columns');
  if (width === 0) throw new UtilityError("invalid number of columns: '0'");
  await call.eachFile(options.operands, async (name) => {
    for await (const lines of call.lines(name)) {
      for (let line of lines) {
        const end = line.endsWith('\n') ? '\n' : '';
        if (end !== '') line = line.slice(0, -1);
        while (line.length > width) {
          const blank = options.has('s') ? line.lastIndexOf(' ', width - 1) + 1 : 0;
          const cut = blank > 0 ? blank : width;
          await call.out(`${line.slice(0, cut)}\n`);
          line = line.slice(cut);
        }
        await call.out(line + end);
      }
    }
  });
  return call.status;
}

async function nl(call: Call): Promise<number> {
  const options = readOptions(call.args, 'b:w:s:v:i:n:');
  const body = options.value('b') ?? 't';
  const width = Number(options.value('w') ?? 6);
  const separator = options.value('s') ?? '\t';
  const step = Number(options.value('i') ?? 1);
  let number = Number(options.value('v') ?? 1);
  const style = options.value('n') ?? 'rn';
  await call.eachFile(options.operands, async (name) => {
    for await (const lines of call.lines(name)) {
      for (const line of lines) {
        const text = line.endsWith('\n') ? line.slice(0, -1) : line;
        if (body === 'n' || (body === 't' && text === '')) {
          await call.out(`${' '.repeat(width + separator.length)}${text}\n`);
          continue;
        }
        const digits = String(number);
        const shown =
          style === 'ln' ? digits.padEnd(width) : digits.padStart(width, style === 'rz' ? '0' : ' ');
        await call.out(`${shown}${separator}${text}\n`);
        number += step;
      }
    }
  });
  return call.status;
}

async function printEnvironment(call: Call): Promise<void> {
  for (const [name, value] of call.host.environment) await call.out(`${name}=${value}\n`);
}

async function env(call: Call): Promise<number> {
  const options = readOptions(call.args, '+iu:', { 'ignore-environment': 'i', unset: 'u' });
  const environment = options.has('i') ? new Map<string, string>() : new Map(call.host.environment);
  for (const name of options.all('u')) environment.delete(name);
  const argv = [...options.operands];
  if (argv[0] === '-') {
    argv.shift();
    environment.clear();
  }
  while (argv[0]?.includes('=')) {
    const [name = '', ...value] = (argv.shift() as string).split('=');
    environment.set(name, value.join('='));
  }
  if (argv.length > 0) return await call.host.execute(argv, { environment });
  call.host.environment.clear();
  for (const [name, value] of environment) call.host.environment.set(name, value);
  await printEnvironment(call);
  return 0;
}

async function base64(call: Call): Promise<number> {
  const options = readOptions(call.args, 'diw:', { decode: 'd', wrap: 'w', 'ignore-garbage': 'i' });
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
  const name = options.operands[0] ?? '-';
  if (options.has('d')) {
    const text = (await call.text(name)).replace(options.has('i') ? /[^A-Za-z0-9+/=]/g : /\n/g, '');
    const bytes: number[] = [];
    let bits = 0;
    let count = 0;
    for (const char of text.replace(/=+$/, '')) {
      const value = alphabet.indexOf(char);
      if (value < 0) {
        await call.writeBytes(Uint8Array.from(bytes));
        throw new UtilityError('invalid input');
      }
      bits = ((bits << 6) | value) & 0xffffff;
      count += 6;
      if (count >= 8) {
        count -= 8;
        bytes.push((bits >> count) & 0xff);
      }
    }
    await call.writeBytes(Uint8Array.from(bytes));
    return 0;
  }
  const bytes = await call.bytes(name);
  const width = Number(options.value('w') ?? 76);
  let text = '';
  for (let at = 0; at < bytes.length; at += 3) {
    const [first = 0, second = 0, third = 0] = bytes.subarray(at, at + 3);
    const bits = (first << 16) | (second << 8) | third;
    const left = bytes.length - at;
    const char = (shift: number): string => alphabet[(bits >> shift) & 63] as string;
    text += char(18) + char(12) + (left > 1 ? char(6) : '=') + (left > 2 ? char(0) : '=');
  }
  if (width === 0) await call.out(text);
  else for (let at = 0; at < text.length; at += width) await call.out(`${text.slice(at, at + width)}\n`);
  return 0;
}

export const TEXT: Utility[] = [
  { name: 'base64', usage: 'base64 [-di] [-w columns] [file]', run: base64 },
  { name: 'cat', usage: 'cat [-AbEensTtv] [file...]', run: cat },
  { name: 'env', usage: 'env [-i] [-u name] [name=value...] [command...]', run: env },
  { name: 'fold', usage: 'fold [-s] [-w width] [file...]', run: fold },
  { name: 'head', usage: 'head [-n lines | -c bytes] [file...]', run: head },
  { name: 'nl', usage: 'nl [-b a|t|n] [-w width] [-s text] [file...]', run: nl },
  { name: 'rev', usage: 'rev [file...]', run: rev },
  { name: 'tac', usage: 'tac [file...]', run: tac },
  { name: 'tail', usage: 'tail [-f] [-n lines | -c bytes] [file...]', run: tail },
  { name: 'tee', usage: 'tee [-a] [file...]', run: tee },
  { name: 'wc', usage: 'wc [-lwcmL] [file...]', run: wc },
];
