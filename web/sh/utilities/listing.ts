// Utilities that tell of files: ls stat basename dirname.

import type { Stats } from '../../fs/fs.ts';
import { S_IFDIR, S_IFIFO, S_IFMT } from '../../fs/node.ts';
import { decodeText, encodeText } from '../bytes.ts';
import { type Call, type Utility, UtilityError } from './call.ts';
import { formatDate } from './date.ts';
import { baseName, dirName } from './files.ts';
import { readOptions } from './options.ts';

/** `drwxr-xr-x`. */
export function modeText(mode: number): string {
  const type = (mode & S_IFMT) === S_IFDIR ? 'd' : (mode & S_IFMT) === S_IFIFO ? 'p' : '-';
  return type + [...'rwxrwxrwx'].map((letter, bit) => ((mode >> (8 - bit)) & 1 ? letter : '-')).join('');
}

interface Row {
  name: string;
  stats: Stats | undefined;
}

const SIX_MONTHS_MS = 15_778_476_000;

function longLines(rows: readonly Row[]): string {
  const width = Math.max(...rows.map((row) => String(row.stats?.size ?? 0).length));
  const now = Date.now();
  return rows
    .map(({ name, stats }) => {
      const time = stats?.mtime ?? 0;
      const isRecent = time <= now && now - time < SIX_MONTHS_MS;
      const date = formatDate(time, isRecent ? '%b %e %H:%M' : '%b %e  %Y');
      return `${modeText(stats?.mode ?? 0)} 1 root root ${String(stats?.size ?? 0).padStart(width)} ${date} ${name}\n`;
    })
    .join('');
}

/** Names in columns that fill a line of `width`, as ls prints them on a terminal. */
export function columns(names: readonly string[], width: number): string {
  const cell = Math.max(0, ...names.map((name) => decodeText(name).length)) + 2;
  const across = Math.max(1, Math.floor((width + 2) / cell));
  const down = Math.ceil(names.length / across);
  let text = '';
  for (let row = 0; row < down; row++) {
    const line: string[] = [];
    for (let at = row; at < names.length; at += down) {
      const name = names[at] as string;
      line.push(name + ' '.repeat(cell - decodeText(name).length));
    }
    text += `${line.join('').trimEnd()}\n`;
  }
  return text;
}

async function ls(call: Call): Promise<number> {
  const options = readOptions(
    call.args,
    'la1dAFirtSRC',
    { all: 'a', directory: 'd', recursive: 'R', reverse: 'r' },
    2,
  );
  const isTerminal = call.host.fds.get(1)?.stream.isTerminal === true;
  const show = async (rows: Row[]): Promise<void> => {
    if (options.has('t')) rows.sort((left, right) => (right.stats?.mtime ?? 0) - (left.stats?.mtime ?? 0));
    if (options.has('S')) rows.sort((left, right) => (right.stats?.size ?? 0) - (left.stats?.size ?? 0));
    if (options.has('r')) rows.reverse();
    const marked = rows.map(({ name, stats }) => ({
      name:
        (options.has('i') ? `${stats?.ino ?? 0} ` : '') +
        name +
        (options.has('F') && stats?.isDirectory ? '/' : ''),
      stats,
    }));
    const isWide = (isTerminal && !options.has('1')) || options.has('C');
    if (options.has('l')) await call.out(longLines(marked));
    else if (isWide && rows.length > 0) {
      const width = Number(call.host.environment.get('COLUMNS')) || 80;
      await call.out(
        columns(
          marked.map((row) => row.name),
          width,
        ),
      );
    } else await call.out(marked.map((row) => `${row.name}\n`).join(''));
  };
  const needsStats = ['l', 't', 'S', 'F', 'i', 'R'].some((letter) => options.has(letter));
  const list = async (folder: string, title: string | undefined): Promise<void> => {
    const entries = await call.fs.readdir(call.path(folder));
    let names = entries.map((entry) => encodeText(entry.name)).sort();
    if (options.has('a')) names = ['.', '..', ...names];
    else if (!options.has('A')) names = names.filter((name) => !name.startsWith('.'));
    const rows: Row[] = [];
    for (const name of names) {
      const stats = needsStats
        ? await call.fs.stat(call.path(`${folder}/${name}`)).catch(() => undefined)
        : undefined;
      rows.push({ name, stats });
    }
    if (title !== undefined) await call.out(title);
    if (options.has('l')) await call.out('total 0\n');
    await show(rows);
    if (!options.has('R')) return;
    for (const { name, stats } of rows)
      if (stats?.isDirectory && name !== '.' && name !== '..')
        await list(`${folder}/${name}`, `\n${folder}/${name}:\n`);
  };
  const names = options.operands.length > 0 ? [...options.operands].sort() : ['.'];
  const files: Row[] = [];
  const folders: string[] = [];
  for (const name of names) {
    try {
      const stats = await call.fs.stat(call.path(name));
      if (stats.isDirectory && !options.has('d')) folders.push(name);
      else files.push({ name, stats });
    } catch (error) {
      await call.warnOf(`cannot access '${name}'`, error, 2);
    }
  }
  if (files.length > 0) await show(files);
  const hasTitles = names.length > 1 || options.has('R');
  for (const [index, folder] of folders.entries()) {
    const title = hasTitles ? `${index > 0 || files.length > 0 ? '\n' : ''}${folder}:\n` : undefined;
    try {
      await list(folder, title);
    } catch (error) {
      await call.warnOf(`cannot open directory '${folder}'`, error, 2);
    }
  }
  return call.status;
}

function statField(letter: string, name: string, stats: Stats): string {
  const permissions = stats.mode & 0o7777;
  switch (letter) {
    case 'n':
      return name;
    case 's':
      return String(stats.size);
    case 'a':
      return permissions.toString(8);
    case 'A':
      return modeText(stats.mode);
    case 'f':
      return stats.mode.toString(16);
    case 'F':
      if (stats.isDirectory) return 'directory';
      if ((stats.mode & S_IFMT) === S_IFIFO) return 'fifo';
      return stats.size === 0 ? 'regular empty file' : 'regular file';
    case 'i':
      return String(stats.ino);
    case 'h':
      return '1';
    case 'u':
    case 'g':
      return '0';
    case 'U':
    case 'G':
      return 'root';
    case 'Y':
    case 'X':
    case 'Z':
      return String(Math.floor(stats.mtime / 1000));
    case 'y':
    case 'x':
    case 'z':
      return `${formatDate(stats.mtime, '%Y-%m-%d %H:%M:%S.%N')} +0000`;
    case '%':
      return '%';
    default:
      return '?';
  }
}

async function stat(call: Call): Promise<number> {
  const options = readOptions(call.args, 'c:L', { format: 'c', dereference: 'L' });
  if (options.operands.length === 0) throw new UtilityError('missing operand');
  const format =
    options.value('c') ??
    '  File: %n\n  Size: %s\t%F\nInode: %i\nAccess: (%a/%A)  Uid: (%u/%U)   Gid: (%g/%G)\nModify: %y';
  for (const name of options.operands) {
    try {
      const stats = await call.fs.stat(call.path(name));
      await call.out(
        `${format.replace(/%([a-zA-Z%])/g, (_, letter: string) => statField(letter, name, stats))}\n`,
      );
    } catch (error) {
      await call.warnOf(`cannot statx '${name}'`, error);
    }
  }
  return call.status;
}

async function basename(call: Call): Promise<number> {
  const options = readOptions(call.args, '+as:z', { multiple: 'a', suffix: 's' });
  const isMany = options.has('a') || options.has('s');
  const [first] = options.operands;
  if (first === undefined) throw new UtilityError('missing operand');
  const suffix = options.value('s') ?? (isMany ? '' : (options.operands[1] ?? ''));
  for (const path of isMany ? options.operands : [first]) {
    const name = baseName(path);
    const isCut = suffix !== '' && name !== suffix && name.endsWith(suffix);
    await call.out(`${isCut ? name.slice(0, -suffix.length) : name}\n`);
  }
  return 0;
}

async function dirname(call: Call): Promise<number> {
  const { operands } = readOptions(call.args, '+z');
  if (operands.length === 0) throw new UtilityError('missing operand');
  for (const path of operands) await call.out(`${dirName(path)}\n`);
  return 0;
}

export const LISTING: Utility[] = [
  { name: 'basename', usage: 'basename path [suffix]; basename -a path...', run: basename },
  { name: 'dirname', usage: 'dirname path...', run: dirname },
  { name: 'ls', usage: 'ls [-alAd1FirtSRC] [path...]', run: ls },
  { name: 'stat', usage: 'stat [-c format] path...', run: stat },
];
