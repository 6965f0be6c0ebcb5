// --stats of `vitrine run`: what a run did, for a program and for a person.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { statisticsText } from '../../../web/cli/statistics.ts';
import { file, flat, run } from './vitrine.ts';

const guest = flat(
  'outs',
  'real',
  'bits 16\norg 0x7c00\nmov cx, 999\nnext:\nout 0xed, al\nloop next\nmov al, 0\nout 0xf4, al\n',
);
const ends = [...guest, '--exit-port', '0xf4'];

test('the file has exits by reason, in all and a second', () => {
  const path = file('outs.json', '');
  run([...ends, '--stats', path]);
  const { exits, rates, instructions, seconds } = JSON.parse(readFileSync(path, 'utf8'));
  expect([exits, instructions]).toEqual([{ KVM_EXIT_IO: 1000 }, 2001]);
  expect(rates.KVM_EXIT_IO).toBe(Math.round(1000 / seconds));
});

test('a dash in place of the file is a table on stderr', () => {
  expect(run([...ends, '--stats', '-']).stderr).toMatch(/^KVM_EXIT_IO +1,000 +[\d,]+ +0$/m);
});

test('the table is sorted, leaves out what did not happen, and tells the busiest second', () => {
  const text = statisticsText({
    instructions: 5_000_000,
    seconds: 2.5,
    exits: { KVM_EXIT_MMIO: 10, KVM_EXIT_IO: 5000 },
    rates: {},
    events: { halt_exits: 40, hypercalls: 0 },
    bySecond: [{ KVM_EXIT_IO: 4000, KVM_EXIT_MMIO: 10 }, { KVM_EXIT_IO: 900 }],
  });
  expect(text.split('\n').map((line) => line.trim().split(/ {2,}/))).toEqual([
    ['2.5 seconds', 'total', 'a second', 'most in one'],
    ['instructions', '5,000,000', '2,000,000'],
    ['KVM_EXIT_IO', '5,000', '2,000', '4,000'],
    ['KVM_EXIT_MMIO', '10', '4', '10'],
    ['halt_exits', '40', '16'],
  ]);
});
