// Completion: what could stand for the word before the cursor: commands, variables, names of the tree.

import { decodeText, encodeText } from '../bytes.ts';
import type { Interpreter } from '../run/interpreter.ts';

/** What may be put in place of the last `length` bytes before the cursor. */
export interface Completion {
  length: number;
  candidates: string[];
}

/** Characters that a name in a command needs a backslash for. */
const quote = (text: string): string => text.replace(/[ \t\n'"\\$`*?[\]()<>|&;#~!]/g, '\\$&');

function commandNames(shell: Interpreter): string[] {
  const { functions, aliases } = shell.state;
  return [...shell.builtins.keys(), ...shell.kernel.utilities.keys(), ...functions.keys(), ...aliases.keys()];
}

/** Names in the directory that a word begins with. A directory gets its slash, anything else a blank. */
async function paths(shell: Interpreter, word: string): Promise<string[]> {
  const at = word.lastIndexOf('/') + 1;
  const folder = word.slice(0, at);
  const start = word.slice(at);
  const home = shell.parameter('HOME') ?? '/';
  const place = shell.state.resolve(
    folder.startsWith('~/') ? home + folder.slice(1) : folder === '' ? '.' : folder,
  );
  try {
    const entries = await shell.kernel.fs.readdir(decodeText(place));
    return entries
      .map((entry) => ({ name: encodeText(entry.name), isDirectory: entry.isDirectory }))
      .filter(({ name }) => name.startsWith(start) && (start.startsWith('.') || !name.startsWith('.')))
      .map(({ name, isDirectory }) => `${folder}${quote(name)}${isDirectory ? '/' : ' '}`);
  } catch {
    return [];
  }
}

/** The completions of the word that ends where `line` ends. */
export async function complete(shell: Interpreter, line: string): Promise<Completion> {
  const raw = /(?:[^\s;|&()<>'"\\=]|\\[\s\S])*$/.exec(line)?.[0] ?? '';
  const before = line.slice(0, line.length - raw.length);
  const variable = /\$(\{?)([A-Za-z_][A-Za-z0-9_]*|)$/.exec(raw);
  if (variable) {
    const [text, brace = '', start = ''] = variable;
    const names = shell.state.variables.names().filter((name) => name.startsWith(start));
    return {
      length: text.length,
      candidates: names.map((name) => `$${brace}${name}${brace === '' ? '' : '}'}`),
    };
  }
  const word = raw.replace(/\\([\s\S])/g, '$1');
  const isCommand =
    /(^|[;|&(]|\b(?:then|do|else|if|while|until|!|\{))\s*$/.test(before) && !word.includes('/');
  const names = isCommand
    ? commandNames(shell)
        .filter((name) => name.startsWith(word))
        .map((name) => `${name} `)
    : await paths(shell, word);
  return { length: raw.length, candidates: [...new Set(names)].sort() };
}

/** What all candidates begin with. */
export function commonStart(candidates: readonly string[]): string {
  let [common = ''] = candidates;
  for (const each of candidates) while (!each.startsWith(common)) common = common.slice(0, -1);
  return common;
}
