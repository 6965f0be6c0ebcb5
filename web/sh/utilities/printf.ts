// printf(1), with integers of 64 bits and bytes as they are. Its formats are C's but for %a, %n and length letters.

import { type Call, type Utility, UtilityError } from './call.ts';
import { expandEscapes } from './escapes.ts';

const DIRECTIVE = /%([-+ #0]*)(\*|[0-9]+)?(?:\.(\*|[0-9]*))?([a-zA-Z%])?/g;

interface Layout {
  flags: string;
  width: number;
  precision: number | undefined;
}

function pad(text: string, { flags, width }: Layout, isNumber: boolean): string {
  if (text.length >= width) return text;
  if (flags.includes('-')) return text.padEnd(width);
  if (!isNumber || !flags.includes('0')) return text.padStart(width);
  const sign = /^([-+ ]|0[xX])?/.exec(text)?.[0] ?? '';
  return sign + text.slice(sign.length).padStart(width - sign.length, '0');
}

function withSign(text: string, isNegative: boolean, flags: string): string {
  return (isNegative ? '-' : flags.includes('+') ? '+' : flags.includes(' ') ? ' ' : '') + text;
}

/** An integer's text in one of the bases. */
export function formatInteger(value: bigint, letter: string, layout: Layout): string {
  const { flags, precision } = layout;
  const isSigned = letter === 'd' || letter === 'i';
  const size = isSigned ? (value < 0n ? -value : value) : BigInt.asUintN(64, value);
  const base = letter === 'o' ? 8 : letter === 'x' || letter === 'X' ? 16 : 10;
  let digits = precision === 0 && size === 0n ? '' : size.toString(base).padStart(precision ?? 1, '0');
  if (flags.includes('#') && base === 8 && !digits.startsWith('0')) digits = `0${digits}`;
  if (flags.includes('#') && base === 16 && size !== 0n) digits = `0x${digits}`;
  if (letter === 'X') digits = digits.toUpperCase();
  const text = isSigned ? withSign(digits, value < 0n, flags) : digits;
  return pad(text, precision === undefined ? layout : { ...layout, flags: flags.replace('0', '') }, true);
}

function exponent(value: number, digits: number): string {
  return value.toExponential(digits).replace(/e([-+])(\d)$/, 'e$10$2');
}

function general(value: number, precision: number, keepsZeros: boolean): string {
  const digits = Math.max(1, precision);
  const power = value === 0 ? 0 : Number(value.toExponential(digits - 1).split('e')[1]);
  const text =
    power < -4 || power >= digits ? exponent(value, digits - 1) : value.toFixed(digits - 1 - power);
  return keepsZeros ? text : text.replace(/(\.\d*?)0+(?=e|$)/, '$1').replace(/\.(?=e|$)/, '');
}

/** A floating number's text for %e, %f and %g. */
export function formatFloat(value: number, letter: string, layout: Layout): string {
  const { flags, precision = 6 } = layout;
  const size = Math.abs(value);
  const lower = letter.toLowerCase();
  let text: string;
  if (!Number.isFinite(size)) text = Number.isNaN(size) ? 'nan' : 'inf';
  else if (lower === 'e') text = exponent(size, precision);
  else if (lower === 'f') text = fixed(size, precision);
  else text = general(size, precision, flags.includes('#'));
  if (letter !== lower) text = text.toUpperCase();
  const isNegative = value < 0 || Object.is(value, -0);
  return pad(
    withSign(text, isNegative, flags),
    Number.isFinite(size) ? layout : { ...layout, flags: '' },
    true,
  );
}

/** toFixed for any size: from 1e21 on it would give an exponent. */
function fixed(value: number, precision: number): string {
  if (value < 1e21) return value.toFixed(precision);
  return BigInt(value).toString() + (precision > 0 ? `.${'0'.repeat(precision)}` : '');
}

class Printer {
  private at = 0;
  /** True once an argument was asked for that is not there. */
  private isShort = false;

  constructor(
    private readonly call: Call,
    private readonly format: string,
    private readonly args: readonly string[],
  ) {}

  private next(): string | undefined {
    if (this.at >= this.args.length) this.isShort = true;
    return this.args[this.at++];
  }

  private async complain(text: string, what: string): Promise<void> {
    await this.call.complain(`printf: ${text}: ${what}\n`);
    this.call.status = 1;
  }

  private async integer(): Promise<bigint> {
    const text = this.next();
    if (text === undefined || text === '') return 0n;
    if (/^["']/.test(text)) return BigInt(text.charCodeAt(1) || 0);
    const found = /^\s*([-+]?)(0[xX][0-9a-fA-F]+|[0-9]+)/.exec(text);
    const digits = found?.[2] ?? '';
    const octal = /^0[0-7]+/.exec(digits)?.[0];
    const used = /^0[0-9]/.test(digits) ? (octal ?? '0') : digits;
    if (!found) await this.complain(text, 'expected numeric value');
    else if (found[0].length - digits.length + used.length < text.length)
      await this.complain(text, 'not completely converted');
    if (used === '') return 0n;
    const value = BigInt(octal !== undefined && used === octal ? `0o${octal.slice(1)}` : used);
    const signed = found?.[1] === '-' ? -value : value;
    if (signed > 0xffffffffffffffffn || signed < -0x8000000000000000n)
      await this.complain(text, 'Numerical result out of range');
    return signed;
  }

  private async float(): Promise<number> {
    const text = this.next() ?? '';
    if (text === '') return 0;
    if (/^["']/.test(text)) return text.charCodeAt(1) || 0;
    const found =
      /^\s*([-+]?(?:0[xX][0-9a-fA-F]+|inf(?:inity)?|nan|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?))/i.exec(
        text,
      );
    if (!found) await this.complain(text, 'expected numeric value');
    else if (found[0].length < text.length) await this.complain(text, 'not completely converted');
    const number = (found?.[1] ?? '0').toLowerCase();
    if (/inf/.test(number)) return number.startsWith('-') ? -Infinity : Infinity;
    return /nan/.test(number)
      ? Number.NaN
      : Number(number.replace(/^\+/, '')) || (number.startsWith('-') ? -0 : 0);
  }

  private async size(text: string | undefined): Promise<number | undefined> {
    if (text === undefined) return undefined;
    return text === '*' ? Number(await this.integer()) : Number(text);
  }

  /** One pass over the format; false when the output ends here (\c). */
  private async pass(): Promise<boolean> {
    let last = 0;
    for (const found of this.format.matchAll(DIRECTIVE)) {
      await this.call.out(expandEscapes(this.format.slice(last, found.index), 'format').text);
      last = found.index + found[0].length;
      const [, flags = '', width, precision, letter] = found;
      if (letter === '%' && found[0] === '%%') {
        await this.call.out('%');
        continue;
      }
      if (letter === undefined || !'bcsdiouxXeEfFgG'.includes(letter))
        throw new UtilityError(`${found[0]}: invalid directive`);
      let layout: Layout = {
        flags,
        width: (await this.size(width)) ?? 0,
        precision: await this.size(precision),
      };
      if (layout.width < 0) layout = { ...layout, flags: `${flags}-`, width: -layout.width };
      if ((layout.precision ?? 0) < 0) layout.precision = undefined;
      if (letter === 's') await this.call.out(this.text(this.next() ?? '', layout));
      else if (letter === 'c') await this.call.out(pad((this.next() ?? '').slice(0, 1), layout, false));
      else if (letter === 'b') {
        const { text, stops } = expandEscapes(this.next() ?? '', '%b');
        await this.call.out(this.text(text, layout));
        if (stops) return false;
      } else if ('diouxX'.includes(letter))
        await this.call.out(formatInteger(await this.integer(), letter, layout));
      else await this.call.out(formatFloat(await this.float(), letter, layout));
    }
    await this.call.out(expandEscapes(this.format.slice(last), 'format').text);
    return true;
  }

  private text(text: string, layout: Layout): string {
    return pad(layout.precision === undefined ? text : text.slice(0, layout.precision), layout, false);
  }

  /** The format again and again until the arguments are used up. */
  async print(): Promise<void> {
    for (;;) {
      const before = this.at;
      if (!(await this.pass())) return;
      if (this.isShort || this.at >= this.args.length || this.at === before) return;
      await this.call.breathe();
    }
  }
}

export const PRINTF: Utility = {
  name: 'printf',
  usage: 'printf format [argument...]',
  async run(call) {
    const args = call.args[0] === '--' ? call.args.slice(1) : call.args;
    const [format, ...rest] = args;
    if (format === undefined) throw new UtilityError('usage: printf format [arg ...]', 2);
    await new Printer(call, format, rest).print();
    return call.status;
  },
};
