// The lab's guests: they assemble to what their machines expect, and do what their comments say on another x86.
import { existsSync, readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { assemble } from '../../../web/asm/index.ts';
import { findGuest, type Guest, guests } from '../../../web/lab/index.ts';
import { hasQemu, runInQemu } from './qemu.ts';

const ids = guests.map(({ id }) => id);
const guest = (id: string): Guest => {
  const found = findGuest(id);
  if (!found) throw new RangeError(`There is no guest ${id}.`);
  return found;
};

describe('a guest of the lab', () => {
  test.each(ids)('%s assembles without a warning and starts at the origin of its source', (id) => {
    const { source, machine } = guest(id);
    const result = assemble(source);
    expect(result).toMatchObject({ origin: machine.at, warnings: [] });
    expect(result.errors).toBeUndefined();
  });

  test.each(ids)('%s opens with a comment that says what it shows, where to look and what to try', (id) => {
    const comment = guest(id).source.split('\n\n')[0] ?? '';
    expect(comment).toMatch(new RegExp(`^; ${id}: `));
    for (const word of ['Shows:', 'Look at:', 'Try:']) expect(comment).toContain(word);
    expect(
      Math.max(
        ...guest(id)
          .source.split('\n')
          .map((line) => line.length),
      ),
    ).toBeLessThanOrEqual(90);
  });

  test('has a row for every source and a source for every row', () => {
    const files = readdirSync('web/lab/guests').map((name) => name.replace('.asm', ''));
    expect([...ids].sort()).toEqual(files.sort());
    expect(existsSync('web/lab/README.md')).toBe(true);
  });
});

/** What each guest prints and the status it ends with; hello_port and mmio end in HLT or need our exits. */
const RUNS: [id: string, seconds: number, input: string, output: RegExp, status: number | null][] = [
  ['hello_port', 4, '', /^4\n$/, null],
  ['mmio', 10, '', /^$/, 1],
  ['modes', 10, '', /1 real mode.*2 protected mode.*3 paging.*4 long mode/s, 1],
  ['echo', 10, 'ab\rq', /comes back.*ab\r\n\r\nGoodbye/s, 1],
  ['painter', 40, '', /^$/, 1],
  ['smp', 20, '', /CPU 0: I am.*CPU 1: awake.*CPU 0: I have seen them come/s, 1],
  ['lock', 30, '', /mov, inc, mov: \d+\r\ninc: +\d+\r\nlock inc: +400000/, 1],
  ['vectors', 10, '', /x87.*: 19635\r\n.*: 110 150 190 230 255 255 255 255 .*: 3 9 4 30 make 46\r\n$/s, 1],
];

describe.each(hasQemu ? RUNS : [])('in QEMU', (id, seconds, input, output, status) => {
  test(`${id} prints and ends as its comment says`, async () => {
    const run = await runInQemu(guest(id), seconds, input);
    expect(run.output).toMatch(output);
    expect(run.status).toBe(status);
  });
});
