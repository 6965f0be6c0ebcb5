// date, sleep and seq: time, and numbers in order. Times are UTC.

import { encodeText } from '../bytes.ts';
import { type Call, type Utility, UtilityError } from './call.ts';
import { readOptions } from './options.ts';
import { formatFloat } from './printf.ts';

const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const MONTHS = 'January February March April May June July August September October November December'.split(
  ' ',
);

/** A time in ms since the Unix epoch in the way of strftime(3). */
export function formatDate(time: number, format: string): string {
  const date = new Date(time);
  const two = (value: number): string => String(value).padStart(2, '0');
  const year = date.getUTCFullYear();
  const day = date.getUTCDay();
  const month = MONTHS[date.getUTCMonth()] as string;
  const yearDay = Math.floor((time - Date.UTC(year, 0, 1)) / 86_400_000) + 1;
  const hour = date.getUTCHours();
  const part = (letter: string): string => {
    switch (letter) {
      case 'Y':
        return String(year);
      case 'y':
        return two(year % 100);
      case 'm':
        return two(date.getUTCMonth() + 1);
      case 'd':
        return two(date.getUTCDate());
      case 'e':
        return String(date.getUTCDate()).padStart(2);
      case 'H':
        return two(hour);
      case 'I':
        return two(hour % 12 || 12);
      case 'M':
        return two(date.getUTCMinutes());
      case 'S':
        return two(date.getUTCSeconds());
      case 'N':
        return `${String(Math.floor(time) % 1000).padStart(3, '0')}000000`;
      case 's':
        return String(Math.floor(time / 1000));
      case 'p':
        return hour < 12 ? 'AM' : 'PM';
      case 'j':
        return String(yearDay).padStart(3, '0');
      case 'a':
        return (DAYS[day] as string).slice(0, 3);
      case 'A':
        return DAYS[day] as string;
      case 'b':
      case 'h':
        return month.slice(0, 3);
      case 'B':
        return month;
      case 'u':
        return String(day || 7);
      case 'w':
        return String(day);
      case 'Z':
        return 'UTC';
      case 'z':
        return '+0000';
      case 'n':
        return '\n';
      case 't':
        return '\t';
      case '%':
        return '%';
      case 'F':
        return formatDate(time, '%Y-%m-%d');
      case 'T':
        return formatDate(time, '%H:%M:%S');
      case 'R':
        return formatDate(time, '%H:%M');
      case 'D':
        return formatDate(time, '%m/%d/%y');
      case 'c':
        return formatDate(time, '%a %b %e %H:%M:%S %Y');
      default:
        return `%${letter}`;
    }
  };
  return format.replace(/%([a-zA-Z%])/g, (_, letter: string) => part(letter));
}

async function date(call: Call): Promise<number> {
  const options = readOptions(call.args, 'ud:RI:', { utc: 'u', date: 'd', 'rfc-email': 'R' });
  const given = options.value('d');
  const seconds = given === undefined ? undefined : /^@(-?[0-9.]+)$/.exec(given)?.[1];
  const withZone =
    given !== undefined && /\d:\d\d/.test(given) && !/(Z|UTC|[-+]\d\d:?\d\d)$/.test(given)
      ? `${given}Z`
      : given;
  const time =
    given === undefined || given === 'now'
      ? Date.now()
      : seconds !== undefined
        ? Number(seconds) * 1000
        : Date.parse(withZone ?? '');
  if (Number.isNaN(time)) throw new UtilityError(`invalid date '${given}'`);
  const [operand] = options.operands;
  if (operand !== undefined && !operand.startsWith('+')) throw new UtilityError(`invalid date '${operand}'`);
  const format =
    operand?.slice(1) ??
    (options.has('R')
      ? '%a, %d %b %Y %H:%M:%S +0000'
      : options.has('I')
        ? '%Y-%m-%dT%H:%M:%S+00:00'
        : '%a %b %e %H:%M:%S UTC %Y');
  await call.out(`${encodeText(formatDate(time, format))}\n`);
  return 0;
}

const SECONDS: Record<string, number> = { '': 1, s: 1, m: 60, h: 3600, d: 86400 };

async function sleep(call: Call): Promise<number> {
  if (call.args.length === 0) throw new UtilityError('missing operand');
  let seconds = 0;
  for (const text of call.args) {
    const found = /^([0-9]+\.?[0-9]*|\.[0-9]+)([smhd]?)$/.exec(text);
    if (!found) throw new UtilityError(`invalid time interval '${text}'`);
    seconds += Number(found[1]) * (SECONDS[found[2] ?? ''] ?? 1);
  }
  await call.sleep(seconds * 1000);
  return 0;
}

async function seq(call: Call): Promise<number> {
  const args = [...call.args];
  let separator = '\n';
  let format: string | undefined;
  let isPadded = false;
  while (args[0] !== undefined && /^-[a-z]/.test(args[0])) {
    const option = args.shift() as string;
    const value = (): string => (option.length > 2 ? option.slice(2) : (args.shift() ?? ''));
    if (option.startsWith('-s')) separator = value();
    else if (option.startsWith('-f')) format = value();
    else if (option === '-w') isPadded = true;
    else throw new UtilityError(`invalid option -- '${option.slice(1, 2)}'`);
  }
  if (args.length === 0) throw new UtilityError('missing operand');
  if (args.length > 3) throw new UtilityError(`extra operand '${args[3]}'`);
  const bad = args.find((text) => !/^[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[-+]?[0-9]+)?$/i.test(text));
  if (bad !== undefined) throw new UtilityError(`invalid floating point argument: '${bad}'`);
  const last = args.at(-1) as string;
  const first = args.length > 1 ? (args[0] as string) : '1';
  const step = args.length > 2 ? (args[1] as string) : '1';
  if (Number(step) === 0) throw new UtilityError(`invalid Zero increment value: '${step}'`);
  const digits = Math.max(...[first, step].map((text) => /\.([0-9]*)/.exec(text)?.[1]?.length ?? 0));
  const [from, by, to] = [Number(first), Number(step), Number(last)];
  const count = Math.floor((to - from) / by + 1e-10);
  const width = isPadded
    ? Math.max(
        from.toFixed(digits).length,
        (from + count * by).toFixed(digits).length,
        to.toFixed(digits).length,
      )
    : 0;
  const show = (value: number): string => {
    const directive = format && /%([-+ #0]*)([0-9]*)(?:\.([0-9]+))?([efgEFG])/.exec(format);
    if (directive && format !== undefined) {
      const [all, flags = '', wide, precision, letter = 'g'] = directive;
      const layout = {
        flags,
        width: Number(wide),
        precision: precision === undefined ? undefined : Number(precision),
      };
      return format.replace(all, formatFloat(value, letter, layout));
    }
    const text = Math.abs(value).toFixed(digits);
    const sign = value < 0 ? '-' : '';
    return sign + text.padStart(width - sign.length, '0');
  };
  for (let index = 0; index <= count; index++) {
    await call.out(show(from + index * by) + (index < count ? separator : '\n'));
    if (index % 1024 === 0) await call.breathe();
  }
  return 0;
}

export const TIME: Utility[] = [
  { name: 'date', usage: 'date [-u] [-d time] [+format]', run: date },
  { name: 'seq', usage: 'seq [-w] [-s text] [-f format] [first [step]] last', run: seq },
  { name: 'sleep', usage: 'sleep seconds...', run: sleep },
];
