// Pathname expansion (POSIX XCU 2.13.3): a pattern to the names of the tree that it matches.

import type { Fs } from '../../fs/fs.ts';
import { decodeText, encodeText } from '../bytes.ts';
import { isPattern, patternExpression, unquotePattern } from './pattern.ts';

async function namesIn(fs: Fs, directory: string): Promise<string[]> {
  try {
    return (await fs.readdir(decodeText(directory))).map((entry) => encodeText(entry.name));
  } catch {
    return [];
  }
}

/** All paths that the pattern matches, sorted by their bytes; relative patterns begin at `cwd`. */
export async function glob(fs: Fs, cwd: string, pattern: string): Promise<string[]> {
  const at = (path: string): string => (path.startsWith('/') ? path : `${cwd}/${path}`);
  let found = [pattern.startsWith('/') ? '/' : ''];
  const parts = pattern.split(/(\/+)/);
  for (const [index, part] of parts.entries()) {
    if (part === '') continue;
    if (part.startsWith('/')) {
      if (index > 1 || parts[0] !== '') found = found.map((path) => path + part);
      continue;
    }
    const isLast = index === parts.length - 1;
    if (!isPattern(part)) {
      found = found.map((path) => path + unquotePattern(part));
      continue;
    }
    const expression = patternExpression(part);
    const hidden = /^\\?\./.test(part);
    const next: string[] = [];
    for (const path of found) {
      const names = await namesIn(fs, at(path === '' ? '.' : path));
      if (hidden) names.push('.', '..');
      for (const name of names) {
        if (name.startsWith('.') && !hidden) continue;
        if (expression.test(name)) next.push(path + name);
      }
    }
    found = next;
    if (isLast) break;
  }
  const real: string[] = [];
  for (const path of found) if (await exists(fs, at(path))) real.push(path);
  return real.sort();
}

async function exists(fs: Fs, path: string): Promise<boolean> {
  try {
    const isFolderWanted = path.endsWith('/');
    const { isDirectory } = await fs.stat(decodeText(path));
    return isDirectory || !isFolderWanted;
  } catch {
    return false;
  }
}
