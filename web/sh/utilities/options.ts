// Options in the way of getopt_long(3): letters, values, long names, `--`, operands in between. It prints nothing.

import { UtilityError } from './call.ts';

/** The options that were given, and what else there was. */
export class Options {
  readonly operands: string[] = [];
  readonly #values = new Map<string, string[]>();

  add(letter: string, value: string): void {
    const values = this.#values.get(letter);
    if (values) values.push(value);
    else this.#values.set(letter, [value]);
  }

  has(letter: string): boolean {
    return this.#values.has(letter);
  }

  /** The last value that was given. */
  value(letter: string): string | undefined {
    return this.#values.get(letter)?.at(-1);
  }

  /** All values, in order. */
  all(letter: string): readonly string[] {
    return this.#values.get(letter) ?? [];
  }
}

/**
 * Reads options. `letters` is as for getopt(3): `n:` has a value; a `+` in front ends the options at the first operand.
 * `long` gives the letter of a long name. An unknown option is an error with `status`.
 */
export function readOptions(
  args: readonly string[],
  letters: string,
  long: Record<string, string> = {},
  status = 1,
): Options {
  const options = new Options();
  const stops = letters.startsWith('+');
  const takes = (letter: string): boolean => letters[letters.indexOf(letter) + 1] === ':';
  let at = 0;
  for (; at < args.length; at++) {
    const arg = args[at] as string;
    if (arg === '--') {
      at++;
      break;
    }
    if (arg.startsWith('--')) {
      const [name = '', ...rest] = arg.slice(2).split('=');
      const full = Object.keys(long).filter((each) => each === name || each.startsWith(name));
      const letter = long[name] ?? (full.length === 1 ? long[full[0] as string] : undefined);
      if (letter === undefined) throw new UtilityError(`unrecognized option '${arg}'`, status);
      if (!takes(letter)) options.add(letter, '');
      else if (rest.length > 0) options.add(letter, rest.join('='));
      else if (++at < args.length) options.add(letter, args[at] as string);
      else throw new UtilityError(`option '${arg}' requires an argument`, status);
      continue;
    }
    if (!arg.startsWith('-') || arg === '-') {
      if (stops) break;
      options.operands.push(arg);
      continue;
    }
    for (let index = 1; index < arg.length; index++) {
      const letter = arg[index] as string;
      if (letter === ':' || letter === '+' || !letters.includes(letter))
        throw new UtilityError(`invalid option -- '${letter}'`, status);
      if (!takes(letter)) {
        options.add(letter, '');
        continue;
      }
      const rest = arg.slice(index + 1);
      if (rest !== '') options.add(letter, rest);
      else if (++at < args.length) options.add(letter, args[at] as string);
      else throw new UtilityError(`option requires an argument -- '${letter}'`, status);
      break;
    }
  }
  options.operands.push(...args.slice(at));
  return options;
}

const UNITS: Record<string, number> = {
  '': 1,
  c: 1,
  w: 2,
  b: 512,
  k: 1024,
  K: 1024,
  M: 1 << 20,
  G: 1 << 30,
  kB: 1000,
  KB: 1000,
  MB: 1e6,
  GB: 1e9,
};

/** A count with an optional unit (`4k`, `2M`, `512b`); hexadecimal too. */
export function readSize(text: string, what: string): number {
  const found = /^(0[xX][0-9a-fA-F]+|[0-9]+)([a-zA-Z]*)$/.exec(text);
  const unit = UNITS[found?.[2] ?? ''];
  if (!found || unit === undefined) throw new UtilityError(`invalid ${what}: '${text}'`);
  return Number(found[1]) * unit;
}
