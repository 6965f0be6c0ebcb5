// Utilities that make, copy, move and remove: chmod cp mkdir mktemp mv rm rmdir touch.

import { O_CREAT, O_TRUNC, O_WRONLY, S_IFMT } from '../../fs/node.ts';
import { isKvmError } from '../../kvm/abi/errno.ts';
import { concatBytes, decodeText, encodeText } from '../bytes.ts';
import type { Description } from '../run/descriptors.ts';
import { BLOCK, type Call, type Utility, UtilityError } from './call.ts';
import { readOptions } from './options.ts';

/** A path's last part. */
export function baseName(path: string): string {
  const trimmed = path.replace(/\/+$/, '');
  if (trimmed === '') return path === '' ? '' : '/';
  return trimmed.slice(trimmed.lastIndexOf('/') + 1);
}

/** Everything but a path's last part. */
export function dirName(path: string): string {
  const trimmed = path.replace(/\/+$/, '');
  if (trimmed === '') return path === '' ? '.' : '/';
  const at = trimmed.lastIndexOf('/');
  if (at < 0) return '.';
  return trimmed.slice(0, at).replace(/\/+$/, '') || '/';
}

async function isDirectory(call: Call, name: string): Promise<boolean> {
  return (await call.fs.stat(call.path(name)).catch(() => undefined))?.isDirectory === true;
}

/** Reads until a whole block is there or the input ends: what is written is then one value, however it was read. */
async function readBlock(call: Call, input: Description): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for (let size = 0; size < BLOCK; ) {
    const bytes = await call.read(input, BLOCK - size);
    if (bytes.length === 0) break;
    parts.push(bytes);
    size += bytes.length;
  }
  return concatBytes(parts);
}

async function copyFile(call: Call, from: string, to: string): Promise<void> {
  const input = await call.open(from);
  try {
    const mode = from === '-' ? 0o666 : (await call.fs.stat(call.path(from))).mode & 0o777;
    const first = await readBlock(call, input);
    const output = await call.fs.open(call.path(to), O_WRONLY | O_CREAT | O_TRUNC, mode & ~call.host.umask);
    try {
      for (let bytes = first; bytes.length > 0; bytes = await readBlock(call, input))
        await output.write(bytes, undefined, { signal: call.signal });
    } finally {
      await output.close();
    }
  } finally {
    await input.release();
  }
}

async function copyTree(call: Call, from: string, to: string, isRecursive: boolean): Promise<void> {
  await call.breathe();
  if (!(await isDirectory(call, from))) {
    await copyFile(call, from, to);
    return;
  }
  if (!isRecursive) throw new UtilityError(`-r not specified; omitting directory '${decodeText(from)}'`);
  if (!(await isDirectory(call, to))) await call.fs.mkdir(call.path(to));
  for (const { name } of await call.fs.readdir(call.path(from)))
    await copyTree(call, `${from}/${encodeText(name)}`, `${to}/${encodeText(name)}`, true);
}

/** Does `work` for each source: to the target, or into it when it is a directory. */
async function eachSource(
  call: Call,
  operands: readonly string[],
  work: (from: string, to: string) => Promise<void>,
): Promise<number> {
  if (operands.length === 0) throw new UtilityError('missing file operand');
  if (operands.length === 1)
    throw new UtilityError(`missing destination file operand after '${operands[0]}'`);
  const target = operands.at(-1) as string;
  const isFolder = await isDirectory(call, target);
  if (operands.length > 2 && !isFolder) throw new UtilityError(`target '${target}' is not a directory`);
  for (const from of operands.slice(0, -1)) {
    try {
      await work(from, isFolder ? `${target.replace(/\/+$/, '')}/${baseName(from)}` : target);
    } catch (error) {
      if (error instanceof UtilityError) await call.warn(error.message);
      else await call.warnOf(from, error);
    }
  }
  return call.status;
}

async function cp(call: Call): Promise<number> {
  const options = readOptions(call.args, 'arRfpv', {
    recursive: 'r',
    force: 'f',
    archive: 'a',
    verbose: 'v',
  });
  const isRecursive = options.has('r') || options.has('R') || options.has('a');
  return await eachSource(call, options.operands, async (from, to) => {
    if (call.path(from) === call.path(to)) throw new UtilityError(`'${from}' and '${to}' are the same file`);
    await copyTree(call, from, to, isRecursive);
  });
}

async function removeTree(call: Call, path: string): Promise<void> {
  await call.breathe();
  const full = call.path(path);
  if (!(await call.fs.stat(full)).isDirectory) {
    await call.fs.unlink(full);
    return;
  }
  for (const { name } of await call.fs.readdir(full)) await removeTree(call, `${path}/${encodeText(name)}`);
  await call.fs.rmdir(full);
}

async function mv(call: Call): Promise<number> {
  const options = readOptions(call.args, 'fnv', { force: 'f', 'no-clobber': 'n', verbose: 'v' });
  return await eachSource(call, options.operands, async (from, to) => {
    if (options.has('n') && (await call.fs.exists(call.path(to)))) return;
    try {
      await call.fs.rename(call.path(from), call.path(to));
    } catch (error) {
      if (!isKvmError(error, 'EXDEV')) throw error;
      await copyTree(call, from, to, true);
      await removeTree(call, from);
    }
  });
}

async function rm(call: Call): Promise<number> {
  const options = readOptions(call.args, 'rRfdv', { recursive: 'r', force: 'f', dir: 'd', verbose: 'v' });
  const isRecursive = options.has('r') || options.has('R');
  if (options.operands.length === 0 && !options.has('f')) throw new UtilityError('missing operand');
  for (const name of options.operands) {
    try {
      if (/^(.*\/)?\.\.?\/*$/.test(name))
        throw new UtilityError(`refusing to remove '.' or '..' directory: skipping '${name}'`);
      if (isRecursive) await removeTree(call, name);
      else if (!(await isDirectory(call, name))) await call.fs.unlink(call.path(name));
      else if (options.has('d')) await call.fs.rmdir(call.path(name));
      else await call.warn(`cannot remove '${decodeText(name)}': Is a directory`);
    } catch (error) {
      if (options.has('f') && isKvmError(error, 'ENOENT')) continue;
      if (error instanceof UtilityError) await call.warn(error.message);
      else await call.warnOf(`cannot remove '${name}'`, error);
    }
  }
  return call.status;
}

async function mkdir(call: Call): Promise<number> {
  const options = readOptions(call.args, 'pm:v', { parents: 'p', mode: 'm', verbose: 'v' });
  if (options.operands.length === 0) throw new UtilityError('missing operand');
  const text = options.value('m');
  if (text !== undefined && !/^[0-7]{1,4}$/.test(text)) throw new UtilityError(`invalid mode '${text}'`);
  const mode = text === undefined ? 0o777 & ~call.host.umask : Number.parseInt(text, 8);
  for (const name of options.operands) {
    try {
      const parts = options.has('p') ? parentsOf(name) : [];
      for (const part of parts)
        if (!(await call.fs.exists(call.path(part)))) await call.fs.mkdir(call.path(part));
      if (options.has('p') && (await isDirectory(call, name))) continue;
      await call.fs.mkdir(call.path(name), mode);
    } catch (error) {
      await call.warnOf(`cannot create directory '${name}'`, error);
    }
  }
  return call.status;
}

/** `a/b/c` has the parents `a` and `a/b`. */
function parentsOf(name: string): string[] {
  const parts = name.replace(/\/+$/, '').split('/');
  return parts.slice(0, -1).flatMap((_, index) => parts.slice(0, index + 1).join('/') || []);
}

async function rmdir(call: Call): Promise<number> {
  const options = readOptions(call.args, 'pv', { parents: 'p', verbose: 'v' });
  if (options.operands.length === 0) throw new UtilityError('missing operand');
  for (const name of options.operands) {
    const names = options.has('p') ? [name, ...parentsOf(name).reverse()] : [name];
    try {
      for (const each of names) await call.fs.rmdir(call.path(each));
    } catch (error) {
      await call.warnOf(`failed to remove '${name}'`, error);
    }
  }
  return call.status;
}

async function touch(call: Call): Promise<number> {
  const options = readOptions(call.args, 'acm', { 'no-create': 'c' });
  if (options.operands.length === 0) throw new UtilityError('missing file operand');
  for (const name of options.operands) {
    try {
      if (await call.fs.exists(call.path(name))) {
        // A file of which nobody counts the changes has nothing to set.
        await call.fs.utimes(call.path(name), Date.now()).catch((error: unknown) => {
          if (!isKvmError(error, 'EPERM')) throw error;
        });
        continue;
      }
      if (options.has('c')) continue;
      await (await call.fs.open(call.path(name), O_WRONLY | O_CREAT, 0o666 & ~call.host.umask)).close();
    } catch (error) {
      await call.warnOf(`cannot touch '${name}'`, error);
    }
  }
  return call.status;
}

/** The mode that `text` makes of `mode`: octal, or `u+x,go-w` and `a=r`. */
function changedMode(text: string, mode: number): number {
  if (/^[0-7]{1,4}$/.test(text)) return Number.parseInt(text, 8);
  let result = mode & 0o7777;
  for (const clause of text.split(',')) {
    const found = /^([ugoa]*)([-+=])([rwxX]*)$/.exec(clause);
    if (!found) throw new UtilityError(`invalid mode: '${text}'`);
    const [, who = '', operator, letters = ''] = found;
    let mask = 0;
    for (const each of who === '' || who.includes('a') ? 'ugo' : who)
      mask |= { u: 0o700, g: 0o070, o: 0o007 }[each] ?? 0;
    let bits = 0;
    for (const each of letters) bits |= { r: 0o444, w: 0o222 }[each] ?? 0o111;
    if (operator === '+') result |= bits & mask;
    else if (operator === '-') result &= ~(bits & mask);
    else result = (result & ~mask) | (bits & mask);
  }
  return result;
}

async function chmod(call: Call): Promise<number> {
  const [mode, ...names] = call.args;
  if (mode === undefined || names.length === 0) throw new UtilityError('missing operand');
  for (const name of names) {
    try {
      const before = (await call.fs.stat(call.path(name))).mode;
      await call.fs.chmod(call.path(name), changedMode(mode, before & ~S_IFMT));
    } catch (error) {
      await call.warnOf(name, error);
    }
  }
  return call.status;
}

async function mktemp(call: Call): Promise<number> {
  const options = readOptions(call.args, 'dp:u', { directory: 'd', tmpdir: 'p' });
  const [given] = options.operands;
  const folder = options.value('p') ?? call.host.environment.get('TMPDIR') ?? '/tmp';
  const template =
    given === undefined ? `${folder}/tmp.XXXXXXXXXX` : options.has('p') ? `${folder}/${given}` : given;
  const marks = /X{3,}(?=[^X/]*$)/.exec(template);
  if (!marks) throw new UtilityError(`too few X's in template '${template}'`);
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
  const random = crypto.getRandomValues(new Uint8Array(marks[0].length));
  const name = [...random].map((byte) => letters[byte % letters.length]).join('');
  const path = template.slice(0, marks.index) + name + template.slice(marks.index + name.length);
  if (options.has('d')) await call.fs.mkdir(call.path(path), 0o700);
  else if (!options.has('u')) await (await call.fs.open(call.path(path), 'wx', 0o600)).close();
  await call.out(`${path}\n`);
  return 0;
}

export const FILES: Utility[] = [
  { name: 'chmod', usage: 'chmod mode file...', run: chmod },
  { name: 'cp', usage: 'cp [-r] source... target', run: cp },
  { name: 'mkdir', usage: 'mkdir [-p] [-m mode] directory...', run: mkdir },
  { name: 'mktemp', usage: 'mktemp [-d] [template]', run: mktemp },
  { name: 'mv', usage: 'mv [-fn] source... target', run: mv },
  { name: 'rm', usage: 'rm [-rf] file...', run: rm },
  { name: 'rmdir', usage: 'rmdir [-p] directory...', run: rmdir },
  { name: 'touch', usage: 'touch [-c] file...', run: touch },
];
