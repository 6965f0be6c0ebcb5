// od: bytes in octal and other bases (POSIX od, with GNU's -t fields, -w and the `z` of a text column).

import { fromBytes } from '../bytes.ts';
import { type Call, type Utility, UtilityError } from './call.ts';
import { charCell, pieces } from './dump.ts';
import { type Options, readOptions, readSize } from './options.ts';

interface Format {
  size: number;
  /** Characters of one field without the blank in front. */
  width: number;
  show: (view: DataView, at: number) => string;
  hasText: boolean;
}

const WIDTHS: Record<string, Record<number, number>> = {
  o: { 1: 3, 2: 6, 4: 11, 8: 22 },
  d: { 1: 4, 2: 6, 4: 11, 8: 20 },
  u: { 1: 3, 2: 5, 4: 10, 8: 20 },
  x: { 1: 2, 2: 4, 4: 8, 8: 16 },
  f: { 4: 15, 8: 24 },
};
const NAMED =
  'nul soh stx etx eot enq ack bel bs ht nl vt ff cr so si dle dc1 dc2 dc3 dc4 nak syn etb can em sub esc fs gs rs us sp'.split(
    ' ',
  );
const SIZES: Record<string, number> = { C: 1, S: 2, I: 4, L: 8, F: 4, D: 8 };
/** The old letters as -t types. */
const SHORT: Record<string, string> = {
  a: 'a',
  b: 'o1',
  c: 'c',
  d: 'u2',
  i: 'd4',
  l: 'd8',
  o: 'o2',
  s: 'd2',
  x: 'x2',
  f: 'f4',
};

function integerAt(view: DataView, at: number, size: number, isSigned: boolean): bigint {
  let value = 0n;
  for (let index = size - 1; index >= 0; index--) value = (value << 8n) | BigInt(view.getUint8(at + index));
  return isSigned ? BigInt.asIntN(size * 8, value) : value;
}

/** The shortest decimal that reads back as this number, in the way of %g. */
function shortest(value: number, isSingle: boolean): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'nan' : value < 0 ? '-inf' : 'inf';
  let text = String(value);
  for (let digits = 1; digits <= 9 && isSingle; digits++) {
    text = value.toPrecision(digits);
    if (Math.fround(Number(text)) === value) break;
  }
  if (Object.is(value, -0)) return '-0';
  const [mantissa = '', power = '0'] = Number(text).toExponential().split('e');
  const exponent = Number(power);
  const digits = mantissa.replace(/[-.]/g, '').length;
  if (exponent < -4 || exponent >= Math.max(digits, isSingle ? 6 : 15)) {
    const size = String(Math.abs(exponent)).padStart(2, '0');
    return `${mantissa}e${exponent < 0 ? '-' : '+'}${size}`;
  }
  return Number(text).toFixed(Math.max(0, digits - 1 - exponent));
}

function formatOf(letter: string, size: number, hasText: boolean): Format {
  const width = WIDTHS[letter]?.[size];
  if (width === undefined) throw new UtilityError(`invalid type string '${letter}${size}'`);
  const show = (view: DataView, at: number): string => {
    if (letter === 'f')
      return shortest(size === 4 ? view.getFloat32(at, true) : view.getFloat64(at, true), size === 4);
    const value = integerAt(view, at, size, letter === 'd');
    if (letter === 'o') return value.toString(8).padStart(width, '0');
    return letter === 'x' ? value.toString(16).padStart(width, '0') : value.toString();
  };
  return { size, width, show, hasText };
}

/** The formats of a -t text, e.g. `x1z`, `d2u2`, `a`. */
function readTypes(text: string): Format[] {
  const formats: Format[] = [];
  for (let rest = text; rest !== ''; ) {
    const found = /^([acdfoux])([0-9]+|[CSILFD])?(z?)/.exec(rest);
    if (!found) throw new UtilityError(`invalid type string '${text}'`);
    const [all, letter = '', size, mark] = found;
    const hasText = mark === 'z';
    if (letter === 'c')
      formats.push({ size: 1, width: 3, show: (view, at) => charCell(view.getUint8(at)), hasText });
    else if (letter === 'a') {
      const show = (view: DataView, at: number): string => {
        const byte = view.getUint8(at) & 0x7f;
        return byte === 127 ? 'del' : (NAMED[byte] ?? String.fromCharCode(byte));
      };
      formats.push({ size: 1, width: 3, show, hasText });
    } else
      formats.push(
        formatOf(
          letter,
          size === undefined ? (letter === 'f' ? 8 : 4) : (SIZES[size] ?? Number(size)),
          hasText,
        ),
      );
    rest = rest.slice(all.length);
  }
  return formats;
}

/** One format's line: fields spread so that formats of different width stand below each other. */
function fieldsOf(bytes: Uint8Array, format: Format, lineBytes: number, blockWidth: number): string {
  const count = lineBytes / format.size;
  const padded = new Uint8Array(lineBytes);
  padded.set(bytes);
  const view = new DataView(padded.buffer);
  const used = Math.ceil(bytes.length / format.size);
  const pad = blockWidth - count * (format.width + 1);
  let left = pad;
  let text = '';
  for (let index = 0; index < used; index++) {
    const next = Math.floor((pad * (count - index - 1)) / count);
    text += format.show(view, index * format.size).padStart(left - next + format.width + 1);
    left = next;
  }
  if (format.hasText) {
    const shown = [...bytes]
      .map((byte) => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : '.'))
      .join('');
    text = `${text.padEnd(blockWidth)}  >${shown}<`;
  }
  return text;
}

function addressOf(options: Options): (at: number) => string {
  const radix = options.value('A') ?? 'o';
  if (radix === 'n') return () => '';
  if (radix === 'x') return (at) => at.toString(16).padStart(6, '0');
  if (radix === 'd') return (at) => String(at).padStart(7, '0');
  if (radix === 'o') return (at) => at.toString(8).padStart(7, '0');
  throw new UtilityError(`invalid output address radix '${radix}'; it must be one character from [doxn]`);
}

async function od(call: Call): Promise<number> {
  const args = call.args.map((arg) => (arg === '-w' ? '-w32' : arg));
  const options = readOptions(args, 'A:t:N:j:vw:abcdfilosx', {
    'address-radix': 'A',
    format: 't',
    'read-bytes': 'N',
    'skip-bytes': 'j',
    width: 'w',
    'output-duplicates': 'v',
  });
  const types = [
    ...Object.keys(SHORT)
      .filter((letter) => options.has(letter))
      .map((letter) => SHORT[letter] as string),
    ...options.all('t'),
  ];
  const formats = (types.length > 0 ? types : ['o2']).flatMap(readTypes);
  const address = addressOf(options);
  const skip = readSize(options.value('j') ?? '0', 'skip');
  const limit = options.has('N') ? readSize(options.value('N') as string, 'count') : Number.POSITIVE_INFINITY;
  const size = Number(options.value('w') ?? 16);
  const blockWidth = Math.max(...formats.map((format) => (size / format.size) * (format.width + 1)));
  let at = skip;
  let last: string | undefined;
  let isSqueezed = false;
  for await (const bytes of pieces(call, options.operands, size, skip, limit)) {
    const raw = fromBytes(bytes);
    if (raw === last && bytes.length === size && !options.has('v')) {
      if (!isSqueezed) await call.out('*\n');
      isSqueezed = true;
    } else {
      isSqueezed = false;
      for (const [index, format] of formats.entries()) {
        const place = address(at);
        await call.out(
          `${index === 0 ? place : ' '.repeat(place.length)}${fieldsOf(bytes, format, size, blockWidth)}\n`,
        );
      }
    }
    last = raw;
    at += bytes.length;
  }
  const end = address(at);
  if (end !== '') await call.out(`${end}\n`);
  return 0;
}

export const OD: Utility = {
  name: 'od',
  usage: 'od [-A d|o|x|n] [-t type] [-N count] [-j skip] [-v] [-w width] [file...]',
  run: od,
};
