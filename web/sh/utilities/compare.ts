// Utilities that compare and sum up: cmp diff sha256sum.

import { decodeText, toBytes } from '../bytes.ts';
import { type Call, splitLines, type Utility, UtilityError } from './call.ts';
import { readOptions, readSize } from './options.ts';
import { Sha256 } from './sha256.ts';

async function cmp(call: Call): Promise<number> {
  const options = readOptions(call.args, 'lsbn:i:', { silent: 's', quiet: 's', verbose: 'l', bytes: 'n' }, 2);
  const [left, right = '-'] = options.operands;
  if (left === undefined) throw new UtilityError('missing operand', 2);
  const limit = readSize(options.value('n') ?? '999999999999', 'count');
  const skip = readSize(options.value('i') ?? '0', 'skip');
  const read = async (name: string): Promise<Uint8Array> => {
    try {
      return (await call.bytes(name)).subarray(skip, skip + limit);
    } catch (error) {
      await call.warnOf(name, error, 2);
      throw new UtilityError('nothing is compared', 2);
    }
  };
  const one = await read(left);
  const other = await read(right);
  const length = Math.min(one.length, other.length);
  const width = String(Math.max(one.length, other.length)).length;
  let line = 1;
  let isSame = true;
  for (let at = 0; at < length; at++) {
    const [first = 0, second = 0] = [one[at], other[at]];
    if (at % 65536 === 65535) await call.breathe();
    if (first !== second) {
      isSame = false;
      if (options.has('s')) return 1;
      if (!options.has('l')) {
        await call.out(`${left} ${right} differ: char ${at + 1}, line ${line}\n`);
        return 1;
      }
      await call.out(
        `${String(at + 1).padStart(width)} ${first.toString(8).padStart(3)} ${second.toString(8).padStart(3)}\n`,
      );
    }
    if (first === 10) line++;
  }
  if (one.length === other.length) return isSame ? 0 : 1;
  if (!options.has('s')) {
    const short = decodeText(one.length < other.length ? left : right);
    await call.warn(length === 0 ? `EOF on ${short} which is empty` : `EOF on ${short} after byte ${length}`);
  }
  return 1;
}

interface Change {
  /** Lines [from, to) of the left file give way to lines [start, end) of the right one. */
  from: number;
  to: number;
  start: number;
  end: number;
}

/** The changes from one list of lines to another, by Myers' greedy algorithm. */
async function changesOf(call: Call, left: readonly string[], right: readonly string[]): Promise<Change[]> {
  let head = 0;
  while (head < left.length && head < right.length && left[head] === right[head]) head++;
  let tail = 0;
  while (
    tail < left.length - head &&
    tail < right.length - head &&
    left[left.length - 1 - tail] === right[right.length - 1 - tail]
  )
    tail++;
  const [width, height] = [left.length - head - tail, right.length - head - tail];
  const limit = width + height;
  const reach = new Int32Array(2 * limit + 2);
  const trail: Int32Array[] = [];
  search: for (let distance = 0; distance <= limit; distance++) {
    trail.push(reach.slice());
    await call.breathe();
    for (let diagonal = -distance; diagonal <= distance; diagonal += 2) {
      const index = diagonal + limit;
      const isDown =
        diagonal === -distance ||
        (diagonal !== distance && (reach[index - 1] as number) < (reach[index + 1] as number));
      let x = isDown ? (reach[index + 1] as number) : (reach[index - 1] as number) + 1;
      let y = x - diagonal;
      while (x < width && y < height && left[head + x] === right[head + y]) {
        x++;
        y++;
      }
      reach[index] = x;
      if (x >= width && y >= height) break search;
    }
  }
  const changes: Change[] = [];
  let [x, y] = [width, height];
  for (let distance = trail.length - 1; distance > 0; distance--) {
    const before = trail[distance] as Int32Array;
    const diagonal = x - y;
    const index = diagonal + limit;
    const isDown =
      diagonal === -distance ||
      (diagonal !== distance && (before[index - 1] as number) < (before[index + 1] as number));
    const oldX = isDown ? (before[index + 1] as number) : (before[index - 1] as number);
    const oldY = oldX - (isDown ? diagonal + 1 : diagonal - 1);
    const change = {
      from: head + oldX,
      to: head + oldX + (isDown ? 0 : 1),
      start: head + oldY,
      end: head + oldY + (isDown ? 1 : 0),
    };
    const next = changes[0];
    if (next && next.from === change.to && next.start === change.end)
      changes[0] = { ...change, to: next.to, end: next.end };
    else changes.unshift(change);
    [x, y] = [oldX, oldY];
  }
  return changes;
}

const NO_NEWLINE = '\n\\ No newline at end of file\n';
const shown = (mark: string, line: string): string =>
  line.endsWith('\n') ? `${mark}${line}` : `${mark}${line}${NO_NEWLINE}`;

function normalHunk(
  { from, to, start, end }: Change,
  left: readonly string[],
  right: readonly string[],
): string {
  const range = (first: number, last: number): string =>
    last - first > 1 ? `${first + 1},${last}` : `${last > first ? first + 1 : first}`;
  const letter = from === to ? 'a' : start === end ? 'd' : 'c';
  const old = left.slice(from, to).map((line) => shown('< ', line));
  const fresh = right.slice(start, end).map((line) => shown('> ', line));
  const middle = letter === 'c' ? '---\n' : '';
  return `${range(from, to)}${letter}${range(start, end)}\n${old.join('')}${middle}${fresh.join('')}`;
}

function unifiedHunks(
  changes: readonly Change[],
  left: readonly string[],
  right: readonly string[],
  context: number,
): string {
  let text = '';
  for (let at = 0; at < changes.length; ) {
    const group = [changes[at++] as Change];
    while (at < changes.length && (changes[at] as Change).from - (group.at(-1) as Change).to <= 2 * context)
      group.push(changes[at++] as Change);
    const [first, last] = [group[0] as Change, group.at(-1) as Change];
    const before = Math.min(context, first.from);
    const after = Math.min(context, left.length - last.to);
    const range = (from: number, to: number): string =>
      to - from === 1 ? `${from + 1}` : `${to > from ? from + 1 : from},${to - from}`;
    text += `@@ -${range(first.from - before, last.to + after)} +${range(first.start - before, last.end + after)} @@\n`;
    let line = first.from - before;
    for (const { from, to, start, end } of group) {
      for (; line < from; line++) text += shown(' ', left[line] as string);
      text += left
        .slice(from, to)
        .map((each) => shown('-', each))
        .join('');
      text += right
        .slice(start, end)
        .map((each) => shown('+', each))
        .join('');
      line = to;
    }
    for (; line < last.to + after; line++) text += shown(' ', left[line] as string);
  }
  return text;
}

async function diff(call: Call): Promise<number> {
  const options = readOptions(
    call.args,
    'uqsU:',
    { unified: 'u', brief: 'q', 'report-identical-files': 's' },
    2,
  );
  const [one, other] = options.operands;
  if (one === undefined || other === undefined) throw new UtilityError('missing operand', 2);
  const read = async (name: string): Promise<string[]> => {
    try {
      return splitLines(await call.text(name));
    } catch (error) {
      await call.warnOf(name, error, 2);
      throw new UtilityError('nothing is compared', 2);
    }
  };
  const [left, right] = [await read(one), await read(other)];
  const changes = await changesOf(call, left, right);
  if (changes.length === 0) {
    if (options.has('s')) await call.out(`Files ${one} and ${other} are identical\n`);
    return 0;
  }
  if (options.has('q')) await call.out(`Files ${one} and ${other} differ\n`);
  else if (options.has('u') || options.has('U'))
    await call.out(
      `--- ${one}\n+++ ${other}\n${unifiedHunks(changes, left, right, Number(options.value('U') ?? 3))}`,
    );
  else for (const change of changes) await call.out(normalHunk(change, left, right));
  return 1;
}

async function sha256sum(call: Call): Promise<number> {
  const options = readOptions(call.args, 'cbt', { check: 'c' });
  const digest = async (name: string): Promise<string> => {
    const sum = new Sha256();
    for await (const chunk of call.chunks(name)) sum.add(toBytes(chunk));
    return sum.digest();
  };
  await call.eachFile(options.operands, async (name) => {
    if (!options.has('c')) {
      await call.out(`${await digest(name)}  ${name}\n`);
      return;
    }
    for (const line of splitLines(await call.text(name))) {
      const found = /^([0-9a-f]{64}) [ *](.*)\n?$/.exec(line);
      if (!found) continue;
      const isGood = (await digest(found[2] as string)) === found[1];
      if (!isGood) call.status = 1;
      await call.out(`${found[2]}: ${isGood ? 'OK' : 'FAILED'}\n`);
    }
  });
  return call.status;
}

export const COMPARE: Utility[] = [
  { name: 'cmp', usage: 'cmp [-ls] [-n bytes] file [file]', run: cmp },
  { name: 'diff', usage: 'diff [-uqs] [-U lines] file file', run: diff },
  { name: 'sha256sum', usage: 'sha256sum [-c] [file...]', run: sha256sum },
];
