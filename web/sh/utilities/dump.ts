// xxd and hexdump: bytes as text, and with xxd -r back again. od has a file of its own.

import { isKvmError } from '../../kvm/abi/errno.ts';
import { concatBytes, fromBytes } from '../bytes.ts';
import { type Call, type Utility, UtilityError } from './call.ts';
import { type Options, readOptions, readSize } from './options.ts';

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0');
const printable = (byte: number): string => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : '.');

/** Bytes of several inputs, one behind the other, from `skip` on, at most `limit`; in pieces of `size`. */
export async function* pieces(
  call: Call,
  names: readonly string[],
  size: number,
  skip: number,
  limit: number,
): AsyncGenerator<Uint8Array> {
  let rest = new Uint8Array(0) as Uint8Array;
  let skipping = skip;
  let left = limit;
  for (const name of names.length > 0 ? names : ['-']) {
    const input = await call.open(name);
    try {
      while (left > 0) {
        const wanted = skipping + left - rest.length;
        const bytes = await call.read(input, Math.min(65536, Math.max(1, wanted)));
        if (bytes.length === 0) break;
        const kept = bytes.subarray(Math.min(skipping, bytes.length));
        skipping -= bytes.length - kept.length;
        rest = concatBytes([rest, kept]);
        while (rest.length >= size && left >= size) {
          yield rest.subarray(0, size);
          rest = rest.subarray(size);
          left -= size;
        }
        if (rest.length >= left) break;
      }
    } finally {
      await input.release();
    }
  }
  if (rest.length > 0 && left > 0) yield rest.subarray(0, left);
}

async function xxd(call: Call): Promise<number> {
  try {
    return await dumpOrRevert(call);
  } catch (error) {
    if (!isKvmError(error)) throw error;
    await call.warn(error.message, 2);
    return 2;
  }
}

/** `xxd -a`: of three and more lines of zeros in a row the first stands, and a star for the others; the last one stands too. */
class Autoskip {
  readonly #print: (line: string) => Promise<void>;
  #zeros = 0;
  #second = '';
  #last = '';

  constructor(print: (line: string) => Promise<void>) {
    this.#print = print;
  }

  async line(text: string, isZero: boolean): Promise<void> {
    this.#last = text;
    if (!isZero) {
      await this.#flush();
      this.#zeros = 0;
      return this.#print(text);
    }
    this.#zeros++;
    if (this.#zeros === 1) return this.#print(text);
    if (this.#zeros === 2) this.#second = text;
  }

  async end(): Promise<void> {
    if (this.#zeros < 2) return;
    this.#zeros--;
    await this.#flush();
    await this.#print(this.#last);
  }

  async #flush(): Promise<void> {
    if (this.#zeros > 1) await this.#print(this.#zeros === 2 ? this.#second : '*\n');
  }
}

async function dumpOrRevert(call: Call): Promise<number> {
  // xxd's own spelling: options are whole words, so `-ps` and `-cols 8` are known too.
  const long: Record<string, string> = {
    '-plain': '-p',
    '-ps': '-p',
    '-postscript': '-p',
    '-cols': '-c',
    '-len': '-l',
    '-seek': '-s',
    '-revert': '-r',
    '-groupsize': '-g',
    '-bits': '-b',
    '-include': '-i',
    '-autoskip': '-a',
  };
  const args = call.args.map((arg) => long[arg] ?? arg);
  const options = readOptions(args, '+prs:l:c:g:ubieo:da');
  const [input = '-', output] = options.operands;
  if (options.has('r')) return await revert(call, input, output, options);
  const isPlain = options.has('p');
  const isBits = options.has('b');
  const number = (letter: string, fallback: number): number => {
    const text = options.value(letter);
    return text === undefined ? fallback : readSize(text.replace(/^\+/, ''), 'number');
  };
  const isC = options.has('i');
  const columns =
    number('c', isPlain ? 30 : isC ? 12 : isBits ? 6 : 16) || (isPlain ? Number.MAX_SAFE_INTEGER : 16);
  const group = number('g', isBits ? 1 : options.has('e') ? 4 : 2) || columns;
  const skip = number('s', 0);
  const offset = number('o', 0);
  const byteText = (byte: number): string => {
    const text = isBits ? byte.toString(2).padStart(8, '0') : hex(byte, 2);
    return options.has('u') ? text.toUpperCase() : text;
  };
  const width = isBits ? 8 : 2;
  const lineWidth = columns * width + Math.ceil(columns / group) - 1;
  let at = skip + offset;
  let total = 0;
  const limit = number('l', Number.POSITIVE_INFINITY);
  const size = Math.min(columns, 65536);
  if (isC && input !== '-') await call.out(`unsigned char ${cName(input)}[] = {\n`);
  const skipper = options.has('a') ? new Autoskip((line) => call.out(line)) : undefined;
  for await (const bytes of pieces(call, [input], size, skip, limit)) {
    if (isPlain) {
      await call.out([...bytes].map(byteText).join('') + (columns > 65536 ? '' : '\n'));
      total += bytes.length;
      continue;
    }
    if (isC) {
      await call.out(
        `${total > 0 ? ',\n' : ''}  ${[...bytes].map((byte) => `0x${byteText(byte)}`).join(', ')}`,
      );
      total += bytes.length;
      continue;
    }
    const groups: string[] = [];
    for (let from = 0; from < bytes.length; from += group) {
      const part = [...bytes.subarray(from, from + group)];
      if (options.has('e'))
        groups.push(
          part
            .reverse()
            .map(byteText)
            .join('')
            .padStart(group * 2),
        );
      else groups.push(part.map(byteText).join(''));
    }
    const place = options.has('d') ? String(at).padStart(8, '0') : hex(at, 8);
    const text = [...bytes].map(printable).join('');
    const line = `${place}: ${groups.join(' ').padEnd(lineWidth)}  ${text}\n`;
    if (skipper) await skipper.line(line, bytes.length === columns && bytes.every((byte) => byte === 0));
    else await call.out(line);
    at += bytes.length;
  }
  await skipper?.end();
  if (isPlain && columns > 65536 && total > 0) await call.out('\n');
  if (isC && total > 0) await call.out('\n');
  if (isC && input !== '-') await call.out(`};\nunsigned int ${cName(input)}_len = ${total};\n`);
  return 0;
}

const cName = (path: string): string => path.replace(/[^A-Za-z0-9]/g, '_').replace(/^(?=[0-9])/, '__');

/** `xxd -r`: a dump, or with -p plain digits, back to bytes. Addresses are obeyed; gaps become zeros. */
async function revert(
  call: Call,
  input: string,
  output: string | undefined,
  options: Options,
): Promise<number> {
  const text = await call.text(input);
  const parts: Uint8Array[] = [];
  if (options.has('p')) {
    const digits = text.replace(/[^0-9a-fA-F]/g, '');
    parts.push(Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16)));
  } else {
    let at = Number(options.value('s') ?? 0);
    let size = 0;
    for (const line of text.split('\n')) {
      const found = /^\s*([0-9a-fA-F]+):((?: ?[0-9a-fA-F]{2})*(?: +[0-9a-fA-F]{2,})*)/.exec(line);
      if (!found) continue;
      const place = Number.parseInt(found[1] ?? '', 16) + at;
      const dump = line.slice(line.indexOf(':') + 1);
      const bytes: number[] = [];
      // Two blanks end the bytes; what stands behind is their text.
      const digits = (/^ ?(.*?)(?: {2}|$)/.exec(dump)?.[1] ?? '').replace(/[^0-9a-fA-F]/g, '');
      for (let each = 0; each + 1 < digits.length; each += 2)
        bytes.push(Number.parseInt(digits.slice(each, each + 2), 16));
      if (place > size) parts.push(new Uint8Array(place - size));
      if (place < size) throw new UtilityError('sorry, cannot seek backwards.', 5);
      parts.push(Uint8Array.from(bytes));
      size = place + bytes.length;
    }
    at = size;
  }
  const bytes = concatBytes(parts.length > 0 ? parts : [new Uint8Array(0)]);
  if (output === undefined) {
    if (bytes.length > 0) await call.writeBytes(bytes);
  } else await call.fs.writeFile(call.path(output), bytes, { signal: call.signal });
  return 0;
}

/** hexdump's formats: bytes of one cell, and its text with the blanks in front. */
const FORMATS: Record<string, { size: number; cell: (bytes: Uint8Array) => string; width: number }> = {
  b: { size: 1, cell: ([byte = 0]) => ` ${byte.toString(8).padStart(3, '0')}`, width: 4 },
  c: { size: 1, cell: ([byte = 0]) => ` ${charCell(byte).padStart(3)}`, width: 4 },
  d: { size: 2, cell: ([low = 0, high = 0]) => `   ${String(low | (high << 8)).padStart(5, '0')}`, width: 8 },
  o: {
    size: 2,
    cell: ([low = 0, high = 0]) => `  ${(low | (high << 8)).toString(8).padStart(6, '0')}`,
    width: 8,
  },
  x: { size: 2, cell: ([low = 0, high = 0]) => `    ${hex(low | (high << 8), 4)}`, width: 8 },
  default: { size: 2, cell: ([low = 0, high = 0]) => ` ${hex(low | (high << 8), 4)}`, width: 5 },
};

const CHARACTERS: Record<number, string> = {
  0: '\\0',
  7: '\\a',
  8: '\\b',
  9: '\\t',
  10: '\\n',
  11: '\\v',
  12: '\\f',
  13: '\\r',
};

/** A byte as `od -c` and `hexdump -c` show it. */
export function charCell(byte: number): string {
  return (
    CHARACTERS[byte] ??
    (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : byte.toString(8).padStart(3, '0'))
  );
}

async function hexdump(call: Call): Promise<number> {
  const options = readOptions(call.args, 'bcCdoxvn:s:', {
    canonical: 'C',
    length: 'n',
    skip: 's',
    'no-squeezing': 'v',
  });
  const limit = readSize(options.value('n') ?? '999999999999', 'length');
  const skip = readSize(options.value('s') ?? '0', 'offset');
  const letter = ['b', 'c', 'd', 'o', 'x'].find((each) => options.has(each)) ?? 'default';
  const format = FORMATS[letter] as (typeof FORMATS)[string];
  const isCanonical = options.has('C') || call.name === 'hd';
  let at = skip;
  let last: string | undefined;
  let isSqueezed = false;
  for await (const bytes of pieces(call, options.operands, 16, skip, limit)) {
    const raw = fromBytes(bytes);
    if (raw === last && !options.has('v') && bytes.length === 16) {
      if (!isSqueezed) await call.out('*\n');
      isSqueezed = true;
      at += 16;
      continue;
    }
    last = raw;
    isSqueezed = false;
    if (isCanonical) {
      const cells = [...bytes].map((byte, index) => `${index === 8 ? '  ' : ' '}${hex(byte, 2)}`).join('');
      await call.out(`${hex(at, 8)} ${cells.padEnd(49)}  |${[...bytes].map(printable).join('')}|\n`);
    } else {
      let line = '';
      for (let from = 0; from < bytes.length; from += format.size)
        line += format.cell(bytes.subarray(from, from + format.size));
      await call.out(`${hex(at, 7)}${line.padEnd((16 / format.size) * format.width)}\n`);
    }
    at += bytes.length;
  }
  if (at > skip) await call.out(`${hex(at, isCanonical ? 8 : 7)}\n`);
  return 0;
}

export const DUMP: Utility[] = [
  { name: 'hd', usage: 'hd [-v] [-n length] [-s skip] [file...]', run: hexdump },
  { name: 'hexdump', usage: 'hexdump [-bcCdoxv] [-n length] [-s skip] [file...]', run: hexdump },
  {
    name: 'xxd',
    usage: 'xxd [-apru] [-b] [-i] [-l length] [-s seek] [-c columns] [-g bytes] [file [output]]',
    run: xxd,
  },
];
